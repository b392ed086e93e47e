/**
 * Slots: shares in M cells, so that a pick is one modulo and one read. Called by table.ts for
 * shapes (over pools) and rows (over endpoints). What stands in the slots follows from (ids, base,
 * shares) alone, never from what stood there before, and keeps the promises of docs/steering.md,
 * "Keys and slots": `base` are the shares when all is well, and what they own moves only to make
 * room.
 */
import { assert } from "../errors.ts";
import { exponentialDeviates } from "../lib/exponential.ts";
import { limits } from "../limits.ts";

export interface SlotFill {
  /** One number a member, from its name: what its slots hang on. */
  readonly ids: readonly number[];
  /** Shares when every member is whole. */
  readonly base: readonly number[];
  /** Shares now. Both sum to limits.shareTotal. */
  readonly shares: readonly number[];
}

export type Slots = Uint8Array | Uint16Array;

const slotCount = limits.slots;

/** A power of two, so that every odd step walks through all deviates. */
const deviateCount = 16_384;
const deviates = exponentialDeviates(deviateCount, 1);

const everySlot = Uint16Array.from({ length: slotCount }, (_, slot) => slot);

/**
 * Rounds in which rates are corrected before single slots are, and for how many members at most:
 * with more, the rates themselves would answer to every slot of every member.
 */
const balanceRounds = 4;
const balanceMembersMax = 16;

/**
 * Writes the position of a member into each slot. Two stages: *own* gives each slot its owner by
 * `base`; *lend* moves, for members that have less than their base now, the slots above their quota
 * to those that have more. So a member that fails moves its slots and no others, and takes the same
 * ones back one by one as it returns.
 */
export function fillSlots(fill: SlotFill, out: Slots): void {
  assert(out.length === slotCount, "a row has limits.slots slots");
  const { ids, base, shares } = fill;
  const owned = slotQuotas(base, limits.shareTotal);
  const quota = slotQuotas(shares, limits.shareTotal);
  assign({ ids, quota: owned, slots: everySlot }, out);
  if (quota.every((wanted, i) => wanted === owned[i])) return;
  lend({ ids, base, owned, quota }, out);
}

/**
 * Slots of each member: largest remainder, ties to the lower position; then every positive share
 * that got none takes one from the greatest.
 */
export function slotQuotas(shares: readonly number[], total: number): number[] {
  const quotas: number[] = [];
  let left = slotCount;
  for (const share of shares) {
    const quota = Math.floor((share * slotCount) / total);
    quotas.push(quota);
    left -= quota;
  }
  const fraction = (i: number) => ((shares[i] ?? 0) * slotCount) % total;
  const order = shares.map((_, i) => i).sort((a, b) => fraction(b) - fraction(a) || a - b);
  for (let k = 0; k < left; k++) add(quotas, order[k] ?? 0, 1);
  for (let i = 0; i < quotas.length; i++) {
    if (quotas[i] !== 0 || shares[i] === 0) continue;
    let greatest = 0;
    for (let k = 1; k < quotas.length; k++) {
      if ((quotas[k] ?? 0) > (quotas[greatest] ?? 0)) greatest = k;
    }
    add(quotas, greatest, -1);
    quotas[i] = 1;
  }
  return quotas;
}

function add(numbers: number[], position: number, amount: number): void {
  numbers[position] = (numbers[position] ?? 0) + amount;
}

interface Assignment {
  readonly ids: readonly number[];
  /** Slots each member gets; their sum is the number of slots. */
  readonly quota: readonly number[];
  /** Which slots, ascending. */
  readonly slots: Uint16Array;
}

/**
 * What assign() works in, kept between calls: a column a slot, in `scores` a row of them a member.
 */
let scores = new Float32Array(0);
const best = new Float64Array(slotCount);
const loss = new Float64Array(slotCount);
const selected = new Float64Array(slotCount);
const owner = new Uint16Array(slotCount);

/**
 * Weighted rendezvous with quotas: a slot goes to the member of least deviate * rate. Rates start
 * at one over the quota and are corrected by what each member got; then the slots too many go
 * elsewhere, the cheapest first.
 */
function assign({ ids, quota, slots }: Assignment, out: Slots): void {
  const members: number[] = [];
  quota.forEach((wanted, i) => {
    if (wanted > 0) members.push(i);
  });
  const length = slots.length;
  if (members.length === 1) {
    for (const slot of slots) out[slot] = members[0] ?? 0;
    return;
  }
  fillScores(ids, members, slots);
  const wanted = members.map((i) => quota[i] ?? 0);
  if (members.length === 2) {
    assignPair(length, wanted[0] ?? 0);
    for (let s = 0; s < length; s++) out[slots[s]!] = members[owner[s]!]!;
    return;
  }
  const rates = Float64Array.from(wanted, (slotsWanted) => 1 / slotsWanted);
  const got = new Int32Array(members.length);
  const rounds = members.length <= balanceMembersMax ? balanceRounds : 0;
  for (let round = 0; ; round++) {
    assignRound({ length, rates, got });
    if (round === rounds || got.every((count, m) => count === wanted[m])) break;
    for (let m = 0; m < rates.length; m++) {
      rates[m] = (rates[m]! * (got[m]! + 0.5)) / (wanted[m]! + 0.5);
    }
  }
  settle({ length, rates, got }, wanted);
  for (let s = 0; s < length; s++) out[slots[s]!] = members[owner[s]!]!;
}

