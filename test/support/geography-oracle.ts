/**
 * Naive readings of a geography, for tests: plain scans and loops over bigints, written apart from
 * src/geo/leaves.ts and lookup.ts.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Leaves } from "../../src/geo/geography.ts";
import { indexLeaves, LeafBuilder } from "../../src/geo/leaves.ts";

export function bigOf(words: Uint32Array | readonly number[], count: 1 | 4): bigint {
  let value = 0n;
  for (let i = 0; i < count; i++) value = (value << 32n) | BigInt(words[i] ?? 0);
  return value;
}

export function wordsOf(value: bigint, count: 1 | 4): Uint32Array {
  const words = new Uint32Array(4);
  for (let i = 0; i < count; i++) {
    words[i] = Number((value >> BigInt(32 * (count - 1 - i))) & 0xffff_ffffn);
  }
  return words;
}

export interface PlainLeaf {
  readonly first: bigint;
  readonly last: bigint;
  readonly length: number;
  readonly location: number;
}

/** The leaves as ranges; asserts that they are aligned, sorted and cover everything. */
export function plainLeaves(leaves: Leaves): readonly PlainLeaf[] {
  const { words } = leaves;
  const bits = words * 32;
  let next = 0n;
  const list = Array.from(leaves.lengths, (length, i): PlainLeaf => {
    const first = bigOf(leaves.starts.subarray(i * words, (i + 1) * words), words);
    const size = 1n << BigInt(bits - length);
    assert.equal(first, next, "no gap and no overlap");
    assert.equal(first % size, 0n, "aligned");
    next = first + size;
    return { first, last: next - 1n, length, location: leaves.locations[i] ?? -1 };
  });
  assert.equal(next, 1n << BigInt(bits), "covers the whole space");
  return list;
}

export function naiveFind(leaves: readonly PlainLeaf[], address: bigint): number {
  return leaves.findIndex((leaf) => leaf.first <= address && address <= leaf.last);
}

/** No two siblings have the same location. */
export function assertMerged(leaves: readonly PlainLeaf[]): void {
  for (let i = 1; i < leaves.length; i++) {
    const [a, b] = [leaves[i - 1], leaves[i]];
    if (a === undefined || b === undefined || a.length !== b.length || a.length === 0) continue;
    const siblings = b.first % ((a.last - a.first + 1n) * 2n) !== 0n;
    assert.ok(!siblings || a.location !== b.location, `leaves ${i - 1} and ${i} are one`);
  }
}

/** Leaves made by halving at random, deep along a few paths; siblings of one location do merge. */
export function arbitraryLeaves(words: 1 | 4, locations = 3): fc.Arbitrary<Leaves> {
  const bits = words * 32;
  const path = fc.tuple(
    fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }),
    fc.integer({ min: 1, max: bits }),
  );
  return fc
    .tuple(fc.array(path, { maxLength: 6 }), fc.array(fc.nat(locations - 1), { minLength: 1 }))
    .map(([paths, colours]) => {
      const builder = new LeafBuilder(words, 1);
      let made = 0;
      const visit = (first: bigint, length: number): void => {
        const size = 1n << BigInt(bits - length);
        const inside = paths.some(
          ([at, depth]) => depth > length && at >= first && at < first + size,
        );
        if (inside) {
          visit(first, length + 1);
          visit(first + size / 2n, length + 1);
          return;
        }
        const location = colours[made++ % colours.length] ?? 0;
        builder.append(wordsOf(first, words), { length, location });
      };
      visit(0n, 0);
      return indexLeaves(builder.finish());
    });
}
