/**
 * Where clients are in law: countries and subdivisions -> jurisdictions. Called by compile.ts and
 * compile-classes.ts. A country is the jurisdiction of its own code; EU and EEA are known, and
 * `jurisdictions` of the configuration adds others, or says otherwise of these.
 */
import type { Config } from "../config/schema.ts";
import { country } from "../geo/countries.ts";
import type { Location } from "../geo/geography.ts";
import { type Findings, reportError } from "./compile-problems.ts";
import type { KnownJurisdictions } from "./when.ts";

/**
 * The 27 members, with the parts of them that have a code of their own and where Union law holds:
 * Aland, and the outermost regions of France (article 349 TFEU).
 */
const union =
  "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK AX GF GP MF MQ RE YT";

export const builtInJurisdictions: ReadonlyMap<string, readonly string[]> = new Map([
  ["EU", union.split(" ")],
  ["EEA", [...union.split(" "), "IS", "LI", "NO"]],
]);

type Place = Pick<Location, "country" | "subdivision">;

export interface Jurisdictions {
  readonly known: KnownJurisdictions;
  /** Of a client there; a location without a country is in none. */
  readonly of: (location: Place) => ReadonlySet<string>;
  /**
   * Those of a place, and whether one of it may be in another as well, for all that is known: any
   * without a country, those of the country's subdivisions without a subdivision.
   */
  readonly around: (location: Place) => {
    readonly certain: ReadonlySet<string>;
    readonly possible: (name: string) => boolean;
  };
}

export function readJurisdictions(
  config: Pick<Config, "jurisdictions">,
  findings: Findings,
): Jurisdictions {
  const members = new Map(builtInJurisdictions);
  for (const [name, codes] of Object.entries(config.jurisdictions ?? {})) {
    members.set(name, codes);
    for (const [index, code] of codes.entries()) {
      if (code === "" || country(code.slice(0, 2)) !== undefined) continue;
      reportError(findings, {
        code: "config.unknown-reference",
        path: `jurisdictions.${name}.${index}`,
        message: `there is no country ${code.slice(0, 2)}`,
        hint: "write ISO 3166 codes, such as DE or US-CA",
      });
    }
  }
  const byCode = new Map<string, string[]>();
  for (const [name, codes] of members) {
    for (const code of codes) byCode.set(code, [...(byCode.get(code) ?? []), name]);
  }
  // None can be missed in a section that could not be read.
  const all = findings.isStandIn("jurisdictions.*");
  const isCountry = (name: string) => country(name) !== undefined;
  const of = ({ country: code, subdivision }: Place): ReadonlySet<string> => {
    const found = [...(byCode.get(code) ?? []), ...(byCode.get(subdivision) ?? [])];
    // A map that names a country's code says what it is.
    return new Set(code === "" || members.has(code) ? found : [code, ...found]);
  };
  const partly = (name: string, code: string): boolean =>
    members.get(name)?.some((each) => each.startsWith(`${code}-`)) === true;
  return {
    of,
    around: (location) => ({
      certain: of(location),
      possible: (name) =>
        location.country === "" || (location.subdivision === "" && partly(name, location.country)),
    }),
    known: {
      has: (name) => all || members.has(name) || isCountry(name),
      names: [...members.keys()],
    },
  };
}
