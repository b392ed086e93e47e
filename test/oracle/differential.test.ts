/**
 * decide() against the oracle on random cases: the same outcome, answers, shares and reasons, in
 * the same order. The run also shows that the cases are worth something: every reason code comes up
 * a thousand times, half the cases have several answers, a third has a hold, a ramp or an override.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClassIndex, ServiceIndex } from "../../src/policy/policy.ts";
import { decide } from "../../src/steer/decide.ts";
import type { Decision } from "../../src/steer/decision.ts";
import { reasonCodes } from "../../src/steer/reasons.ts";
import { oracleDecide } from "./decide.ts";
import { randomCase } from "./random-case.ts";
import type { OracleDecision } from "./scene.ts";

const cases = 100_000;

function subject(reason: Decision["reasons"][number]): string {
  if (reason.subject.kind === "pool") return `pool:${reason.subject.pool}`;
  return reason.subject.kind === "service" ? "service" : `endpoint:${reason.subject.endpoint}`;
}

/** The product's decision in the oracle's words. */
function inOracleWords(decision: Decision): OracleDecision {
  return {
    outcome: decision.outcome,
    answers: decision.answers.map((answer) => ({
      endpoints: [...answer.endpoints],
      share: answer.share,
    })),
    pools: decision.pools.map(({ pool, share }) => ({ pool, share })),
    reasons: decision.reasons.map((reason) =>
      `${reason.code} ${subject(reason)} ${reason.detail}`.trimEnd(),
    ),
  };
}

test("decide() says what the naive decide written from the specification says", () => {
  const seenCodes = new Map<string, number>();
  let several = 0;
  let eventful = 0;
  for (let seed = 0; seed < cases; seed++) {
    const { policy, world, seen } = randomCase(seed);
    const service = 0 as ServiceIndex;
    const expected = oracleDecide(policy, world, { service, class: 0, seen });
    const actual = inOracleWords(decide(policy, world, service, 0 as ClassIndex, seen));
    assert.deepEqual(actual, expected, `seed ${seed}`);
    const codes = new Set(expected.reasons.map((reason) => reason.split(" ")[0] ?? ""));
    for (const code of codes) seenCodes.set(code, (seenCodes.get(code) ?? 0) + 1);
    if (expected.answers.length > 1) several += 1;
    if ([...codes].some((code) => /^(hold|ramp|override)\./.test(code))) eventful += 1;
  }
  for (const code of Object.keys(reasonCodes)) {
    const times = seenCodes.get(code) ?? 0;
    assert.ok(times >= 1000, `${code} came up ${times} times only`);
  }
  assert.ok(several >= cases / 2, `${several} cases with several answers`);
  assert.ok(eventful >= cases / 3, `${eventful} cases in a hold, ramp or override`);
});
