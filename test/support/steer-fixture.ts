/**
 * Small policies and worlds written by hand, for tests of the stages after compile. Everything a
 * test does not say is the least surprising value; indices follow the order written.
 */

import type { Location } from "../../src/geo/geography.ts";
import { limits } from "../../src/limits.ts";
import type { NameTable } from "../../src/policy/name-table.ts";
import type {
  ClassIndex,
  ClassPlan,
  Endpoint,
  EndpointIndex,
  Fallback,
  HealthSteering,
  Monitor,
  MonitorIndex,
  Plan,
  Policy,
  Pool,
  PoolIndex,
  PoolOrdinal,
  Region,
  RegionIndex,
  RuleSetIndex,
  Service,
  ServiceIndex,
} from "../../src/policy/policy.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { forced, verdict, type World } from "../../src/world/world.ts";

export interface PoolSketch {
  readonly region?: string;
  readonly name?: string;
  /** Weights of its endpoints. */
  readonly weights: readonly number[];
  readonly minimum?: number;
  readonly standby?: Pool["standby"];
  readonly fixed?: boolean;
  readonly monitored?: boolean;
}

export interface ServiceSketch {
  readonly name?: string;
  readonly pools: readonly PoolSketch[];
  readonly classes: readonly (Partial<ClassPlan> & { readonly plan: Plan })[];
  readonly rules?: readonly string[];
  readonly fallback?: Fallback;
  readonly health?: HealthSteering | undefined;
  readonly answers?: number;
  readonly key?: Service["key"];
  readonly ttl?: readonly [number, number];
  readonly holdMs?: number;
  readonly rampMs?: number;
}

const noNames: NameTable = {
  zones: [],
  slots: new Uint32Array(1),
  probesMax: 1,
  nodes: {
    nameOffset: new Uint32Array(0),
    nameLength: new Uint8Array(0),
    hash: new Int32Array(0),
    zone: new Uint16Array(0),
    flags: new Uint8Array(0),
    cut: new Int32Array(0),
    wildcard: new Int32Array(0),
    service: new Int32Array(0),
    parentSide: new Int32Array(0),
    firstRrset: new Uint32Array(0),
    rrsetCount: new Uint16Array(0),
  },
  rrsets: {
    type: new Uint16Array(0),
    ttlSeconds: new Uint32Array(0),
    recordCount: new Uint16Array(0),
    offset: new Uint32Array(0),
  },
  bytes: new Uint8Array(0),
};

const unknownLocation: Location = {
  country: "",
  continent: "",
  subdivision: "",
  asn: 0,
  latitude: Number.NaN,
  longitude: Number.NaN,
};

export const testMonitor: Monitor = {
  kind: "http",
  port: 0,
  path: "/",
  host: "",
  serverName: "",
  verifyTls: true,
  sourceAddress: "",
  expectStatus: [[200, 299]],
  expectBody: "",
  intervalMs: 2000,
  timeoutMs: 1000,
  downThreshold: 3,
  upThreshold: 5,
  okThreshold: 3,
};

/** A policy of these services. Every address is of location 0, whose class is 0. */
export function policyOf(sketches: readonly ServiceSketch[]): Policy {
  const regions: Region[] = [];
  const pools: Pool[] = [];
  const endpoints: Endpoint[] = [];
  const services = sketches.map((sketch, s): Service => {
    const firstPool = pools.length as PoolIndex;
    sketch.pools.forEach((pool, ordinal) => {
      const region = pool.region ?? `r${String(ordinal).padStart(2, "0")}`;
      const index = pools.length as PoolIndex;
      pools.push({
        service: s as ServiceIndex,
        region: regionIndex(regions, region),
        name: pool.fixed === true ? "(fixed)" : (pool.name ?? region),
        firstEndpoint: endpoints.length as EndpointIndex,
        endpointCount: pool.weights.length,
        minimum: pool.minimum ?? 1,
        standby: pool.standby ?? "no",
        fixed: pool.fixed ?? false,
      });
      const monitored = pool.fixed !== true && pool.monitored !== false;
      for (const weight of pool.weights) {
        endpoints.push(endpointOf(index, { number: endpoints.length, weight, monitored }));
      }
    });
    return serviceOf(sketch, { s, firstPool });
  });
  return {
    digest: "policy",
    configDigest: "config",
    geographyDigest: "geography",
    engine: "test",
    regions,
    services,
    pools,
    endpoints,
    monitors: [testMonitor],
    ruleSets: sketches.map((sketch) => ({
      rules: (sketch.rules ?? [""]).map((when) => ({ when, steer: "" })),
      classes: sketch.classes.map((made) => ({
        allowed: made.allowed ?? sketch.pools.map(() => true),
        rule: made.rule ?? 0,
        ranking: made.ranking ?? [],
        plan: made.plan,
      })),
      residency: undefined,
      classOfLocation: new Uint16Array(1),
      scope4: new Uint8Array(1),
      scope6: new Uint8Array(1),
    })),
    v4: oneLeaf(1),
    v6: oneLeaf(4),
    locations: [unknownLocation],
    names: noNames,
    listen: {
      dns: [],
      dnsWorkers: 0,
      dnsGatherMicroseconds: 0,
      dnsTcp: {
        connectionsMax: limits.dnsTcpConnections,
        connectionsPerClientMax: limits.dnsTcpConnectionsPerClient,
        idleMs: limits.dnsTcpIdleMs,
      },
      dnsCookies: "on",
      dot: [],
      doh: [],
      tls: undefined,
      dnsProxies: [],
      dnsExplain: [],
      dnsRateLimit: undefined,
      redirect: [],
      metrics: "",
    },
    trustedProxies: [],
  };
}

