/**
 * Regions, services, pools, endpoints and monitors: configuration -> columns. Called by compile.ts
 * first. Everything is ordered by name, pools of a service and endpoints of a pool stand together,
 * so equal configurations give equal indices.
 */
import type { Config, EndpointConfig, ServiceConfig } from "../config/schema.ts";
import { assert } from "../errors.ts";
import { airport } from "../geo/airports.ts";
import { xxh32 } from "../lib/xxh32.ts";
import { bytesOf } from "./compile-addresses.ts";
import {
  CheckParts,
  type CompiledCheck,
  checksPoolName,
  compileCheck,
  MonitorBook,
  unchecked,
} from "./compile-checks.ts";
import { compileHttps } from "./compile-https.ts";
import { type Findings, reportError } from "./compile-problems.ts";
import type {
  Endpoint,
  EndpointIndex,
  Monitor,
  Pool,
  PoolIndex,
  PoolOrdinal,
  Region,
  RegionIndex,
  Service,
  ServiceIndex,
} from "./policy.ts";

/** A service whose rule set is not known yet, and its configuration. */
export interface ServiceDraft {
  readonly service: Omit<Service, "ruleSet">;
  readonly config: ServiceConfig;
  /** By ordinal, the sum of its endpoints' weights. */
  readonly poolWeights: readonly number[];
}

export interface Model {
  readonly regions: readonly Region[];
  readonly drafts: readonly ServiceDraft[];
  readonly pools: readonly Pool[];
  readonly endpoints: readonly Endpoint[];
  readonly monitors: readonly Monitor[];
}

export const fixedPoolName = "(fixed)";

/** By code units, which no locale changes. */
export const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

interface Building {
  readonly regionByName: ReadonlyMap<string, RegionIndex>;
  readonly pools: Pool[];
  readonly endpoints: Endpoint[];
  readonly book: MonitorBook;
}

export function compileModel(config: Config, findings: Findings): Model {
  const regions = compileRegions(config, findings);
  const building: Building = {
    regionByName: new Map(regions.map((region, i) => [region.name, i as RegionIndex])),
    pools: [],
    endpoints: [],
    book: new MonitorBook(),
  };
  const services = Object.entries(config.services).sort(byName);
  const indices = new Map(services.map(([name], index) => [name, index as ServiceIndex]));
  const drafts = services.map(([name, service], index) =>
    compileService(building, { name, config: service, index: index as ServiceIndex, indices }),
  );
  const { pools, endpoints, book } = building;
  return { regions, drafts, pools, endpoints, monitors: book.monitors };
}

const hundredths = (value: number): number => Math.round(value * 100);

function rampOf({ ramp }: Config["regions"][string]): Pick<Region, "ramp"> {
  return ramp === undefined
    ? {}
    : { ramp: { ms: ramp.over, aggression: hundredths(ramp.aggression) } };
}

function compileRegions(config: Config, findings: Findings): readonly Region[] {
  return Object.entries(config.regions)
    .sort(byName)
    .map(([name, region]) => {
      const jurisdictions = region.in;
      if (typeof region.at !== "string") {
        const [latitude, longitude] = region.at;
        return { name, jurisdictions, latitude, longitude, ...rampOf(region) };
      }
      const found = airport(region.at);
      if (found === undefined) {
        reportError(findings, {
          code: "config.unknown-reference",
          path: `regions.${name}.at`,
          message: `there is no airport ${region.at}`,
          hint: "write the IATA code of a larger airport nearby, or [latitude, longitude]",
        });
      }
      const { latitude, longitude } = found ?? { latitude: 0, longitude: 0 };
      return { name, jurisdictions, latitude, longitude, ...rampOf(region) };
    });
}

interface ServiceAt {
  readonly name: string;
  readonly config: ServiceConfig;
  readonly index: ServiceIndex;
  readonly indices: ReadonlyMap<string, ServiceIndex>;
}

function compileService(building: Building, at: ServiceAt): ServiceDraft {
  const { name, config, index } = at;
  const firstPool = building.pools.length as PoolIndex;
  const parts = new CheckParts(building.book, behindPools(building, config));
  const check = compileCheck(config.check, { book: building.book, parts });
  const poolWeights: number[] = [];
  for (const [region, colours] of Object.entries(config.endpoints).sort(byName)) {
    const standby: Pool["standby"] =
      config.standby?.region === region ? config.standby.activate : "no";
    const requires = standby === "no" ? undefined : requirement(parts, { config, region });
    for (const [colour, list] of Object.entries(colours).sort(byName)) {
      const poolName = colour === "" ? region : `${region}/${colour}`;
      const pool = { name: poolName, region, minimum: config.minimum, standby, fixed: false };
      poolWeights.push(compilePool(building, { service: index, pool, list, check, requires }));
    }
  }
  let fixedPool: PoolOrdinal | -1 = -1;
  if (typeof config.fallback !== "string") {
    const { region, endpoints } = config.fallback.fixed;
    const pool = { name: fixedPoolName, region, minimum: 1, standby: "no" as const, fixed: true };
    fixedPool = poolWeights.length as PoolOrdinal;
    poolWeights.push(
      compilePool(building, {
        service: index,
        pool,
        list: endpoints,
        check: { ...unchecked, defaultPort: check.defaultPort },
      }),
    );
  }
  addChecksPool(building, { service: index, parts });
  const group = new TextEncoder().encode(config.group ?? name);
  assert(config.key === "query" || config.key === "client", "other keys are refused by the schema");
  return {
    config,
    poolWeights,
    service: {
      name,
      firstPool,
      poolCount: poolWeights.length,
      health: healthOf(config),
      fallback: typeof config.fallback === "string" ? config.fallback : "fixed",
      fixedPool,
      ...dependenciesOf(at),
      key: config.key,
      seed: xxh32(group, 0, group.length, 0),
      affinityMask4: 24,
      affinityMask6: 56,
      ttlSecondsMin: config.ttl.min / 1000,
      ttlSecondsMax: config.ttl.max / 1000,
      answers: config.answers,
      holdMs: config.failback.hold,
      rampMs: config.failback.ramp,
      ...(config.failback.aggression === 1
        ? {}
        : { aggression: hundredths(config.failback.aggression) }),
      ...(config.failback.resume === "manual" ? { resumeManually: true } : {}),
      withoutEcs: withoutEcs(config),
      ...(config.https === undefined ? {} : { https: compileHttps(config.https) }),
      redirect: config.redirect ?? "",
      names: config.names ?? [],
    },
  };
}

