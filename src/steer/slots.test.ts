/**
 * The promises of slots (docs/steering.md, "Keys and slots"), as properties over random members.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import { roundSplit } from "./shares.ts";
import { fillSlots, nthSmallest, slotQuotas } from "./slots.ts";

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

describe("fillSlots()", () => {
  test("gives each member its quota, within 1 slot of its share, and none where the share is 0", () => {
    const availability = fc.constantFrom(0, 1, 64, 128, 255, full);
    fc.assert(
      fc.property(membersUpTo(24), fc.infiniteStream(availability), ({ ids, weights }, stream) => {
        const availabilities = ids.map(() => stream.next().value as number);
        fc.pre(availabilities.some((a) => a > 0));
        const shares = roundSplit(weights, availabilities);
        const found = counts(slotsOf(ids, wholeOf(weights), shares), ids.length);
        assert.deepEqual(found, slotQuotas(shares, limits.shareTotal));
        const raised = found.filter((slots) => slots === 1).length;
        found.forEach((slots, i) => {
          const share = shares[i] ?? 0;
          assert.equal(slots > 0, share > 0);
          assert.ok(Math.abs(slots - (share * M) / limits.shareTotal) <= 1 + raised);
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
  });

  test("moves, when a member fails, its share and at most 1 %", () => {
    fc.assert(
      fc.property(membersUpTo(64), ({ ids, weights, chosen }) => {
        const base = wholeOf(weights);
        const now = roundSplit(
          weights,
          weights.map((_, i) => (i === chosen ? 0 : full)),
        );
        const different = moved(slotsOf(ids, base, base), slotsOf(ids, base, now));
        const share = ((base[chosen] ?? 0) * M) / limits.shareTotal;
        assert.ok(different <= share + 0.01 * M, `${different} of ${share}`);
      }),
      { numRuns: 60 },
    );
  });

  test("moves, in a ramp of 20 steps, at most 1.7 times the final share", () => {
    fc.assert(
      fc.property(membersUpTo(32), ({ ids, weights, chosen }) => {
        const base = wholeOf(weights);
        const at = (step: number) =>
          slotsOf(
            ids,
            base,
            roundSplit(
              weights,
              weights.map((_, i) => (i === chosen ? Math.floor((full * step) / 20) : full)),
            ),
          );
        const share = ((base[chosen] ?? 0) * M) / limits.shareTotal;
        let total = 0;
        let before = at(0);
        for (let step = 1; step <= 20; step++) {
          const after = at(step);
          total += moved(before, after);
          before = after;
        }
        // The others' shares are whole slots: a slot may go to and fro where a share is few of
        // them.
        assert.ok(total <= 1.7 * share + 20, `${total} of ${share}`);
      }),
      { numRuns: 15 },
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

  test("moves, when a member leaves the configuration, its share and at most 3 %", () => {
    fc.assert(
      fc.property(membersUpTo(20), ({ ids, weights, chosen }) => {
        const base = wholeOf(weights);
        const rest = weights.map((weight, i) => (i === chosen ? 0 : weight));
        const after = wholeOf(rest);
        const different = moved(slotsOf(ids, base, base), slotsOf(ids, after, after));
        const share = ((base[chosen] ?? 0) * M) / limits.shareTotal;
        assert.ok(different <= share + 0.03 * M, `${different} of ${share}`);
      }),
      { numRuns: 40 },
    );
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
      assert.equal(nthSmallest(Float64Array.from(numbers), numbers.length, at), sorted[at]);
    }),
  );
});
