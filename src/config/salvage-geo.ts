/**
 * Geography of a configuration with errors: databases and overrides that can be read, each override
 * at its own index. Called by salvage.ts.
 */
import type { ConfigDraft } from "./checks.ts";
import { draftOf, isMapping } from "./draft.ts";
import type { Faults } from "./faults.ts";
import { type Config, configSchema, geoOverrideSchema } from "./schema.ts";

type Geo = Config["geo"];
type Override = Geo["overrides"][number];

export function salvageGeo(draft: ConfigDraft, faults: Faults): Geo {
  const whole = configSchema.shape.geo.parse({});
  const raw = draft.merged.value["geo"];
  if (!isMapping(raw)) return whole;
  const { database, asn } = draft.top.geo ?? {};
  return {
    ...whole,
    ...draft.top.geo,
    database: database ?? whole.database,
    asn,
    overrides: salvageOverrides(raw["overrides"], faults),
  } as Geo;
}

function salvageOverrides(raw: unknown, faults: Faults): Override[] {
  if (!Array.isArray(raw) || faults.at("geo.overrides")) return [];
  const drafts = raw.map((own: unknown, index): Partial<Override> => {
    if (!isMapping(own)) return {};
    const path = `geo.overrides.${index}`;
    const read = draftOf(geoOverrideSchema, own, { path: [], report }) ?? {};
    return Object.fromEntries(
      Object.entries(read).filter(([key]) => !faults.within(`${path}.${key}`)),
    );
  });
  const taken = new Set(drafts.map(({ cidr }) => cidr));
  let next = 0;
  /** A prefix that nobody writes (RFC 6666: no client has it). */
  const spareCidr = (): string => {
    for (;;) {
      const cidr = `100::${(next >>> 16).toString(16)}:${(next & 0xffff).toString(16)}:1/128`;
      next++;
      if (!taken.has(cidr)) return cidr;
    }
  };
  return drafts.map(({ cidr = spareCidr(), ...rest }): Override => {
    const silent = Object.values(rest).every((value) => value === undefined);
    return { cidr, ...rest, ...(silent ? { at: [0, 0] as [number, number] } : {}) };
  });
}

/** What is wrong was reported when the whole was read. */
const report = (): void => {};
