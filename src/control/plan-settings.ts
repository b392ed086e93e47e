/**
 * What two policies say differently, in names: settings, rules and endpoints of a service, and what
 * stands above services. Called by plan.ts. Fields are compared one by one as they stand in
 * policy.ts, so a field this file has never heard of shows under its own name.
 */
import { isDeepStrictEqual } from "node:util";
import { formatDuration } from "../config/values.ts";
import { formatAddress, wordsOfBytes } from "../lib/ip.ts";
import type { Endpoint, Policy, Pool, Service } from "../policy/policy.ts";

export interface SettingChange {
  readonly setting: string;
  readonly before: string;
  readonly after: string;
}

export interface RuleChange {
  readonly change: "added" | "removed";
  /** From 1, in its own revision. */
  readonly position: number;
  readonly when: string;
  readonly steer: string;
}

export interface EndpointChange {
  readonly change: "added" | "removed" | "changed";
  /** `fra/192.0.2.1`. */
  readonly endpoint: string;
  readonly settings: readonly SettingChange[];
}

type Fields = Readonly<Record<string, unknown>>;

const words: Readonly<Record<string, string>> = {
  ttlSecondsMin: "ttl.min",
  ttlSecondsMax: "ttl.max",
  holdMs: "hold",
  rampMs: "ramp",
  seed: "seed of its group",
  affinityMask4: "client mask, IPv4",
  affinityMask6: "client mask, IPv6",
  intervalMs: "interval",
  timeoutMs: "timeout",
  downThreshold: "down",
  upThreshold: "up",
  okThreshold: "ok",
  expectStatus: "status",
  expectBody: "body",
  verifyTls: "verify",
  serverName: "sni",
};

