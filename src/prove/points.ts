/**
 * The proof's own check: whole decisions, by decide(), in random states of random services. Called
 * by prove.ts. A proof runs the parts a decision is made of; what is left between the parts is
 * looked at here. A point that breaks an assertion which was proved is a fault of Rhumb, and is
 * reported as a violation with everything put back to the good day that can be.
 */
import { assert } from "../errors.ts";
import type { ClassIndex, Policy, PoolIndex, RegionIndex, ServiceIndex } from "../policy/policy.ts";
import { isGated, isMonitored } from "../policy/pool-kinds.ts";
import { condition, conditions } from "../steer/carry.ts";
import type { decide } from "../steer/decide.ts";
import type { World } from "../world/world.ts";
import { applyChanges, type PoolChange } from "./counter-example.ts";
import {
  type EndpointState,
  goodDay,
  isGoodDay,
  monitoredKinds,
  unmonitoredKinds,
} from "./endpoint-state.ts";
import { goodDayWorld } from "./good-day.ts";
import type { PoolState } from "./pool-states.ts";
import { shakeMeasures } from "./shake.ts";
import { isOutside, serving } from "./subject.ts";
import type { SupportClaim } from "./support.ts";

export type DecideFunction = typeof decide;

export interface PointsInput {
  readonly claim: SupportClaim;
  readonly services: readonly ServiceIndex[];
  readonly residency: (service: ServiceIndex) => readonly string[] | undefined;
  readonly decide: DecideFunction;
  readonly points: number;
  /** 0 .. 2^32 - 1. */
  readonly draw: () => number;
}

export interface BadPoint {
  readonly service: ServiceIndex;
  readonly classIndex: number;
  readonly changes: readonly PoolChange[];
}

export function findBadPoint(policy: Policy, input: PointsInput): BadPoint | undefined {
  const world = goodDayWorld(policy);
  const below = (n: number): number => input.draw() % n;
  for (let point = 0; point < input.points; point++) {
    const service = input.services[below(input.services.length)];
    if (service === undefined) return undefined;
    const classes = policy.ruleSets[policy.services[service]?.ruleSet ?? -1]?.classes ?? [];
    const classIndex = below(Math.max(1, classes.length));
    const at: At = { service, classIndex, residency: input.residency(service) };
    shakeMeasures(policy, world, { service, classPlan: classes[classIndex], below });
    const changes = randomChanges(policy, { service, claim: input.claim, below });
    if (!isBad(policy, world, { at, changes, input })) continue;
    return {
      service,
      classIndex: at.classIndex,
      changes: shrunk(policy, world, { at, changes, input }),
    };
  }
  return undefined;
}

interface At {
  readonly service: ServiceIndex;
  readonly classIndex: number;
  readonly residency: readonly string[] | undefined;
}

interface Point {
  readonly at: At;
  readonly changes: readonly PoolChange[];
  readonly input: PointsInput;
}

/** Every pool of the service, changed or not; within the claim's number of regions. */
function randomChanges(
  policy: Policy,
  at: {
    readonly service: ServiceIndex;
    readonly claim: SupportClaim;
    readonly below: (n: number) => number;
  },
): readonly PoolChange[] {
  const { claim, below } = at;
  const service = policy.services[at.service];
  assert(service !== undefined, "service index in range");
  const pools = Array.from({ length: service.poolCount }, (_, i) => {
    return (service.firstPool + i) as PoolIndex;
  });
  const regions = new Set(pools.map((pool) => policy.pools[pool]?.region as RegionIndex));
  const troubled = new Set<RegionIndex>(regions);
  if (claim.kind === "answer-regions") {
    const left = [...regions];
    troubled.clear();
    for (let i = 0; i < claim.regionsDown && left.length > 0; i++) {
      for (const region of left.splice(below(left.length), 1)) troubled.add(region);
    }
  }
  // Few or many failures, so that "all of them" comes up as well.
  const badPercent = [10, 50, 90, 100][below(4)] ?? 50;
  return pools.map((index) => {
    const pool = policy.pools[index];
    assert(pool !== undefined, "pools of a service are contiguous");
    const endpoints = Array.from({ length: pool.endpointCount }, (_, k): EndpointState => {
      const endpoint = policy.endpoints[pool.firstEndpoint + k];
      if (!troubled.has(pool.region) || below(100) >= badPercent) return goodDay;
      const monitored = endpoint !== undefined && isMonitored(endpoint);
      const kinds = monitored ? monitoredKinds : unmonitoredKinds;
      return { kind: kinds[below(kinds.length)] ?? "down", lastGood: below(2) === 0 };
    });
    const active = !isGated(pool) || below(2) === 0;
    return {
      pool: index,
      state: stateOf(isGated(pool) && active, { endpoints, active }),
    };
  });
}

