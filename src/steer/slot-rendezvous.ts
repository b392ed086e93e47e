/**
 * Weighted rendezvous with bounds: shares a set of slots among members so that each gets a number
 * of them within its bounds, and little moves when a member or a bound changes. Called by slots.ts
 * for who owns a slot and by slot-lending.ts for who inherits one. Uses only the four operations on
 * numbers and a fixed table, so that every node finds the same.
 */
import { assert } from "../errors.ts";
import { exponentialDeviates } from "../lib/exponential.ts";
import { limits } from "../limits.ts";

export interface Members {
  /** One number a member, from its name: what its slots hang on. */
  readonly ids: readonly number[];
  /** Positive. */
  readonly weights: readonly number[];
  /** Bounds of what each gets; a sum of the slots lies between theirs. */
  readonly least: readonly number[];
  readonly most: readonly number[];
}

/** As many as slots, which are a prime number: so each member meets every deviate once. */
const slotCount = limits.slots;
const deviates = exponentialDeviates(slotCount, 1);

/** What is worked in, kept between calls: a cell a slot. */
const best = new Float32Array(slotCount);
/** With a cell more, so that what is not selected can be written and written over. */
const selected = new Float32Array(slotCount + 1);
const kept = new Uint16Array(slotCount + 1);
const owner = new Uint16Array(slotCount);
const nobody = 0xffff;

/** The deviate of a member for a slot: a walk through the table that hangs on the id. */
function deviate(id: number, slot: number): number {
  return deviates[(Math.imul(stepOf(id), slot) + offsetOf(id)) % slotCount]!;
}

const stepOf = (id: number) => (1 + (id % (slotCount - 1))) | 0;
const offsetOf = (id: number) => (Math.floor(id / (slotCount - 1)) % slotCount) | 0;

/**
 * Each slot goes to the member of least deviate / weight. Then members above their bound let go of
 * the slots they lean to least, and those go to members with room, the best match first. Writes the
 * position of the member for each of `slots` into `out`, a cell a slot of these.
 */
export function rendezvous(members: Members, slots: Uint16Array, out: Uint16Array): void {
  const count = members.ids.length;
  if (count === 1) {
    out.fill(0, 0, slots.length);
    return;
  }
  const got = new Int32Array(count);
  preferred(members, slots);
  for (let s = 0; s < slots.length; s++) got[owner[s]!]!++;
  settle(members, slots, got);
  out.set(owner.subarray(0, slots.length));
}

/**
 * As the second half of `rendezvous`, from a state of the caller's: `at` has the position of each
 * slot's member, `loath` how loath it is to give the slot up, a cell a slot. Writes to `at`.
 */
export function rebalance(
  members: Members,
  from: { readonly slots: Uint16Array; readonly loath: Float32Array },
  at: Uint16Array,
): void {
  const { slots, loath } = from;
  const got = new Int32Array(members.ids.length);
  for (let s = 0; s < slots.length; s++) {
    owner[s] = at[s]!;
    best[s] = -loath[s]!;
    got[at[s]!]!++;
  }
  settle(members, slots, got);
  at.set(owner.subarray(0, slots.length));
}

/** Writes `owner` and `best`, the score of the owner. */
function preferred({ ids, weights }: Members, slots: Uint16Array): void {
  const length = slots.length;
  for (let m = 0; m < ids.length; m++) {
    walk(ids[m]!, slots);
    const rate = 1 / weights[m]!;
    if (m === 0) {
      for (let s = 0; s < length; s++) best[s] = walked[s]! * rate;
      owner.fill(0, 0, length);
      continue;
    }
    if (m === 1) {
      // Half of all go to either: without a branch, which nothing could foretell.
      for (let s = 0; s < length; s++) {
        const score = Math.fround(walked[s]! * rate);
        owner[s] = Number(score < best[s]!);
        best[s] = Math.min(score, best[s]!);
      }
      continue;
    }
    for (let s = 0; s < length; s++) {
      const score = Math.fround(walked[s]! * rate);
      if (score >= best[s]!) continue;
      best[s] = score;
      owner[s] = m;
    }
  }
}

const walked = new Float32Array(slotCount);

/** Writes the deviates of a member for `slots` into `walked`. */
function walk(id: number, slots: Uint16Array): void {
  const length = slots.length;
  const step = stepOf(id);
  let at = offsetOf(id);
  if (length === slotCount) {
    for (let s = 0; s < length; s++) {
      walked[s] = deviates[at]!;
      at += step;
      if (at >= slotCount) at -= slotCount;
    }
    return;
  }
  const offset = at;
  for (let s = 0; s < length; s++) {
    walked[s] = deviates[(Math.imul(step, slots[s]!) + offset) % slotCount]!;
  }
}

