/**
 * A small geography for tests: prefixes and what they are, everything else unknown. Countries have
 * their continent and their one point, as with the bundled database.
 */
import assert from "node:assert/strict";
import { completeLocation } from "../../src/geo/adapt.ts";
import type { Geography, Leaves, Location } from "../../src/geo/geography.ts";
import { cutLeaves, indexLeaves, plantCuts, uniformLeaves } from "../../src/geo/leaves.ts";
import { LocationTable, unknownLocation } from "../../src/geo/locations.ts";
import { parsePrefix } from "../../src/lib/ip.ts";

/** `DE`, `US-CA`, or a whole location. Longer prefixes stand over shorter ones. */
export type PlaceSketch = string | Partial<Location>;

export function geographyOf(places: Readonly<Record<string, PlaceSketch>>): Geography {
  const table = new LocationTable();
  const entries = Object.entries(places).map(([text, sketch]) => {
    const prefix = parsePrefix(text);
    assert.ok(prefix !== undefined && !prefix.hostBits, `${text} is a prefix`);
    return { prefix, location: table.intern(locationOf(sketch)) };
  });
  const leavesOf = (family: 4 | 6): Leaves => {
    const own = entries.filter(({ prefix }) => prefix.family === family);
    const forest = plantCuts(own.map(({ prefix }, member) => ({ ...prefix, member })));
    const whole = uniformLeaves(family === 4 ? 1 : 4, 0);
    const cut = cutLeaves(whole, forest, (location, node) => {
      const member = forest.members[node]?.[0];
      return member === undefined ? location : (own[member]?.location ?? location);
    });
    return indexLeaves(cut);
  };
  return {
    digest: "test geography",
    source: { name: "test", license: "CC0", builtAtSeconds: 0, onePointPerCountry: true },
    v4: leavesOf(4),
    v6: leavesOf(6),
    locations: table.list,
  };
}

function locationOf(sketch: PlaceSketch): Location {
  if (typeof sketch !== "string") return completeLocation({ ...unknownLocation, ...sketch });
  const [country = "", part] = sketch.split("-");
  const subdivision = part === undefined ? "" : sketch;
  return completeLocation({ ...unknownLocation, country, subdivision });
}

/** Prefixes of documentation and benchmarking space, one of each place the golden files use. */
export const smallWorld = geographyOf({
  "192.0.2.0/26": "DE",
  "192.0.2.64/26": "FR",
  "192.0.2.128/26": "US",
  "192.0.2.192/26": "JP",
  "198.51.100.0/25": { country: "US", subdivision: "US-CA", latitude: 37.77, longitude: -122.42 },
  "198.51.100.128/25": "AU",
  "203.0.113.0/24": "ZA",
  "2001:db8::/33": "DE",
  "2001:db8:8000::/33": "JP",
});
