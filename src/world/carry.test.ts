import assert from "node:assert/strict";
import { test } from "node:test";
import { policyOf, pool, type ServiceSketch, split } from "../../test/support/steer-fixture.ts";
import { result, runOf, startMs } from "../../test/support/world-run.ts";
import type { EndpointIndex, Policy } from "../policy/policy.ts";
import { carry, resume } from "./carry.ts";
import { stateOf } from "./health.ts";
import { step } from "./step.ts";
import { verdict } from "./world.ts";

const shop: ServiceSketch = {
  name: "shop",
  pools: [
    { region: "fra", weights: [1, 1] },
    { region: "iad", weights: [1] },
    { region: "nrt", weights: [1], standby: "manual" },
  ],
  classes: [{ plan: split([1, pool(0)], [1, pool(1)], [1, pool(2)]) }],
  holdMs: 10_000,
  rampMs: 256_000,
};
const blog: ServiceSketch = {
  name: "blog",
  pools: [{ region: "fra", weights: [1] }],
  classes: [{ plan: pool(0) }],
};

/** The same endpoints under other indices: identities are what the list says, in order. */
function withIdentities(policy: Policy, digest: string, identities: readonly string[]): Policy {
  const endpoints = policy.endpoints.map((endpoint, row) => ({
    ...endpoint,
    name: identities[row]!,
    identity: identities[row]!,
  }));
  return { ...policy, digest, endpoints };
}

const before = withIdentities(policyOf([shop]), "before", ["a", "b", "c", "d"]);
const after = withIdentities(policyOf([blog, shop]), "after", ["x", "b", "new", "c", "d"]);

test("carry() lets history follow identity, and starts what is new as unknown", () => {
  const run = runOf(before);
  run.probes(0, "o", 100);
  run.probes(1, "xooooo", 100);
  run.probes(2, "oxx", 100);
  run.probes(3, "o", 100);
  run.override({ kind: "activate", target: "pool:shop/nrt" });
  run.override({ kind: "drain", target: "pool:shop/iad" });
  run.override({ kind: "freeze", target: "region:gone" });
  const world = carry(before, run.world, after, run.now);
  assert.equal(world.policyDigest, "after");
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((row) => stateOf(world.endpoints, row)),
    ["unknown", "held", "unknown", "up", "up"],
  );
  assert.equal(world.endpoints.holdUntil[1], run.world.endpoints.holdUntil[1]);
  assert.equal(world.endpoints.failures[3], 2);
  assert.deepEqual([...world.endpoints.forced], [0, 0, 0, 3, 0]);
  assert.deepEqual([...world.pools.active], [1, 1, 1, 1]);
  assert.equal(world.overrides.length, 3, "one for a region that is gone waits for its return");
  assert.ok(world.generation > run.world.generation);
  assert.deepEqual([...world.endpoints.lastGood], [0, 0, 0, 0, 1]);
});

test("carry() goes on where the World before stood: hold, counter and freeze", () => {
  const run = runOf(before);
  run.probes(1, "xooooo", 100);
  run.probes(2, "oxx", 100);
  run.override({ kind: "freeze", target: "pool:shop/iad", id: "f" });
  let world = carry(before, run.world, after, run.now);
  const heldUntil = world.endpoints.holdUntil[1]!;
  const heard = result(after, { row: 1, ok: true, at: heldUntil - 5000 });
  world = step(after, world, [heard], heldUntil - 1).world;
  assert.equal(stateOf(world.endpoints, 1), "held");
  world = step(after, world, [result(after, { row: 1, ok: true, at: heldUntil })], heldUntil).world;
  assert.equal(stateOf(world.endpoints, 1), "ramping");
  assert.equal(
    stateOf(world.endpoints, 3),
    "up",
    "frozen: neither silence nor a revision thaws it",
  );
  const at = heldUntil + 60_000;
  const failed = step(after, world, [result(after, { row: 3, ok: false, at })], at);
  assert.equal(stateOf(failed.world.endpoints, 3), "up");
  const lifted = step(after, failed.world, [{ kind: "lift", at, id: "f" }], at);
  assert.equal(stateOf(lifted.world.endpoints, 3), "down", "the third failure, of two revisions");
});

