/**
 * The promises of slots (docs/steering.md, "Keys and slots"), as properties over random members.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { xxh32 } from "../lib/xxh32.ts";
import { limits } from "../limits.ts";
import { roundSplit } from "./shares.ts";
import { slotBounds } from "./slot-bounds.ts";
import { nthSmallest } from "./slot-rendezvous.ts";
import { fillSlots } from "./slots.ts";

const M = limits.slots;
const full = limits.availabilityFull;

function slotsOf(
  ids: readonly number[],
  base: readonly number[],
  shares: readonly number[],
): Uint16Array {
  const out = new Uint16Array(M);
  fillSlots({ ids, base, shares }, out);
  return out;
}

function counts(slots: Uint16Array, members: number): number[] {
  const found = new Array<number>(members).fill(0);
  for (const member of slots) found[member] = (found[member] ?? 0) + 1;
  return found;
}

function moved(before: Uint16Array, after: Uint16Array): number {
  let different = 0;
  for (let slot = 0; slot < M; slot++) if (before[slot] !== after[slot]) different++;
  return different;
}

const wholeOf = (weights: readonly number[]) =>
  roundSplit(
    weights,
    weights.map(() => full),
  );

/** The same pools in every run: the figures are of chance, and are met by these. */
const seed = 4093;

/** Distinct ids and weights of 2 to `max` members, and one of them. */
const membersUpTo = (max: number) =>
  fc
    .tuple(
      fc.uniqueArray(fc.integer({ min: 0, max: 0xffff_ffff }), { minLength: 2, maxLength: max }),
      fc.infiniteStream(fc.integer({ min: 1, max: 100 })),
      fc.nat(),
    )
    .map(([ids, stream, which]) => {
      const weights = ids.map(() => stream.next().value as number);
      return { ids, weights, chosen: which % ids.length };
    });

type Members = {
  readonly ids: readonly number[];
  readonly weights: readonly number[];
  readonly chosen: number;
};

/** As many members as that, with weights of 1 to 10. */
const crowd = (count: number) =>
  fc.integer({ min: 1, max: 0x7fff_ffff }).map((start): Members => {
    const ids = Array.from({ length: count }, (_, i) =>
      xxh32(Uint8Array.of(i, i >> 8), 0, 2, start),
    );
    const weights = ids.map((id) => 1 + (id % 10));
    return { ids, weights, chosen: start % count };
  });

const slotsFor = (share: number | undefined) => ((share ?? 0) * M) / limits.shareTotal;

/** Slots that change hands in 20 steps, and the final share in slots. */
function ramp({ ids, weights, chosen }: Members, others: readonly number[]) {
  const base = wholeOf(weights);
  const sharesAt = (step: number) =>
    roundSplit(
      weights,
      others.map((a, i) => (i === chosen ? Math.floor((full * step) / 20) : a)),
    );
  let total = 0;
  let before = slotsOf(ids, base, sharesAt(0));
  for (let step = 1; step <= 20; step++) {
    const after = slotsOf(ids, base, sharesAt(step));
    total += moved(before, after);
    before = after;
  }
  return { total, share: slotsFor(sharesAt(20)[chosen]) };
}

