/**
 * Locations by value: each different one has one index, in order of first appearance, and 0 is
 * `unknown`. A city database has hundreds of thousands; leaves hold indices only.
 */
import type { Location, LocationIndex } from "./geography.ts";

export const unknownLocation: Location = {
  country: "",
  continent: "",
  subdivision: "",
  asn: 0,
  latitude: Number.NaN,
  longitude: Number.NaN,
};

const numbers = new DataView(new ArrayBuffer(20));

/**
 * All of a location as one text. The numbers go in as their bits: writing out a million doubles in
 * digits took longer than all the rest of compiling a city database.
 */
function keyOf(location: Location): string {
  numbers.setFloat64(0, location.latitude);
  numbers.setFloat64(8, location.longitude);
  numbers.setUint32(16, location.asn);
  let key = `${location.country} ${location.continent} ${location.subdivision} `;
  for (let at = 0; at < 20; at += 2) key += String.fromCharCode(numbers.getUint16(at));
  return key;
}

export class LocationTable {
  readonly list: Location[] = [];
  private readonly indices = new Map<string, LocationIndex>();

  constructor() {
    this.intern(unknownLocation);
  }

  intern(location: Location): LocationIndex {
    const key = keyOf(location);
    const known = this.indices.get(key);
    if (known !== undefined) return known;
    const index = this.list.length as LocationIndex;
    this.list.push(location);
    this.indices.set(key, index);
    return index;
  }
}
