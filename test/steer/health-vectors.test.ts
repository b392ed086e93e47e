/**
 * Envoy's formulas: the vectors of priority load and locality weighting, computed exactly with
 * fractions written here, and the same figures as docs/steering.md prints them. Percentages are
 * compared after rounding by the largest remainder.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { HealthSteering, Plan, Policy } from "../../src/policy/policy.ts";
import { decide } from "../../src/steer/decide.ts";
import { divided, type Fraction, fraction, minus, roundShares, sum } from "../oracle/fraction.ts";
import {
  classAt,
  first,
  policyOf,
  pool,
  serviceAt,
  split,
  worldOf,
} from "../support/steer-fixture.ts";

const page = readFileSync(new URL("../../docs/steering.md", import.meta.url), "utf8");

/** The rows of the table with this head. */
function rowsOf(head: string): readonly (readonly string[])[] {
  const start = page.indexOf(`${head}\n`);
  assert.notEqual(start, -1, head);
  const lines = page.slice(start).split("\n").slice(2);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const numbers = (cell: string): readonly number[] => cell.split(",").map(Number);
const spill: HealthSteering = { overprovisioningPercent: 140, spill: true, locality: false };
const locality: HealthSteering = { overprovisioningPercent: 140, spill: false, locality: true };

/** Shares of pools of a hundred endpoints each, of 65,536. */
function sharesOf(plan: Plan, up: readonly number[], health: HealthSteering): readonly number[] {
  const pools = up.map(() => ({ weights: new Array<number>(100).fill(1) }));
  const policy: Policy = policyOf([{ pools, classes: [{ plan }], health }]);
  const words = up.flatMap((n) => Array.from({ length: 100 }, (_, i) => (i < n ? "up" : "down")));
  const made = decide(policy, worldOf(policy, words), serviceAt(0), classAt(0));
  return up.map((_, ordinal) => made.pools.find((each) => each.pool === ordinal)?.share ?? 0);
}

const ofTotal = (shares: readonly number[]) => shares.map((share) => fraction(share, 65_536));
/** Percent with so many decimals, the last by the largest remainder. */
function percent(shares: readonly Fraction[], decimals: number): readonly number[] {
  return roundPositive(shares, 100 * 10 ** decimals).map((each) => each / 10 ** decimals);
}
/** `roundShares` gives every positive share one; a percentage may well be 0. */
function roundPositive(shares: readonly Fraction[], total: number): readonly number[] {
  const fine = roundShares(shares, total * 4096).map((each) => fraction(each, total * 4096));
  return roundShares(fine, total);
}

/** Envoy's formula, `op` of 140 %: load of each priority, exactly. */
function priorityLoad(healthy: readonly number[]): readonly Fraction[] {
  const health = healthy.map((n) => fraction(Math.min(1000, 14 * n), 1000));
  const all = sum(health);
  const normalized = all.over < all.under ? all : fraction(1);
  let left = fraction(1);
  return health.map((each) => {
    const wanted = divided(each, normalized);
    const load = minus(wanted, left).over < 0n ? wanted : left;
    left = minus(left, load);
    return load;
  });
}

/** As the reference gives them: the formula's results, where tables that are printed differ. */
const vectors: readonly (readonly [up: readonly number[], load: readonly number[]])[] = [
  [
    [100, 100],
    [100, 0],
  ],
  [
    [72, 100],
    [100, 0],
  ],
  [
    [71, 100],
    [99, 1],
  ],
  [
    [50, 100],
    [70, 30],
  ],
  // One table of Envoy's documentation prints 25/75: the formula gives 35.
  [
    [25, 100],
    [35, 65],
  ],
  [
    [0, 100],
    [0, 100],
  ],
  [
    [25, 25, 100],
    [35, 35, 30],
  ],
  [
    [25, 25, 20],
    [36, 36, 28],
  ],
  [
    [20, 30],
    [40, 60],
  ],
  // Another one prints 50/50: the formula gives 70.
  [
    [50, 60],
    [70, 30],
  ],
];

test("decide() spills by Envoy's priority formula, vector by vector", () => {
  for (const [up, load] of vectors) {
    const exact = priorityLoad(up);
    const shares = sharesOf(first(...up.map((_, i) => pool(i))), up, spill);
    assert.deepEqual(shares, roundShares(exact), `${up.join()}: exactly`);
    assert.deepEqual(percent(ofTotal(shares), 0), load, `${up.join()}: rounded`);
  }
});

test("decide() spills as the page says", () => {
  const rows = rowsOf(
    "| up of 100 in each tier of `first(a, b)` or `first(a, b, c)` | shares in percent | rounded |",
  );
  assert.equal(rows.length, vectors.length);
  for (const [up = "", exact = "", rounded = ""] of rows) {
    const plan = first(...numbers(up).map((_, i) => pool(i)));
    const shares = ofTotal(sharesOf(plan, numbers(up), spill));
    const close = shares.map(({ over, under }) => (Number(over) * 100) / Number(under));
    numbers(exact).forEach((each, i) => {
      assert.ok(Math.abs(each - (close[i] ?? 0)) < 0.006, `${up}: ${close.join()}`);
    });
    assert.deepEqual(percent(shares, 0), numbers(rounded), up);
  }
});

test("decide() weighs localities by Envoy's formula", () => {
  // L1 weight 1 at 80 %, L2 weight 1 at 100 %, L3 weight 2 at 50 %.
  const plan = split([1, pool(0)], [1, pool(1)], [2, pool(2)]);
  const shares = sharesOf(plan, [80, 100, 50], locality);
  const effective = [100, 100, 140].map((each) => fraction(each, 340));
  assert.deepEqual(shares, roundShares(effective));
  assert.deepEqual(percent(ofTotal(shares), 1), [29.4, 29.4, 41.2]);
  const rows = rowsOf("| weights of `split(a, b, c)` | up in percent | shares in percent |");
  assert.equal(rows.length, 3);
  for (const [weights = "", up = "", exact = ""] of rows) {
    const parts = numbers(weights).map((weight, i) => [weight, pool(i)] as const);
    const made = ofTotal(sharesOf(split(...parts), numbers(up), locality));
    assert.deepEqual(percent(made, 2), numbers(exact), up);
  }
});

test("decide() adds the endpoints of a tier's pools, and nests", () => {
  const both = split([1, pool(0)], [1, pool(1)]);
  // 100 + 50 of 200 up are 105 % with the factor: nothing spills.
  assert.deepEqual(sharesOf(first(both, pool(2)), [100, 50, 100], spill), [32768, 32768, 0]);
  // 50 of 200: 35 %.
  assert.deepEqual(
    percent(ofTotal(sharesOf(first(both, pool(2)), [50, 0, 100], spill)), 0),
    [35, 0, 65],
  );
  const nested = first(first(pool(0), pool(1)), pool(2));
  const flat = first(pool(0), pool(1), pool(2));
  for (const up of [
    [25, 25, 100],
    [25, 25, 20],
    [50, 60, 100],
  ]) {
    assert.deepEqual(sharesOf(nested, up, spill), sharesOf(flat, up, spill), up.join());
  }
});
