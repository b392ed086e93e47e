/**
 * Every state of the pools of one service, as far as a decision can tell them apart. Called by
 * support.ts and share.ts. The decision is run again and again; where it reads a fact that the
 * states left open answer differently, the run splits into one for each answer. So all states are
 * covered by as many runs as there are ways through the decision, and a decision that reads what it
 * should not is followed there too.
 */
import { assert } from "../errors.ts";
import { type Carry, levelCount } from "../steer/carry.ts";
import { cellCount, type PoolDomain, type PoolState } from "./pool-states.ts";

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
  readonly options: readonly ValueStates[];
  /** No option is to be looked at: this one is taken to come to the run's end. */
  readonly pruned: boolean;
  taken: number;
}

export class Explorer {
  /** What attempt() reads: each element asks the explorer. */
  readonly carry: Carry;
  readonly #input: ExplorerInput;
  readonly #indexed: readonly IndexedDomain[];
  readonly #masks: number[];
  /** By region: pools in trouble, of which no state left is benign. */
  readonly #troubles: number[];
  #troubled = 0;
  readonly #trail: Choice[] = [];
  #depth = 0;
  #pruned = false;
  /** Only states cheaper than this are looked at. */
  costBelow = Number.POSITIVE_INFINITY;

  constructor(input: ExplorerInput) {
    this.#input = input;
    this.#indexed = input.domains.map(indexed);
    this.#masks = this.#indexed.map(({ whole }) => whole);
    this.#troubles = input.domains.map(() => 0);
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
      this.#start();
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

  #start(): void {
    for (let pool = 0; pool < this.#indexed.length; pool++) {
      this.#masks[pool] = this.#indexed[pool]?.whole ?? 0;
      this.#troubles[pool] = 0;
    }
    this.#troubled = 0;
    this.#depth = 0;
    this.#pruned = false;
  }

  /** A fact of a pool; splits the run where the states left disagree. */
  read(pool: number, cell: number): number {
    const values = this.#indexed[pool]?.cells[cell] ?? [];
    const mask = this.#masks[pool] ?? 0;
    let seen: ValueStates | undefined;
    let one = true;
    for (let i = 0; i < values.length && one; i++) {
      const each = values[i];
      if (each === undefined || (each.mask & mask) === 0) continue;
      one = seen === undefined;
      seen = each;
    }
    assert(seen !== undefined, "a run has at least one state");
    if (one) return seen.value;
    return this.#mayChange(pool) ? this.#choose(pool, cell) : this.#readBenign(pool, cell);
  }

  #choose(pool: number, cell: number): number {
    const choice = this.#trail[this.#depth] ?? this.#split(pool, cell);
    this.#depth++;
    this.#pruned ||= choice.pruned;
    assert(choice.pool === pool, "a decision depends on what it reads alone");
    const chosen = choice.options[choice.taken];
    assert(chosen !== undefined, "a choice has an option");
    this.#take(pool, chosen.mask);
    return chosen.value;
  }

  /** No further region may be in trouble: the pool is as on a good day. */
  #readBenign(pool: number, cell: number): number {
    const mask = this.#masks[pool] ?? 0;
    const benign = mask & (this.#indexed[pool]?.benign ?? 0);
    if (benign === mask) return this.#choose(pool, cell);
    this.#masks[pool] = benign;
    return this.read(pool, cell);
  }

  #take(pool: number, mask: number): void {
    const benign = this.#indexed[pool]?.benign ?? 0;
    const was = ((this.#masks[pool] ?? 0) & benign) === 0;
    this.#masks[pool] = mask;
    if (was || (mask & benign) !== 0) return;
    const region = this.#input.regions[pool] ?? 0;
    const troubles = (this.#troubles[region] ?? 0) + 1;
    this.#troubles[region] = troubles;
    if (troubles === 1) this.#troubled++;
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

  #split(pool: number, cell: number): Choice {
    const mask = this.#masks[pool] ?? 0;
    const left: ValueStates[] = [];
    for (const { value, mask: states } of this.#indexed[pool]?.cells[cell] ?? []) {
      if ((states & mask) !== 0) left.push({ value, mask: states & mask });
    }
    const greatest = this.#greatestAllowed(pool, cell);
    const options = left.filter(
      (option) => option.value <= greatest && this.#feasible(pool, option.mask),
    );
    const pruned = this.#pruned || options.length === 0;
    const choice = { pool, options: pruned ? left.slice(0, 1) : options, taken: 0, pruned };
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
    const mask = this.#masks[pool] ?? 0;
    for (const { value, mask: states } of this.#indexed[pool]?.cells[cell] ?? []) {
      if ((states & mask) !== 0) return (states & mask) === mask ? value : undefined;
    }
    return undefined;
  }

  /** Whether the pool's region is in trouble already, or one more may be. */
  #mayChange(pool: number): boolean {
    if (this.#troubled < this.#input.bounds.regionsDown) return true;
    return (this.#troubles[this.#input.regions[pool] ?? 0] ?? 0) > 0;
  }

  /** With `option` for `pool`: enough endpoints can be up, and the state can be cheap enough. */
  #feasible(pool: number, option: number): boolean {
    const { endpointsUp } = this.#input.bounds;
    if (endpointsUp === 0 && this.costBelow === Number.POSITIVE_INFINITY) return true;
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

/** A value of a fact, and the states that have it. */
interface ValueStates {
  readonly value: number;
  readonly mask: number;
}

interface IndexedDomain {
  readonly whole: number;
  readonly benign: number;
  /** By cell. */
  readonly cells: readonly (readonly ValueStates[])[];
}

const known = new WeakMap<PoolDomain, IndexedDomain>();

function indexed(domain: PoolDomain): IndexedDomain {
  const found = known.get(domain);
  if (found !== undefined) return found;
  const { states } = domain;
  assert(states.length < 31, "states of a pool fit in a mask");
  let benign = 0;
  const cells = Array.from({ length: cellCount }, () => new Map<number, number>());
  states.forEach((state, i) => {
    if (state.benign) benign |= 1 << i;
    cells.forEach((masks, cell) => {
      const value = state.cells[cell] ?? 0;
      masks.set(value, (masks.get(value) ?? 0) | (1 << i));
    });
  });
  const made: IndexedDomain = {
    whole: 2 ** states.length - 1,
    benign,
    cells: cells.map((masks) => [...masks].map(([value, mask]) => ({ value, mask }))),
  };
  known.set(domain, made);
  return made;
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
