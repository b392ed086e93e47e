/** Vectors of docs/steering.md, so that the oracle itself is held to the page. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fraction, roundShares } from "./fraction.ts";

test("roundShares() gives thirds by the largest remainder, ties to the lower position", () => {
  const third = fraction(1, 3);
  assert.deepEqual(roundShares([third, third, third]), [21_846, 21_845, 21_845]);
});

test("roundShares() gives every positive share at least one, taken from the greatest", () => {
  const tiny = fraction(1, 10_000_000);
  assert.deepEqual(
    roundShares([fraction(9_999_999, 10_000_000), tiny, fraction(0)]),
    [65_535, 1, 0],
  );
});
