/**
 * Zones, records and the names of services, in the words of names.ts. Called by compile.ts. Times
 * become seconds; whether names and records make sense together is names.ts's to say.
 */
import { type Config, type ZoneConfig, zoneSchema } from "../config/schema.ts";
import { assert } from "../errors.ts";
import { byName, type ServiceDraft } from "./compile-model.ts";
import type { Findings } from "./compile-problems.ts";
import type {
  NameTableInput,
  NameTableResult,
  RecordInput,
  SteeredInput,
  ZoneData,
  ZoneInput,
} from "./name-table.ts";
import { buildNameTable } from "./names.ts";
import type { ServiceIndex } from "./policy.ts";

export function compileNames(
  config: Config,
  given: {
    readonly drafts: readonly ServiceDraft[];
    readonly findings: Findings;
    readonly data: ZoneDataMap;
    readonly serialOf: NameTableInput["serialOf"];
  },
): NameTableResult {
  const { findings, drafts, data, serialOf } = given;
  const zones = Object.entries(config.zones ?? {}).sort(byName);
  const written = (path: string) => ({ path, place: findings.placeOf(path) });
  const records = zones.flatMap(([apex, zone]) => zoneRecords(apex, zone, written));
  const steered: SteeredInput[] = [];
  drafts.forEach(({ service, config: of }, index) => {
    const lists = Object.values(of.endpoints).flatMap((colours) => Object.values(colours));
    if (typeof of.fallback !== "string") lists.push(of.fallback.fixed.endpoints);
    const cname = lists.some((list) => list.some((endpoint) => endpoint.cname));
    const https = of.https !== undefined;
    let copy = false;
    service.names.forEach((name, i) => {
      if (name === "") return;
      const path = `services.${service.name}.names`;
      const at = written(service.names.length > 1 ? `${path}.${i}` : path);
      steered.push({ name, service: index as ServiceIndex, cname, https, ...at });
      records.push(...serviceRecords({ name, service: service.name, of, zones, copy }, written));
      copy = true;
    });
  });
  const inputs = zones.map(([apex, zone]) => ({
    ...zoneInput(apex, zone),
    data: data.get(apex),
    ...written(`zones.${apex}`),
  }));
  const result = buildNameTable({ zones: inputs, records, steered, serialOf });
  for (const problem of result.problems) findings.problems.push(problem);
  return result;
}

type Written = (path: string) => Pick<RecordInput, "path" | "place">;

/** By apex, as in `Config.zones`. A zone with a file that is not here has stayed unread. */
export type ZoneDataMap = ReadonlyMap<string, ZoneData>;

function zoneInput(apex: string, zone: ZoneConfig): Omit<ZoneInput, "path" | "place"> {
  const soa = zone.soa ?? zoneSchema.parse({ soa: {} }).soa;
  assert(soa !== undefined, "the schema fills in a SOA");
  return {
    apex,
    ttlSeconds: zone.ttl / 1000,
    ns: zone.ns,
    soa: {
      mname: soa.mname,
      rname: soa.rname,
      refreshSeconds: soa.refresh / 1000,
      retrySeconds: soa.retry / 1000,
      expireSeconds: soa.expire / 1000,
      minimumSeconds: soa.minimum / 1000,
      serial: typeof zone.serial === "number" ? zone.serial : undefined,
      keepSerial: zone.serial !== "auto",
    },
    zonemd: zone.zonemd,
  };
}

function zoneRecords(apex: string, zone: ZoneConfig, written: Written): RecordInput[] {
  return zone.records.map((record, i) => ({
    owner: record.name,
    origin: apex,
    type: record.type,
    ttlSeconds: (record.ttl ?? zone.ttl) / 1000,
    data: record.data,
    ...written(`zones.${apex}.records.${i}`),
  }));
}

/** Records of a service stand at each of its names. */
function serviceRecords(
  at: {
    readonly name: string;
    readonly service: string;
    readonly of: ServiceDraft["config"];
    readonly zones: readonly (readonly [string, ZoneConfig])[];
    readonly copy: boolean;
  },
  written: Written,
): RecordInput[] {
  const above = at.zones
    .filter(([apex]) => at.name === apex || at.name.endsWith(`.${apex}`))
    .sort(([a], [b]) => b.length - a.length);
  const zoneTtl = above[0]?.[1].ttl ?? 0;
  return at.of.records.map((record, i) => ({
    owner: record.name,
    origin: at.name,
    type: record.type,
    ttlSeconds: (record.ttl ?? zoneTtl) / 1000,
    data: record.data,
    copy: at.copy,
    ...written(`services.${at.service}.records.${i}`),
  }));
}