function textOf(key: string, value: unknown): string {
  if (value === undefined || value === "") return "none";
  if (key.endsWith("Ms") && typeof value === "number") return formatDuration(value);
  if (key.startsWith("ttlSeconds") && typeof value === "number") return `${value}s`;
  if (value instanceof Uint8Array) {
    if (value.length === 0) return "none";
    return formatAddress(value.length === 4 ? 4 : 6, wordsOfBytes(value));
  }
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) {
    return value.length === 0 ? "none" : value.join(", ");
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Fields that differ, but for those in `apart`, which are compared elsewhere. */
function fieldChanges(
  before: Fields,
  after: Fields,
  options: { readonly apart: ReadonlySet<string>; readonly prefix?: string },
): readonly SettingChange[] {
  const { apart, prefix = "" } = options;
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changes: SettingChange[] = [];
  for (const key of keys) {
    if (apart.has(key) || isDeepStrictEqual(before[key], after[key])) continue;
    changes.push({
      setting: `${prefix}${words[key] ?? key}`,
      before: textOf(key, before[key]),
      after: textOf(key, after[key]),
    });
  }
  return changes;
}

const serviceApart = new Set(["name", "ruleSet", "firstPool", "poolCount", "fixedPool"]);
const poolApart = new Set(["service", "region", "name", "firstEndpoint", "endpointCount"]);
const endpointApart = new Set(["pool", "name", "identity", "monitor"]);
const regionApart = new Set(["name"]);

export interface ServiceSide {
  readonly policy: Policy;
  readonly service: Service;
}

function poolsOf({ policy, service }: ServiceSide): ReadonlyMap<string, Pool> {
  const { firstPool, poolCount } = service;
  const pools = policy.pools.slice(firstPool, firstPool + poolCount);
  return new Map(pools.map((pool) => [pool.name, pool]));
}

export function settingChanges(before: ServiceSide, after: ServiceSide): readonly SettingChange[] {
  const changes = [
    ...fieldChanges({ ...before.service }, { ...after.service }, { apart: serviceApart }),
    ...checkChanges(checksOf(before), checksOf(after)),
  ];
  const allowed = { before: allowedText(before), after: allowedText(after) };
  if (allowed.before !== allowed.after) changes.push({ setting: "residency allows", ...allowed });
  const pools = poolsOf(after);
  for (const [name, pool] of poolsOf(before)) {
    const other = pools.get(name);
    if (other === undefined) continue;
    const options = { apart: poolApart, prefix: `${name}: ` };
    changes.push(...fieldChanges({ ...pool }, { ...other }, options));
  }
  return changes;
}

/** Residency binds a service in every class alike. */
function allowedText({ policy, service }: ServiceSide): string {
  const allowed = policy.ruleSets[service.ruleSet]?.classes[0]?.allowed ?? [];
  const { firstPool } = service;
  const names = allowed.map((is, i) => (is ? (policy.pools[firstPool + i]?.name ?? "") : ""));
  return names.every((name) => name !== "") ? "every pool" : names.filter(Boolean).join(", ");
}

type Checks = readonly Fields[];

/** The different monitors of a service, most often one. */
function checksOf({ policy, service }: ServiceSide): Checks {
  const indices = new Set<number>();
  for (const pool of poolsOf({ policy, service }).values()) {
    const end = pool.firstEndpoint + pool.endpointCount;
    for (let k = pool.firstEndpoint; k < end; k++) indices.add(policy.endpoints[k]!.monitor);
  }
  const found = [...indices].flatMap((index) => policy.monitors[index] ?? []);
  return found.map((monitor) => ({ ...monitor }));
}

function checkChanges(before: Checks, after: Checks): readonly SettingChange[] {
  const [one, other] = [before[0], after[0]];
  if (before.length === 1 && after.length === 1 && one !== undefined && other !== undefined) {
    return fieldChanges(one, other, { apart: new Set(), prefix: "check." });
  }
  const texts = (checks: Checks) => checks.map((check) => JSON.stringify(check)).sort();
  const [was, is] = [texts(before), texts(after)];
  if (isDeepStrictEqual(was, is)) return [];
  const say = (list: readonly string[]) => (list.length === 0 ? "none" : list.join(" "));
  return [{ setting: "check", before: say(was), after: say(is) }];
}

/** Lines of the rules that went and came, by the longest common order. */
export function ruleChanges(before: ServiceSide, after: ServiceSide): readonly RuleChange[] {
  const one = before.policy.ruleSets[before.service.ruleSet]?.rules ?? [];
  const other = after.policy.ruleSets[after.service.ruleSet]?.rules ?? [];
  if (isDeepStrictEqual(one, other)) return [];
  const same = (i: number, j: number) => isDeepStrictEqual(one[i], other[j]);
  // common[i][j]: rules in common from i and j on.
  const common = one.map(() => new Uint16Array(other.length + 1));
  common.push(new Uint16Array(other.length + 1));
  for (let i = one.length - 1; i >= 0; i--) {
    for (let j = other.length - 1; j >= 0; j--) {
      common[i]![j] = same(i, j)
        ? common[i + 1]![j + 1]! + 1
        : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const changes: RuleChange[] = [];
  let i = 0;
  let j = 0;
  while (i < one.length || j < other.length) {
    if (i < one.length && j < other.length && same(i, j)) {
      i++;
      j++;
    } else if (j >= other.length || (i < one.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      changes.push({ change: "removed", position: i + 1, ...one[i]! });
      i++;
    } else {
      changes.push({ change: "added", position: j + 1, ...other[j]! });
      j++;
    }
  }
  return changes;
}

function endpointsOf(side: ServiceSide | undefined): ReadonlyMap<string, Endpoint> {
  const found = new Map<string, Endpoint>();
  if (side === undefined) return found;
  for (const [poolName, pool] of poolsOf(side)) {
    const end = pool.firstEndpoint + pool.endpointCount;
    for (const endpoint of side.policy.endpoints.slice(pool.firstEndpoint, end)) {
      found.set(`${poolName}/${endpoint.name}`, endpoint);
    }
  }
  return found;
}

export function endpointChanges(
  before: ServiceSide | undefined,
  after: ServiceSide | undefined,
): readonly EndpointChange[] {
  const one = endpointsOf(before);
  const other = endpointsOf(after);
  const changes: EndpointChange[] = [];
  for (const [endpoint, was] of one) {
    const is = other.get(endpoint);
    if (is === undefined) changes.push({ change: "removed", endpoint, settings: [] });
    else {
      const settings = fieldChanges({ ...was }, { ...is }, { apart: endpointApart });
      if (settings.length > 0) changes.push({ change: "changed", endpoint, settings });
    }
  }
  for (const endpoint of other.keys()) {
    if (!one.has(endpoint)) changes.push({ change: "added", endpoint, settings: [] });
  }
  return changes.sort((a, b) => (a.endpoint < b.endpoint ? -1 : a.endpoint > b.endpoint ? 1 : 0));
}

/** Regions, zones, listening addresses, the geography: what belongs to no service. */
export function globalChanges(before: Policy, after: Policy): readonly SettingChange[] {
  const changes: SettingChange[] = [];
  const regions = new Map(after.regions.map((region) => [region.name, region]));
  for (const region of before.regions) {
    const other = regions.get(region.name);
    if (other === undefined) continue;
    const options = { apart: regionApart, prefix: `region ${region.name}: ` };
    changes.push(...fieldChanges({ ...region }, { ...other }, options));
  }
  changes.push(...zoneChanges(before, after));
  const listen = { apart: new Set<string>(), prefix: "listen." };
  changes.push(...fieldChanges({ ...before.listen }, { ...after.listen }, listen));
  for (const key of ["trustedProxies", "engine"] as const) {
    const apart = new Set<string>();
    changes.push(...fieldChanges({ [key]: before[key] }, { [key]: after[key] }, { apart }));
  }
  if (before.geographyDigest !== after.geographyDigest) {
    const short = (digest: string) => digest.slice(0, 12);
    changes.push({
      setting: "geography",
      before: short(before.geographyDigest),
      after: short(after.geographyDigest),
    });
  }
  return changes;
}

/**
 * A zone has changed when anything in it has but its serial, which is chosen when the revision is
 * applied.
 */
function zoneChanges(before: Policy, after: Policy): readonly SettingChange[] {
  const zones = new Map(after.names.zones.map((zone) => [zone.apex, zone]));
  const content = (digest: string): string => `content ${digest.slice(0, 12)}`;
  const changes: SettingChange[] = [];
  for (const { apex, digest } of before.names.zones) {
    const other = zones.get(apex);
    zones.delete(apex);
    if (other?.digest === digest) continue;
    const now = other === undefined ? "none" : content(other.digest);
    changes.push({ setting: `zone ${apex}`, before: content(digest), after: now });
  }
  for (const { apex, digest } of zones.values()) {
    changes.push({ setting: `zone ${apex}`, before: "none", after: content(digest) });
  }
  return changes;
}
