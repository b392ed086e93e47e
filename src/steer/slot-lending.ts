/**
 * Lending: which slots change hands while members have less than their base shares, and to whom.
 * Called by slots.ts with the owners by base. A member gives up its own slots only, takes the same
 * ones back as its share grows, and what it has lent stays where it is when another fails.
 */
import { limits } from "../limits.ts";
import { ownBounds, type SlotFill, type Slots, slotBounds } from "./slot-bounds.ts";
import { rebalance, rendezvous } from "./slot-rendezvous.ts";

const slotCount = limits.slots;

/** Owners by base, kept while `out` is written. */
const ownedBy = new Uint16Array(slotCount);
const everySlot = Uint16Array.from({ length: slotCount }, (_, slot) => slot);
const heirs = new Uint16Array(slotCount);
const loath = new Float32Array(slotCount);

/** Units of a share by which roundings may hide who gives and who takes. */
const roundings = 2;

interface Lending extends SlotFill {
  readonly out: Slots;
  /** Slots each has now. */
  readonly held: Int32Array;
}

/** Changes `out` from the owners by base to the holders by `shares`. */
export function lendSlots(fill: SlotFill, out: Slots): void {
  const { ids, base, shares } = fill;
  ownedBy.set(out);
  const held = new Int32Array(ids.length);
  for (let slot = 0; slot < slotCount; slot++) held[ownedBy[slot]!]!++;
  const lending = { ...fill, out, held };
  const standing = leave(lending, base);
  yieldShares(lending, standing);
  const { least, most } = slotBounds(shares);
  if (held.some((slots, i) => slots < least[i]! || slots > most[i]!)) {
    correct(lending, { least, most });
  }
}

/**
 * Members with no share at all give everything to those that have one, as their bases are. Returns
 * the shares that makes, which are no integers.
 */
function leave(lending: Lending, base: readonly number[]): readonly number[] {
  const { ids, shares, held, out } = lending;
  const isGone = shares.map((share, i) => share === 0 && held[i]! > 0);
  if (!isGone.includes(true)) return base;
  let left = 0;
  shares.forEach((share, i) => {
    if (share > 0) left += base[i] ?? 0;
  });
  // Where nobody with a base is left, as when a tier fails, by the shares now.
  const by = left > 0 ? base : shares;
  const total = left > 0 ? left : limits.shareTotal;
  const standing = by.map((share, i) =>
    shares[i] === 0 ? 0 : (share * limits.shareTotal) / total,
  );
  const takers: number[] = [];
  standing.forEach((share, i) => {
    if (share > 0) takers.push(i);
  });
  let count = 0;
  const gone = Uint8Array.from(isGone, Number);
  for (let slot = 0; slot < slotCount; slot++) {
    lentSlots[count] = slot;
    count += gone[out[slot]!]!;
  }
  const lost = lentSlots.subarray(0, count);
  const bounds = ownBounds(standing);
  const members = {
    ids: takers.map((i) => ids[i]!),
    weights: takers.map((i) => standing[i]!),
    ...fitted(
      takers.map((i) => Math.max(0, bounds.least[i]! - held[i]!)),
      takers.map((i) => Math.max(0, bounds.most[i]! - held[i]!)),
      lost.length,
    ),
  };
  rendezvous(members, lost, heirs);
  for (let s = 0; s < lost.length; s++) {
    const heir = takers[heirs[s]!]!;
    held[out[lost[s]!]!]!--;
    held[heir]!++;
    out[lost[s]!] = heir;
  }
  return standing;
}

/** Bounds with the nearest to them into which so many slots fit. */
function fitted(
  least: number[],
  most: number[],
  slots: number,
): { readonly least: readonly number[]; readonly most: readonly number[] } {
  for (let over = sumOf(least) - slots, i = 0; over > 0; i = (i + 1) % least.length) {
    if (least[i] === 0) continue;
    least[i]!--;
    over--;
  }
  for (let under = slots - sumOf(most), i = 0; under > 0; i = (i + 1) % most.length, under--) {
    most[i]!++;
  }
  return { least, most };
}

/** Members with less than `standing` give what is too much to those with more. */
function yieldShares(lending: Lending, standing: readonly number[]): void {
  const { shares, held } = lending;
  const donors: number[] = [];
  const amounts: number[] = [];
  shares.forEach((share, i) => {
    if (share === 0 || share >= (standing[i] ?? 0) - roundings) return;
    const amount = held[i]! - Math.max(1, Math.round(slotsFor(share)));
    if (amount <= 0) return;
    donors.push(i);
    amounts.push(amount);
  });
  if (donors.length === 0) return;
  const weights = takers(lending, standing);
  donors.forEach((donor, d) => {
    give(lending, { donor, amount: amounts[d]!, weights });
  });
}

/**
 * What each takes, as weights; 0 for those that take nothing. As the members stand, if what they
 * gain is in that proportion but for roundings, so that roundings move nothing; else what they
 * gain.
 */
function takers({ shares }: Lending, standing: readonly number[]): readonly number[] {
  const gains = shares.map((share, i) => share - (standing[i] ?? 0));
  const weights = shares.map((share, i) =>
    share > 0 && gains[i]! >= -roundings ? (standing[i] ?? 0) : 0,
  );
  const gained = sumOf(gains.map((gain, i) => (weights[i]! > 0 || gain > 0 ? gain : 0)));
  const total = sumOf(weights);
  const even = gains.every((gain, i) => {
    if (weights[i] === 0) return gain <= 0;
    return Math.abs(gain * total - gained * weights[i]!) <= 2 * roundings * total;
  });
  return even && total > 0 ? weights : gains.map((gain) => Math.max(0, gain));
}

