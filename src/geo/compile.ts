/**
 * MMDB files and the operator's overrides -> Geography. load.ts reads the files and calls this;
 * pure, so that equal bytes give equal leaves and indices everywhere. Order of the layers, the
 * later one over the earlier: databases (the first that knows a fact wins), special-use space
 * (unknown), overrides.
 */
import type { Problem } from "../errors.ts";
import { limits } from "../limits.ts";
import { completeLocation } from "./adapt.ts";
import type { Geography, Location, LocationIndex } from "./geography.ts";
import {
  type Cut,
  type CutForest,
  cutLeaves,
  indexLeaves,
  joinLeaves,
  type PlainLeaves,
  plantCuts,
  relocateLeaves,
  uniformLeaves,
} from "./leaves.ts";
import { LocationTable, unknownLocation } from "./locations.ts";
import { openMmdb } from "./mmdb.ts";
import {
  type GeoOverride,
  overrideLocation,
  type PlaceOf,
  Problems,
  type ReadOverride,
  readOverrides,
} from "./overrides.ts";
import { specialUse } from "./special-use.ts";
import { type WalkedDatabase, walkDatabase } from "./walk.ts";

/** Goes up whenever equal input would give other leaves, locations or index than before. */
export const geographyVersion = 2;

export interface DatabaseInput {
  /** File name, for messages and `source.name`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Where its path is written. Default: `geo.database`. */
  readonly key?: DatabaseKey;
}
export type DatabaseKey = "geo.database" | "geo.asn";

export interface CompileOptions {
  /** As `Geography.digest` says: made by whoever read the bytes. */
  readonly digest: string;
  readonly license: string;
  readonly placeOf?: PlaceOf | undefined;
}

export type CompileResult =
  | { readonly ok: true; readonly geography: Geography }
  | { readonly ok: false; readonly problems: readonly Problem[] };

interface Layers {
  readonly v4: PlainLeaves;
  readonly v6: PlainLeaves;
  readonly locations: readonly Location[];
}

const databaseHint =
  "give a whole MMDB file in the MaxMind, ip-location-db or IPinfo layout, or `bundled`";

const asnHint = "give a whole MMDB file of autonomous systems";

function readDatabase(
  input: DatabaseInput,
  problems: Problems,
): (WalkedDatabase & { readonly builtAtSeconds: number }) | undefined {
  const fail = (reason: string): undefined =>
    problems.add("geo.unreadable", input.key ?? "geo.database", {
      message: `${input.name} cannot be used: ${reason}`,
      hint: input.key === "geo.asn" ? asnHint : databaseHint,
    });
  const opened = openMmdb(input.bytes);
  if (!opened.ok) return fail(opened.reason);
  const result = walkDatabase(opened.database);
  if (!result.ok) return fail(result.reason);
  if (result.walked.locations.length < 2) return fail("no record of it names a place that we know");
  return { ...result.walked, builtAtSeconds: opened.database.metadata.builtAtSeconds };
}

/** `a` where it says something, else `b`; what belongs to a country only from the same country. */
function mergeLocations(a: Location, b: Location): Location {
  const asn = a.asn === 0 ? b.asn : a.asn;
  if (a.country === "" && b.country !== "") return { ...b, asn };
  if (b.country !== a.country) return { ...a, asn };
  const placed = !Number.isNaN(a.latitude);
  return {
    country: a.country,
    continent: a.continent === "" ? b.continent : a.continent,
    subdivision: a.subdivision === "" ? b.subdivision : a.subdivision,
    asn,
    latitude: placed ? a.latitude : b.latitude,
    longitude: placed ? a.longitude : b.longitude,
  };
}

const nowhere = 0 as LocationIndex;

function knowsNothing(leaves: PlainLeaves): boolean {
  return leaves.locations.length === 1 && leaves.locations[0] === nowhere;
}

function joinDatabases(a: Layers, b: Layers): Layers {
  const table = new LocationTable();
  const joined = new Map<number, LocationIndex>();
  const join = (first: LocationIndex, second: LocationIndex): LocationIndex => {
    const key = first * b.locations.length + second;
    const known = joined.get(key);
    if (known !== undefined) return known;
    const index = table.intern(mergeLocations(a.locations[first]!, b.locations[second]!));
    joined.set(key, index);
    return index;
  };
  // Files of one family each are usual: where one knows nothing, the other's prefixes stand.
  const joinFamily = (left: PlainLeaves, right: PlainLeaves): PlainLeaves => {
    if (knowsNothing(right)) return relocateLeaves(left, (location) => join(location, nowhere));
    if (knowsNothing(left)) return relocateLeaves(right, (location) => join(nowhere, location));
    return joinLeaves(left, right, join);
  };
  const v4 = joinFamily(a.v4, b.v4);
  const v6 = joinFamily(a.v6, b.v6);
  return { v4, v6, locations: table.list };
}

