/**
 * (policy, world, client) -> decision, as `rhumb explain` prints it: test/golden/decision/NAME.yaml
 * is the configuration; NAME.txt asks in lines that begin with `>` and holds what was answered
 * below each. Run with `--update` to write what comes out now, then read the difference.
 *
 *   > SERVICE CLIENT STATE...
 *
 * CLIENT is an address, a prefix or `-`. STATE is `TARGET=WORD` (the fixture's words, for a pool or
 * `pool:endpoint`), `down:REGION`, `drain:REGION` or `activate:POOL`. What is not named is up.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { explain, formatExplanation } from "../../src/steer/explain.ts";
import type { World } from "../../src/world/world.ts";
import { assumeDown, assumeDrained } from "../support/assumed-world.ts";
import { smallWorld } from "../support/geography-fixture.ts";
import { setEndpoint, worldOf } from "../support/steer-fixture.ts";

const folder = new URL("../golden/decision/", import.meta.url);
const update = process.argv.includes("--update");

function policyOf(name: string): Policy {
  const text = readFileSync(new URL(`${name}.yaml`, folder), "utf8");
  const loaded = loadConfig([{ file: `${name}.yaml`, text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, smallWorld);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result.policy;
}

function applyState(policy: Policy, world: World, of: { service: string; state: string }): World {
  const { service, state } = of;
  const [verb = "", region = ""] = state.split(":");
  if (verb === "down" && !state.includes("=")) return assumeDown(world, policy, [region]);
  if (verb === "drain" && !state.includes("=")) return assumeDrained(world, policy, [region]);
  const mine = policy.services.findIndex(({ name }) => name === service);
  const [target = "", word = "up"] = state.split("=");
  const [poolName = "", endpointName] = target.split(/:(.*)/);
  let touched = 0;
  policy.pools.forEach((pool, index) => {
    if (pool.service !== mine) return;
    if (verb === "activate" && pool.name === region) {
      world.pools.active[index] = 1;
      touched++;
    }
    if (pool.name !== poolName) return;
    for (let k = pool.firstEndpoint; k < pool.firstEndpoint + pool.endpointCount; k++) {
      const endpoint = policy.endpoints[k];
      if (endpointName !== undefined && endpoint?.name !== endpointName) continue;
      setEndpoint(world, { index: k, monitored: endpoint?.monitor !== -1 }, word);
      touched++;
    }
  });
  assert.ok(touched > 0, `${state} names something`);
  return world;
}

function answered(policy: Policy, line: string): string {
  const [service = "", client = "", ...states] = line.slice(1).trim().split(/\s+/);
  let world = worldOf(policy, []);
  for (const state of states) world = applyState(policy, world, { service, state });
  const result = explain(policy, world, { service, client: client === "-" ? "" : client });
  return result.ok ? formatExplanation(result.explanation) : `${result.message} (${result.hint})\n`;
}

for (const file of readdirSync(folder)) {
  if (!file.endsWith(".yaml")) continue;
  const name = file.slice(0, -".yaml".length);
  test(`explain() of ${file} says what ${name}.txt says`, () => {
    const policy = policyOf(name);
    const path = new URL(`${name}.txt`, folder);
    const before = readFileSync(path, "utf8");
    const asked = before.split("\n").filter((line) => line.startsWith(">"));
    assert.ok(asked.length > 0, `${name}.txt asks something`);
    const now = asked.map((line) => `${line}\n${answered(policy, line)}`).join("\n");
    if (update) writeFileSync(path, now);
    assert.equal(now, readFileSync(path, "utf8"));
  });
}
