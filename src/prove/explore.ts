/**
 * Every state of the pools of one service, as far as a decision can tell them apart. Called by
 * support.ts and share.ts. The decision is run again and again; where it reads a fact that the
 * states left open answer differently, the run splits into one for each answer. So all states are
 * covered by as many runs as there are ways through the decision, and a decision that reads what it
 * should not is followed there too.
 */
import { assert } from "../errors.ts";
import { type Carry, levelCount } from "../steer/carry.ts";
import type { PoolDomain, PoolState } from "./pool-states.ts";

/** Which states of all pools together count. */
export interface Bounds {
  /** At most so many regions with an endpoint that is not as on a good day; Infinity for any. */
  readonly regionsDown: number;
  /** At least so many endpoints up in the pools of `mayServe`. */
  readonly endpointsUp: number;
}

export interface ExplorerInput {
  readonly domains: readonly PoolDomain[];
  /** By ordinal: pools of one region have equal numbers. */
  readonly regions: readonly number[];
  readonly mayServe: readonly boolean[];
  /** By ordinal: the pool before it in its group of interchangeable ones, or -1. */
  readonly before: readonly number[];
  readonly bounds: Bounds;
}

interface Choice {
  readonly pool: number;
  readonly options: readonly number[];
  /** No option is to be looked at: this one is taken to come to the run's end. */
  readonly pruned: boolean;
  taken: number;
}

export class Explorer {
  /** What attempt() reads: each element asks the explorer. */
  readonly carry: Carry;
  readonly #input: ExplorerInput;
  readonly #whole: readonly number[];
  readonly #benign: readonly number[];
  readonly #masks: number[];
  readonly #trail: Choice[] = [];
  #depth = 0;
  #pruned = false;
  /** Only states cheaper than this are looked at. */
  costBelow = Number.POSITIVE_INFINITY;