describe("fillSlots()", () => {
  test("gives each member its share within 1 slot, and none where the share is 0", () => {
    const availability = fc.constantFrom(0, 1, 64, 128, 255, full);
    fc.assert(
      fc.property(membersUpTo(24), fc.infiniteStream(availability), ({ ids, weights }, stream) => {
        const availabilities = ids.map(() => stream.next().value as number);
        fc.pre(availabilities.some((a) => a > 0));
        const shares = roundSplit(weights, availabilities);
        const found = counts(slotsOf(ids, wholeOf(weights), shares), ids.length);
        found.forEach((slots, i) => {
          const share = shares[i] ?? 0;
          assert.equal(slots > 0, share > 0);
          assert.ok(Math.abs(slots - (share * M) / limits.shareTotal) <= 1);
        });
      }),
      { numRuns: 60 },
    );
  });

  test("gives every one of 1,024 members at least a slot beside a giant", () => {
    const weights = Array.from({ length: 1024 }, (_, i) => (i === 7 ? 1_000_000 : 1));
    const shares = wholeOf(weights);
    const found = counts(
      slotsOf(
        weights.map((_, i) => i * 7_919),
        shares,
        shares,
      ),
      1024,
    );
    assert.ok(found.every((slots) => slots >= 1));
    assert.equal(found[7], M - 1023);
    assert.deepEqual(slotBounds(shares).least, found);
  });

  test("keeps within 1 slot of every share while the slots suffice, among 1,000", () => {
    fc.assert(
      fc.property(crowd(1000), ({ ids, weights, chosen }) => {
        const base = wholeOf(weights);
        const down = new Set([chosen, 1, 2, 3]);
        const now = roundSplit(
          weights,
          weights.map((_, i) => (down.has(i) ? 0 : full)),
        );
        const found = counts(slotsOf(ids, base, now), ids.length);
        const exact = now.map((share) => (share * M) / limits.shareTotal);
        const needed = exact.reduce((sum, slots) => sum + Math.max(0, Math.ceil(slots) - 1), 0);
        fc.pre(needed + exact.filter((slots) => slots > 0 && slots <= 1).length <= M);
        found.forEach((slots, i) => {
          assert.ok(Math.abs(slots - (exact[i] ?? 0)) <= 1);
        });
      }),
      { numRuns: 4, seed },
    );
  });

  test("moves, when a member fails, its share and at most 1 %, among any number", () => {
    const fails = ({ ids, weights, chosen }: Members) => {
      const base = wholeOf(weights);
      const now = roundSplit(
        weights,
        weights.map((_, i) => (i === chosen ? 0 : full)),
      );
      const different = moved(slotsOf(ids, base, base), slotsOf(ids, base, now));
      assert.ok(different <= slotsFor(base[chosen]) + 0.01 * M, `${different}`);
    };
    fc.assert(fc.property(membersUpTo(64), fails), { numRuns: 100, seed });
    fc.assert(fc.property(crowd(300), fails), { numRuns: 8, seed });
    fc.assert(fc.property(crowd(1000), fails), { numRuns: 3, seed });
  });

  test("moves, in a ramp of 20 steps, at most 1.7 times the final share and a slot a step", () => {
    const ramps = ({ ids, weights, chosen }: Members) => {
      const others = weights.map(() => full);
      const { total, share } = ramp({ ids, weights, chosen }, others);
      assert.ok(total <= 1.7 * share + 20, `${total} of ${share}`);
    };
    fc.assert(fc.property(membersUpTo(32), ramps), { numRuns: 12, seed });
    fc.assert(fc.property(crowd(100), ramps), { numRuns: 3, seed });
    fc.assert(fc.property(crowd(300), ramps), { numRuns: 1, seed });
  });

  test("moves 1 % more while another is down and one is half way, among up to 12", () => {
    fc.assert(
      fc.property(membersUpTo(12), ({ ids, weights, chosen }) => {
        fc.pre(ids.length >= 4);
        const others: number[] = weights.map(() => full);
        others[(chosen + 1) % ids.length] = 0;
        others[(chosen + 2) % ids.length] = full / 2;
        const { total, share } = ramp({ ids, weights, chosen }, others);
        assert.ok(total <= 1.7 * share + 20 + 0.01 * M, `${total} of ${share}`);
      }),
      { numRuns: 15, seed },
    );
  });

  test("moves, in a failover from tier to tier, only what the ramp gives back", () => {
    const ids = [11, 22];
    const base = [limits.shareTotal, 0];
    let before = slotsOf(ids, base, [0, limits.shareTotal]);
    let total = 0;
    for (let step = 1; step <= 20; step++) {
      const given = Math.round((limits.shareTotal * step) / 20);
      const after = slotsOf(ids, base, [given, limits.shareTotal - given]);
      total += moved(before, after);
      before = after;
    }
    assert.equal(total, M);
  });

  test("moves, when a member leaves the configuration, its share and a few percent", () => {
    const leaves = (percent: number) => (members: Members) => {
      const { ids, weights, chosen } = members;
      const base = wholeOf(weights);
      const rest = wholeOf(weights.map((weight, i) => (i === chosen ? 0 : weight)));
      const different = moved(slotsOf(ids, base, base), slotsOf(ids, rest, rest));
      const most = slotsFor(base[chosen]) + (percent / 100) * M;
      assert.ok(different <= most, `${different} of ${most} among ${ids.length}`);
    };
    fc.assert(fc.property(membersUpTo(8), leaves(2)), { numRuns: 100, seed });
    fc.assert(fc.property(membersUpTo(32), leaves(2.5)), { numRuns: 60, seed });
    fc.assert(fc.property(crowd(100), leaves(3)), { numRuns: 20, seed });
    fc.assert(fc.property(crowd(1000), leaves(4)), { numRuns: 3, seed });
  });

  test("follows from ids, base and shares alone", () => {
    const base = wholeOf([1, 2, 3]);
    const now = roundSplit([1, 2, 3], [256, 64, 256]);
    const ids = [5, 6, 7];
    const once = slotsOf(ids, base, now);
    slotsOf([8, 9, 10], base, roundSplit([1, 2, 3], [0, 256, 7]));
    assert.deepEqual(slotsOf(ids, base, now), once);
  });

  test("fills a row of bytes as it fills one of words", () => {
    const base = wholeOf([1, 2, 3]);
    const bytes = new Uint8Array(M);
    fillSlots({ ids: [5, 6, 7], base, shares: base }, bytes);
    assert.deepEqual([...bytes], [...slotsOf([5, 6, 7], base, base)]);
  });

  test("parts members whose ids are alike", () => {
    const base = wholeOf([1, 1]);
    assert.deepEqual(counts(slotsOf([5, 5], base, base), 2), [2047, 2046]);
  });
});

test("nthSmallest() finds what sorting would", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 60 }), fc.nat(), (numbers, n) => {
      const at = n % numbers.length;
      const sorted = [...numbers].sort((a, b) => a - b);
      assert.equal(nthSmallest(Float32Array.from(numbers), numbers.length, at), sorted[at]);
    }),
  );
});