function regionIndex(regions: Region[], name: string): RegionIndex {
  const found = regions.findIndex((region) => region.name === name);
  if (found !== -1) return found as RegionIndex;
  regions.push({ name, jurisdictions: [], latitude: 0, longitude: regions.length });
  return (regions.length - 1) as RegionIndex;
}

function endpointOf(
  pool: PoolIndex,
  at: { readonly number: number; readonly weight: number; readonly monitored: boolean },
): Endpoint {
  const ipv4 = Uint8Array.of(10, (at.number >> 16) & 255, (at.number >> 8) & 255, at.number & 255);
  const name = ipv4.join(".");
  return {
    pool,
    name,
    identity: `test ${name}`,
    ipv4,
    ipv6: new Uint8Array(0),
    host: "",
    cname: false,
    port: 80,
    weight: at.weight,
    monitor: at.monitored ? (0 as MonitorIndex) : -1,
  };
}

function serviceOf(
  sketch: ServiceSketch,
  at: { readonly s: number; readonly firstPool: PoolIndex },
): Service {
  const name = sketch.name ?? `s${String(at.s).padStart(5, "0")}`;
  return {
    name,
    ruleSet: at.s as RuleSetIndex,
    firstPool: at.firstPool,
    poolCount: sketch.pools.length,
    fallback: sketch.fallback ?? "serve-all",
    health: sketch.health,
    fixedPool: sketch.pools.findIndex((pool) => pool.fixed === true) as PoolOrdinal | -1,
    key: sketch.key ?? "query",
    seed: at.s,
    affinityMask4: 24,
    affinityMask6: 56,
    ttlSecondsMin: sketch.ttl?.[0] ?? 30,
    ttlSecondsMax: sketch.ttl?.[1] ?? 30,
    answers: sketch.answers ?? 1,
    holdMs: sketch.holdMs ?? 60_000,
    rampMs: sketch.rampMs ?? 300_000,
    withoutEcs: "resolver",
    redirect: "",
    names: [`${name}.example.com`],
  };
}

function oneLeaf(words: 1 | 4): Policy["v4"] {
  return {
    words,
    starts: new Uint32Array(words),
    lengths: new Uint8Array(1),
    locations: new Uint32Array(1),
    index: new Uint32Array(2),
  };
}

export const pool = (ordinal: number): Plan => ({ kind: "pool", pool: ordinal as PoolOrdinal });
export const first = (...children: readonly Plan[]): Plan => ({ kind: "first", children });
export const split = (...parts: readonly (readonly [number, Plan])[]): Plan => ({
  kind: "split",
  children: parts.map(([, child]) => child),
  weights: parts.map(([weight]) => weight),
});

/**
 * What an endpoint is, in one word: `up`, `unknown`, `down`, `held`, `quarantined`, `out` (forced
 * down), `drain`, `forced` (up), or a number: up at that availability. `+good`: last-good as well.
 */
export type EndpointSketch = string | number;

/** The world of `policy` in which endpoint i is as `sketch[i]` says; those not named are up. */
export function worldOf(policy: Policy, sketch: readonly EndpointSketch[]): World {
  const world = initialWorld(policy, 1_000_000);
  policy.endpoints.forEach((endpoint, index) => {
    setEndpoint(world, { index, monitored: endpoint.monitor !== -1 }, sketch[index] ?? "up");
  });
  return world;
}

export function setEndpoint(
  world: World,
  at: { readonly index: number; readonly monitored: boolean },
  sketch: EndpointSketch,
): void {
  const columns = world.endpoints;
  const { index } = at;
  const [word = "up", good] = String(sketch).split("+");
  columns.lastGood[index] = good === "good" ? 1 : 0;
  columns.quarantined[index] = word === "quarantined" ? 1 : 0;
  columns.forced[index] = forcedWords[word] ?? forced.none;
  columns.availability[index] =
    word === "held" ? 0 : Number.isNaN(Number(word)) ? 256 : Number(word);
  if (!at.monitored) return;
  columns.verdict[index] = verdictWords[word] ?? verdict.up;
}

const forcedWords: Readonly<Record<string, number>> = {
  out: forced.down,
  drain: forced.drain,
  forced: forced.up,
};
const verdictWords: Readonly<Record<string, number>> = {
  unknown: verdict.unknown,
  down: verdict.down,
  forced: verdict.down,
};

export const serviceAt = (index: number): ServiceIndex => index as ServiceIndex;
export const classAt = (index: number): ClassIndex => index as ClassIndex;
