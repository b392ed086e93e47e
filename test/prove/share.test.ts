/**
 * Assertions on shares against decide(): what is proved is passed in no state tried, what is
 * refuted is refuted by decide() itself, and the interval holds every share seen.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claim } from "../../src/config/assertions.ts";
import { limits } from "../../src/limits.ts";
import type {
  ClassIndex,
  Plan,
  Policy,
  PoolOrdinal,
  ServiceIndex,
} from "../../src/policy/policy.ts";
import { type AssumptionName, assume } from "../../src/prove/assume.ts";
import { goodDayWorld } from "../../src/prove/good-day.ts";
import { prove, type Verdict } from "../../src/prove/prove.ts";
import { shareBounds } from "../../src/prove/share-bounds.ts";
import { levelCount, levels } from "../../src/steer/carry.ts";
import { decide } from "../../src/steer/decide.ts";
import { attempt } from "../../src/steer/plan-shares.ts";
import { first, policyOf, pool, split } from "../support/steer-fixture.ts";
import { Dice, randomPlan } from "./brute-force.ts";

const full = limits.availabilityFull;

test("shareBounds() holds what attempt() gives for availabilities between the bounds", () => {
  let wide = 0;
  for (let seed = 0; seed < 3000; seed++) {
    const dice = new Dice(seed);
    const count = 1 + dice.below(5);
    const order = Array.from({ length: count }, (_, i) => i as PoolOrdinal);
    const plan: Plan = randomPlan(dice, order, 3);
    const { services } = policyOf([{ pools: order.map(() => ({ weights: [1] })), classes: [] }]);
    const allowed = order.map(() => dice.chance(90));
    const classPlan = { plan, allowed, rule: 0, ranking: [] };
    const carry = new Uint32Array(count * levelCount);
    const bounds = order.map((each) => {
      const low = dice.pick([0, 1, 40, full] as const);
      const high = low === 0 || low === full ? low : low + dice.below(full - low);
      const unknown = low > 0 || dice.chance(30) ? full : 0;
      carry[each * levelCount + levels.up] = low + dice.below(high - low + 1);
      carry[each * levelCount + levels.unknown] = unknown;
      return [
        [low, high],
        [unknown, unknown],
      ] as const;
    });
    const service = services[0];
    assert.ok(service !== undefined);
    const made = attempt(service, classPlan, carry);
    if (made.name !== "ordinary") continue;
    const of = order.map(() => dice.chance(40));
    const share = made.shares.reduce((sum, each, i) => sum + (of[i] === true ? each : 0), 0);
    const [least, most] = shareBounds(classPlan, of, (at, level) => bounds[at]?.[level] ?? [0, 0]);
    const where = `seed ${seed}: ${share} not in ${least * limits.shareTotal}..${most * limits.shareTotal}`;
    assert.ok(share >= least * limits.shareTotal - count, where);
    assert.ok(share <= most * limits.shareTotal + count, where);
    if (most > least) wide++;
  }
  assert.ok(wide > 300, `${wide} intervals are wider than a point`);
});

const policy = policyOf([
  {
    pools: [
      { region: "ams", weights: [1] },
      { region: "fra", weights: [1, 1] },
      { region: "iad", weights: [1] },
    ],
    classes: [
      { plan: split([1, pool(0)], [2, pool(1)], [1, pool(2)]) },
      { plan: first(pool(0), pool(1), pool(2)) },
    ],
  },
]);

function proved(mostPercent: number, regionsDown: number) {
  return proofOf(policy, { kind: "share", of: "fra", mostPercent, regionsDown });
}

function proofOf(of: Policy, claim: Claim): Verdict {
  const assertion = { assertion: { claim }, text: "share", path: "assert.0", place: undefined };
  const [verdict] = prove(of, { assertions: [assertion], residency: new Map() }).verdicts;
  assert.ok(verdict !== undefined);
  return verdict;
}

test("prove() bounds a share exactly where nothing is returning", () => {
  assert.equal(proved(50, 0).outcome, "proved");
  assert.equal(proved(49.99, 0).outcome, "violated");
  assert.equal(proved(100, 3).outcome, "proved");
});

test("prove() refutes a share by a state that decide() confirms", () => {
  const verdict = proved(66.6, 1);
  assert.equal(verdict.outcome, "violated");
  assert.equal(verdict.counterExample?.changes, 1);
  const world = goodDayWorld(policy);
  for (const [flag, target] of verdict.counterExample?.options ?? []) {
    const name = flag.slice(2) as AssumptionName;
    assert.deepEqual(assume(policy, world, { name, target }), { ok: true });
  }
  const made = decide(
    policy,
    world,
    0 as ServiceIndex,
    (verdict.counterExample?.class ?? 0) as ClassIndex,
  );
  const share = made.pools.find((each) => each.pool === 1)?.share ?? 0;
  assert.ok(share > 0.666 * limits.shareTotal, `${share}`);
});

test("prove() covers availabilities it did not try", () => {
  const shared = policyOf([
    {
      pools: [0, 1, 2].map((i) => ({ region: `r${i}`, weights: [1] })),
      classes: [{ plan: split([2, pool(0)], [1, pool(1)], [1, pool(2)]) }],
    },
  ]);
  // With one of the others lost r0 has two thirds; while that returns, less.
  const tight: Claim = { kind: "share", of: "r0", mostPercent: 66.67, regionsDown: 1 };
  const made = proofOf(shared, tight);
  assert.equal(made.outcome, "proved");
  assert.equal(made.detail, "the greatest share is 66.67%");
  assert.equal(proofOf(shared, { ...tight, mostPercent: 66.6 }).outcome, "violated");
});
