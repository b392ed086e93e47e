/** Ways of steering inside each other, from the configuration to the decision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import type { Plan } from "../../src/policy/policy.ts";
import { decide } from "../../src/steer/decide.ts";
import { oracleDecide } from "../oracle/decide.ts";
import { smallWorld } from "../support/geography-fixture.ts";
import { classAt, serviceAt, worldOf } from "../support/steer-fixture.ts";

const levels = 12;
const regionNames = Array.from({ length: levels + 1 }, (_, i) => `r${String(i).padStart(2, "0")}`);

/** Order of weights of order ..., each level with a region of its own, by way of policies. */
function nested(): string {
  const policies = regionNames.slice(0, levels).map((name, i) => {
    const inner = i + 1 === levels ? (regionNames.at(-1) ?? "") : `{policy: p${i + 1}}`;
    const form =
      i % 2 === 0
        ? `[${name}, ${inner}]`
        : `{weights: [{weight: 1, steer: ${name}}, {weight: 2, steer: ${inner}}]}`;
    return `  p${i}: ${form}`;
  });
  const at = regionNames.map((name, i) => `${name}: {at: [${i}, ${i}]}`);
  const endpoints = regionNames.map((name, i) => `${name}: 192.0.2.${i + 1}`);
  return [
    "version: 1",
    "zone: example.com",
    `regions: {${at.join(", ")}}`,
    "policies:",
    ...policies,
    `services: {shop: {endpoints: {${endpoints.join(", ")}}, policy: p0, spill: health}}`,
  ].join("\n");
}

const depthOf = (plan: Plan): number =>
  plan.kind === "pool" ? 0 : 1 + Math.max(...plan.children.map(depthOf));

test("decide() steers by twelve levels of policies as the oracle does", () => {
  const loaded = loadConfig([{ file: "rhumb.yaml", text: nested() }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, smallWorld);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  const { policy } = result;
  const plan = policy.ruleSets[0]?.classes[0]?.plan;
  assert.ok(plan !== undefined && depthOf(plan) === levels);
  for (let dead = 0; dead < levels; dead++) {
    const world = worldOf(
      policy,
      regionNames.map((_, i) => (i < dead ? "drain" : i === dead ? 64 : "up")),
    );
    const made = decide(policy, world, serviceAt(0), classAt(0));
    const expected = oracleDecide(policy, world, { service: serviceAt(0), class: 0 });
    assert.deepEqual(made.pools, expected.pools, `${dead} drained`);
    assert.ok(made.pools.length > 0);
  }
});