const buckets = 4096;
const inBucket = new Uint16Array(buckets);

/**
 * Two members, as in most pools: the `quota` slots that lean most to the first. How far a slot
 * leans, a / (a + b) of two exponential deviates, is spread evenly over 0 .. 1, so counting in
 * buckets finds the bound but for the few in its bucket.
 */
function assignPair(length: number, quota: number): void {
  inBucket.fill(0);
  for (let s = 0; s < length; s++) {
    const first = scores[s]!;
    const lean = first / (first + scores[length + s]!);
    loss[s] = lean;
    inBucket[(lean * buckets) | 0]!++;
  }
  let bucket = 0;
  let left = quota;
  while (inBucket[bucket]! < left) left -= inBucket[bucket++]!;
  let near = 0;
  for (let s = 0; s < length; s++) {
    if (((loss[s]! * buckets) | 0) === bucket) selected[near++] = loss[s]!;
  }
  const bound = nthSmallest(selected, near, left - 1);
  for (let k = 0; k < near; k++) if (selected[k]! < bound) left--;
  for (let s = 0; s < length; s++) {
    const lean = loss[s]!;
    // Of those on the bound, the first ones.
    owner[s] = lean < bound || (lean === bound && left-- > 0) ? 0 : 1;
  }
}

/** Member m's deviate for slot s stands in scores[m * length + s]. */
function fillScores(ids: readonly number[], members: readonly number[], slots: Uint16Array): void {
  const length = slots.length;
  if (scores.length < members.length * length) scores = new Float32Array(members.length * length);
  for (let m = 0; m < members.length; m++) {
    const id = ids[members[m]!]!;
    const step = ((id << 1) | 1) & (deviateCount - 1);
    const offset = (id >>> 13) & (deviateCount - 1);
    const row = (m * length) | 0;
    for (let s = 0; s < length; s++) {
      const at = (Math.imul(step, slots[s]!) + offset) & (deviateCount - 1);
      scores[row + s] = deviates[at]!;
    }
  }
}

interface Round {
  readonly length: number;
  readonly rates: Float64Array;
  readonly got: Int32Array;
}

/** Writes `owner` and `best`, the score of the owner. */
function assignRound({ length, rates, got }: Round): void {
  const firstRate = rates[0]!;
  for (let s = 0; s < length; s++) {
    best[s] = scores[s]! * firstRate;
    owner[s] = 0;
  }
  for (let m = 1; m < rates.length; m++) {
    const rate = rates[m]!;
    const row = m * length;
    for (let s = 0; s < length; s++) {
      const score = scores[row + s]! * rate;
      if (score < best[s]!) {
        best[s] = score;
        owner[s] = m;
      }
    }
  }
  got.fill(0);
  for (let s = 0; s < length; s++) got[owner[s]!]!++;
}

/** Moves the slots of members that have too many to those that have too few. */
function settle(round: Round, wanted: readonly number[]): void {
  const { length, rates, got } = round;
  const room = wanted.map((count, m) => count - got[m]!);
  const short: number[] = [];
  room.forEach((left, m) => {
    if (left > 0) short.push(m);
  });
  const moving: number[] = [];
  for (let m = 0; m < room.length; m++) {
    const excess = -room[m]!;
    if (excess > 0) release({ member: m, excess, short, moving }, round);
  }
  moving.sort((a, b) => a - b);
  for (const s of moving) {
    let to = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const m of short) {
      const score = scores[m * length + s]! * rates[m]!;
      if (room[m]! > 0 && score < least) {
        least = score;
        to = m;
      }
    }
    assert(to !== -1, "quotas sum to the slots");
    owner[s] = to;
    add(room, to, -1);
  }
}

/**
 * Adds to `moving` the `excess` slots of a member that lose least: by what their next best costs
 * more, or, among many members, where asking each would cost too much, those with the worst score.
 */
