/**
 * allocate: spreads classes over capacity, docs/steering.md "Capacity". (Policy, World, now) -> the
 * columns of World that say what each pool keeps of what comes to it. Called by the observer, by
 * plan, simulate and prove, which hand the result to step() as an event; decide only reads it.
 * Pure, and in whole numbers: every node of a cluster gets the same.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type {
  Capacity,
  CapacityService,
  ClassIndex,
  EndpointIndex,
  Policy,
  PoolIndex,
} from "../policy/policy.ts";
import type { Allocation } from "../world/event.ts";
import { step } from "../world/step.ts";
import { allocations, capacityWalks, keepsPerPool, type World } from "../world/world.ts";
import { capacityRow, limitsOfPool } from "./capacity-index.ts";
import type { CapacityScene as Scene } from "./capacity-scene.ts";
import { condition, conditions, serviceCarry } from "./carry.ts";
import { feedbackStep } from "./feedback.ts";
import { steeredClass } from "./measured.ts";
import { classTiers, keptOf, offersOf, type Tier } from "./walks.ts";

export interface Allocated {
  readonly allocation: Allocation;
  /** It differs from what World has. */
  readonly changed: boolean;
  /** The soonest moment at which time alone may change it; Infinity for none. */
  readonly nextAt: number;
}

/** undefined where the policy declares no capacity. */
export function allocate(policy: Policy, world: World, nowMs: number): Allocated | undefined {
  const { capacity } = policy;
  if (capacity === undefined) return undefined;
  const keep = new Uint16Array(world.capacity.keep.length).fill(limits.keepFull);
  const fedAt = world.capacity.fedAt.slice();
  const mode = new Uint8Array(policy.services.length);
  const amounts = capacity.limits.map((_, limit) => amountOf(policy, world, limit));
  const drained = drainedPools(policy, world);
  const fed: CapacityService[] = [];
  let nextAt = Number.POSITIVE_INFINITY;
  for (const each of capacity.services) {
    if (each.demand !== undefined) mode[each.service] = allocations.demand;
    else fed.push(each);
  }
  const scene = { policy, world, capacity, amounts, drained, keep };
  fill(scene);
  for (const each of fed) {
    const made = feedbackStep({ ...scene, service: each, fedAt, nowMs });
    mode[each.service] = made.fresh ? allocations.feedback : allocations.noDemand;
    nextAt = Math.min(nextAt, made.nextAt);
  }
  const changed =
    differs(keep, world.capacity.keep) ||
    differs(fedAt, world.capacity.fedAt) ||
    differs(mode, world.services.allocation);
  return { allocation: { keep, fedAt, mode }, changed, nextAt };
}

/** World with its allocation, for who makes a World up. */
export function withAllocation(policy: Policy, world: World, nowMs = world.at): World {
  const made = allocate(policy, world, nowMs);
  if (made?.changed !== true) return world;
  const { allocation } = made;
  const event = { kind: "allocation", policyDigest: policy.digest, at: nowMs, allocation } as const;
  return step(policy, world, [event], nowMs).world;
}

function differs(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return true;
  return false;
}

/** How much of a limit there is, in thousandths. */
export function amountOf(policy: Policy, world: World, limit: number): number {
  const found = policy.capacity?.limits[limit];
  assert(found !== undefined, "limit in range");
  if (!found.byHealth) return found.amount;
  let [usable, all, sum] = [0, 0, 0];
  for (const index of found.pools) {
    const pool = policy.pools[index];
    assert(pool !== undefined, "pools of limits exist");
    for (let k = 0; k < pool.endpointCount; k++) {
      const endpoint = (pool.firstEndpoint + k) as EndpointIndex;
      const weight = policy.endpoints[endpoint]?.weight ?? 0;
      const is = weight > 0 && isUsable(world, endpoint);
      all += weight;
      usable += is ? weight : 0;
      sum += is ? (found.byEndpoint[k] ?? 0) : 0;
    }
  }
  if (found.byEndpoint.length > 0) return sum;
  return all === 0 ? 0 : Number((BigInt(found.amount) * BigInt(usable)) / BigInt(all));
}

function isUsable(world: World, endpoint: EndpointIndex): boolean {
  const is = condition(world, endpoint);
  return is === conditions.up || is === conditions.unknown;
}

/** Pools of which less than a quarter is usable, never more than half of a service's. */
function drainedPools(policy: Policy, world: World): ReadonlySet<PoolIndex> {
  const { capacity } = policy;
  const drained = new Set<PoolIndex>();
  for (const { service } of capacity?.services ?? []) {
    const { firstPool = 0, poolCount = 0 } = policy.services[service] ?? {};
    const parts: { readonly pool: PoolIndex; readonly usable: number; readonly all: number }[] = [];
    for (let pool = firstPool as PoolIndex; pool < firstPool + poolCount; pool++) {
      if (capacityRow(capacity, pool) !== -1)
        parts.push({ pool, ...weightsOf(policy, world, pool) });
    }
    const least = parts
      .filter(({ usable, all }) => usable * 4 < all)
      .sort((a, b) => a.usable * b.all - b.usable * a.all || a.pool - b.pool);
    for (const { pool } of least.slice(0, Math.floor(parts.length / 2))) drained.add(pool);
  }
  return drained;
}

