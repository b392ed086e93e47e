/** The logarithm against the engine's own, and the shape of the deviates. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exponentialDeviates, naturalLog } from "./exponential.ts";
import { xxh32 } from "./xxh32.ts";

test("naturalLog() agrees with Math.log to a few units in the last place", () => {
  for (let i = 1; i <= 20_000; i++) {
    const x = i / 20_000;
    const error = Math.abs(naturalLog(x) - Math.log(x));
    assert.ok(error <= 4 * Number.EPSILON * Math.max(1, Math.abs(Math.log(x))), `at ${x}`);
  }
});

test("exponentialDeviates() has mean 1, no two alike in order, and the same bits everywhere", () => {
  const deviates = exponentialDeviates(16_384, 1);
  let sum = 0;
  for (const deviate of deviates) sum += deviate;
  assert.ok(Math.abs(sum / deviates.length - 1) < 1e-3);
  assert.equal(new Set(deviates).size > 16_000, true);
  const bytes = new Uint8Array(deviates.buffer);
  assert.equal(xxh32(bytes, 0, bytes.length, 0), expectedDigest);
});

/** XXH32 of the table's bytes, little-endian: it changes when any deviate does. */
const expectedDigest = 274345161;
