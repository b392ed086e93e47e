/**
 * Making leaves: a builder that merges siblings as they come, the search index, and the two ways
 * to refine a list of leaves, by prefixes and by another list. compile.ts and overlay.ts use them.
 * Every list that leaves here is sorted, covers its whole address space and has no two siblings
 * that could be one leaf.
 */
import { assert } from "../errors.ts";
import type { Leaves, LocationIndex } from "./geography.ts";

/** Leaves between two steps of making them: not yet searchable. */
export type PlainLeaves = Omit<Leaves, "index">;

/** Slots of the index's first level, by the top 12 bits. */
const slots = 4096;
const slotBits = 20;

/**
 * Where in `Leaves.index` the bucket of an address stands. The first level has two entries a slot,
 * one slot for each value of the address's top 12 bits: where its buckets begin, and by how many
 * bits the other 20 of the first word are shifted to count them. So a crowded slot has many
 * buckets, and an empty one has one.
 */
export function bucketOf(index: Uint32Array, word: number): number {
  const slot = word >>> slotBits;
  return index[2 * slot]! + ((word & 0xf_ffff) >>> index[2 * slot + 1]!);
}

/** Bit `position` of a prefix, counted from the most significant. */
export function bitAt(words: Uint32Array, position: number): 0 | 1 {
  return ((words[position >>> 5]! >>> (31 - (position & 31))) & 1) as 0 | 1;
}

export function setBit(words: Uint32Array, position: number): void {
  words[position >>> 5]! |= 1 << (31 - (position & 31));
}

export function clearBit(words: Uint32Array, position: number): void {
  words[position >>> 5]! &= ~(1 << (31 - (position & 31)));
}

/** Collects leaves in address order; neighbours that are siblings of one location become one. */
export class LeafBuilder {
  private readonly words: 1 | 4;
  private starts: Uint32Array;
  private lengths: Uint8Array;
  private locations: Uint32Array;
  count = 0;

  constructor(words: 1 | 4, capacity = 1024) {
    this.words = words;
    this.starts = new Uint32Array(capacity * words);
    this.lengths = new Uint8Array(capacity);
    this.locations = new Uint32Array(capacity);
  }

  /** `start` has as many words as the family; what is beyond `length` is 0. */
  append(start: Uint32Array, leaf: { readonly length: number; readonly location: number }): void {
    let { length } = leaf;
    // A right child whose left sibling came before with the same location joins it, and so on up:
    // the sibling's row, which has the parent's start already, becomes the parent's.
    while (
      length > 0 &&
      this.count > 0 &&
      bitAt(start, length - 1) === 1 &&
      this.lengths[this.count - 1] === length &&
      this.locations[this.count - 1] === leaf.location
    ) {
      this.count--;
      length--;
    }
    if (length === leaf.length) this.appendRow(start, leaf.location);
    this.lengths[this.count++] = length;
  }

  private appendRow(start: Uint32Array, location: number): void {
    if (this.count === this.lengths.length) this.grow();
    for (let i = 0; i < this.words; i++) this.starts[this.count * this.words + i] = start[i]!;
    this.locations[this.count] = location;
  }

  private grow(): void {
    const capacity = this.lengths.length * 2;
    const starts = new Uint32Array(capacity * this.words);
    const lengths = new Uint8Array(capacity);
    const locations = new Uint32Array(capacity);
    starts.set(this.starts);
    lengths.set(this.lengths);
    locations.set(this.locations);
    this.starts = starts;
    this.lengths = lengths;
    this.locations = locations;
  }

  finish(): PlainLeaves {
    const { words, count, starts, lengths, locations } = this;
    if (count === lengths.length) return { words, starts, lengths, locations };
    return {
      words,
      starts: starts.slice(0, count * words),
      lengths: lengths.slice(0, count),
      locations: locations.slice(0, count),
    };
  }
}

