/**
 * The operator's word on prefixes, over what the database says: `geo.overrides` of the
 * configuration. compile.ts reads them here and lays them over the leaves; the longest prefix that
 * holds an address decides alone. Every mistake is reported, each at its own place.
 */
import type { Place, Problem, ProblemCode } from "../errors.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../lib/ip.ts";
import { limits } from "../limits.ts";
import { airport } from "./airports.ts";
import { country as countryOf } from "./countries.ts";
import type { Location } from "./geography.ts";
import { unmapPrefix } from "./lookup.ts";

/** As the configuration has it, shorthand expanded. */
export interface GeoOverride {
  readonly cidr: string;
  readonly country?: string | undefined;
  /** ISO 3166-2 such as `US-CA`. */
  readonly subdivision?: string | undefined;
  /** IATA code, or [latitude, longitude]. */
  readonly at?: string | readonly [number, number] | undefined;
}

export interface ReadOverride {
  readonly prefix: Prefix;
  /** "" where not given, NaN likewise. */
  readonly country: string;
  readonly subdivision: string;
  readonly latitude: number;
  readonly longitude: number;
}

export type PlaceOf = (path: string) => Place | undefined;

/** Collects problems with their places. */
export class Problems {
  readonly list: Problem[] = [];
  private readonly placeOf: PlaceOf | undefined;

  constructor(placeOf?: PlaceOf) {
    this.placeOf = placeOf;
  }

  add(code: ProblemCode, path: string, text: { message: string; hint: string }): undefined {
    const place = this.placeOf?.(path);
    const problem: Problem = { code, severity: "error", path, ...text };
    this.list.push(place === undefined ? problem : { ...problem, place });
  }
}

/** A prefix of addresses that carry IPv4 stands for the IPv4 prefix inside. */
export function unmappedPrefix(prefix: Prefix): Prefix {
  if (prefix.family === 4) return prefix;
  const words = prefix.words.slice();
  const length = unmapPrefix(words, prefix.length);
  return length < 0 ? prefix : { ...prefix, family: 4, words, length };
}

function readPrefix(text: string, path: string, problems: Problems): Prefix | undefined {
  const prefix = parsePrefix(text);
  if (prefix === undefined) {
    return problems.add("config.invalid", path, {
      message: `${JSON.stringify(text)} is no prefix`,
      hint: "write it like 192.0.2.0/24 or 2001:db8::/32",
    });
  }
  if (prefix.hostBits) {
    return problems.add("config.invalid", path, {
      message: `${text} has bits beyond its length`,
      hint: `write ${formatPrefix(prefix)}, or lengthen it`,
    });
  }
  return unmappedPrefix(prefix);
}

function readCountry(override: GeoOverride, path: string, problems: Problems): string {
  const { country, subdivision } = override;
  if (country === undefined) return subdivision?.slice(0, 2) ?? "";
  if (countryOf(country) === undefined) {
    problems.add("config.invalid", `${path}.country`, {
      message: `${JSON.stringify(country)} is no country`,
      hint: "write an ISO 3166-1 code of two letters, such as DE",
    });
  }
  return country;
}

function checkSubdivision(override: GeoOverride, path: string, problems: Problems): void {
  const { country, subdivision } = override;
  if (subdivision === undefined) return;
  const known = countryOf(subdivision.slice(0, 2)) !== undefined;
  if (!known || !/^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(subdivision)) {
    problems.add("config.invalid", `${path}.subdivision`, {
      message: `${JSON.stringify(subdivision)} is no subdivision`,
      hint: "write an ISO 3166-2 code, such as US-CA",
    });
  } else if (country !== undefined && !subdivision.startsWith(`${country}-`)) {
    problems.add("config.conflict", `${path}.subdivision`, {
      message: `${subdivision} is not in ${country}`,
      hint: "leave out the country, or correct one of the two",
    });
  }
}

function readPoint(
  at: GeoOverride["at"],
  path: string,
  problems: Problems,
): { latitude: number; longitude: number } {
  if (typeof at === "string") {
    const found = airport(at);
    if (found !== undefined) return found;
    problems.add("config.unknown-reference", `${path}.at`, {
      message: `no airport has the code ${at}`,
      hint: "write [latitude, longitude] instead",
    });
  }
  const [latitude, longitude] = typeof at === "object" ? at : [Number.NaN, Number.NaN];
  return { latitude, longitude };
}

/** Two overrides of one prefix are an error only if they say different things. */
function checkTwice(read: readonly (ReadOverride | undefined)[], problems: Problems): void {
  const seen = new Map<string, { index: number; says: string }>();
  for (const [index, override] of read.entries()) {
    if (override === undefined) continue;
    const { prefix, ...rest } = override;
    const says = Object.values(rest).join(" ");
    const name = formatPrefix(prefix);
    const other = seen.get(name);
    if (other === undefined) seen.set(name, { index, says });
    else if (other.says !== says) {
      problems.add("config.duplicate", `geo.overrides.${index}.cidr`, {
        message: `${name} has two values; the other is geo.overrides.${other.index}`,
        hint: "keep one of them",
      });
    }
  }
}

export function readOverrides(
  overrides: readonly GeoOverride[],
  problems: Problems,
): readonly ReadOverride[] {
  if (overrides.length > limits.geoOverridesMax) {
    problems.add("config.limit", "geo.overrides", {
      message: `${overrides.length} overrides; the limit is ${limits.geoOverridesMax}`,
      hint: "bring a database of your own instead",
    });
    return [];
  }
  const read = overrides.map((override, index) => {
    const path = `geo.overrides.${index}`;
    const prefix = readPrefix(override.cidr, `${path}.cidr`, problems);
    const country = readCountry(override, path, problems);
    checkSubdivision(override, path, problems);
    const point = readPoint(override.at, path, problems);
    if (country === "" && override.at === undefined) {
      problems.add("config.missing", path, {
        message: "an override that says nothing",
        hint: "give a country, a subdivision, or `at`",
      });
    }
    const subdivision = override.subdivision ?? "";
    const { latitude, longitude } = point;
    return prefix && { prefix, country, subdivision, latitude, longitude };
  });
  checkTwice(read, problems);
  return read.filter((override) => override !== undefined);
}

/**
 * What an override makes of a location: what it says, with the rest kept as far as it can still be
 * true: subdivision and coordinates only within the same country. NaN is filled from the country.
 */
export function overrideLocation(location: Location, override: ReadOverride): Location {
  const moves = override.country !== "" && override.country !== location.country;
  const kept: Location = moves
    ? { ...location, continent: "", subdivision: "", latitude: Number.NaN, longitude: Number.NaN }
    : location;
  const placed = !Number.isNaN(override.latitude);
  return {
    ...kept,
    country: override.country === "" ? kept.country : override.country,
    subdivision: override.subdivision === "" ? kept.subdivision : override.subdivision,
    latitude: placed ? override.latitude : kept.latitude,
    longitude: placed ? override.longitude : kept.longitude,
  };
}
