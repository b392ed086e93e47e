/**
 * What endpoints and pools are, whatever the class: docs/steering.md steps 2, 3, 4 and 7. Called by
 * plan-shares.ts, decide.ts and table.ts. A pool that can carry at a level that is asked has a
 * candidate in its row.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type {
  EndpointIndex,
  Fallback,
  Policy,
  Pool,
  PoolIndex,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import { isGated } from "../policy/pool-kinds.ts";
import { activity, forced, verdict, type World } from "../world/world.ts";
import { roundSplit } from "./shares.ts";

/** Step 3. */
export const conditions = { out: 0, down: 1, held: 2, unknown: 3, up: 4 } as const;
export type Condition = (typeof conditions)[keyof typeof conditions];

/** Step 4. */
export const levels = { up: 0, unknown: 1, held: 2, lastGood: 3, serveAll: 4 } as const;
export type Level = (typeof levels)[keyof typeof levels];
export const levelCount = 5;

/**
 * The class-independent facts of a service: carry[ordinal * levelCount + level], 0 if it cannot.
 * Where the service opted in to health, the cell of level 0 counts endpoints as well:
 *
 * | bits     | what                                            |
 * |----------|-------------------------------------------------|
 * | 0 .. 8   | availability                                    |
 * | 9 .. 19  | endpoints up, 0 if the pool cannot carry        |
 * | 20 .. 30 | endpoints in all, 0 if the pool is not eligible |
 *
 * and, where it may be in panic, that of level 1: endpoints up or unknown, and in all.
 */
export type Carry = Uint32Array;

const upShift = 9;
const allShift = 20;
const countMask = 0x7ff;

export function carriedAvailability(cell: number): number {
  return cell & ((1 << upShift) - 1);
}

export function carriedUp(cell: number): number {
  return (cell >> upShift) & countMask;
}

export function carriedAll(cell: number): number {
  return (cell >> allShift) & countMask;
}

/**
 * Step 3. The first row that holds:
 *
 * | operator's word    | verdict              | availability | condition |
 * |--------------------|----------------------|--------------|-----------|
 * | force-down, drain  | any                  | any          | out       |
 * | force-up           | any                  | any          | up        |
 * | none               | any, and blocked     | any          | down      |
 * | none               | any, and quarantined | any          | unknown   |
 * | none               | disabled             | any          | up        |
 * | none               | up                   | > 0          | up        |
 * | none               | up                   | 0            | held      |
 * | none               | unknown              | any          | unknown   |
 * | none               | down                 | any          | down      |
 */
export function condition(world: World, endpoint: EndpointIndex): Condition {
  const columns = world.endpoints;
  const word = columns.forced[endpoint];
  if (word === forced.down || word === forced.drain) return conditions.out;
  if (word === forced.up) return conditions.up;
  if (columns.blocked[endpoint] === 1) return conditions.down;
  if (columns.quarantined[endpoint] === 1) return conditions.unknown;
  switch (columns.verdict[endpoint]) {
    case verdict.disabled:
      return conditions.up;
    case verdict.up:
      return columns.availability[endpoint] === 0 ? conditions.held : conditions.up;
    case verdict.down:
      return conditions.down;
    default:
      return conditions.unknown;
  }
}

/** Availability of an endpoint whose condition is `up`: 256 unless it is returning. */
export function upAvailability(world: World, endpoint: EndpointIndex): number {
  const columns = world.endpoints;
  const plain = columns.forced[endpoint] === forced.none;
  if (!plain || columns.verdict[endpoint] !== verdict.up) return limits.availabilityFull;
  return columns.availability[endpoint] ?? 0;
}

/** Step 4, without eligibility: writes the pool's availability at each level to `out`. */
export function poolCarry(
  policy: Policy,
  world: World,
  at: { readonly pool: PoolIndex; readonly out: Carry; readonly offset: number },
): void {
  const pool = policy.pools[at.pool];
  assert(pool !== undefined, "pool index in range");
  const count = [0, 0, 0, 0, 0];
  let lastGood = 0;
  let greatest = 0;
  for (let k = 0; k < pool.endpointCount; k++) {
    const endpoint = (pool.firstEndpoint + k) as EndpointIndex;
    if (policy.endpoints[endpoint]?.weight === 0) continue;
    const is = condition(world, endpoint);
    count[is] = (count[is] ?? 0) + 1;
    if (is === conditions.up) greatest = Math.max(greatest, upAvailability(world, endpoint));
    if (is !== conditions.out && world.endpoints.lastGood[endpoint] === 1) lastGood++;
  }
  const full = limits.availabilityFull;
  const [, down = 0, held = 0, unknown = 0, up = 0] = count;
  const enough = (n: number) => n > 0 && n >= pool.minimum;
  at.out[at.offset + levels.up] = enough(up) ? greatest : 0;
  const health = policy.services[pool.service]?.health;
  if (health !== undefined) {
    const all = count.reduce((sum, n) => sum + n, 0);
    const counts = (all << allShift) | ((enough(up) ? up : 0) << upShift);
    at.out[at.offset + levels.up] = (enough(up) ? greatest : 0) | counts;
  }
  at.out[at.offset + levels.unknown] = enough(up + unknown) ? full : 0;
  if (health?.panic !== undefined) {
    const all = count.reduce((sum, n) => sum + n, 0);
    const usable = (all << allShift) | ((up + unknown) << upShift);
    at.out[at.offset + levels.unknown] = (enough(up + unknown) ? full : 0) | usable;
  }
  at.out[at.offset + levels.held] = enough(up + unknown + held) ? full : 0;
  at.out[at.offset + levels.lastGood] = lastGood > 0 ? full : 0;
  at.out[at.offset + levels.serveAll] = up + unknown + held + down > 0 ? full : 0;
}

