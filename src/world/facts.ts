/**
 * What step.ts needs to know of a policy, as typed arrays by endpoint, pool and service, so that
 * the work for one probe result touches no objects. Derived from a Policy once and remembered with
 * it: a cache, not a state - the same policy always gives the same facts.
 */
import { assert } from "../errors.ts";
import type { Plan, Policy } from "../policy/policy.ts";

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
  /** 1: a manual standby, which takes part only while active. */
  readonly manual: Uint8Array;
  readonly serviceOfPool: Uint32Array;
  /** Endpoints of service s are firstEndpoint[s] .. firstEndpoint[s + 1] - 1. */
  readonly firstEndpoint: Uint32Array;
  /** 1: its TTL is a constant, because minimum and maximum are the same. */
  readonly ttlFixed: Uint8Array;
  readonly poolsOfRegion: readonly (readonly number[])[];
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
    manual: Uint8Array.from(policy.pools, (pool) => (pool.standby === "manual" ? 1 : 0)),
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
      for (; next < pool.firstEndpoint + pool.endpointCount; next++) {
        facts.poolOfEndpoint[next] = poolIndex;
        facts.serviceOfEndpoint[next] = serviceIndex;
        fillEndpoint(policy, facts, { index: next, takesPart });
      }
    }
  });
  assert(next === count, "every endpoint has a pool");
  facts.firstEndpoint[policy.services.length] = next;
  return facts;
}

function fillEndpoint(
  policy: Policy,
  facts: Facts,
  options: { readonly index: number; readonly takesPart: boolean },
): void {
  const { index } = options;
  const endpoint = policy.endpoints[index]!;
  if (options.takesPart && endpoint.weight > 0) facts.takesPart[index] = 1;
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
