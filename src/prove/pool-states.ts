/**
 * What a pool can come to, whatever its endpoints are: the reachable states of what steer/ reads
 * of it, each with the cheapest way to bring it about. Called by subject.ts. The states come from
 * the product's own `poolCarry`, `poolRow` and `isActive`, run over counts of endpoints: equal ones
 * stand for each other, and of the counts only 0, 1, the pool's minimum, one less and all make a
 * difference.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Fallback, Policy, Pool, PoolIndex } from "../policy/policy.ts";
import { isGated, isMonitored } from "../policy/pool-kinds.ts";
import { condition, conditions, isActive, levelCount, poolCarry, poolRow } from "../steer/carry.ts";
import type { World } from "../world/world.ts";
import { type EndpointState, goodDay, isGoodDay, setEndpointState } from "./endpoint-state.ts";

/** Beside the five levels: 1 when none of the pool's candidates is down. */
export const livesCell = levelCount;
/** And when none of its candidates in panic is. */
export const panicLivesCell = levelCount + 1;
export const cellCount = levelCount + 2;

/** As many as fit a mask of the explorer. */
const statesMax = 30;

export interface PoolState {
  /** By level what the pool can carry, then `livesCell`. */
  readonly cells: readonly number[];
  /** Endpoints not as on a good day, and 1 for a standby activated. */
  readonly cost: number;
  /** Endpoints whose condition is up; 0 of a standby nobody activated. */
  readonly up: number;
  /** As on a good day, a standby activated or not. */
  readonly benign: boolean;
  readonly active: boolean;
  /** By position in the pool; those of weight 0 as on a good day. */
  readonly endpoints: readonly EndpointState[];
}

export interface PoolDomain {
  /** Equal for pools that decisions cannot tell apart. */
  readonly key: number;
  /** Equal for those whose states are as cheap as well. */
  readonly costKey: number;
  /** The first is the good day. */
  readonly states: readonly PoolState[];
  /** There are numbers of endpoints between those of `states`, and how many are up may matter. */
  readonly coarse: boolean;
  /** There are more states than can be looked at. */
  readonly truncated: boolean;
}

/** Pools of one shape have one domain. */
export class PoolDomains {
  readonly #policy: Policy;
  readonly #world: World;
  readonly #ramps: readonly number[];
  readonly #known = new Map<string, PoolDomain>();
  readonly #keys = new Map<string, number>();

  /** Writes to `world` and puts it back. `ramps`: availabilities a returning one may have. */
  constructor(policy: Policy, world: World, ramps: readonly number[]) {
    this.#policy = policy;
    this.#world = world;
    this.#ramps = ramps;
  }

  of(index: PoolIndex, fallback: Fallback): PoolDomain {
    const { pool, shape } = this.#shape(index, fallback);
    const found = this.#known.get(shape);
    if (found !== undefined) return found;
    const made = this.#make(index, pool, fallback);
    this.#known.set(shape, made);
    return made;
  }

