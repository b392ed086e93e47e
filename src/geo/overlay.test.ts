/** overlay and scopes on random leaves against naive readings of their definitions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  arbitraryLeaves,
  assertMerged,
  bigOf,
  naiveFind,
  type PlainLeaf,
  plainLeaves,
  wordsOf,
} from "../../test/support/geography-oracle.ts";
import { formatPrefix, type Prefix, parsePrefix } from "../lib/ip.ts";
import type { Geography } from "./geography.ts";
import { indexLeaves, uniformLeaves } from "./leaves.ts";
import { unknownLocation } from "./locations.ts";
import { overlay, scopes } from "./overlay.ts";

const locations = [0, 1, 2].map(() => unknownLocation);
const runs = { numRuns: 400 };

/** CIDRs that nest and repeat: lengths over few addresses. */
function arbitraryCidrs(count: 1 | 4): fc.Arbitrary<readonly Prefix[]> {
  const bits = count * 32;
  const family = count === 1 ? 4 : 6;
  const top = fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
  return fc.array(top, { minLength: 1, maxLength: 3 }).chain((addresses) =>
    fc.array(
      fc.tuple(fc.constantFrom(...addresses), fc.nat(bits)).map(([address, length]): Prefix => {
        const size = 1n << BigInt(bits - length);
        const words = wordsOf((address / size) * size, count);
        return { family, words, length, hostBits: false };
      }),
      { maxLength: 6 },
    ),
  );
}

function rangeOf(cidr: Prefix, count: 1 | 4): { first: bigint; last: bigint } {
  const first = bigOf(cidr.words, count);
  return { first, last: first + (1n << BigInt(count * 32 - cidr.length)) - 1n };
}

for (const count of [1, 4] as const) {
  const family = count === 1 ? "IPv4" : "IPv6";

  test(`overlay gives each address its location and the CIDRs that hold it, ${family}`, () => {
    fc.assert(
      fc.property(arbitraryLeaves(count), arbitraryCidrs(count), (leaves, cidrs) => {
        // Skip what stands for IPv4: that is another test.
        fc.pre(count === 1 || cidrs.every((cidr) => cidr.words[0]! >>> 16 !== 0x2002));
        const other = indexLeaves(uniformLeaves(count === 1 ? 4 : 1, 0));
        const geography = { v4: leaves, v6: leaves, locations, [count === 1 ? "v6" : "v4"]: other };
        const result = overlay(geography, cidrs);
        const cut = count === 1 ? result.v4 : result.v6;
        assert.equal(count === 1 ? result.v6 : result.v4, other, "the other family is shared");
        const before = plainLeaves(leaves);
        const after = plainLeaves(cut);
        assertMerged(after);
        for (const leaf of after) {
          const member = result.members[leaf.location] ?? assert.fail();
          for (const address of [leaf.first, leaf.last]) {
            assert.equal(member.location, before[naiveFind(before, address)]?.location);
            const holding = cidrs.flatMap((cidr, i) => {
              const range = rangeOf(cidr, count);
              return range.first <= address && address <= range.last ? [i] : [];
            });
            assert.deepEqual(member.cidrs, holding);
          }
        }
        const names = result.members.map((m) => `${m.location} ${m.cidrs.join(",")}`);
        assert.equal(new Set(names).size, names.length, "interned");
      }),
      runs,
    );
  });

  test(`scopes are the shortest prefixes of one class, ${family}`, () => {
    const classes = fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1)).map((list) => Uint16Array.from(list));
    fc.assert(
      fc.property(arbitraryLeaves(count), classes, (leaves, classOf) => {
        const plain = plainLeaves(leaves);
        const result = scopes(leaves, classOf);
        for (const [i, leaf] of plain.entries()) {
          assert.equal(result[i], naiveScope({ plain, leaf, classOf, bits: count * 32 }));
        }
      }),
      // The naive reading is cubic in the depth.
      { numRuns: count === 1 ? 400 : 25 },
    );
  });
}

function naiveScope(of: {
  readonly plain: readonly PlainLeaf[];
  readonly leaf: PlainLeaf;
  readonly classOf: Uint16Array;
  readonly bits: number;
}): number {
  for (let length = 0; length < of.leaf.length; length++) {
    const size = 1n << BigInt(of.bits - length);
    const first = (of.leaf.first / size) * size;
    const inside = of.plain.filter((leaf) => leaf.first < first + size && leaf.last >= first);
    const constant = inside.every(
      (leaf) => of.classOf[leaf.location] === of.classOf[of.leaf.location],
    );
    if (constant) return length;
  }
  return of.leaf.length;
}

function geographyOf(): Pick<Geography, "v4" | "v6" | "locations"> {
  return { v4: indexLeaves(uniformLeaves(1, 1)), v6: indexLeaves(uniformLeaves(4, 2)), locations };
}

test("overlay without CIDRs shares the geography's arrays", () => {
  const geography = geographyOf();
  const result = overlay(geography, []);
  assert.equal(result.v4, geography.v4);
  assert.equal(result.v6, geography.v6);
  assert.deepEqual(
    result.members,
    locations.map((_, location) => ({ location, cidrs: [] })),
  );
});

test("overlay applies a CIDR of addresses that carry IPv4 to those", () => {
  for (const text of ["::ffff:10.0.0.0/104", "64:ff9b::a00:0/104", "2002:a00::/24"]) {
    const geography = geographyOf();
    const result = overlay(geography, [parsePrefix(text) ?? assert.fail()]);
    assert.equal(result.v6, geography.v6);
    const inside = result.members.findIndex((member) => member.cidrs.length === 1);
    const at = result.v4.locations.indexOf(inside);
    const words = wordsOf(BigInt(result.v4.starts[at] ?? 0), 1);
    assert.equal(
      formatPrefix({ family: 4, words, length: result.v4.lengths[at] ?? 0 }),
      "10.0.0.0/8",
    );
  }
});

test("overlay numbers the locations inside IPv4 CIDRs before those inside IPv6 ones", () => {
  const geography = {
    v4: indexLeaves(uniformLeaves(1, 1)),
    v6: indexLeaves(uniformLeaves(4, 1)),
    locations,
  };
  const cidrs = ["0.0.0.0/0", "::/0"].map((text) => parsePrefix(text) ?? assert.fail());
  const result = overlay(geography, cidrs);
  assert.deepEqual(result.members.slice(3), [
    { location: 1, cidrs: [0] },
    { location: 1, cidrs: [1] },
  ]);
  assert.equal(result.v4.lengths.length + result.v6.lengths.length, 2);
});