/** Step 2: a standby nobody activated, or whose requirement fails, is out of everything. */
export function isActive(pool: Pool, world: World, index: PoolIndex): boolean {
  return !isGated(pool) || world.pools.active[index] === activity.yes;
}

/**
 * Steps 2 to 4 for every pool of a service. The fixed pool is in no plan, so its row is read by
 * step 6.3 alone. Residency is the class's and is applied where the plan is walked.
 */
export function serviceCarry(policy: Policy, world: World, index: ServiceIndex): Carry {
  const service = policy.services[index];
  assert(service !== undefined, "service index in range");
  const out = new Uint32Array(service.poolCount * levelCount);
  for (let ordinal = 0; ordinal < service.poolCount; ordinal++) {
    const at = (service.firstPool + ordinal) as PoolIndex;
    const pool = policy.pools[at];
    assert(pool !== undefined, "pools of a service are contiguous");
    if (!isActive(pool, world, at)) continue;
    poolCarry(policy, world, { pool: at, out, offset: ordinal * levelCount });
  }
  return out;
}

/** Usable endpoints and all, of the pools that may serve; undefined when it is not in panic. */
export function panicCounts(
  { health }: Service,
  carry: Carry,
): { readonly usable: number; readonly all: number } | undefined {
  if (health?.panic === undefined) return undefined;
  const { hundredths, pools } = health.panic;
  let [usable, all] = [0, 0];
  pools.forEach((mayServe, ordinal) => {
    const cell = mayServe ? (carry[ordinal * levelCount + levels.unknown] ?? 0) : 0;
    usable += carriedUp(cell);
    all += carriedAll(cell);
  });
  return usable > 0 && usable * 10_000 < hundredths * all ? { usable, all } : undefined;
}

export function serviceInPanic(policy: Policy, world: World, index: ServiceIndex): boolean {
  const service = policy.services[index];
  if (service?.health?.panic === undefined) return false;
  return panicCounts(service, serviceCarry(policy, world, index)) !== undefined;
}

/**
 * Step 7: shares of limits.shareTotal by position in the pool; all 0 when there is no candidate.
 */
export function poolRow(
  policy: Policy,
  world: World,
  at: {
    readonly pool: Pool;
    readonly fallback: Fallback;
    /** Of its service, for who knows it already. */
    readonly panic?: boolean;
  },
): readonly number[] {
  const { pool, fallback, panic = serviceInPanic(policy, world, pool.service) } = at;
  const weights: number[] = [];
  const rank: number[] = [];
  let best = 0;
  for (let k = 0; k < pool.endpointCount; k++) {
    const endpoint = (pool.firstEndpoint + k) as EndpointIndex;
    const weight = policy.endpoints[endpoint]?.weight ?? 0;
    const mine =
      weight === 0
        ? 0
        : panic
          ? panicRank(world, endpoint)
          : candidateRank(world, endpoint, fallback);
    weights.push(weight);
    rank.push(mine);
    best = Math.max(best, mine);
  }
  if (best === 0) return new Array<number>(pool.endpointCount).fill(0);
  const whole = limits.availabilityFull;
  let availabilities: number[] = rank.map((mine) => (mine === best ? whole : 0));
  if (best === candidateRanks.up) {
    const plain = rank.map((mine, k) =>
      mine === best ? upAvailability(world, (pool.firstEndpoint + k) as EndpointIndex) : 0,
    );
    const greatest = Math.max(...plain);
    availabilities = plain.map((a) => Math.floor((a * whole) / greatest));
  }
  return roundSplit(weights, availabilities);
}

/** In panic everything that is not out is one set. */
function panicRank(world: World, endpoint: EndpointIndex): number {
  return condition(world, endpoint) === conditions.out ? 0 : candidateRanks.fallback;
}

/** The sets of step 7, the first of them greatest; 0 is none. */
const candidateRanks = { fallback: 1, held: 2, unknown: 3, up: 4 } as const;

/**
 * | condition | fallback last-good       | serve-all | refuse, fixed |
 * |-----------|--------------------------|-----------|---------------|
 * | up        | up                       | up        | up            |
 * | unknown   | unknown                  | unknown   | unknown       |
 * | held      | held                     | held      | held          |
 * | down      | fallback if it was good  | fallback  | none          |
 * | out       | none                     | none      | none          |
 *
 * A set is tried only when those above it are empty, so an endpoint need stand in its first one
 * only.
 */
function candidateRank(world: World, endpoint: EndpointIndex, fallback: Fallback): number {
  switch (condition(world, endpoint)) {
    case conditions.up:
      return candidateRanks.up;
    case conditions.unknown:
      return candidateRanks.unknown;
    case conditions.held:
      return candidateRanks.held;
    case conditions.out:
      return 0;
    case conditions.down:
      if (fallback === "serve-all") return candidateRanks.fallback;
      if (fallback !== "last-good") return 0;
      return world.endpoints.lastGood[endpoint] === 1 ? candidateRanks.fallback : 0;
  }
}
