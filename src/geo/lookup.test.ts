/** Lookups on random small leaves against plain scans; the bundled data is in bundled.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  arbitraryLeaves,
  bigOf,
  naiveFind,
  plainLeaves,
  wordsOf,
} from "../../test/support/geography-oracle.ts";
import { parseAddress, parsePrefix } from "../lib/ip.ts";
import { limits } from "../limits.ts";
import type { LeafIndex } from "./geography.ts";
import { indexLeaves, LeafBuilder, uniformLeaves } from "./leaves.ts";
import { embeddedAt, findLeaf, spanEnd, unmap, unmapPrefix } from "./lookup.ts";

const words = fc
  .tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), fc.nat(0xffff_ffff))
  .map((list) => Uint32Array.from(list));

for (const count of [1, 4] as const) {
  const family = count === 1 ? "IPv4" : "IPv6";

  test(`findLeaf is a plain scan, ${family}`, () => {
    fc.assert(
      fc.property(arbitraryLeaves(count), fc.array(words, { maxLength: 10 }), (leaves, random) => {
        const plain = plainLeaves(leaves);
        for (const [i, leaf] of plain.entries()) {
          for (const address of [leaf.first, leaf.last]) {
            const found = findLeaf(leaves, wordsOf(address, count));
            assert.equal(found, i);
          }
        }
        for (const address of random) {
          assert.equal(findLeaf(leaves, address), naiveFind(plain, bigOf(address, count)));
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`spanEnd is the leaf of the prefix's last address, ${family}`, () => {
    fc.assert(
      fc.property(arbitraryLeaves(count), words, fc.nat(count * 32), (leaves, at, length) => {
        const plain = plainLeaves(leaves);
        const size = 1n << BigInt(count * 32 - length);
        const first = (bigOf(at, count) / size) * size;
        const start = wordsOf(first, count);
        const firstLeaf = findLeaf(leaves, start);
        const last = spanEnd(leaves, firstLeaf, start, length);
        assert.equal(last, naiveFind(plain, first + size - 1n));
      }),
      { numRuns: 500 },
    );
  });
}

test("spanEnd gives up beyond the limit, and not at it", () => {
  const build = (leaves: number): LeafBuilder => {
    const builder = new LeafBuilder(1);
    for (let i = 0; i < leaves; i++) {
      builder.append(Uint32Array.of(i * 0x1_0000), { length: 16, location: i % 2 });
    }
    return builder;
  };
  const all = indexLeaves(build(0x1_0000).finish());
  const start = new Uint32Array(4);
  const exact = 16 - Math.log2(limits.spanLeavesMax);
  assert.equal(spanEnd(all, 0 as LeafIndex, start, exact), limits.spanLeavesMax - 1);
  assert.equal(spanEnd(all, 0 as LeafIndex, start, exact - 1), -1);
  // And one leaf more, no more than that.
  const more = new LeafBuilder(1);
  for (const [low, location] of [
    [0, 2],
    [0x8000, 3],
  ] as const) {
    more.append(Uint32Array.of(low), { length: 17, location });
  }
  for (let i = 1; i < 0x1_0000; i++) {
    more.append(Uint32Array.of(i * 0x1_0000), { length: 16, location: i % 2 });
  }
  assert.equal(spanEnd(indexLeaves(more.finish()), 0 as LeafIndex, start, exact), -1);
  assert.equal(spanEnd(all, 0 as LeafIndex, start, 20), 0);
  assert.equal(spanEnd(indexLeaves(uniformLeaves(1, 0)), 0 as LeafIndex, start, 0), 0);
});

test("unmap takes IPv4 out of the three kinds that carry it, once", () => {
  const cases: [string, string | undefined][] = [
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["64:ff9b::192.0.2.1", "192.0.2.1"],
    ["2002:c000:201:beef::1", "192.0.2.1"],
    ["2002:ffff:ffff::", "255.255.255.255"],
    ["::192.0.2.1", undefined],
    ["::fffe:192.0.2.1", undefined],
    ["::1:ffff:192.0.2.1", undefined],
    ["64:ff9b:1::192.0.2.1", undefined],
    ["64:ff9b::1:192.0.2.1", undefined],
    ["64:ff9a::192.0.2.1", undefined],
    ["2001:0:c000:201::1", undefined],
    ["2003:c000:201::1", undefined],
  ];
  for (const [text, inside] of cases) {
    const address = parseAddress(text)?.words ?? assert.fail(text);
    const before = address.slice();
    assert.equal(unmap(address), inside === undefined ? 6 : 4, text);
    const expected = inside === undefined ? before : parseAddress(inside)?.words;
    assert.deepEqual(address, expected, text);
  }
});

test("unmapPrefix leaves a prefix IPv6 that does not reach the IPv4 bits", () => {
  const cases: [string, number][] = [
    ["::ffff:0.0.0.0/96", 0],
    ["::ffff:10.0.0.0/104", 8],
    ["::ffff:0.0.0.0/95", -1],
    ["64:ff9b::/80", -1],
    ["2002::/16", 0],
    ["2002:a00::/24", 8],
    ["2002:a00:1::/56", 32],
    ["2000::/3", -1],
  ];
  for (const [text, expected] of cases) {
    const prefix = parsePrefix(text) ?? assert.fail(text);
    assert.equal(unmapPrefix(prefix.words, prefix.length), expected, text);
  }
  assert.equal(embeddedAt(parseAddress("2002::")?.words ?? assert.fail()), 16);
});

test("findLeaf, spanEnd and unmap allocate nothing", () => {
  const builder = new LeafBuilder(4);
  for (let i = 0; i < 256; i++) {
    builder.append(Uint32Array.of(i * 0x100_0000, 0, 0, 0), { length: 8, location: i % 2 });
  }
  const leaves = indexLeaves(builder.finish());
  const address = new Uint32Array(4);
  let sum = 0;
  const run = (): void => {
    for (let i = 0; i < 200_000; i++) {
      // Words over 2^31 would be boxed if they were handed over one by one.
      address[0] = i * 0x9e37_79b1;
      address[1] = ~i;
      if (unmap(address) === 4) continue;
      sum += spanEnd(leaves, findLeaf(leaves, address), address, 4);
    }
  };
  for (let i = 0; i < 5; i++) run();
  // 16 bytes an address would be 3.2 MB; other work of the runner may fall between, so the best.
  let leastBytes = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const before = process.memoryUsage().heapUsed;
    run();
    leastBytes = Math.min(leastBytes, Math.abs(process.memoryUsage().heapUsed - before));
  }
  assert.ok(leastBytes < 300_000, `${leastBytes} bytes`);
  assert.ok(sum > 0);
});
