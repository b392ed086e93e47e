/**
 * Which regions a database without coordinates cannot tell apart. `check` warns with what this
 * says. In such a database a country is one point, so all its clients go to the region nearest to
 * that point: a region in that country is hidden behind another when the point is nearer to the
 * other one, for then not even the clients next door reach it by `nearest`.
 */
import type { Problem } from "../errors.ts";
import { nearestAirport } from "./airports.ts";
import { country } from "./countries.ts";
import { distanceMetres, type GeoPoint } from "./distance.ts";
import type { Geography } from "./geography.ts";
import type { PlaceOf } from "./overrides.ts";

/** Regions closer than this are one place to any database. */
const samePlaceMetres = 50_000;

export interface RegionPoint extends GeoPoint {
  readonly name: string;
}

export interface IndistinctPair {
  /** Gets no client of its own country. */
  readonly hidden: RegionPoint;
  /** Gets them all. */
  readonly by: RegionPoint;
  readonly country: string;
}

function nearestRegion(place: GeoPoint, regions: readonly RegionPoint[]): RegionPoint | undefined {
  let nearest: RegionPoint | undefined;
  let nearestMetres = Number.POSITIVE_INFINITY;
  for (const region of regions) {
    const metres = distanceMetres(place, region);
    const before = metres === nearestMetres && nearest !== undefined && region.name < nearest.name;
    if (metres >= nearestMetres && !before) continue;
    nearest = region;
    nearestMetres = metres;
  }
  return nearest;
}

/**
 * One pair for each hidden region, in the order given. A region's country is that of the airport
 * nearest to it. Nothing is hidden when the database has coordinates of its own.
 */
export function indistinctRegions(
  regions: readonly RegionPoint[],
  onePointPerCountry: boolean,
): readonly IndistinctPair[] {
  if (!onePointPerCountry) return [];
  const pairs: IndistinctPair[] = [];
  for (const hidden of regions) {
    const home = country(nearestAirport(hidden).country);
    if (home === undefined) continue;
    const by = nearestRegion(home, regions);
    if (by === undefined || by === hidden) continue;
    if (distanceMetres(hidden, by) < samePlaceMetres) continue;
    pairs.push({ hidden, by, country: home.code });
  }
  return pairs;
}

/** The same as warnings, for `check`. */
export function checkDistinct(
  regions: readonly RegionPoint[],
  source: Geography["source"],
  placeOf?: PlaceOf,
): readonly Problem[] {
  const pairs = indistinctRegions(regions, source.onePointPerCountry);
  return pairs.map(({ hidden, by, country: code }) => {
    const path = `regions.${hidden.name}.at`;
    const place = placeOf?.(path);
    const problem: Problem = {
      code: "config.indistinct",
      severity: "warning",
      path,
      message:
        `the ${source.name} has one point for all of ${code}, and ${by.name} is nearer to it: ` +
        `no client of ${code} has ${hidden.name} as its nearest`,
      hint: "bring a database with coordinates, add geo.overrides with `at`, or steer by rules",
    };
    return place === undefined ? problem : { ...problem, place };
  });
}
