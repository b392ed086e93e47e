/**
 * A database record -> what rules can ask about a place, for the layouts in use: MaxMind (nested;
 * also DB-IP Lite), ip-location-db (flat) and IPinfo (flat). compile.ts calls it once a record.
 * Fields are told apart one by one, so a file may mix them; a value that makes no sense counts as
 * not there.
 */
import { country } from "./countries.ts";
import type { Location } from "./geography.ts";
import type { MmdbValue, MmdbWanted } from "./mmdb.ts";

const leaf: MmdbWanted = {};

/**
 * | fact | MaxMind | ip-location-db | IPinfo |
 * |---|---|---|---|
 * | country | country.iso_code | country_code | country_code, country |
 * | continent | continent.code | - | continent_code, continent |
 * | subdivision | subdivisions[0].iso_code | - (state1 is a name, not a code) | region_code |
 * | place | location.latitude, .longitude | latitude, longitude | lat, lng (texts), loc |
 * | AS number | autonomous_system_number | autonomous_system_number | asn ("AS64496") |
 */
export const wantedFields: MmdbWanted = {
  country: { iso_code: leaf },
  country_code: leaf,
  continent: { code: leaf },
  continent_code: leaf,
  subdivisions: { iso_code: leaf },
  region_code: leaf,
  location: { latitude: leaf, longitude: leaf },
  latitude: leaf,
  longitude: leaf,
  lat: leaf,
  lng: leaf,
  loc: leaf,
  autonomous_system_number: leaf,
  asn: leaf,
};

const continents = new Set(["AF", "AN", "AS", "EU", "NA", "OC", "SA"]);

function field(value: MmdbValue, ...path: readonly string[]): MmdbValue {
  let at = value;
  for (const key of path) {
    at = at instanceof Map ? (at.get(key) as MmdbValue) : undefined;
  }
  return at;
}

/** The first of the values that is a text of this form, in upper case. */
function code(form: RegExp, ...values: readonly MmdbValue[]): string {
  for (const value of values) {
    if (typeof value !== "string") continue;
    const upper = value.toUpperCase();
    if (form.test(upper)) return upper;
  }
  return "";
}

/** NaN unless it is a number, or a text of one, within +-`bound` degrees. */
function degrees(bound: number, ...values: readonly MmdbValue[]): number {
  for (const value of values) {
    const isText = typeof value === "string" && /^-?\d{1,3}(\.\d+)?$/.test(value);
    const number = isText || typeof value === "number" ? Number(value) : Number.NaN;
    if (Math.abs(number) <= bound) return number;
  }
  return Number.NaN;
}

function asNumber(...values: readonly MmdbValue[]): number {
  for (const value of values) {
    const number = typeof value === "string" ? /^(?:AS)?(\d{1,10})$/i.exec(value)?.[1] : value;
    const asn = typeof number === "string" ? Number(number) : number;
    if (typeof asn === "number" && asn > 0 && asn <= 0xffff_ffff) return asn;
  }
  return 0;
}

/** User-assigned codes that databases write for "no country". */
const noCountry = new Set(["XX", "ZZ"]);

/** What the record itself says; nothing is filled in from the country here. */
export function adaptRecord(record: MmdbValue): Location {
  const countryField = field(record, "country");
  const written = code(
    /^[A-Z]{2}$/,
    field(countryField, "iso_code"),
    field(record, "country_code"),
    countryField,
  );
  const countryCode = noCountry.has(written) ? "" : written;
  const continentField = field(record, "continent");
  const continent = code(
    /^[A-Z]{2}$/,
    field(continentField, "code"),
    field(record, "continent_code"),
    continentField,
  );
  const subdivisions = field(record, "subdivisions");
  const largest = Array.isArray(subdivisions) ? (subdivisions[0] as MmdbValue) : undefined;
  const part = code(/^[A-Z0-9]{1,3}$/, field(largest, "iso_code"), field(record, "region_code"));
  const loc = field(record, "loc");
  const [locLatitude, locLongitude] = typeof loc === "string" ? loc.split(",") : [];
  const latitude = degrees(
    90,
    field(record, "location", "latitude"),
    field(record, "latitude"),
    field(record, "lat"),
    locLatitude,
  );
  const longitude = degrees(
    180,
    field(record, "location", "longitude"),
    field(record, "longitude"),
    field(record, "lng"),
    locLongitude,
  );
  const placed = !Number.isNaN(latitude) && !Number.isNaN(longitude);
  return {
    country: countryCode,
    continent: continents.has(continent) ? continent : "",
    subdivision: countryCode !== "" && part !== "" ? `${countryCode}-${part}` : "",
    asn: asNumber(field(record, "autonomous_system_number"), field(record, "asn")),
    latitude: placed ? latitude : Number.NaN,
    longitude: placed ? longitude : Number.NaN,
  };
}

/** Continent and coordinates from the country where they are missing. */
export function completeLocation(location: Location): Location {
  const known = country(location.country);
  if (known === undefined) return location;
  const placed = !Number.isNaN(location.latitude);
  return {
    ...location,
    continent: location.continent === "" ? known.continent : location.continent,
    latitude: placed ? location.latitude : known.latitude,
    longitude: placed ? location.longitude : known.longitude,
  };
}
