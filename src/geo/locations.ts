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

export class LocationTable {
  readonly list: Location[] = [];
  private readonly indices = new Map<string, LocationIndex>();

  constructor() {
    this.intern(unknownLocation);
  }

  intern(location: Location): LocationIndex {
    const { country, continent, subdivision, asn, latitude, longitude } = location;
    const key = `${country} ${continent} ${subdivision} ${asn} ${latitude} ${longitude}`;
    const known = this.indices.get(key);
    if (known !== undefined) return known;
    const index = this.list.length as LocationIndex;
    this.list.push(location);
    this.indices.set(key, index);
    return index;
  }
}