  constructor(input: ExplorerInput) {
    this.#input = input;
    this.#whole = input.domains.map(({ states }) => {
      assert(states.length < 32, "states of a pool fit in a mask");
      return 2 ** states.length - 1;
    });
    this.#benign = input.domains.map(({ states }) => maskOf(states, ({ benign }) => benign));
    this.#masks = [...this.#whole];
    const carry = {} as Record<number, number>;
    input.domains.forEach((_, pool) => {
      for (let level = 0; level < levelCount; level++) {
        const get = (): number => this.read(pool, level);
        Object.defineProperty(carry, pool * levelCount + level, { get });
      }
    });
    this.carry = carry as unknown as Carry;
  }

  /**
   * Calls `decide` and then `look` until every state within the bounds was covered, or `look`
   * returns false. Returns whether all were. `look` may read more.
   */
  all<T>(decide: () => T, look: (decided: T) => boolean): boolean {
    if (!this.#feasible(-1, 0)) return true;
    for (;;) {
      for (let pool = 0; pool < this.#whole.length; pool++) {
        this.#masks[pool] = this.#whole[pool] ?? 0;
      }
      this.#depth = 0;
      this.#pruned = false;
      const decided = decide();
      if (!this.#pruned && !look(decided)) return false;
      assert(this.#depth === this.#trail.length, "a decision depends on what it reads alone");
      let last = this.#trail.at(-1);
      while (last !== undefined && last.taken + 1 === last.options.length) {
        this.#trail.pop();
        last = this.#trail.at(-1);
      }
      if (last === undefined) return true;
      last.taken++;
    }
  }

  /** A fact of a pool; splits the run where the states left disagree. */
  read(pool: number, cell: number): number {
    const states = this.#input.domains[pool]?.states ?? [];
    const mask = this.#mayChange(pool) ? this.#masks[pool] : this.#restricted(pool);
    assert(mask !== undefined && mask !== 0, "a run has at least one state");
    const first = firstState(states, mask).cells[cell] ?? 0;
    const same = maskOf(states, ({ cells }) => cells[cell] === first) & mask;
    if (same === mask) return first;
    const choice = this.#trail[this.#depth] ?? this.#split(pool, cell, mask);
    this.#depth++;
    this.#pruned ||= choice.pruned;
    assert(choice.pool === pool, "a decision depends on what it reads alone");
    const chosen = choice.options[choice.taken] ?? 0;
    this.#masks[pool] = chosen;
    return firstState(states, chosen).cells[cell] ?? 0;
  }

  /** The cheapest state of the run just made that is within the bounds, by ordinal. */
  cheapest(): readonly PoolState[] {
    const { domains, mayServe, bounds } = this.#input;
    // By how many endpoints are up, so far as they are wanted: the cheapest states of the pools.
    let ways = new Map<number, { readonly cost: number; readonly states: readonly PoolState[] }>();
    ways.set(0, { cost: 0, states: [] });
    domains.forEach(({ states }, pool) => {
      const next: typeof ways = new Map();
      states.forEach((state, i) => {
        if (((this.#masks[pool] ?? 0) & (1 << i)) === 0) return;
        const up = mayServe[pool] === true ? state.up : 0;
        for (const [before, way] of ways) {
          const sum = Math.min(bounds.endpointsUp, before + up);
          const cost = way.cost + state.cost;
          if (cost >= (next.get(sum)?.cost ?? Number.POSITIVE_INFINITY)) continue;
          next.set(sum, { cost, states: [...way.states, state] });
        }
      });
      ways = next;
    });
    const best = ways.get(bounds.endpointsUp);
    assert(best !== undefined, "a run that was not pruned has a state within the bounds");
    return best.states;
  }

  /** States of pools, not of endpoints, that the run just made covers. */
  covered(): number {
    return this.#masks.reduce((product, mask) => product * bitCount(mask), 1);
  }

  #split(pool: number, cell: number, mask: number): Choice {
    const states = this.#input.domains[pool]?.states ?? [];
    const byValue = new Map<number, number>();
    states.forEach((state, i) => {
      if ((mask & (1 << i)) === 0) return;
      const value = state.cells[cell] ?? 0;
      byValue.set(value, (byValue.get(value) ?? 0) | (1 << i));
    });
    const greatest = this.#greatestAllowed(pool, cell);
    const options = [...byValue]
      .filter(([value, option]) => value <= greatest && this.#feasible(pool, option))
      .map(([, option]) => option);
    const pruned = this.#pruned || options.length === 0;
    const any = [...byValue.values()].slice(0, 1);
    const choice: Choice = { pool, options: pruned ? any : options, taken: 0, pruned };
    this.#trail.push(choice);
    return choice;
  }

  /** Interchangeable pools are looked at in one order only: of facts read alike, none grows. */
  #greatestAllowed(pool: number, cell: number): number {
    const before = this.#input.before[pool] ?? -1;
    if (before === -1) return Number.POSITIVE_INFINITY;
    for (let earlier = 0; earlier < cell; earlier++) {
      const mine = this.peek(pool, earlier);
      if (mine === undefined || mine !== this.peek(before, earlier)) {
        return Number.POSITIVE_INFINITY;
      }
    }
    return this.peek(before, cell) ?? Number.POSITIVE_INFINITY;
  }

  /** The value of a fact when all states left agree on it. */
  peek(pool: number, cell: number): number | undefined {
    const states = this.#input.domains[pool]?.states ?? [];
    const mask = this.#masks[pool] ?? 0;
    const value = firstState(states, mask).cells[cell];
    const same = maskOf(states, ({ cells }) => cells[cell] === value) & mask;
    return same === mask ? value : undefined;
  }

  /** Whether the pool's region is in trouble already, or one more may be. */
  #mayChange(pool: number): boolean {
    const { regionsDown } = this.#input.bounds;
    if (regionsDown >= this.#whole.length) return true;
    const { regions } = this.#input;
    const troubled = new Set<number>();
    this.#masks.forEach((mask, each) => {
      if ((mask & (this.#benign[each] ?? 0)) === 0) troubled.add(regions[each] ?? -1);
    });
    return troubled.size < regionsDown || troubled.has(regions[pool] ?? -1);
  }

  #restricted(pool: number): number {
    const mask = (this.#masks[pool] ?? 0) & (this.#benign[pool] ?? 0);
    this.#masks[pool] = mask;
    return mask;
  }

  /** With `option` for `pool`: enough endpoints can be up, and the state can be cheap enough. */
  #feasible(pool: number, option: number): boolean {
    const { endpointsUp } = this.#input.bounds;
    let [up, cost] = [0, 0];
    for (let each = 0; each < this.#masks.length; each++) {
      const states = this.#input.domains[each]?.states ?? [];
      const mask = each === pool ? option : (this.#masks[each] ?? 0);
      if (this.costBelow < Number.POSITIVE_INFINITY) cost += firstState(states, mask).cost;
      if (endpointsUp > 0 && this.#input.mayServe[each] === true) up += mostUp(states, mask);
    }
    return up >= endpointsUp && cost < this.costBelow;
  }
}

/** By the order of a domain, the cheapest. */
function firstState(states: readonly PoolState[], mask: number): PoolState {
  const state = states[31 - Math.clz32(mask & -mask)];
  assert(state !== undefined, "a mask has a state");
  return state;
}

function maskOf(states: readonly PoolState[], has: (state: PoolState) => boolean): number {
  let mask = 0;
  states.forEach((state, i) => {
    if (has(state)) mask |= 1 << i;
  });
  return mask;
}

function mostUp(states: readonly PoolState[], mask: number): number {
  let most = 0;
  states.forEach(({ up }, i) => {
    if ((mask & (1 << i)) !== 0) most = Math.max(most, up);
  });
  return most;
}

function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
