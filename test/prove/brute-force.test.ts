/**
 * The prover against every state, one by one: the same verdict, and a counter-example that is as
 * small as the smallest and that decide() itself confirms.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claim } from "../../src/config/assertions.ts";
import type { HealthSteering } from "../../src/policy/policy.ts";
import { type AssumptionName, assume } from "../../src/prove/assume.ts";
import type { CounterExample } from "../../src/prove/counter-example.ts";
import { goodDayWorld } from "../../src/prove/good-day.ts";
import { prove } from "../../src/prove/prove.ts";
import { enumerate, type SmallCase, smallCase, violates } from "./brute-force.ts";

const cases = 120;
const healthCases = 60;

const claims: readonly Claim[] = [
  { kind: "residency" },
  { kind: "answer-regions", regionsDown: 1 },
  { kind: "answer-regions", regionsDown: 2 },
  { kind: "answer-endpoints", endpointsUp: 1 },
  { kind: "answer-endpoints", endpointsUp: 2 },
];

/** The state that the counter-example's options make. */
export function worldOfOptions(small: SmallCase, { options }: CounterExample) {
  const world = goodDayWorld(small.policy);
  for (const [flag, target] of options) {
    const name = flag.slice(2) as AssumptionName;
    assert.deepEqual(assume(small.policy, world, { name, target }), { ok: true });
  }
  return world;
}

interface Compared {
  readonly states: number;
  readonly violated: number;
}

function compare(count: number, make: (seed: number) => SmallCase): Compared {
  let [states, violated] = [0, 0];
  for (let seed = 0; seed < count; seed++) {
    const small = make(seed);
    for (const claim of claims) {
      const expected = enumerate(small, claim);
      states += expected.states;
      const [made] = prove(small.policy, small.claims(claim), { points: 200 }).verdicts;
      const where = `seed ${seed}, ${JSON.stringify(claim)}: ${made?.counterExample?.command}`;
      assert.equal(made?.outcome, expected.fewest === undefined ? "proved" : "violated", where);
      assert.equal(made.counterExample?.changes, expected.fewest, where);
      if (made.counterExample === undefined) continue;
      violated++;
      const world = worldOfOptions(small, made.counterExample);
      assert.ok(violates(small, world, claim), where);
    }
  }
  return { states, violated };
}

test("prove() says what every state one by one says, where health counts", () => {
  const plain = { overprovisioningPercent: 140, spill: false, locality: false };
  const words: readonly HealthSteering[] = [
    { overprovisioningPercent: 140, spill: true, locality: false },
    { overprovisioningPercent: 100, spill: true, locality: true },
    { overprovisioningPercent: 190, spill: true, locality: true },
    // With the pools of each case.
    { ...plain, panic: { hundredths: 6000, pools: [] } },
    { ...plain, spill: true, locality: true, panic: { hundredths: 10_000, pools: [] } },
  ];
  const { states, violated } = compare(healthCases, (seed) =>
    smallCase(1000 + seed, words[seed % words.length]),
  );
  assert.ok(states > healthCases * 500, `${states} states`);
  assert.ok(violated > healthCases / 2, `${violated} violated`);
});

test("prove() says what every state one by one says, with the smallest counter-example", () => {
  const { states, violated } = compare(cases, (seed) => smallCase(seed));
  assert.ok(states > cases * 500, `${states} states`);
  assert.ok(
    violated > cases / 2 && violated < cases * claims.length - cases,
    `${violated} violated`,
  );
});
