/**
 * Address -> leaf, and source prefix -> run of leaves. Called for every query by the fronts, so
 * nothing here allocates or throws: words are read from the caller's Uint32Array, since a number
 * over 2^31 handed over as an argument may be boxed. IPv4 stands in the first word.
 */
import { limits } from "../limits.ts";
import type { LeafIndex, Leaves } from "./geography.ts";
import { bucketOf } from "./leaves.ts";

/**
 * How many leading bits of an IPv6 address come before the IPv4 address inside it; -1 if it is not
 * of a kind that carries one.
 *
 * | kind | prefix | bits before |
 * |---|---|---|
 * | v4-mapped, RFC 4291 section 2.5.5.2 | ::ffff:0:0/96 | 96 |
 * | NAT64, RFC 6052 section 2.1 | 64:ff9b::/96 | 96 |
 * | 6to4, RFC 3056 section 2 | 2002::/16 | 16 |
 *
 * Teredo's prefix carries the address of a server, not of the client: it stays IPv6.
 */
export function embeddedAt(words: Uint32Array): 96 | 16 | -1 {
  const first = words[0]!;
  if (first >>> 16 === 0x2002) return 16;
  if (words[1] !== 0) return -1;
  if (first === 0) return words[2] === 0xffff ? 96 : -1;
  return first === 0x0064_ff9b && words[2] === 0 ? 96 : -1;
}

/** First two words of the ranges that embeddedAt() knows, and the third of the mapped one. */
const mapped = [0, 0, 0xffff] as const;
const nat64 = [0x0064_ff9b, 0, 0] as const;
const sixToFour = 0x2002_0000;

/**
 * The shortest scope of an IPv6 address that covers none of the ranges that carry IPv4: their
 * clients are found by the address inside, so an answer for a neighbour says nothing about them,
 * and two scopes must not conflict (RFC 7871 section 7.2.1). For an address in none of those.
 */
export function plainScopeMin(words: Uint32Array): number {
  const first = words[0]!;
  const apart = Math.clz32((first ^ sixToFour) & 0xffff_0000);
  return 1 + Math.max(apart, commonBits(words, mapped), commonBits(words, nat64));
}

/** Leading bits that the address shares with a range of 96 bits. */
function commonBits(words: Uint32Array, range: readonly [number, number, number]): number {
  for (let i = 0; i < 3; i++) {
    const differing = words[i]! ^ range[i]!;
    if (differing !== 0) return 32 * i + Math.clz32(differing);
  }
  return 96;
}

/**
 * Turns an IPv6 address that carries an IPv4 one into that, in place and once; returns the family
 * that the words are now of.
 */
export function unmap(words: Uint32Array): 4 | 6 {
  return unmapPrefix(words, 128) < 0 ? 6 : 4;
}

/**
 * The same for a prefix of `length` bits: returns its length as an IPv4 prefix, or -1 when it stays
 * IPv6 because it is of no such kind or shorter than the bits before. A scope found for the IPv4
 * prefix is as much longer in IPv6 as `length` is longer than the answer.
 */
export function unmapPrefix(words: Uint32Array, length: number): number {
  const before = embeddedAt(words);
  if (before < 0 || length < before) return -1;
  words[0] = before === 96 ? words[3]! : (words[0]! << 16) | (words[1]! >>> 16);
  words[1] = 0;
  words[2] = 0;
  words[3] = 0;
  return Math.min(32, length - before);
}

/** The leaf that holds the address: the last one that starts at or before it. */
export function findLeaf(leaves: Leaves, words: Uint32Array): LeafIndex {
  const { index, starts } = leaves;
  const first = words[0]!;
  const bucket = bucketOf(index, first);
  let low = index[bucket]!;
  let high = index[bucket + 1]!;
  if (leaves.words === 1) {
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (starts[middle]! <= first) low = middle;
      else high = middle - 1;
    }
    return low as LeafIndex;
  }
  const second = words[1]!;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    const at = middle * 4;
    const start = starts[at]!;
    const next = starts[at + 1]!;
    const before =
      start === first && next === second
        ? lowHalfBefore(starts, at, words)
        : start < first || (start === first && next < second);
    if (before) low = middle;
    else high = middle - 1;
  }
  return low as LeafIndex;
}

/** starts[at + 2 .. at + 3] <= words[2 .. 3] */
function lowHalfBefore(starts: Uint32Array, at: number, words: Uint32Array): boolean {
  if (starts[at + 2] !== words[2]) return starts[at + 2]! < words[2]!;
  return starts[at + 3]! <= words[3]!;
}

// Read once: limits has more keys than V8 gives fast properties to.
const { spanLeavesMax } = limits;

const lastAddress = new Uint32Array(4);

/**
 * The last leaf of a source prefix whose first is `first` (of the prefix's first address, in
 * `words`): `first` itself when the leaf is the whole prefix or more. -1 when there are more than
 * limits.spanLeavesMax, which is decided as `unknown`.
 */
export function spanEnd(
  leaves: Leaves,
  first: LeafIndex,
  words: Uint32Array,
  sourceLength: number,
): LeafIndex | -1 {
  if (leaves.lengths[first]! <= sourceLength) return first;
  for (let i = 0; i < leaves.words; i++) {
    const kept = sourceLength - 32 * i;
    const hostBits = kept >= 32 ? 0 : 0xffff_ffff >>> Math.max(0, kept);
    lastAddress[i] = words[i]! | hostBits;
  }
  const last = findLeaf(leaves, lastAddress);
  return last - first < spanLeavesMax ? last : -1;
}
