/** Classes and scopes against a walk over every address of a small, dense part of the space. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { first, policyOf, pool } from "../../test/support/steer-fixture.ts";
import type { Leaves } from "../geo/geography.ts";
import { indexLeaves, LeafBuilder } from "../geo/leaves.ts";
import { parseAddress } from "../lib/ip.ts";
import type { Policy, RuleSet } from "../policy/policy.ts";
import {
  answerScope,
  type Classified,
  type Client,
  classify,
  createClassified,
  createClient,
} from "./classify.ts";

/** Location of each /32 of 192.0.2.0/24; the rest of the world is location 0. */
type Cells = readonly number[];

const base = 0xc000_0200;

function leavesOf(words: 1 | 4, cells: Cells): Leaves {
  const builder = new LeafBuilder(words);
  const bits = words === 1 ? 32 : 128;
  const start = new Uint32Array(words);
  const put = (length: number, location: number) => builder.append(start, { length, location });
  // Everything before the /24, the cells, everything after: whole prefixes, in order.
  const top = bits - 8;
  const prefix = words === 1 ? [base] : [0x2001_0db8, 0, 0, 0];
  for (let at = 0; at < top; at++) sibling({ prefix, at, side: 1, start }, put);
  cells.forEach((location, i) => {
    prefix.forEach((word, w) => {
      start[w] = word;
    });
    start[words - 1]! |= i;
    put(bits, location);
  });
  for (let at = top - 1; at >= 0; at--) sibling({ prefix, at, side: 0, start }, put);
  return indexLeaves(builder.finish());
}

/** Puts the sibling of the prefix at bit `at`, if the prefix itself goes to `side` there. */
function sibling(
  of: { prefix: readonly number[]; at: number; side: 0 | 1; start: Uint32Array },
  put: (length: number, location: number) => void,
): void {
  const word = of.at >>> 5;
  const bit = 0x8000_0000 >>> (of.at & 31);
  const side = ((of.prefix[word] ?? 0) & bit) === 0 ? 0 : 1;
  if (side !== of.side) return;
  of.start.fill(0);
  for (let w = 0; w <= word; w++) of.start[w] = of.prefix[w] ?? 0;
  // Keep the bits before `at`, turn that one, clear the rest.
  of.start[word] = (((of.start[word] ?? 0) ^ bit) & ~(bit - 1)) >>> 0;
  put(of.at + 1, 0);
}

/** The shortest prefix on which the class is constant, by trying each: 0 .. bits. */
function scopes(leaves: Leaves, classOf: Uint16Array): Uint8Array {
  const count = leaves.lengths.length;
  const found = new Uint8Array(count);
  for (let leaf = 0; leaf < count; leaf++) {
    let length = leaves.lengths[leaf] ?? 0;
    while (length > 0 && constant(leaves, classOf, { leaf, length: length - 1 })) length--;
    found[leaf] = length;
  }
  return found;
}

function constant(
  leaves: Leaves,
  classOf: Uint16Array,
  at: { readonly leaf: number; readonly length: number },
): boolean {
  const mine = classOf[leaves.locations[at.leaf] ?? 0];
  for (let other = 0; other < leaves.lengths.length; other++) {
    if (!shares(leaves, { a: at.leaf, b: other, length: at.length })) continue;
    if (classOf[leaves.locations[other] ?? 0] !== mine) return false;
  }
  return true;
}

function shares(
  leaves: Leaves,
  of: { readonly a: number; readonly b: number; readonly length: number },
): boolean {
  // A leaf shorter than the prefix that covers it, or one inside it.
  const kept = Math.min(of.length, leaves.lengths[of.b] ?? 0, 128);
  for (let w = 0; w < leaves.words; w++) {
    const bits = Math.max(0, Math.min(32, kept - w * 32));
    const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
    const a = leaves.starts[of.a * leaves.words + w] ?? 0;
    const b = leaves.starts[of.b * leaves.words + w] ?? 0;
    if (((a ^ b) & mask) !== 0) return false;
  }
  return true;
}

function worldOfCells(cells: Cells, classOf: readonly number[]) {
  const [plain] = [policyOf([{ pools: [{ weights: [1] }], classes: [{ plan: first(pool(0)) }] }])];
  const classOfLocation = Uint16Array.from(classOf);
  const v4 = leavesOf(1, cells);
  const v6 = leavesOf(4, cells);
  const policy: Policy = { ...plain, v4, v6 };
  const ruleSet: RuleSet = {
    rules: [],
    classes: [],
    classOfLocation,
    residency: undefined,
    scope4: scopes(v4, classOfLocation),
    scope6: scopes(v6, classOfLocation),
  };
  return { policy, ruleSet };
}

function ask(
  world: { readonly policy: Policy; readonly ruleSet: RuleSet },
  address: string,
  length: number,
): Classified & { readonly client: Client } {
  const parsed = parseAddress(address);
  assert.ok(parsed);
  const client = createClient();
  client.family = parsed.family;
  client.length = length;
  parsed.words.forEach((word, w) => {
    const bits = Math.max(0, Math.min(32, length - w * 32));
    client.words[w] = bits === 0 ? 0 : word & (-1 << (32 - bits));
  });
  const out = createClassified();
  classify(world.policy, world.ruleSet, client, out);
  return { ...out, client };
}

const cells = fc.array(fc.nat(3), { minLength: 256, maxLength: 256 });
const runs = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 64 }), fc.nat(3)), { minLength: 8, maxLength: 40 })
  .map((parts) => parts.flatMap(([length, location]) => Array(length).fill(location) as number[]))
  .map((list) => Array.from({ length: 256 }, (_, i) => list[i % list.length] ?? 0));
