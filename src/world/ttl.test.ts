import assert from "node:assert/strict";
import { test } from "node:test";
import { first, policyOf, pool, testMonitor } from "../../test/support/steer-fixture.ts";
import { runOf, startMs } from "../../test/support/world-run.ts";
import type { ServiceIndex } from "../policy/policy.ts";
import { serviceTtlSeconds } from "./ttl.ts";

const service = 0 as ServiceIndex;

function policyWith(options: {
  readonly ttl?: readonly [number, number];
  readonly holdMs?: number;
  readonly rampMs?: number;
  readonly weights?: readonly number[];
}) {
  const policy = policyOf([
    {
      name: "shop",
      pools: [{ region: "fra", weights: options.weights ?? [1] }],
      classes: [{ plan: first(pool(0)) }],
      ttl: options.ttl ?? [1, 3600],
      holdMs: options.holdMs ?? 60_000,
      rampMs: options.rampMs ?? 300_000,
    },
  ]);
  // gdnsd's defaults: every 10 s, down after 10, up after 20.
  const monitor = {
    ...testMonitor,
    intervalMs: 10_000,
    timeoutMs: 5000,
    downThreshold: 10,
    upThreshold: 20,
    okThreshold: 10,
  };
  return { ...policy, monitors: [monitor] };
}

test("serviceTtlSeconds() is the probes still needed, as the column has it", () => {
  const run = runOf(policyWith({}));
  const seconds = (): number => {
    const column = run.world.services.ttlSeconds[0]!;
    assert.equal(serviceTtlSeconds(run.policy, run.world, service, run.now), column);
    return column;
  };
  assert.equal(seconds(), 10, "unknown: the first result decides");
  run.probe(0, true);
  assert.equal(seconds(), 32, "up: one interval, then nine at a quarter of it");
  run.probe(0, false);
  assert.equal(seconds(), 22, "nine at a quarter");
  for (let i = 0; i < 8; i++) run.probe(0, false);
  assert.equal(seconds(), 2, "one");
  run.probe(0, true);
  assert.equal(seconds(), 2, "a success between changes nothing");
  for (let i = 0; i < 9; i++) run.probe(0, true);
  assert.equal(seconds(), 32, "ten in a row clear the counter");
  for (let i = 0; i < 10; i++) run.probe(0, false);
  assert.equal(seconds(), 200 + 60, "down: twenty probes and the hold");
  for (let i = 0; i < 15; i++) run.probe(0, true);
  assert.equal(seconds(), 50 + 60);
  for (let i = 0; i < 5; i++) run.probe(0, true);
  assert.equal(run.state(0), "held");
  assert.equal(seconds(), 32, "it could fail sooner than the hold ends");
  run.wait(20_000);
  run.probe(0, true);
  run.wait(20_000);
  run.probe(0, true);
  assert.equal(seconds(), 20, "the end of the hold");
  run.wait(20_000);
  assert.equal(run.state(0), "ramping");
  assert.equal(seconds(), 2, "the next ramp step, two of 1.17 s ahead");
  run.wait(3000);
  assert.equal(seconds(), 1);
});

test("serviceTtlSeconds() counts down to the expiry of an override, never past it", () => {
  const run = runOf(policyWith({ ttl: [5, 30] }));
  run.probe(0, true);
  run.override({ kind: "drain", target: "region:fra", expiresAt: startMs + 100_500 });
  assert.equal(run.world.services.ttlSeconds[0], 30);
  for (; run.now < startMs + 100_000; run.wait(250)) {
    const seconds: number = run.world.services.ttlSeconds[0]!;
    const left = (startMs + 100_500 - run.now) / 1000;
    assert.ok(seconds <= Math.max(5, left), `${seconds} with ${left} left`);
    assert.ok(seconds > Math.min(30, left) - 2, `${seconds} with ${left} left`);
    assert.equal(serviceTtlSeconds(run.policy, run.world, service, run.now), seconds);
  }
});

test("serviceTtlSeconds() is a constant when minimum and maximum are the same", () => {
  const run = runOf(policyWith({ ttl: [30, 30] }));
  run.probe(0, true);
  for (let i = 0; i < 9; i++) assert.deepEqual(run.probe(0, false).changedServices, []);
  assert.equal(run.world.services.ttlSeconds[0], 30);
});

test("serviceTtlSeconds() asks only endpoints whose health the answer depends on", () => {
  const run = runOf(policyWith({ weights: [1, 0] }));
  assert.equal(run.world.services.ttlSeconds[0], 10);
  run.override({ kind: "force-up", target: "endpoint:shop/fra/10.0.0.0" });
  assert.equal(run.world.services.ttlSeconds[0], 3600, "forced; the other has weight 0");
});