/** Envoy's. */
const overprovisioningDefault = 1.4;

function healthOf({
  spill,
  locality,
  panic,
  overprovisioning = overprovisioningDefault,
}: ServiceConfig): Service["health"] {
  if (spill === undefined && locality === undefined && panic === undefined) return undefined;
  return {
    overprovisioningPercent: Math.round(overprovisioning * 100),
    spill: spill === "health",
    locality: locality === "health",
    // Which pools may serve follows from the classes.
    panic: panic === undefined ? undefined : { hundredths: panic, pools: [] },
  };
}

/** Nothing where there are none, as in most policies. */
function dependenciesOf({ config, indices }: ServiceAt): Pick<Service, "dependencies"> {
  if (config.dependencies === undefined) return {};
  const dependencies = config.dependencies.map((each) => {
    const service = indices.get(each.service);
    assert(service !== undefined, "references are checked before compile");
    return { service, anywhere: each.in === "anywhere" };
  });
  return { dependencies };
}

/** Where the pool of the service's checks will stand. */
function behindPools(building: Building, config: ServiceConfig) {
  const pools = Object.values(config.endpoints).flatMap((colours) => Object.values(colours));
  const { fallback } = config;
  const all = typeof fallback === "string" ? pools : [...pools, fallback.fixed.endpoints];
  return {
    pool: building.pools.length + all.length,
    firstRow: building.endpoints.length + all.reduce((sum, { length }) => sum + length, 0),
  };
}

function requirement(
  parts: CheckParts,
  of: { readonly config: ServiceConfig; readonly region: string },
): Pool["requires"] {
  const { requires } = of.config.standby ?? {};
  return requires && parts.plan(requires, { target: undefined, region: of.region });
}

function addChecksPool(
  building: Building,
  of: { readonly service: ServiceIndex; readonly parts: CheckParts },
): void {
  const { endpoints } = of.parts;
  if (endpoints.length === 0) return;
  building.pools.push({
    service: of.service,
    region: 0 as RegionIndex,
    name: checksPoolName,
    firstEndpoint: building.endpoints.length as EndpointIndex,
    endpointCount: endpoints.length,
    minimum: 1,
    standby: "no",
    fixed: false,
    checks: true,
  });
  building.endpoints.push(...endpoints);
}

function withoutEcs({ residency }: ServiceConfig): Service["withoutEcs"] {
  if (residency?.clients === undefined || residency.dns === "best-effort") return "resolver";
  return residency.dns === "refuse-without-ecs" ? "refuse" : "unknown";
}

interface PoolDraft {
  readonly service: ServiceIndex;
  readonly pool: Pick<Pool, "name" | "minimum" | "standby" | "fixed"> & { readonly region: string };
  readonly list: readonly EndpointConfig[];
  readonly check: CompiledCheck;
  readonly requires?: Pool["requires"];
}

/** Returns the sum of the endpoints' weights. */
function compilePool(building: Building, draft: PoolDraft): number {
  const { service, pool, list, check } = draft;
  const region = building.regionByName.get(pool.region);
  assert(region !== undefined, "references are checked before compile");
  const index = building.pools.length as PoolIndex;
  building.pools.push({
    service,
    region,
    name: pool.name,
    firstEndpoint: building.endpoints.length as EndpointIndex,
    endpointCount: list.length,
    minimum: pool.minimum,
    standby: pool.standby,
    fixed: pool.fixed,
    ...(draft.requires === undefined ? {} : { requires: draft.requires }),
  });
  const ordered = list.map((each): [string, EndpointConfig] => [each.name, each]).sort(byName);
  let weights = 0;
  for (const [, each] of ordered) {
    weights += each.weight;
    building.endpoints.push(compileEndpoint(each, { pool: index, check, region: pool.region }));
  }
  return weights;
}

function compileEndpoint(
  config: EndpointConfig,
  at: { readonly pool: PoolIndex; readonly check: CompiledCheck; readonly region: string },
): Endpoint {
  const { check, pool } = at;
  return {
    pool,
    name: config.name,
    identity: `${check.digest} ${config.name}`,
    ipv4: bytesOf(config.ipv4),
    ipv6: bytesOf(config.ipv6),
    host: config.host ?? "",
    cname: config.cname,
    port: config.port ?? check.defaultPort,
    weight: config.weight,
    monitor: check.monitor,
    ...(check.planFor === undefined ? {} : { check: check.planFor(config, at.region) }),
  };
}