  #shape(index: PoolIndex, fallback: Fallback): { readonly pool: Pool; readonly shape: string } {
    const pool = this.#policy.pools[index];
    assert(pool !== undefined, "pool index in range");
    const rows = Array.from({ length: pool.endpointCount }, (_, k) => {
      const endpoint = this.#policy.endpoints[pool.firstEndpoint + k];
      assert(endpoint !== undefined, "endpoints of a pool are contiguous");
      return endpoint.weight === 0 ? "-" : isMonitored(endpoint) ? "m" : "u";
    });
    const health = this.#policy.services[pool.service]?.health;
    const counts =
      health === undefined
        ? ""
        : ` ${health.overprovisioningPercent} ${health.panic === undefined ? "" : "panic"}`;
    const shape = `${rows.join("")} ${pool.minimum} ${pool.standby} ${isGated(pool)} ${fallback}${counts}`;
    return { pool, shape };
  }

  #make(index: PoolIndex, pool: Pool, fallback: Fallback): PoolDomain {
    const byCells = new Map<string, PoolState>();
    const add = (endpoints: readonly EndpointState[], active: boolean): void => {
      const state = this.#look(index, { pool, fallback, endpoints, active });
      const key = state.cells.join(" ");
      const known = byCells.get(key);
      if (known === undefined || isCheaper(state, known)) byCells.set(key, state);
    };
    const good = new Array<EndpointState>(pool.endpointCount).fill(goodDay);
    if (isGated(pool)) add(good, false);
    for (const endpoints of this.#arrangements(pool, good, fallback)) add(endpoints, true);
    const all = [...byCells.values()].sort((a, b) => a.cost - b.cost || b.up - a.up);
    const states = all.slice(0, statesMax);
    const panics = this.#policy.services[pool.service]?.health?.panic !== undefined;
    const coarse = panics && pool.endpointCount > 2;
    const truncated = all.length > states.length;
    const words = states.map(({ cells, benign }) => `${cells.join(",")}${benign ? "b" : ""}`);
    const costs = states.map(({ cost, up }, i) => `${words[i]}:${cost}:${up}`);
    const costKey = this.#number(costs.join(" "));
    return { key: this.#number(words.sort().join(" ")), costKey, states, coarse, truncated };
  }

  #number(text: string): number {
    const number = this.#keys.get(text) ?? this.#keys.size;
    this.#keys.set(text, number);
    return number;
  }

  /** What the product says of one arrangement. */
  #look(
    index: PoolIndex,
    at: {
      readonly pool: Pool;
      readonly fallback: Fallback;
      readonly endpoints: readonly EndpointState[];
      readonly active: boolean;
    },
  ): PoolState {
    const { pool, endpoints } = at;
    const [policy, world] = [this.#policy, this.#world];
    const wasActive = world.pools.active[index] ?? 0;
    if (isGated(pool)) world.pools.active[index] = at.active ? 1 : 0;
    endpoints.forEach((state, k) => {
      setEndpointState(policy, world, { endpoint: pool.firstEndpoint + k, state });
    });
    const out = new Uint32Array(levelCount);
    const active = isActive(pool, world, index);
    if (active) poolCarry(policy, world, { pool: index, out, offset: 0 });
    const row = poolRow(policy, world, { pool, fallback: at.fallback, panic: false });
    const panics = policy.services[pool.service]?.health?.panic !== undefined;
    const inPanic = panics
      ? poolRow(policy, world, { pool, fallback: at.fallback, panic: true })
      : [];
    let [up, lives, panicLives] = [0, 1, 1];
    row.forEach((share, k) => {
      const endpoint = (pool.firstEndpoint + k) as Parameters<typeof condition>[1];
      const is = condition(world, endpoint);
      if (policy.endpoints[endpoint]?.weight !== 0 && is === conditions.up && active) up++;
      if (share > 0 && is === conditions.down) lives = 0;
      if ((inPanic[k] ?? 0) > 0 && is === conditions.down) panicLives = 0;
    });
    endpoints.forEach((_, k) => {
      setEndpointState(policy, world, { endpoint: pool.firstEndpoint + k, state: goodDay });
    });
    world.pools.active[index] = wasActive;
    const changed = endpoints.filter((state) => !isGoodDay(state)).length;
    const woken = isGated(pool) && at.active ? 1 : 0;
    const cells = [...out, lives, panicLives];
    return { cells, cost: changed + woken, up, benign: changed === 0, active, endpoints };
  }

  #arrangements(
    pool: Pool,
    good: readonly EndpointState[],
    fallback: Fallback,
  ): readonly EndpointState[][] {
    const positions = good.flatMap((_, k) =>
      this.#policy.endpoints[pool.firstEndpoint + k]?.weight === 0 ? [] : [k],
    );
    const first = positions[0];
    if (first === undefined) return [[...good]];
    const endpoint = this.#policy.endpoints[pool.firstEndpoint + first];
    const monitored = endpoint !== undefined && isMonitored(endpoint);
    const health = this.#policy.services[pool.service]?.health;
    const n = positions.length;
    const up = turningPoints(n, pool.minimum);
    if (health !== undefined) up.push(...healthPoints(n, health.overprovisioningPercent));
    const ups = [...new Set(up)];
    const sparse = health?.panic !== undefined && n > 2;
    const plain = monitored
      ? monitoredCounts(n, pool.minimum, { ups, sparse })
      : unmonitoredCounts(n, ups);
    // Whether one was last good is read by one fallback.
    const plainGood = health !== undefined && fallback !== "last-good";
    // Where numbers of endpoints count, all of them returning stands for any of them: as little.
    const ramps = health === undefined ? this.#ramps : [...new Set([1, ...this.#ramps])];
    const made: EndpointState[][] = [];
    for (const counts of plain) {
      const ramping = monitored && counts.up > 0 && (health === undefined || counts.up === n);
      for (const availability of ramping ? [0, ...ramps] : [0]) {
        for (const lastGood of plainGood || counts.out === n ? [true] : [true, false]) {
          const endpoints = [...good];
          const list = arrange(counts, { availability, lastGood });
          positions.forEach((position, i) => {
            endpoints[position] = list[i] ?? goodDay;
          });
          made.push(endpoints);
        }
      }
    }
    return made;
  }
}

