/**
 * What a country code alone says: the continent, and one representative point. compile.ts uses it
 * where the database gives no continent or no coordinates. Read from a committed table once.
 */
import { countriesTable } from "./generated/countries.ts";

export interface Country {
  readonly code: string;
  /** AF AN AS EU NA OC SA. */
  readonly continent: string;
  readonly latitude: number;
  readonly longitude: number;
}

let table: Map<string, Country> | undefined;

function countries(): Map<string, Country> {
  if (table !== undefined) return table;
  const read = new Map<string, Country>();
  for (const line of countriesTable.trim().split("\n")) {
    const [code = "", continent = "", latitude, longitude] = line.split(" ");
    read.set(code, {
      code,
      continent,
      latitude: Number(latitude),
      longitude: Number(longitude),
    });
  }
  table = read;
  return read;
}

/** By ISO 3166-1 alpha-2 code in upper case; undefined for a code that is no country. */
export function country(code: string): Country | undefined {
  return countries().get(code);
}

export function countryCodes(): readonly string[] {
  return [...countries().keys()];
}