/** How many buckets each slot gets, as a power of two: about four leaves in each. */
function bucketBits(words: 1 | 4, starts: Uint32Array): Uint8Array {
  const counts = new Uint32Array(slots);
  for (let at = 0; at < starts.length; at += words) counts[starts[at]! >>> slotBits]!++;
  return Uint8Array.from(counts, (count) =>
    Math.min(slotBits, Math.max(0, 29 - Math.clz32(count))),
  );
}

/** The last step of making leaves. */
export function indexLeaves(leaves: PlainLeaves): Leaves {
  const { words, starts } = leaves;
  const count = starts.length / words;
  const bits = bucketBits(words, starts);
  let end = 2 * slots;
  for (const power of bits) end += 1 << power;
  const index = new Uint32Array(end + 1);
  let bucket = 2 * slots;
  let leaf = 0;
  for (let slot = 0; slot < slots; slot++) {
    const shift = slotBits - bits[slot]!;
    index[2 * slot] = bucket;
    index[2 * slot + 1] = shift;
    for (let i = 0; i < 1 << bits[slot]!; i++) {
      const first = slot * 0x10_0000 + i * (1 << shift);
      while (leaf + 1 < count && startsAtOrBefore(starts, words, leaf + 1, first)) leaf++;
      index[bucket++] = leaf;
    }
  }
  index[bucket] = count - 1;
  return { ...leaves, index };
}

/** Whether a leaf starts at or before an address whose words after the first are 0. */
function startsAtOrBefore(starts: Uint32Array, words: 1 | 4, leaf: number, first: number): boolean {
  const at = leaf * words;
  if (words === 1 || starts[at] !== first) return starts[at]! <= first;
  return starts[at + 1] === 0 && starts[at + 2] === 0 && starts[at + 3] === 0;
}

/** One leaf over a whole family. */
export function uniformLeaves(words: 1 | 4, location: number): PlainLeaves {
  const builder = new LeafBuilder(words, 1);
  builder.append(new Uint32Array(words), { length: 0, location });
  return builder.finish();
}

/** A prefix of the leaves' family; `words` has at least as many words as it. */
export interface Cut {
  readonly words: Uint32Array;
  readonly length: number;
}

/**
 * Prefixes of one family sorted by address, shorter first, equal ones together: a forest, in which
 * a prefix's parent is the longest other one that covers it.
 */
export interface CutForest {
  readonly cuts: readonly Cut[];
  /** Per node, index of its parent or -1. */
  readonly parents: Int32Array;
  /** Per node, the positions its prefix had in the list given. */
  readonly members: readonly (readonly number[])[];
}