test("carry() prefers the same pool where one address stands in several", () => {
  const twice = withIdentities(policyOf([blog, shop]), "twice", ["same", "same", "b", "c", "d"]);
  const run = runOf(twice);
  run.probe(0, true);
  run.probe(1, false);
  const again = { ...twice, digest: "again" };
  const world = carry(twice, run.world, again, run.now);
  assert.deepEqual(
    [world.endpoints.verdict[0], world.endpoints.verdict[1]],
    [verdict.up, verdict.down],
  );
});

test("carry() to an equal policy changes nothing a decision reads", () => {
  const run = runOf(before);
  run.probes(0, "oxx", 100);
  run.probes(1, "xooooo", 100);
  run.step([
    {
      kind: "resolved",
      policyDigest: before.digest,
      endpoint: 2 as EndpointIndex,
      at: run.now,
      resolved: {
        ipv4: [Uint8Array.of(1, 2, 3, 4)],
        ipv6: [],
        resolvedAt: run.now,
        staleReason: "",
      },
    },
  ]);
  const world = carry(before, run.world, { ...before, digest: "copy" }, run.now);
  assert.deepEqual(world.endpoints, run.world.endpoints);
  assert.deepEqual(world.pools, run.world.pools);
  assert.deepEqual(world.services, run.world.services);
  assert.deepEqual(world.resolved, run.world.resolved);
});

test("resume() keeps verdicts until probes had three intervals to say otherwise", () => {
  const run = runOf(before);
  run.probe(0, true);
  run.probe(1, false);
  const later = run.now + 3_600_000;
  const world = step(before, resume(run.world, later), [], later + 6999).world;
  assert.equal(stateOf(world.endpoints, 0), "up");
  assert.equal(stateOf(world.endpoints, 1), "down");
  const silent = step(before, world, [], later + 7000);
  assert.deepEqual(
    silent.transitions.map(({ to, at }) => [to, at]),
    [
      ["unknown", later + 7000],
      ["unknown", later + 7000],
    ],
  );
});

test("resume() moves what World remembers back with a clock that was set back", () => {
  const run = runOf(before);
  run.probes(0, "xooooo", 100);
  const left = run.world.endpoints.holdUntil[0]! - run.now;
  const back = startMs - 86_400_000;
  const world = resume(run.world, back);
  assert.equal(world.at, back);
  assert.equal(world.endpoints.holdUntil[0]! - back, left);
  assert.equal(world.endpoints.holdUntil[1], 0, "never stays never");
  const done = step(
    before,
    world,
    [result(before, { row: 0, ok: true, at: back + 6000 })],
    back + left,
  );
  assert.equal(stateOf(done.world.endpoints, 0), "ramping");
});

test("resume() moves holds and overrides with a clock that was set, either way", () => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const run = runOf(before);
    run.probes(0, "xooooo", 100);
    const expiresAt = run.now + 60_000;
    run.override({ kind: "drain", target: "pool:shop/iad", expiresAt });
    const [holdLeft, overrideLeft] = [
      run.world.endpoints.holdUntil[0]! - run.now,
      run.world.overrides[0]!.expiresAt - run.now,
    ];
    const now = run.now + 500 + jumpMs;
    const world = resume(run.world, now, jumpMs);
    assert.equal(world.at, now);
    assert.equal(world.endpoints.holdUntil[0]! - now, holdLeft - 500);
    assert.equal(world.overrides[0]!.expiresAt - now, overrideLeft - 500);
    const after = step(before, world, [], now + overrideLeft - 501);
    assert.equal(after.world.overrides.length, 1, "as long as it was given for");
    assert.equal(step(before, after.world, [], now + overrideLeft).world.overrides.length, 0);
  }
});

test("carry() forgets lastGood of an endpoint that moves to another service", () => {
  const run = runOf(before);
  run.probes(0, "oxxx", 100);
  assert.equal(run.world.endpoints.lastGood[0], 1, "nothing is usable: the last one stays");
  const moved = withIdentities(policyOf([blog, shop]), "moved", ["a", "x", "y", "z", "w"]);
  const world = carry(before, run.world, moved, run.now);
  assert.equal(stateOf(world.endpoints, 0), "down");
  assert.deepEqual([...world.endpoints.lastGood], [0, 0, 0, 0, 0]);
});
