/** The keeper of World on two clocks of which one can be set, as an operator or NTP sets it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policyOf, pool } from "../../test/support/steer-fixture.ts";
import { type Entropy, simulatedEntropy } from "../lib/entropy.ts";
import type { EndpointIndex } from "../policy/policy.ts";
import { stateOf } from "../world/health.ts";
import { initialWorld } from "../world/initial.ts";
import { WorldKeeper } from "./observer-world.ts";

const hourMs = 3_600_000;
const holdMs = 60_000;
const row = 0 as EndpointIndex;

function scene() {
  const simulated = simulatedEntropy(1, 1_000_000_000_000);
  let setMs = 0;
  const entropy: Entropy = { ...simulated, now: () => simulated.now() + setMs };
  const policy = policyOf([
    { name: "shop", pools: [{ weights: [1] }], classes: [{ plan: pool(0) }], holdMs, rampMs: 0 },
  ]);
  const stalls: number[] = [];
  const keeper = new WorldKeeper({
    entropy,
    policy,
    world: initialWorld(policy, entropy.now()),
    onStep: () => undefined,
    onStall: ({ jumpedMs }) => stalls.push(Math.round(jumpedMs)),
  });
  const probe = (ok: boolean): void => {
    keeper.push({
      kind: "result",
      policyDigest: policy.digest,
      endpoint: row,
      at: entropy.now(),
      ok,
      latencyMs: 1,
      failure: ok ? "none" : "connect.refused",
    });
    simulated.advance(1000);
  };
  return {
    keeper,
    entropy,
    stalls,
    probe,
    state: () => stateOf(keeper.world.endpoints, row),
    /** Lets time pass with a passing probe a second. */
    pass: (ms: number): void => {
      for (let past = 0; past < ms; past += 1000) probe(true);
    },
    set: (byMs: number): void => {
      setMs += byMs;
    },
  };
}

for (const jumpMs of [hourMs, -hourMs]) {
  test(`WorldKeeper keeps holds and overrides as long as they were: ${jumpMs / hourMs} h`, () => {
    const { keeper, entropy, stalls, probe, pass, set, state } = scene();
    probe(false);
    pass(5000);
    assert.equal(state(), "held");
    const at = entropy.now();
    const override = { id: "a", kind: "drain", target: "service:shop" } as const;
    const words = { reason: "r", author: "a", createdAt: at, expiresAt: at + 120_000 };
    keeper.apply([{ kind: "override", at, override: { ...override, ...words } }]);
    pass(20_000);
    set(jumpMs);
    pass(20_000);
    assert.deepEqual(stalls, [jumpMs]);
    assert.equal(state(), "held", "not over because a clock was set");
    assert.equal(keeper.world.overrides.length, 1);
    pass(25_000);
    assert.notEqual(state(), "held", "and not an hour longer either");
    assert.equal(keeper.world.overrides.length, 1);
    pass(60_000);
    assert.equal(keeper.world.overrides.length, 0);
  });
}

test("WorldKeeper takes no endpoint for silent because the clock was set", () => {
  const { pass, set, state } = scene();
  pass(3000);
  for (const jumpMs of [hourMs, -2 * hourMs, 24 * hourMs]) {
    set(jumpMs);
    pass(3000);
    assert.equal(state(), "up");
  }
});
