/**
 * The guards of residency, removed one at a time: the prover, given the decision without the guard,
 * finds the smallest state in which an answer leaves the residency set.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Claim } from "../../src/config/assertions.ts";
import type {
  EndpointIndex,
  Fallback,
  PoolOrdinal,
  ServiceIndex,
} from "../../src/policy/policy.ts";
import type { DecideFunction as DecideInFull } from "../../src/prove/points.ts";
import { prove } from "../../src/prove/prove.ts";
import type { AttemptFunction } from "../../src/prove/support.ts";
import { levels, poolRow, serviceCarry } from "../../src/steer/carry.ts";
import { decide } from "../../src/steer/decide.ts";
import type { Asked } from "../../src/steer/plan-availability.ts";
import { attempt, planShares } from "../../src/steer/plan-shares.ts";
import { first, policyOf, pool } from "../support/steer-fixture.ts";
import { type DecideFunction, enumerate, type SmallCase } from "./brute-force.ts";

const residency: Claim = { kind: "residency" };
type Guard = "ordinary" | "held" | "last-good" | "serve-all" | "fixed";

/** The product's decision, but in one attempt every pool is allowed. */
function without(guard: Guard): AttemptFunction {
  return (service, classPlan, carry) => {
    const made = attempt(service, classPlan, carry);
    const order: readonly Guard[] = ["ordinary", "held", service.fallback as Guard];
    const reached = made.name === "refuse" ? order : order.slice(0, order.indexOf(made.name) + 1);
    if (!reached.includes(guard)) return made;
    const asked: Record<Guard, Asked> = {
      ordinary: "by-tier",
      held: levels.held,
      "last-good": levels.lastGood,
      "serve-all": levels.serveAll,
      fixed: levels.serveAll,
    };
    const plan =
      guard === "fixed"
        ? { kind: "pool" as const, pool: service.fixedPool as PoolOrdinal }
        : classPlan.plan;
    const allowed = classPlan.allowed.map(() => true);
    const shares = planShares(plan, asked[guard], {
      allowed,
      carry,
      health: service.health,
    });
    return shares === undefined ? made : { name: guard, shares };
  };
}

/** As decide() would answer if it called the function given. */
function decideWith(broken: AttemptFunction): DecideFunction {
  return (policy, world) => {
    const service = policy.services[0];
    const classPlan = policy.ruleSets[0]?.classes[0];
    assert.ok(service !== undefined && classPlan !== undefined);
    const made = broken(service, classPlan, serviceCarry(policy, world, 0 as ServiceIndex));
    const answers = made.shares.flatMap((share, ordinal) => {
      const at = policy.pools[ordinal];
      if (share === 0 || at === undefined) return [];
      const row = poolRow(policy, world, { pool: at, fallback: service.fallback });
      const endpoints = row.flatMap((part, k) => (part > 0 ? [at.firstEndpoint + k] : []));
      return [{ endpoints: endpoints as never[], share }];
    });
    const outcome = made.name === "refuse" ? "refuse" : "answer";
    return { outcome, answers, pools: [], reasons: [] };
  };
}

/** Two regions inside, one outside; the fixed answer is outside as well. */
function guarded(fallback: Fallback): SmallCase {
  const fixed = fallback === "fixed" ? [{ region: "us", weights: [1], fixed: true }] : [];
  const made = policyOf([
    {
      pools: [
        { region: "eu1", weights: [1] },
        { region: "eu2", weights: [1] },
        { region: "us", weights: [1] },
        ...fixed,
      ],
      classes: [
        {
          plan: first(pool(0), pool(1), pool(2)),
          allowed: [true, true, false, ...fixed.map(() => false)],
        },
      ],
      fallback,
    },
  ]);
  const policy = {
    ...made,
    regions: made.regions.map((region) => ({
      ...region,
      jurisdictions: [region.name.startsWith("eu") ? "EU" : "US"],
    })),
  };
  const name = policy.services[0]?.name ?? "";
  return {
    policy,
    residency: ["EU"],
    claims: (claim) => ({
      assertions: [{ assertion: { claim }, text: claim.kind, path: "assert.0", place: undefined }],
      residency: new Map([[name, ["EU"]]]),
    }),
  };
}

const expected: readonly (readonly [Guard, Fallback, number])[] = [
  ["ordinary", "refuse", 2],
  ["held", "refuse", 2],
  ["last-good", "last-good", 2],
  ["serve-all", "serve-all", 2],
  ["fixed", "fixed", 2],
];

for (const [guard, fallback, changes] of expected) {
  test(`prove() refutes residency when the attempt ${guard} lost its filter`, () => {
    const small = guarded(fallback);
    const whole = prove(small.policy, small.claims(residency));
    assert.equal(whole.outcome, "proved");
    const broken = without(guard);
    const [made] = prove(small.policy, small.claims(residency), { attempt: broken }).verdicts;
    const brute = enumerate(small, residency, decideWith(broken));
    assert.equal(made?.outcome, "violated");
    const found = made.counterExample;
    assert.equal(found?.changes, brute.fewest, found?.command ?? "");
    assert.equal(found?.changes, changes, found?.command ?? "");
    assert.match(found?.sentence ?? "", /to us/);
  });
}

test("prove() finds in whole decisions what is wrong between their parts", () => {
  const small = guarded("serve-all");
  // Names the endpoint outside beside the others, as a broken k-of-n would.
  const broken: DecideInFull = (policy, world, service, classIndex, seen) => {
    const made = decide(policy, world, service, classIndex, seen);
    if (!made.reasons.some(({ code }) => code === "fallback.serve-all")) return made;
    const answers = made.answers.map(({ endpoints, share }) => {
      return { endpoints: [...endpoints, 2 as EndpointIndex], share };
    });
    return { ...made, answers };
  };
  const options = { decide: broken, points: 2000 };
  const [made] = prove(small.policy, small.claims(residency), options).verdicts;
  assert.equal(made?.outcome, "violated");
  assert.match(made.detail, /a fault of Rhumb/);
  assert.equal(made.counterExample?.changes, 2);
  assert.equal(prove(small.policy, small.claims(residency), { points: 2000 }).outcome, "proved");
});