function stateOf(
  woken: boolean,
  at: { readonly endpoints: readonly EndpointState[]; readonly active: boolean },
): PoolState {
  const changed = at.endpoints.filter((state) => !isGoodDay(state)).length;
  const cost = changed + (woken ? 1 : 0);
  return { cells: [], up: 0, benign: changed === 0, cost, ...at };
}

/** Whether the state is one the claim speaks of, and the decision in it breaks the claim. */
function isBad(policy: Policy, world: World, { at, changes, input }: Point): boolean {
  applyChanges(policy, world, changes);
  const made = input.decide(policy, world, at.service, at.classIndex as ClassIndex);
  const endpoints = made.answers.flatMap((answer) => [...answer.endpoints]);
  if (input.claim.kind === "residency") {
    return endpoints.some((endpoint) => {
      const pool = policy.endpoints[endpoint]?.pool ?? (-1 as PoolIndex);
      return isForbidden(policy, pool, at);
    });
  }
  if (input.claim.kind === "answer-endpoints") {
    if (endpointsUp(policy, world, at) < input.claim.endpointsUp) return false;
  }
  const dead = endpoints.some((endpoint) => condition(world, endpoint) === conditions.down);
  return made.outcome !== "answer" || dead;
}

/** Outside the service's residency, or outside the class's set. */
function isForbidden(policy: Policy, pool: PoolIndex, at: At): boolean {
  const service = policy.services[at.service];
  const classPlan = policy.ruleSets[service?.ruleSet ?? -1]?.classes[at.classIndex];
  assert(service !== undefined && classPlan !== undefined, "service and class in range");
  const allowed = classPlan.allowed[pool - service.firstPool] === true;
  return !allowed || isOutside(policy, pool, at.residency);
}

/** Endpoints up that may serve the class: those of its plan. */
function endpointsUp(policy: Policy, world: World, at: At): number {
  const service = policy.services[at.service];
  const classPlan = policy.ruleSets[service?.ruleSet ?? -1]?.classes[at.classIndex];
  assert(service !== undefined && classPlan !== undefined, "service and class in range");
  let count = 0;
  for (const ordinal of serving(classPlan.plan)) {
    const index = (service.firstPool + ordinal) as PoolIndex;
    const pool = policy.pools[index];
    if (pool === undefined || isForbidden(policy, index, at)) continue;
    if (isGated(pool) && world.pools.active[index] !== 1) continue;
    for (let k = 0; k < pool.endpointCount; k++) {
      const endpoint = (pool.firstEndpoint + k) as Parameters<typeof condition>[1];
      if (policy.endpoints[endpoint]?.weight === 0) continue;
      if (condition(world, endpoint) === conditions.up) count++;
    }
  }
  return count;
}

/** Puts back, endpoint by endpoint and standby by standby, what the violation does not need. */
function shrunk(policy: Policy, world: World, point: Point): readonly PoolChange[] {
  let changes = point.changes;
  const tryWith = (index: number, state: PoolState): void => {
    const next = changes.map((change, i) => (i === index ? { ...change, state } : change));
    if (isBad(policy, world, { ...point, changes: next })) changes = next;
  };
  changes.forEach(({ pool: poolIndex }, index) => {
    const pool = policy.pools[poolIndex];
    const manual = pool !== undefined && isGated(pool);
    const now = (): PoolState =>
      changes[index]?.state ?? stateOf(false, { endpoints: [], active: true });
    if (manual && now().active) {
      tryWith(index, stateOf(false, { endpoints: now().endpoints, active: false }));
    }
    now().endpoints.forEach((state, k) => {
      if (isGoodDay(state)) return;
      const { active } = now();
      const endpoints = now().endpoints.map((each, i) => (i === k ? goodDay : each));
      tryWith(index, stateOf(manual && active, { endpoints, active }));
    });
  });
  return changes.filter(({ state }) => state.cost > 0);
}
