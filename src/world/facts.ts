/**
 * What step.ts needs to know of a policy, as typed arrays by endpoint, pool and service, so that
 * the work for one probe result touches no objects. Derived from a Policy once and remembered with
 * it: a cache, not a state - the same policy always gives the same facts.
 */
import { assert } from "../errors.ts";
import type { CheckPlan, Plan, Policy, Pool } from "../policy/policy.ts";
import { isGated } from "../policy/pool-kinds.ts";

export interface Facts {
  /** Silence longer than this makes a verdict unknown; Infinity without a monitor. */
  readonly silenceMs: Float64Array;
  readonly intervalMs: Float64Array;
  readonly downThreshold: Uint16Array;
  readonly upThreshold: Uint16Array;
  readonly okThreshold: Uint16Array;
  /** 1: a decision can give it a share: its weight is not 0 and its pool stands in some plan. */
  readonly takesPart: Uint8Array;
  readonly poolOfEndpoint: Uint32Array;
  readonly serviceOfEndpoint: Uint32Array;
  /** 1: a standby that takes part only while active. */
  readonly gated: Uint8Array;
  /** 1: a part of checks, and no endpoint anybody is steered to. */
  readonly part: Uint8Array;
  /** By service: endpoints that take part. */
  readonly taking: Uint32Array;
  /** By service: those that depend on it, ascending. */
  readonly dependents: readonly (readonly number[])[];
  /** By row of a part: whose checks it is in. */
  readonly followers: ReadonlyMap<number, Followers>;
  readonly serviceOfPool: Uint32Array;
  /** Endpoints of service s are firstEndpoint[s] .. firstEndpoint[s + 1] - 1. */
  readonly firstEndpoint: Uint32Array;
  /** 1: its TTL is a constant, because minimum and maximum are the same. */
  readonly ttlFixed: Uint8Array;
  readonly poolsOfRegion: readonly (readonly number[])[];
}

/** Ascending, each once. */
export interface Followers {
  readonly endpoints: readonly number[];
  readonly pools: readonly number[];
}

const nobody: Followers = { endpoints: [], pools: [] };

export function followersOf(facts: Facts, row: number): Followers {
  return facts.followers.get(row) ?? nobody;
}

const known = new WeakMap<Policy, Facts>();

export function factsOf(policy: Policy): Facts {
  const found = known.get(policy);
  if (found !== undefined) return found;
  const made = makeFacts(policy);
  known.set(policy, made);
  return made;
}

function makeFacts(policy: Policy): Facts {
  const count = policy.endpoints.length;
  const facts = {
    silenceMs: new Float64Array(count).fill(Number.POSITIVE_INFINITY),
    intervalMs: new Float64Array(count),
    downThreshold: new Uint16Array(count),
    upThreshold: new Uint16Array(count),
    okThreshold: new Uint16Array(count),
    takesPart: new Uint8Array(count),
    poolOfEndpoint: new Uint32Array(count),
    serviceOfEndpoint: new Uint32Array(count),
    gated: Uint8Array.from(policy.pools, (pool) => (isGated(pool) ? 1 : 0)),
    part: new Uint8Array(count),
    taking: new Uint32Array(policy.services.length),
    dependents: dependentsOf(policy),
    followers: followersByPart(policy),
    serviceOfPool: Uint32Array.from(policy.pools, (pool) => pool.service),
    firstEndpoint: new Uint32Array(policy.services.length + 1),
    ttlFixed: Uint8Array.from(policy.services, (service) =>
      service.ttlSecondsMin === service.ttlSecondsMax ? 1 : 0,
    ),
    poolsOfRegion: policy.regions.map((): number[] => []),
  };
  const served = policy.ruleSets.map((ruleSet) => {
    const ordinals = new Set<number>();
    for (const { plan, allowed } of ruleSet.classes) addPools(plan, allowed, ordinals);
    return ordinals;
  });
  let next = 0;
  policy.services.forEach((service, serviceIndex) => {
    facts.firstEndpoint[serviceIndex] = next;
    for (let ordinal = 0; ordinal < service.poolCount; ordinal++) {
      const poolIndex = service.firstPool + ordinal;
      const pool = policy.pools[poolIndex];
      assert(pool !== undefined && pool.service === serviceIndex, "pools follow their services");
      assert(pool.firstEndpoint === next, "endpoints follow their pools");
      facts.poolsOfRegion[pool.region]?.push(poolIndex);
      const takesPart = !pool.fixed && served[service.ruleSet]?.has(ordinal) === true;
      next = fillPool(policy, facts, { pool, poolIndex, takesPart });
    }
    const poolIndex = service.firstPool + service.poolCount;
    const checks = policy.pools[poolIndex];
    if (checks?.checks !== true) return;
    assert(checks.service === serviceIndex && checks.firstEndpoint === next, "checks follow pools");
    facts.part.fill(1, next, next + checks.endpointCount);
    next = fillPool(policy, facts, { pool: checks, poolIndex, takesPart: false });
  });
  assert(next === count, "every endpoint has a pool");
  facts.firstEndpoint[policy.services.length] = next;
  return facts;
}

