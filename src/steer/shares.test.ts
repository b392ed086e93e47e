/** The arithmetic of steps 5, 7 and 9: fixed vectors, and the promises of rounding. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import { roundIntegers, roundQuotients, roundSplit, splitQuotients } from "./shares.ts";

const total = limits.shareTotal;
const sum = (shares: readonly number[]) => shares.reduce((a, b) => a + b, 0);

describe("splitQuotients()", () => {
  /** weights, availabilities, shares as numbers. */
  const vectors: readonly [string, number[], number[], number[]][] = [
    ["divides by weight when all are whole", [1, 1, 2], [256, 256, 256], [1 / 4, 1 / 4, 1 / 2]],
    ["gives nothing to what cannot carry", [1, 1, 2], [256, 256, 0], [1 / 2, 1 / 2, 0]],
    ["gives nothing to weight 0", [0, 1], [256, 256], [0, 1]],
    ["leaves the rest of a ramp with the whole", [1, 1, 2], [256, 256, 128], [3 / 8, 3 / 8, 1 / 4]],
    ["scales when none is whole", [1, 1, 2], [64, 64, 64], [1 / 4, 1 / 4, 1 / 2]],
    ["scales unequal ramps when none is whole", [1, 1], [64, 192], [1 / 4, 3 / 4]],
    [
      "leaves the rest in proportion to weights",
      [3, 1, 4],
      [256, 256, 128],
      [9 / 16, 3 / 16, 1 / 4],
    ],
    ["takes only those who take part as the sum", [1, 5, 2], [256, 0, 128], [2 / 3, 0, 1 / 3]],
  ];
  for (const [claim, weights, availabilities, expected] of vectors) {
    test(claim, () => {
      const { numerators, denominator } = splitQuotients(weights, availabilities);
      const scaled = numerators.map((n) => Number((n * 1_000_000_000n) / denominator) / 1e9);
      scaled.forEach((share, i) => {
        assert.ok(
          Math.abs(share - (expected[i] ?? 0)) < 1e-8,
          `${scaled.join()} is not ${expected.join()}`,
        );
      });
    });
  }

  test("sums to 1 exactly", () => {
    const child = fc.tuple(fc.nat(1_000_000), fc.nat(256));
    fc.assert(
      fc.property(fc.array(child, { minLength: 1, maxLength: 12 }), (children) => {
        fc.pre(children.some(([weight, availability]) => weight * availability > 0));
        const { numerators, denominator } = splitQuotients(
          children.map(([weight]) => weight),
          children.map(([, availability]) => availability),
        );
        assert.equal(
          numerators.reduce((a, b) => a + b, 0n),
          denominator,
        );
      }),
    );
  });
});

describe("roundIntegers()", () => {
  /** numerators, denominator, shares. */
  const vectors: readonly [string, number[], number, number[]][] = [
    ["keeps what divides", [1, 1, 2], 4, [16_384, 16_384, 32_768]],
    ["gives ties to the lower position", [1, 1, 1], 3, [21_846, 21_845, 21_845]],
    ["gives one more to the greatest fraction", [2, 5], 7, [18_725, 46_811]],
    ["raises the least to 1 from the greatest", [1, 999_999], 1_000_000, [1, 65_535]],
    ["takes from the first of equals", [1, 500_000, 500_000], 1_000_001, [1, 32_767, 32_768]],
    ["leaves 0 at 0", [0, 1], 1, [0, 65_536]],
  ];
  for (const [claim, numerators, denominator, expected] of vectors) {
    test(claim, () => assert.deepEqual(roundIntegers(numerators, denominator), expected));
  }

  test("sums to the total, is within 1 where nothing is raised, and never 0 for a positive", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 40 }), (numerators) => {
        const denominator = sum(numerators);
        fc.pre(denominator > 0);
        const shares = roundIntegers(numerators, denominator);
        assert.equal(sum(shares), total);
        const raised = shares.filter((share) => share === 1).length;
        shares.forEach((share, i) => {
          const exact = ((numerators[i] ?? 0) * total) / denominator;
          assert.equal(share > 0, exact > 0);
          assert.ok(Math.abs(share - exact) <= 1 + raised);
        });
      }),
    );
  });

  test("is what roundQuotients says of the same quotients", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 40 }), (numerators) => {
        const denominator = sum(numerators);
        fc.pre(denominator > 0);
        const big = numerators.map(BigInt);
        const denominators = big.map(() => BigInt(denominator));
        assert.deepEqual(roundIntegers(numerators, denominator), roundQuotients(big, denominators));
      }),
    );
  });
});

describe("roundQuotients()", () => {
  test("compares fractions of unequal denominators", () => {
    // 1/3, 1/2 and 1/6 of 65,536: fractions 1/3, 0, 2/3.
    assert.deepEqual(roundQuotients([1n, 1n, 1n], [3n, 2n, 6n]), [21_845, 32_768, 10_923]);
  });
});

describe("roundSplit()", () => {
  test("says the same of whole children by either arithmetic", () => {
    const child = fc.tuple(fc.nat(1000), fc.constantFrom(0, 256));
    fc.assert(
      fc.property(fc.array(child, { minLength: 1, maxLength: 12 }), (children) => {
        const weights = children.map(([weight]) => weight);
        const availabilities = children.map(([, availability]) => availability);
        fc.pre(children.some(([weight, availability]) => weight * availability > 0));
        const { numerators, denominator } = splitQuotients(weights, availabilities);
        assert.deepEqual(
          roundSplit(weights, availabilities),
          roundQuotients(
            numerators,
            numerators.map(() => denominator),
          ),
        );
      }),
    );
  });
});