/** The prefixes of one family as a forest; node members are positions in `prefixes`. */
function plantFamily(
  prefixes: readonly (Cut & { readonly family: 4 | 6 })[],
  family: 4 | 6,
): CutForest {
  return plantCuts(
    prefixes.flatMap((prefix, member) => (prefix.family === family ? [{ ...prefix, member }] : [])),
  );
}

/** Special-use space and overrides over the databases, locations completed and interned anew. */
function layOver(base: Layers, overrides: readonly ReadOverride[]): Layers {
  const table = new LocationTable();
  const completed = base.locations.map((location) => table.intern(completeLocation(location)));
  const lay = (leaves: PlainLeaves, family: 4 | 6): PlainLeaves => {
    const special = plantFamily(specialUse(), family);
    const cleared = cutLeaves(leaves, special, (location, node) =>
      node < 0 ? completed[location]! : 0,
    );
    const forest = plantFamily(
      overrides.map((override) => override.prefix),
      family,
    );
    return cutLeaves(cleared, forest, (location, node) => {
      const override = node < 0 ? undefined : overrides[forest.members[node]![0]!];
      if (override === undefined) return location;
      return table.intern(completeLocation(overrideLocation(table.list[location]!, override)));
    });
  };
  const v4 = lay(base.v4, 4);
  const v6 = lay(base.v6, 6);
  return { v4, v6, locations: table.list };
}

/** Locations that no leaf uses any more are dropped; the rest keep their order, 0 stays. */
function compact(layers: Layers): Layers {
  const used = new Uint8Array(layers.locations.length);
  used[0] = 1;
  for (const leaves of [layers.v4, layers.v6]) {
    for (const location of leaves.locations) used[location] = 1;
  }
  const renumbered = new Uint32Array(used.length);
  let next = 0;
  for (let i = 0; i < used.length; i++) if (used[i] === 1) renumbered[i] = next++;
  const renumber = (leaves: PlainLeaves): PlainLeaves => ({
    ...leaves,
    locations: leaves.locations.map((location) => renumbered[location]!),
  });
  return {
    v4: renumber(layers.v4),
    v6: renumber(layers.v6),
    locations: layers.locations.filter((_, i) => used[i] === 1),
  };
}

/** Nothing is known of any client: for those who go on looking where the databases are at fault. */
export function emptyGeography(): Geography {
  const source = { name: "none", license: "", builtAtSeconds: 0, onePointPerCountry: false };
  const v4 = indexLeaves(uniformLeaves(1, 0));
  const v6 = indexLeaves(uniformLeaves(4, 0));
  return { digest: "", source, v4, v6, locations: [unknownLocation] };
}

export function compileGeography(
  databases: readonly DatabaseInput[],
  overrides: readonly GeoOverride[],
  options: CompileOptions,
): CompileResult {
  const problems = new Problems(options.placeOf);
  if (databases.length === 0 || databases.length > limits.geoDatabasesMax) {
    problems.add("config.limit", "geo.database", {
      message: `${databases.length} databases; there must be 1 to ${limits.geoDatabasesMax}`,
      hint: databaseHint,
    });
    return { ok: false, problems: problems.list };
  }
  const read = databases.flatMap((input) => readDatabase(input, problems) ?? []);
  const placed = readOverrides(overrides, problems);
  const [first, ...others] = read;
  if (problems.list.length > 0 || first === undefined)
    return { ok: false, problems: problems.list };
  const joined = others.reduce<Layers>(joinDatabases, first);
  const { v4, v6, locations } = compact(layOver(joined, placed));
  const hasPoints = joined.locations.some((location) => !Number.isNaN(location.latitude));
  const source = {
    name: databases.map((input) => input.name).join(" + "),
    license: options.license,
    builtAtSeconds: Math.min(...read.map((database) => database.builtAtSeconds)),
    onePointPerCountry: !hasPoints,
  };
  const geography: Geography = {
    digest: options.digest,
    source,
    v4: indexLeaves(v4),
    v6: indexLeaves(v6),
    locations,
  };
  return { ok: true, geography };
}