/** Brings `owner` within the bounds. */
function settle(members: Members, slots: Uint16Array, got: Int32Array): void {
  const { ids, least, most } = members;
  const excess = new Int32Array(ids.length);
  let free = 0;
  let need = 0;
  for (let m = 0; m < ids.length; m++) {
    excess[m] = Math.max(0, got[m]! - most[m]!);
    free += excess[m]!;
    need += Math.max(0, least[m]! - got[m]!);
  }
  if (free === 0 && need === 0) return;
  if (free < need) {
    // One more from each that can spare one, in a fixed order, until there is enough.
    const order = ids.map((_, m) => m).sort((a, b) => ids[a]! - ids[b]! || a - b);
    while (free < need) {
      const before = free;
      for (const m of order) {
        if (free === need || got[m]! - excess[m]! <= least[m]!) continue;
        excess[m]!++;
        free++;
      }
      assert(free > before, "the least of all fit into the slots");
    }
  }
  const pool: number[] = [];
  for (let m = 0; m < ids.length; m++) {
    if (excess[m] === 0) continue;
    release({ member: m, excess: excess[m]!, length: slots.length }, pool);
    got[m]! -= excess[m]!;
  }
  place(members, { slots, pool: pool.sort((a, b) => a - b), got, need });
}

/** Adds to `pool` the slots of a member with the greatest of `best`, and takes them from it. */
function release(
  of: { readonly member: number; readonly excess: number; readonly length: number },
  pool: number[],
): void {
  const { member, excess, length } = of;
  let mine = 0;
  for (let s = 0; s < length; s++) {
    kept[mine] = s;
    selected[mine] = -best[s]!;
    mine += Number(owner[s] === member);
  }
  const bound = nthSmallest(selected, mine, excess - 1);
  let left = excess;
  for (let k = 0; k < mine; k++) if (-best[kept[k]!]! < bound) left--;
  for (let k = 0; k < mine; k++) {
    const s = kept[k]!;
    // Of those on the bound, the first ones.
    if (-best[s]! > bound || (-best[s]! === bound && left-- <= 0)) continue;
    owner[s] = nobody;
    pool.push(s);
  }
}

interface Placing {
  readonly slots: Uint16Array;
  readonly pool: readonly number[];
  readonly got: Int32Array;
  /** Slots that members below their least lack. */
  readonly need: number;
}

/**
 * Of all slots of the pool and all members with room the pair of least score, again and again. Such
 * a matching is the only stable one, so that one slot or one place more shifts few others. A member
 * that has been found full stays full, so a heap of each slot's best is enough.
 */
function place({ ids, weights, least, most }: Members, placing: Placing): void {
  const { slots, pool, got } = placing;
  let free = pool.length;
  let need = placing.need;
  const receivers: number[] = [];
  const rates = weights.map((weight) => 1 / weight);
  for (let m = 0; m < ids.length; m++) if (got[m]! < most[m]!) receivers.push(m);
  const scores = new Float64Array(pool.length);
  const to = new Uint16Array(pool.length);
  const open = (m: number) => got[m]! < least[m]! || (free > need && got[m]! < most[m]!);
  const look = (p: number) => {
    const slot = slots[pool[p]!]!;
    let score = Number.POSITIVE_INFINITY;
    for (const m of receivers) {
      if (!open(m)) continue;
      const mine = deviate(ids[m]!, slot) * rates[m]!;
      if (mine >= score) continue;
      score = mine;
      to[p] = m;
    }
    assert(score < Number.POSITIVE_INFINITY, "the slots fit into the most of all");
    scores[p] = score;
  };
  const heap = pool.map((_, p) => p);
  for (const p of heap) look(p);
  for (let k = heap.length >> 1; k >= 0; k--) sink(heap, scores, k);
  while (heap.length > 0) {
    const p = heap[0]!;
    const m = to[p]!;
    if (open(m)) {
      if (got[m]! < least[m]!) need--;
      got[m]!++;
      free--;
      owner[pool[p]!] = m;
      const last = heap.pop()!;
      if (heap.length > 0) heap[0] = last;
    } else {
      look(p);
    }
    sink(heap, scores, 0);
  }
}

/** Moves heap[k] down to its place; ties by position in the pool. */
function sink(heap: number[], scores: Float64Array, k: number): void {
  const before = (a: number, b: number) =>
    scores[a]! < scores[b]! || (scores[a] === scores[b] && a < b);
  let at = k;
  for (;;) {
    let first = at;
    for (let child = 2 * at + 1; child <= 2 * at + 2 && child < heap.length; child++) {
      if (before(heap[child]!, heap[first]!)) first = child;
    }
    if (first === at) return;
    const kept = heap[at]!;
    heap[at] = heap[first]!;
    heap[first] = kept;
    at = first;
  }
}

/** The value that would stand at `n` were the first `length` values sorted. Reorders them. */
export function nthSmallest(values: Float32Array, length: number, n: number): number {
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const kept = values[i]!;
      values[i++] = values[j]!;
      values[j--] = kept;
    }
    if (n <= j) high = j;
    else if (n >= i) low = i;
    else break;
  }
  return values[n]!;
}
