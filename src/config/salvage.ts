/**
 * What is whole of a configuration that has errors, so that the stages after this one can report
 * theirs in the same run. Called by load.ts. Never put in force: only the errors found in it count.
 * Each part is kept by itself; in the place of one at fault stands a value that no later stage
 * objects to, and whoever reads two values together asks `isStandIn` about the other one.
 */
import type { Problem } from "../errors.ts";
import type { ConfigDraft, ServiceChecks, ZoneDraft } from "./checks.ts";
import { isMapping } from "./draft.ts";
import { type Faults, faultsOf } from "./faults.ts";
import { salvageGeo } from "./salvage-geo.ts";
import { mendRecords, noTtl } from "./salvage-records.ts";
import { salvageService } from "./salvage-service.ts";
import {
  type Config,
  configSchema,
  type RegionConfig,
  type ServiceConfig,
  type ZoneConfig,
  zoneSchema,
} from "./schema.ts";

export interface Salvaged {
  readonly config: Config;
  /**
   * Does something else than what is written stand at this dotted path, or below it? At
   * `SECTION.*`: may there be more in the section than is known?
   */
  readonly isStandIn: (path: string) => boolean;
}

/** Jurisdictions: [code, ...], of which each is judged by itself. */
type Jurisdictions = NonNullable<Config["jurisdictions"]>;

export function salvage(
  draft: ConfigDraft,
  services: readonly ServiceChecks[],
  found: { readonly problems: readonly Problem[]; readonly whole: boolean },
): Salvaged | undefined {
  const { problems, whole } = found;
  // Of too many things it is enough to say so.
  const crowded = problems.some(
    ({ code, path }) => code === "config.limit" && !path.includes(".") && path !== "assert",
  );
  if (crowded) return undefined;
  const faults = faultsOf(problems);
  const regions = new Map<string, RegionConfig>();
  for (const [name, { at, in: within }] of draft.regions ?? []) {
    regions.set(name, { at: at ?? [0, 0], in: within ?? [], labels: {} });
  }
  const zones = draft.zones.map((zone) => [zone.apex, mendZone(draft, zone, faults)] as const);
  const spare = spareZone(draft);
  const kept = services.map((checks, index): [string, ServiceConfig] => [
    checks.name,
    salvageService(checks, { faults, region: [...regions.keys()][0] ?? "region", index }),
  ]);
  // A region that is defined nowhere is no reason to say nothing of the endpoints in it.
  for (const [, { endpoints, fallback }] of kept) {
    const fixed = typeof fallback === "string" ? [] : [fallback.fixed.region];
    for (const name of [...Object.keys(endpoints), ...fixed]) {
      if (!regions.has(name)) regions.set(name, { at: [0, 0], in: [], labels: {} });
    }
  }
  const config = {
    ...salvageTop(draft, faults),
    geo: salvageGeo(draft, faults),
    jurisdictions: salvageJurisdictions(draft, faults),
    zones: Object.fromEntries([[spare, zoneSchema.parse({})], ...zones]),
    regions: Object.fromEntries(regions),
    services: Object.fromEntries(kept),
  };
  const unlisted = new Set<string>();
  for (const section of ["jurisdictions"]) {
    if (!whole || faults.at(section)) unlisted.add(`${section}.*`);
  }
  const isStandIn = (path: string): boolean => unlisted.has(path) || faults.within(path);
  return { config: config as Config, isStandIn };
}

/** Keys that no later stage takes apart: as written, or at their default. */
function salvageTop(draft: ConfigDraft, faults: Faults): Record<string, unknown> {
  const top: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(configSchema.shape)) {
    if (!faults.within(key) && Object.hasOwn(draft.top, key)) {
      top[key] = draft.top[key as keyof typeof draft.top];
      continue;
    }
    const standIn = schema.safeParse(undefined);
    if (standIn.success && standIn.data !== undefined) top[key] = standIn.data;
  }
  return top;
}

/**
 * The zone of names that are not known: of services whose own are wrong, and of all that lies in
 * a zone whose apex is.
 */
function spareZone({ zonesKnown }: ConfigDraft): string {
  return zonesKnown ? "invalid" : ".";
}

function mendZone(draft: ConfigDraft, { path, zone }: ZoneDraft, faults: Faults): ZoneConfig {
  const base = path.join(".");
  if (!faults.within(base)) return zone as ZoneConfig;
  const whole = zoneSchema.parse({ soa: {} });
  const raw = path.length === 1 ? undefined : draft.merged.sections.zones?.[String(path[1])];
  const records = isMapping(raw) ? raw["records"] : undefined;
  return {
    ...(zone.file === undefined || faults.within(`${base}.file`) ? {} : { file: zone.file }),
    serial: "auto",
    zonemd: false,
    ns: zone.ns ?? [],
    soa: { ...whole.soa, ...zone.soa } as ZoneConfig["soa"],
    // What is added to its sets of records cannot be held against it.
    ttl: faults.within(`${base}.ttl`) ? noTtl : (zone.ttl ?? whole.ttl),
    records: mendRecords(records, { path: `${base}.records`, faults }),
  };
}

/** A jurisdiction with a wrong code is a jurisdiction all the same, and its other codes count. */
function salvageJurisdictions(draft: ConfigDraft, faults: Faults): Jurisdictions | undefined {
  const raw = draft.merged.value["jurisdictions"];
  if (!isMapping(raw)) return undefined;
  const codesOf = (name: string, written: unknown): string[] => {
    const codes: readonly unknown[] = Array.isArray(written) ? written : [written];
    return codes.map((code, i) => {
      const path = `jurisdictions.${name}`;
      const wrong = faults.at(path) || faults.within(`${path}.${i}`);
      return typeof code === "string" && !wrong ? code : "";
    });
  };
  return Object.fromEntries(Object.entries(raw).map(([name, own]) => [name, codesOf(name, own)]));
}