function weightsOf(policy: Policy, world: World, index: PoolIndex) {
  const { firstEndpoint = 0, endpointCount = 0 } = policy.pools[index] ?? {};
  let [usable, all] = [0, 0];
  for (let k = 0; k < endpointCount; k++) {
    const endpoint = (firstEndpoint + k) as EndpointIndex;
    const weight = policy.endpoints[endpoint]?.weight ?? 0;
    all += weight;
    if (weight > 0 && isUsable(world, endpoint)) usable += weight;
  }
  return { usable, all };
}

/** A class that walks. */
interface Walker {
  readonly firstPool: number;
  readonly tiers: readonly Tier[];
  left: number;
}

/** Filling by demand: all classes walk at once. */
function fill(scene: Scene): void {
  const { policy, capacity, amounts } = scene;
  const walkers = walkersOf(scene);
  if (walkers.length === 0) return;
  const taken = amounts.map(() => 0);
  const targets = targetsOf(capacity);
  const withDemand = new Set<number | undefined>(
    capacity.services.flatMap(({ service, demand }) => (demand === undefined ? [] : [service])),
  );
  const byDemand = capacity.pools.filter((pool) => withDemand.has(policy.pools[pool]?.service));
  for (let walk = 0; walk < capacityWalks; walk++) {
    const room = (limit: number): number => {
      const amount = amounts[limit] ?? 0;
      const most = walk === 0 ? Math.floor((amount * (targets[limit] ?? 0)) / 10_000) : amount;
      return Math.max(0, most - (taken[limit] ?? 0));
    };
    for (let place = 0; place < limits.capacityTiersMax; place++) {
      const keeps = keepsOf(scene, { walkers, place, room });
      for (const pool of byDemand) {
        const cell = capacityRow(capacity, pool) * keepsPerPool + walk * limits.capacityTiersMax;
        scene.keep[cell + place] = keeps.get(pool) ?? 0;
      }
      for (const walker of walkers) takeIn(walker, { capacity, place, keeps, taken });
    }
  }
}

function walkersOf({ policy, world, capacity }: Scene): readonly Walker[] {
  return capacity.services.flatMap(({ service: index, demand }): Walker[] => {
    const service = policy.services[index];
    const classes = policy.ruleSets[service?.ruleSet ?? -1]?.classes;
    if (service === undefined || classes === undefined || demand === undefined) return [];
    const carry = serviceCarry(policy, world, index);
    return demand.flatMap((left, classIndex) => {
      const written = classes[classIndex as ClassIndex];
      if (left === 0 || written === undefined) return [];
      const classPlan = steeredClass(policy, world, written);
      const tiers = classTiers({ index, service, classPlan, carry });
      return [{ firstPool: service.firstPool, tiers, left }];
    });
  });
}

/** By limit, in hundredths of a percent: the least of its services'. */
function targetsOf(capacity: Capacity): readonly number[] {
  const least = capacity.limits.map(() => 10_000);
  for (const { limits: of, targetHundredths } of capacity.services) {
    for (const limit of of) least[limit] = Math.min(least[limit] ?? 0, targetHundredths);
  }
  return least;
}

/** K of every pool that is asked at a place, and of those nobody comes to. */
function keepsOf(
  { capacity, drained }: Scene,
  at: {
    readonly walkers: readonly Walker[];
    readonly place: number;
    room(limit: number): number;
  },
): ReadonlyMap<number, number> {
  const offered = capacity.limits.map(() => 0);
  for (const { firstPool, tiers, left } of at.walkers) {
    const tier = tiers[at.place];
    if (tier === undefined || left === 0) continue;
    for (const { ordinal, offer } of offersOf(tier, left)) {
      const pool = (firstPool + ordinal) as PoolIndex;
      if (drained.has(pool)) continue;
      for (const limit of limitsOfPool(capacity, pool)) {
        offered[limit] = (offered[limit] ?? 0) + offer;
      }
    }
  }
  const keepOfLimit = offered.map((offer, limit) => {
    const room = at.room(limit);
    if (offer === 0) return room > 0 ? limits.keepFull : 0;
    return room >= offer ? limits.keepFull : Math.floor((limits.keepFull * room) / offer);
  });
  const keeps = new Map<number, number>();
  for (const pool of capacity.pools) {
    const mine = limitsOfPool(capacity, pool).map((limit) => keepOfLimit[limit] ?? 0);
    keeps.set(pool, drained.has(pool) ? 0 : Math.min(limits.keepFull, ...mine));
  }
  return keeps;
}

function takeIn(
  walker: Walker,
  at: {
    readonly capacity: Capacity;
    readonly place: number;
    readonly keeps: ReadonlyMap<number, number>;
    readonly taken: number[];
  },
): void {
  const tier = walker.tiers[at.place];
  if (tier === undefined || walker.left === 0) return;
  let sum = 0;
  for (const { ordinal, offer } of offersOf(tier, walker.left)) {
    const pool = walker.firstPool + ordinal;
    const part = keptOf(offer, at.keeps.get(pool) ?? limits.keepFull);
    sum += part;
    for (const limit of limitsOfPool(at.capacity, pool)) {
      at.taken[limit] = (at.taken[limit] ?? 0) + part;
    }
  }
  walker.left -= sum;
}
