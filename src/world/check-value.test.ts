import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckPlan, EndpointIndex } from "../policy/policy.ts";
import { checkValue } from "./check-value.ts";
import { type Verdict, verdict } from "./world.ts";

/** Up, down, unknown, as docs/health.md writes them. */
const letters: Readonly<Record<string, Verdict>> = {
  u: verdict.up,
  d: verdict.down,
  "?": verdict.unknown,
};
const letterOf = (value: Verdict): string =>
  Object.keys(letters).find((letter) => letters[letter] === value) ?? "none";

/** Rows 0, 1, ... have the verdicts of the letters. */
function valueFor(plan: CheckPlan, parts: string): string {
  return letterOf(checkValue(plan, (row) => letters[parts[row] ?? ""] ?? verdict.disabled));
}

const probe = (row: number): CheckPlan => ({ kind: "probe", endpoint: row as EndpointIndex });
const count = (atLeast: number, ...of: readonly CheckPlan[]): CheckPlan => ({
  kind: "count",
  atLeast,
  of,
});
const not = (of: CheckPlan): CheckPlan => ({ kind: "not", of });

/** [parts, all, any, 2 of 3 (with three parts)] */
const tables: readonly (readonly [string, string, string, string?])[] = [
  ["uu", "u", "u"],
  ["ud", "d", "u"],
  ["u?", "?", "u"],
  ["du", "d", "u"],
  ["dd", "d", "d"],
  ["d?", "d", "?"],
  ["?u", "?", "u"],
  ["?d", "d", "?"],
  ["??", "?", "?"],
  ["uuu", "u", "u", "u"],
  ["uud", "d", "u", "u"],
  ["uu?", "?", "u", "u"],
  ["udd", "d", "u", "d"],
  ["ud?", "d", "u", "?"],
  ["u??", "?", "u", "?"],
  ["ddd", "d", "d", "d"],
  ["dd?", "d", "?", "d"],
  ["d??", "d", "?", "?"],
  ["???", "?", "?", "?"],
];

for (const [parts, all, any, two] of tables) {
  const probes = Array.from(parts, (_, row) => probe(row));
  test(`checkValue() of ${parts} is ${all} for all, ${any} for any, ${two ?? "-"} for two`, () => {
    assert.equal(valueFor(count(parts.length, ...probes), parts), all);
    assert.equal(valueFor(count(1, ...probes), parts), any);
    if (two !== undefined) assert.equal(valueFor(count(2, ...probes), parts), two);
  });
}

for (const [part, opposite] of ["ud", "du", "??"]) {
  test(`checkValue() of not ${part} is ${opposite}`, () => {
    assert.equal(valueFor(not(probe(0)), part ?? ""), opposite);
  });
}

test("checkValue() does not hang on the order of parts, and De Morgan holds for every three", () => {
  const all = ["u", "d", "?"];
  for (const a of all) {
    for (const b of all) {
      for (const c of all) {
        const parts = a + b + c;
        const [x, y, z] = [probe(0), probe(1), probe(2)];
        const two = valueFor(count(2, x, y, z), parts);
        assert.equal(valueFor(count(2, z, x, y), parts), two, parts);
        const neither = valueFor(not(count(1, x, y, z)), parts);
        assert.equal(valueFor(count(3, not(x), not(y), not(z)), parts), neither, parts);
        // 2 of 3 fail exactly when 2 of 3 negated pass.
        assert.equal(
          valueFor(count(2, not(x), not(y), not(z)), parts),
          valueFor(not(count(2, x, y, z)), parts),
        );
      }
    }
  }
});

test("checkValue() is never wrong about what is not known", () => {
  // Whatever an unknown part turns out to be, a value that was given stays.
  const plan = count(
    2,
    probe(0),
    not(probe(1)),
    count(1, probe(2), not(count(2, probe(0), probe(3)))),
  );
  const all = ["u", "d", "?"];
  const worlds = all.flatMap((a) =>
    all.flatMap((b) => all.flatMap((c) => all.map((d) => a + b + c + d))),
  );
  for (const parts of worlds) {
    const value = valueFor(plan, parts);
    if (value === "?") continue;
    for (const become of ["u", "d"]) {
      assert.equal(valueFor(plan, parts.replaceAll("?", become)), value, `${parts} ${become}`);
    }
  }
});