/** Returns the first row behind the pool. */
function fillPool(
  policy: Policy,
  facts: Facts,
  of: { readonly pool: Pool; readonly poolIndex: number; readonly takesPart: boolean },
): number {
  const { pool, poolIndex, takesPart } = of;
  const end = pool.firstEndpoint + pool.endpointCount;
  for (let index: number = pool.firstEndpoint; index < end; index++) {
    facts.poolOfEndpoint[index] = poolIndex;
    facts.serviceOfEndpoint[index] = pool.service;
    fillEndpoint(policy, facts, { index, takesPart });
  }
  return end;
}

function dependentsOf(policy: Policy): readonly (readonly number[])[] {
  const found = policy.services.map((): number[] => []);
  policy.services.forEach(({ dependencies = [] }, dependent) => {
    for (const { service } of dependencies) found[service]!.push(dependent);
  });
  return found;
}

function followersByPart(policy: Policy): ReadonlyMap<number, Followers> {
  const found = new Map<number, { endpoints: number[]; pools: number[] }>();
  const note = (check: CheckPlan, kind: keyof Followers, row: number): void => {
    for (const part of partsOf(check).keys()) {
      const entry = found.get(part) ?? { endpoints: [], pools: [] };
      found.set(part, entry);
      entry[kind].push(row);
    }
  };
  policy.endpoints.forEach(({ check }, row) => {
    if (check !== undefined) note(check, "endpoints", row);
  });
  policy.pools.forEach(({ requires }, pool) => {
    if (requires !== undefined) note(requires, "pools", pool);
  });
  return found;
}

/** The rows a check asks through, each once; true for those whose failure is what it wants. */
export function partsOf(check: CheckPlan): ReadonlyMap<number, boolean> {
  const rows = new Map<number, boolean>();
  const walk = (plan: CheckPlan, inverted: boolean): void => {
    if (plan.kind === "probe") rows.set(plan.endpoint, rows.get(plan.endpoint) ?? inverted);
    else if (plan.kind === "not") walk(plan.of, !inverted);
    else for (const part of plan.of) walk(part, inverted);
  };
  walk(check, false);
  return rows;
}

/** Rows of a policy that fail on a good day. */
export function failingOnGoodDays(policy: Policy): ReadonlySet<number> {
  const checks = [
    ...policy.endpoints.map(({ check }) => check),
    ...policy.pools.map(({ requires }) => requires),
  ];
  const rows = new Set<number>();
  for (const check of checks) {
    if (check === undefined) continue;
    for (const [row, inverted] of partsOf(check)) if (inverted) rows.add(row);
  }
  return rows;
}

function fillEndpoint(
  policy: Policy,
  facts: Facts,
  options: { readonly index: number; readonly takesPart: boolean },
): void {
  const { index } = options;
  const endpoint = policy.endpoints[index]!;
  if (options.takesPart && endpoint.weight > 0) {
    facts.takesPart[index] = 1;
    facts.taking[facts.serviceOfEndpoint[index]!]! += 1;
  }
  if (endpoint.monitor === -1) return;
  const monitor = policy.monitors[endpoint.monitor];
  assert(monitor !== undefined, "a monitor named by an endpoint exists");
  facts.intervalMs[index] = monitor.intervalMs;
  // A probe that is still on its way is not silence: hence the time-out on top.
  facts.silenceMs[index] = 3 * monitor.intervalMs + monitor.timeoutMs;
  facts.downThreshold[index] = monitor.downThreshold;
  facts.upThreshold[index] = monitor.upThreshold;
  facts.okThreshold[index] = monitor.okThreshold;
}

function addPools(plan: Plan, allowed: readonly boolean[], into: Set<number>): void {
  if (plan.kind === "pool") {
    if (allowed[plan.pool] === true) into.add(plan.pool);
    return;
  }
  for (const child of plan.children) addPools(child, allowed, into);
}