function release(
  from: {
    readonly member: number;
    readonly excess: number;
    readonly short: readonly number[];
    readonly moving: number[];
  },
  { length, rates }: Round,
): void {
  const { member, short, moving } = from;
  const ask = rates.length <= balanceMembersMax;
  let mine = 0;
  for (let s = 0; s < length; s++) {
    if (owner[s] !== member) continue;
    let least = ask ? Number.POSITIVE_INFINITY : -best[s]!;
    if (ask) {
      for (let k = 0; k < short.length; k++) {
        const m = short[k]!;
        least = Math.min(least, scores[m * length + s]! * rates[m]!);
      }
      least /= best[s]!;
    }
    loss[s] = least;
    selected[mine++] = least;
  }
  const bound = nthSmallest(selected, mine, from.excess - 1);
  let left = from.excess;
  for (let s = 0; s < length; s++) {
    if (owner[s] !== member || loss[s]! >= bound) continue;
    moving.push(s);
    left--;
  }
  for (let s = 0; s < length && left > 0; s++) {
    if (owner[s] !== member || loss[s] !== bound) continue;
    moving.push(s);
    left--;
  }
}

/** The value that would stand at `n` were the first `length` values sorted. Reorders them. */
export function nthSmallest(values: Float64Array, length: number, n: number): number {
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

interface Lending {
  readonly ids: readonly number[];
  readonly base: readonly number[];
  readonly owned: readonly number[];
  readonly quota: readonly number[];
}

/**
 * Each slot of a donor has an heir: who would own it were all donors gone. The donor gives to each
 * heir as many as it is to have from this donor, in order of slots, so that more or less giving
 * is one slot more or less. What heirs cannot take is assigned among those with room.
 */
function lend(lending: Lending, out: Slots): void {
  const { ids, owned, quota } = lending;
  const room = quota.map((wanted, i) => Math.max(0, wanted - (owned[i] ?? 0)));
  const receivers = [...room];
  const total = sumOf(receivers);
  const inherited = inheritances(lending);
  const left: number[] = [];
  for (let donor = 0; donor < ids.length; donor++) {
    const giving = (owned[donor] ?? 0) - (quota[donor] ?? 0);
    if (giving <= 0) continue;
    const slots = slotsOf(out, { member: donor, count: owned[donor] ?? 0 });
    assignHeirs({ ids, inherited, slots });
    const flow = portions(receivers, { of: total, amount: giving });
    let given = 0;
    let kept = 0;
    for (const slot of slots) {
      const heir = heirs[slot] ?? 0;
      if ((flow[heir] ?? 0) > 0 && (room[heir] ?? 0) > 0) {
        out[slot] = heir;
        add(flow, heir, -1);
        add(room, heir, -1);
        given++;
      } else {
        slots[kept++] = slot;
      }
    }
    for (let k = kept - (giving - given); k < kept; k++) left.push(slots[k] ?? 0);
  }
  if (left.length === 0) return;
  assign({ ids, quota: room, slots: Uint16Array.from(left.sort((a, b) => a - b)) }, out);
}

function sumOf(numbers: readonly number[]): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

function slotsOf(
  owner: Slots,
  of: { readonly member: number; readonly count: number },
): Uint16Array {
  const slots = new Uint16Array(of.count);
  let found = 0;
  // What a donor before this one has lent to this member is none: donors do not receive.
  for (let slot = 0; slot < slotCount; slot++) if (owner[slot] === of.member) slots[found++] = slot;
  return slots;
}

/** Parts of `amount` in proportion, as integers: largest remainder, ties to the lower position. */
function portions(
  parts: readonly number[],
  given: { readonly of: number; readonly amount: number },
): number[] {
  const portion = parts.map((part) => Math.floor((part * given.amount) / given.of));
  const missing = given.amount - sumOf(portion);
  if (missing === 0) return portion;
  const fraction = (i: number) => ((parts[i] ?? 0) * given.amount) % given.of;
  const order = parts.map((_, i) => i).sort((a, b) => fraction(b) - fraction(a) || a - b);
  for (let k = 0; k < missing; k++) add(portion, order[k] ?? 0, 1);
  return portion;
}

/** What each member would have beyond its own were all donors gone; all 0 if none has a base. */
function inheritances({ base, owned, quota }: Lending): readonly number[] {
  const without = base.map((share, i) => ((quota[i] ?? 0) < (owned[i] ?? 0) ? 0 : share));
  const total = sumOf(without);
  if (total === 0) return without;
  return slotQuotas(without, total).map((slots, i) =>
    without[i] === 0 ? 0 : Math.max(0, slots - (owned[i] ?? 0)),
  );
}

const heirs = new Uint16Array(slotCount);
const nobody = 0xffff;

/** Writes to `heirs`, for the slots of one donor. */
function assignHeirs(of: {
  readonly ids: readonly number[];
  readonly inherited: readonly number[];
  readonly slots: Uint16Array;
}): void {
  const total = sumOf(of.inherited);
  for (const slot of of.slots) heirs[slot] = nobody;
  if (total === 0) return;
  const quota = portions(of.inherited, { of: total, amount: of.slots.length });
  assign({ ids: of.ids, quota, slots: of.slots }, heirs);
}