/** The cheapest is benign if any is, and has the most endpoints up: it can stand for the others. */
function isCheaper(a: PoolState, b: PoolState): boolean {
  return a.cost < b.cost || (a.cost === b.cost && a.up > b.up);
}

interface Counts {
  readonly up: number;
  readonly unknown: number;
  readonly held: number;
  readonly down: number;
  readonly out: number;
}

/** Failures first, so that those written last in the file stay up. */
function arrange(
  counts: Counts,
  as: { readonly availability: number; readonly lastGood: boolean },
): readonly EndpointState[] {
  const { lastGood, availability } = as;
  const many = (count: number, state: EndpointState) => new Array<EndpointState>(count).fill(state);
  const up: EndpointState =
    availability === 0 ? { kind: "up", lastGood } : { kind: "ramping", lastGood, availability };
  return [
    ...many(counts.down, { kind: "down", lastGood }),
    ...many(counts.out, { kind: "drained", lastGood: true }),
    ...many(counts.held, { kind: "held", lastGood }),
    ...many(counts.unknown, { kind: "unknown", lastGood }),
    ...many(counts.up, up),
  ];
}

/** Counts at which anything can change: none, one, the minimum, one less, all that are left. */
function turningPoints(left: number, missing: number): number[] {
  const points = [0, 1, missing - 1, missing, left];
  return [...new Set(points)].filter((n) => n >= 0 && n <= left);
}

/**
 * Where overprovisioning is counted: one lost, the fewest that are healthy enough, one less. What
 * lies between gives shares to the same pools, since fewer up never takes a later tier's share.
 */
function healthPoints(n: number, percent: number): readonly number[] {
  const enough = Math.ceil((100 * n) / percent);
  return [n - 1, enough, enough - 1].filter((up) => up >= 0);
}

/** `sparse`: beside some that are up, none or all of the others are unknown. */
function monitoredCounts(
  n: number,
  minimum: number,
  { ups, sparse }: { readonly ups: readonly number[]; readonly sparse: boolean },
): readonly Counts[] {
  const made: Counts[] = [];
  for (const up of ups) {
    const unknowns =
      sparse && up > 0 ? [...new Set([0, n - up])] : turningPoints(n - up, minimum - up);
    for (const unknown of unknowns) {
      for (const held of turningPoints(n - up - unknown, minimum - up - unknown)) {
        const left = n - up - unknown - held;
        for (const down of left === 0 ? [0] : [0, 1, left]) {
          made.push({ up, unknown, held, down, out: left - down });
        }
      }
    }
  }
  return made;
}

function unmonitoredCounts(n: number, ups: readonly number[]): readonly Counts[] {
  return ups.map((up) => {
    return { up, unknown: 0, held: 0, down: 0, out: n - up };
  });
}

/** One representative of all partial availabilities: what may serve, not how much. */
export const anyRamp: readonly number[] = [limits.availabilityFull / 2];