const classesOf = fc
  .tuple(fc.nat(2), fc.nat(2), fc.nat(2))
  .map(([a, b, c]): readonly number[] => [0, a, b, c]);

describe("classify()", () => {
  test("gives an address its class, on a scope where it is constant and not one bit shorter", () => {
    fc.assert(
      fc.property(fc.oneof(cells, runs), classesOf, fc.nat(255), (at, classOf, i) => {
        const world = worldOfCells(at, classOf);
        const asked = ask(world, `192.0.2.${i}`, 32);
        const mine = classOf[at[i] ?? 0];
        assert.equal(asked.classIndex, mine);
        assert.equal(asked.seen, at[i] === 0 ? "unknown" : "location");
        const inside = (length: number) =>
          at.filter((_, k) => k >>> (32 - length) === i >>> (32 - length));
        if (asked.scope < 24) return;
        assert.ok(inside(asked.scope).every((location) => classOf[location] === mine));
        if (asked.scope > 24) {
          assert.ok(!inside(asked.scope - 1).every((location) => classOf[location] === mine));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("gives a source over several classes the largest of them, at the source's own scope", () => {
    fc.assert(
      fc.property(
        runs,
        classesOf,
        fc.nat(255),
        fc.integer({ min: 24, max: 32 }),
        (at, of, i, l) => {
          const world = worldOfCells(at, of);
          const asked = ask(world, `192.0.2.${i}`, l);
          const from = (i >>> (32 - l)) << (32 - l);
          const inside = at.slice(from, from + 2 ** (32 - l)).map((location) => of[location] ?? 0);
          const sizes = [0, 1, 2].map((c) => inside.filter((each) => each === c).length);
          const greatest = sizes.indexOf(Math.max(...sizes));
          assert.equal(asked.classIndex, greatest);
          const several = sizes.filter((size) => size > 0).length > 1;
          assert.equal(asked.seen === "span", several);
          if (several) assert.equal(asked.scope, l);
          else assert.ok(asked.scope <= l);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("says the same of IPv6", () => {
    const at = Array.from({ length: 256 }, (_, i) => (i < 128 ? 1 : 2));
    const world = worldOfCells(at, [0, 1, 2, 0]);
    const low = ask(world, "2001:db8::7f", 128);
    assert.deepEqual([low.classIndex, low.seen, low.scope], [1, "location", 121]);
    const both = ask(world, "2001:db8::", 120);
    assert.deepEqual([both.classIndex, both.seen, both.scope], [1, "span", 120]);
    const away = ask(world, "2001:db9::", 56);
    assert.deepEqual([away.classIndex, away.seen], [0, "unknown"]);
    assert.equal(away.scope, 32);
  });

  test("finds the IPv4 address inside IPv6, and gives the scope in IPv6", () => {
    const at = Array.from({ length: 256 }, (_, i) => (i < 128 ? 1 : 2));
    const world = worldOfCells(at, [0, 1, 2, 0]);
    for (const address of ["::ffff:192.0.2.200", "64:ff9b::192.0.2.200"]) {
      const asked = ask(world, address, 128);
      assert.deepEqual([asked.classIndex, asked.scope], [2, 96 + 25]);
      assert.deepEqual([asked.client.family, asked.client.length], [4, 32]);
    }
    const asked = ask(world, "2002:c000:2c8::1", 64);
    assert.deepEqual([asked.classIndex, asked.scope], [2, 16 + 25]);
  });

  test("knows nothing of a client without an address", () => {
    const world = worldOfCells(Array(256).fill(1) as number[], [0, 1, 2, 0]);
    for (const address of ["0.0.0.0", "::"]) {
      const asked = ask(world, address, 0);
      assert.deepEqual([asked.classIndex, asked.seen, asked.scope], [0, "unknown", 0]);
    }
  });

  test("returns scopes that nest or part, and never differ within one", () => {
    fc.assert(
      fc.property(runs, classesOf, (at, classOf) => {
        const world = worldOfCells(at, classOf);
        const scopeOf = at.map((_, i) => ask(world, `192.0.2.${i}`, 32).scope);
        scopeOf.forEach((scope, i) => {
          if (scope < 24) return;
          const size = 2 ** (32 - scope);
          const from = i - (i % size);
          assert.ok(scopeOf.slice(from, from + size).every((each) => each === scope));
        });
      }),
      { numRuns: 15 },
    );
  });
});

describe("answerScope()", () => {
  const world = worldOfCells(Array(256).fill(1) as number[], [0, 1, 2, 0]);
  const [plain] = world.policy.services;
  assert.ok(plain);
  const asked = ask(world, "192.0.2.1", 32);

  test("is the class's for query keys and single answers", () => {
    assert.equal(answerScope({ ...plain, key: "query" }, asked.client, asked, false), asked.scope);
    assert.equal(answerScope({ ...plain, key: "client" }, asked.client, asked, true), asked.scope);
  });

  test("is the longer of the class's and the mask's for client keys", () => {
    const client = { ...plain, key: "client" } as const;
    assert.equal(answerScope(client, asked.client, { ...asked, scope: 9 }, false), 24);
    assert.equal(answerScope(client, asked.client, { ...asked, scope: 30 }, false), 30);
    const mapped = ask(world, "::ffff:192.0.2.1", 128);
    assert.equal(answerScope(client, mapped.client, mapped, false), 96 + 24);
  });
});
