/** Panic: the threshold, who is in it, and a table that follows when it comes and goes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EndpointIndex, HealthSteering, Policy } from "../../src/policy/policy.ts";
import { decide } from "../../src/steer/decide.ts";
import { buildTable, updateTable } from "../../src/steer/table.ts";
import {
  classAt,
  type EndpointSketch,
  first,
  policyOf,
  pool,
  serviceAt,
  setEndpoint,
  worldOf,
} from "../support/steer-fixture.ts";

const health: HealthSteering = {
  overprovisioningPercent: 140,
  spill: false,
  locality: false,
  panic: { hundredths: 5000, pools: [true, true, false] },
};
/** Two pools of the plan, and one that no class is steered to. */
const policy: Policy = policyOf([
  {
    pools: [{ weights: [1, 1] }, { weights: [1, 1] }, { weights: [1, 1, 1, 1] }],
    classes: [{ plan: first(pool(0), pool(1)) }],
    health,
    fallback: "refuse",
  },
]);

function servedIn(words: readonly EndpointSketch[]): string {
  const made = decide(policy, worldOf(policy, words), serviceAt(0), classAt(0));
  const codes = made.reasons.filter(({ code }) => code === "panic.on");
  const endpoints = made.answers.map(({ endpoints: list }) => list[0]).join(" ");
  return `${endpoints}${codes.map(({ detail }) => ` panic ${detail}`).join("")}`.trim();
}

test("decide() panics below the threshold of the pools that may serve, not at it", () => {
  assert.equal(servedIn(["up", "down", "down", "up"]), "0");
  assert.equal(servedIn(["up", "down", "down", "down"]), "0 1 panic 1 of 4");
  assert.equal(servedIn(["unknown", "up", "down", "down"]), "1");
});

test("decide() in panic keeps to the tier that health picks, and to the operator's words", () => {
  assert.equal(servedIn(["down", "down", "up", "down"]), "2 3 panic 1 of 4");
  assert.equal(servedIn(["down", "down", "up", "drain"]), "2 panic 1 of 4");
  assert.equal(servedIn(["down", "down", "down", "down"]), "", "the fallback decides");
});

test("updateTable() gives every row of a service that comes to panic, or leaves it", () => {
  const world = worldOf(policy, ["up", "up", "up", "down"]);
  const table = buildTable(policy, world);
  for (const [index, word] of [
    [1, "down"],
    [2, "down"],
    [2, "up"],
    [0, "down"],
    [1, "up"],
  ] as const) {
    setEndpoint(world, { index, monitored: true }, word);
    updateTable(table, policy, world, [index as EndpointIndex]);
    assert.deepEqual(table.serving, buildTable(policy, world).serving, `${index} ${word}`);
  }
});
