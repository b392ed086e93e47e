/**
 * Airports by IATA code: how an operator says where a region is, and how distinct.ts finds the
 * country a region stands in. Read from a committed table at the first question, not at start.
 */

import { distanceMetres, type GeoPoint } from "./distance.ts";
import { airportsTable } from "./generated/airports.ts";

export interface Airport extends GeoPoint {
  readonly code: string;
  readonly country: string;
}

let table: Map<string, Airport> | undefined;

function airports(): Map<string, Airport> {
  if (table !== undefined) return table;
  const read = new Map<string, Airport>();
  for (const line of airportsTable.trim().split("\n")) {
    const [code = "", country = "", latitude, longitude] = line.split(" ");
    read.set(code, { code, country, latitude: Number(latitude), longitude: Number(longitude) });
  }
  table = read;
  return read;
}

/** By IATA code in upper case; undefined if the table has no such airport. */
export function airport(code: string): Airport | undefined {
  return airports().get(code);
}

/** The airport nearest to a place; the first by code of equals. */
export function nearestAirport(place: GeoPoint): Airport {
  let nearest: Airport | undefined;
  let nearestMetres = Number.POSITIVE_INFINITY;
  for (const candidate of airports().values()) {
    const metres = distanceMetres(place, candidate);
    if (nearest !== undefined && metres >= nearestMetres) continue;
    nearest = candidate;
    nearestMetres = metres;
  }
  if (nearest === undefined) throw new Error("bug: the airport table is empty");
  return nearest;
}