export function compareCuts(a: Cut, b: Cut): number {
  for (let i = 0; i < 4; i++) {
    const difference = (a.words[i] ?? 0) - (b.words[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** True when the first `length` bits are equal. */
function sharesBits(a: Uint32Array, b: Uint32Array, length: number): boolean {
  const whole = length >>> 5;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = length & 31;
  return rest === 0 || (a[whole]! ^ b[whole]!) >>> (32 - rest) === 0;
}

export function plantCuts(list: readonly (Cut & { readonly member: number })[]): CutForest {
  const sorted = [...list].sort((a, b) => compareCuts(a, b) || a.member - b.member);
  const cuts: Cut[] = [];
  const members: number[][] = [];
  for (const cut of sorted) {
    const last = cuts.at(-1);
    if (last !== undefined && compareCuts(last, cut) === 0) members.at(-1)?.push(cut.member);
    else {
      cuts.push(cut);
      members.push([cut.member]);
    }
  }
  const parents = new Int32Array(cuts.length).fill(-1);
  for (let i = 1; i < cuts.length; i++) {
    const { words } = cuts[i]!;
    let parent = i - 1;
    while (parent >= 0 && !sharesBits(cuts[parent]!.words, words, cuts[parent]!.length)) {
      parent = parents[parent]!;
    }
    parents[i] = parent;
  }
  return { cuts, parents, members };
}

/** The same prefixes at other locations, where no two locations become one. */
export function relocateLeaves(
  leaves: PlainLeaves,
  relocate: (location: LocationIndex) => number,
): PlainLeaves {
  const locations = leaves.locations.map((location) => relocate(location as LocationIndex));
  return { words: leaves.words, starts: leaves.starts, lengths: leaves.lengths, locations };
}

/**
 * The leaves, cut where a prefix of the forest begins inside one. `relocate` gives each piece its
 * location from the one it had and the longest prefix that covers it (a node of the forest, or -1).
 */
export function cutLeaves(
  leaves: PlainLeaves,
  forest: CutForest,
  relocate: (location: LocationIndex, node: number) => number,
): PlainLeaves {
  const { words } = leaves;
  const { cuts, parents } = forest;
  if (cuts.length === 0) return relocateLeaves(leaves, (location) => relocate(location, -1));
  const builder = new LeafBuilder(words, leaves.lengths.length + 2 * cuts.length + 2);
  const start = new Uint32Array(words);
  let next = 0;
  let current = -1;
  const visit = (length: number, location: number): void => {
    while (next < cuts.length) {
      const cut = cuts[next]!;
      if (cut.length > length || !sharesBits(cut.words, start, cut.length)) break;
      current = next++;
    }
    while (current >= 0 && !sharesBits(cuts[current]!.words, start, cuts[current]!.length)) {
      current = parents[current]!;
    }
    if (next < cuts.length && sharesBits(cuts[next]!.words, start, length)) {
      visit(length + 1, location);
      setBit(start, length);
      visit(length + 1, location);
      clearBit(start, length);
      return;
    }
    builder.append(start, { length, location: relocate(location as LocationIndex, current) });
  };
  for (let leaf = 0; leaf < leaves.lengths.length; leaf++) {
    for (let i = 0; i < words; i++) start[i] = leaves.starts[leaf * words + i]!;
    visit(leaves.lengths[leaf]!, leaves.locations[leaf]!);
  }
  assert(next === cuts.length, "every cut lies in some leaf");
  return builder.finish();
}

/** The common refinement of two lists of one family; `join` gives each piece its location. */
export function joinLeaves(
  a: PlainLeaves,
  b: PlainLeaves,
  join: (a: LocationIndex, b: LocationIndex) => number,
): PlainLeaves {
  assert(a.words === b.words, "leaves of one family");
  const { words } = a;
  const builder = new LeafBuilder(words, Math.max(a.lengths.length, b.lengths.length) + 1);
  let i = 0;
  let k = 0;
  const start = new Uint32Array(words);
  while (i < a.lengths.length && k < b.lengths.length) {
    // Both cover everything, so of the two current leaves one lies in the other.
    const longer = a.lengths[i]! >= b.lengths[k]! ? a : b;
    const leaf = longer === a ? i : k;
    for (let w = 0; w < words; w++) start[w] = longer.starts[leaf * words + w]!;
    const location = join(a.locations[i]! as LocationIndex, b.locations[k]! as LocationIndex);
    builder.append(start, { length: longer.lengths[leaf]!, location });
    const endsA = longer === a || endsTogether(a, i, { other: b, leaf: k });
    const endsB = longer === b || endsTogether(b, k, { other: a, leaf: i });
    if (endsA) i++;
    if (endsB) k++;
  }
  return builder.finish();
}

/** Whether the leaf that holds the other (longer) one ends at the same address. */
function endsTogether(
  outer: PlainLeaves,
  at: number,
  inner: { readonly other: PlainLeaves; readonly leaf: number },
): boolean {
  const { words } = outer;
  const from = outer.lengths[at]!;
  const to = inner.other.lengths[inner.leaf]!;
  const start = inner.other.starts.subarray(inner.leaf * words, (inner.leaf + 1) * words);
  for (let bit = from; bit < to; bit++) if (bitAt(start, bit) === 0) return false;
  return true;
}