interface Giving {
  readonly donor: number;
  readonly amount: number;
  readonly weights: readonly number[];
}

/** What a donor has been lent goes first, then its own. */
function give(lending: Lending, { donor, amount, weights }: Giving): void {
  const takers: number[] = [];
  weights.forEach((weight, i) => {
    if (weight > 0) takers.push(i);
  });
  if (takers.length === 0) return;
  const total = sumOf(weights);
  const parts = takers.map((i) => weights[i]! / total);
  const { lent, own } = slotsOf(lending, donor);
  const first = Math.min(amount, lent.length);
  hand(lending, { donor, takers, parts, slots: lent, amount: first });
  hand(lending, { donor, takers, parts, slots: own, amount: amount - first });
}

interface Handing {
  readonly donor: number;
  readonly takers: readonly number[];
  /** Of each taker; together 1. */
  readonly parts: readonly number[];
  readonly slots: Uint16Array;
  readonly amount: number;
}

/**
 * Every slot has an heir, by rendezvous among the takers, and they are given in an order in which
 * heirs alternate: after any number of slots each heir has its part of them to within one.
 */
function hand(lending: Lending, handing: Handing): void {
  const { takers, parts, slots, amount, donor } = handing;
  if (amount === 0) return;
  const { ids, out, held } = lending;
  held[donor]! -= amount;
  if (takers.length === 1) {
    const taker = takers[0]!;
    for (let k = 0; k < amount; k++) out[slots[k]!] = taker;
    held[taker]! += amount;
    return;
  }
  const least = parts.map((part) => Math.floor(part * slots.length));
  const most = parts.map((part) => Math.ceil(part * slots.length));
  const bounds = fitted(least, most, slots.length);
  rendezvous({ ids: takers.map((i) => ids[i]!), weights: parts, ...bounds }, slots, heirs);
  const { order, from } = byHeir(slots.length, takers.length);
  const next = from.slice();
  const due = Float64Array.from(takers, (i, t) => (0.5 + phase(ids[donor]!, ids[i]!)) / parts[t]!);
  for (let k = 0; k < amount; k++) {
    let first = -1;
    let soonest = Number.POSITIVE_INFINITY;
    for (let t = 0; t < due.length; t++) {
      if (due[t]! >= soonest || next[t] === from[t + 1]) continue;
      soonest = due[t]!;
      first = t;
    }
    out[slots[order[next[first]!++]!]!] = takers[first]!;
    due[first]! += 1 / parts[first]!;
  }
  for (let t = 0; t < due.length; t++) held[takers[t]!]! += next[t]! - from[t]!;
}

/** When each heir's turn begins, so that not every donor begins with the same: -1/4 .. 1/4. */
function phase(donor: number, heir: number): number {
  const mixed = Math.imul(donor ^ Math.imul(heir, 0x9e37_79b1), 0x85eb_ca6b);
  return (mixed >>> 8) / 0x200_0000 - 0.25;
}

/** Slots sorted by heir, then as they were: those of heir t stand from from[t] on. */
function byHeir(
  length: number,
  heirCount: number,
): { readonly order: Uint16Array; readonly from: Uint16Array } {
  const from = new Uint16Array(heirCount + 1);
  for (let s = 0; s < length; s++) from[heirs[s]! + 1]!++;
  for (let t = 0; t < heirCount; t++) from[t + 1]! += from[t]!;
  const next = from.slice();
  const order = new Uint16Array(length);
  for (let s = 0; s < length; s++) order[next[heirs[s]!]!++] = s;
  return { order, from };
}

/** With a cell more, for the slot that is not taken after the last one that is. */
const lentSlots = new Uint16Array(slotCount + 1);
const ownSlots = new Uint16Array(slotCount + 1);

/** Without branches: half of the slots of a pair are a member's, which nothing could foretell. */
function slotsOf(
  { out }: Lending,
  member: number,
): { readonly lent: Uint16Array; readonly own: Uint16Array } {
  let lent = 0;
  let own = 0;
  for (let slot = 0; slot < slotCount; slot++) {
    const isHeld = Number(out[slot] === member);
    const isOwn = isHeld & Number(ownedBy[slot] === member);
    ownSlots[own] = slot;
    lentSlots[lent] = slot;
    own += isOwn;
    lent += isHeld ^ isOwn;
  }
  return { lent: lentSlots.subarray(0, lent), own: ownSlots.subarray(0, own) };
}

/** What roundings have left: slots that are lent already move first. */
function correct(
  { ids, shares, out }: Lending,
  bounds: { readonly least: readonly number[]; readonly most: readonly number[] },
): void {
  const live: number[] = [];
  const position = new Uint16Array(ids.length);
  shares.forEach((share, i) => {
    if (share === 0) return;
    position[i] = live.length;
    live.push(i);
  });
  for (let slot = 0; slot < slotCount; slot++) {
    const member = out[slot]!;
    heirs[slot] = position[member]!;
    loath[slot] = (ownedBy[slot] === member ? slotCount : 0) + slot;
  }
  const members = {
    ids: live.map((i) => ids[i]!),
    weights: live.map((i) => shares[i]!),
    least: live.map((i) => bounds.least[i]!),
    most: live.map((i) => bounds.most[i]!),
  };
  rebalance(members, { slots: everySlot, loath }, heirs);
  for (let slot = 0; slot < slotCount; slot++) out[slot] = live[heirs[slot]!]!;
}

function slotsFor(share: number): number {
  return (share * slotCount) / limits.shareTotal;
}

function sumOf(numbers: readonly number[]): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}
