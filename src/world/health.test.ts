import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { first, policyOf, pool, testMonitor } from "../../test/support/steer-fixture.ts";
import { runOf, startMs } from "../../test/support/world-run.ts";
import type { Policy } from "../policy/policy.ts";
import { rampStep, rampStepMs } from "./ramp.ts";

function onePolicy(options: {
  readonly holdMs: number;
  readonly rampMs: number;
  readonly monitor?: Partial<typeof testMonitor>;
}): Policy {
  const { holdMs, rampMs } = options;
  const policy = policyOf([
    { pools: [{ weights: [1, 1] }], classes: [{ plan: pool(0) }], holdMs, rampMs },
  ]);
  return { ...policy, monitors: [{ ...testMonitor, ...options.monitor }] };
}

/**
 * gdnsd's counter: letters are results (o ok, x failed), below them the state after each: U up, D
 * down, and the failures counted. No hold or ramp, so that nothing but the counter shows.
 */
const counterVectors = [
  { down: 3, up: 2, ok: 3, results: "oxxx", states: "U0 U1 U2 D2" },
  { down: 3, up: 2, ok: 3, results: "oxoxox", states: "U0 U1 U1 U2 U2 D2" },
  { down: 3, up: 2, ok: 3, results: "oxxoooxx", states: "U0 U1 U2 U2 U2 U0 U1 U2" },
  { down: 3, up: 2, ok: 3, results: "oxxooxoox", states: "U0 U1 U2 U2 U2 D2 D2 U0 U1" },
  { down: 3, up: 2, ok: 3, results: "xoxoo", states: "D0 D0 D0 D0 U0" },
  { down: 3, up: 3, ok: 3, results: "xooxooo", states: "D0 D0 D0 D0 D0 D0 U0" },
  { down: 1, up: 1, ok: 1, results: "oxoxo", states: "U0 D0 U0 D0 U0" },
  { down: 2, up: 4, ok: 2, results: "oxooxxoooo", states: "U0 U1 U1 U0 U1 D1 D1 D1 D1 U0" },
] as const;

test("applyResult() counts failures and successes as gdnsd does", () => {
  for (const { down, up, ok, results, states } of counterVectors) {
    const run = runOf(
      onePolicy({
        holdMs: 0,
        rampMs: 0,
        monitor: { downThreshold: down, upThreshold: up, okThreshold: ok },
      }),
    );
    const seen = results.split("").map((letter) => {
      run.probe(0, letter === "o");
      run.wait(1000);
      const failures = run.world.endpoints.failures[0]!;
      // Failures of a down endpoint are those that made it down, less the one that did.
      const shown = run.state(0) === "down" ? Math.max(0, failures - 1) : failures;
      return `${run.state(0) === "down" ? "D" : "U"}${shown}`;
    });
    assert.equal(seen.join(" "), states, results);
  }
});

test("settle() holds a returning endpoint, then ramps it in 256 steps", () => {
  const run = runOf(onePolicy({ holdMs: 10_000, rampMs: 25_600 }));
  run.probes(0, "xooooo", 1000);
  assert.equal(run.state(0), "held");
  const heldAt = startMs + 5000;
  const keepAlive = (until: number): void => {
    while (run.now + 1000 <= until) {
      run.wait(1000);
      run.probe(0, true);
    }
    run.wait(until - run.now);
    run.probe(0, true);
  };
  keepAlive(heldAt + 9999);
  assert.equal(run.world.endpoints.availability[0], 0);
  run.wait(1);
  assert.equal(run.state(0), "ramping");
  for (let step = 1; step <= 255; step++) {
    keepAlive(heldAt + 10_000 + (step === 1 ? 0 : step * 100));
    assert.equal(run.world.endpoints.availability[0], step);
    run.wait(99);
    assert.equal(run.world.endpoints.availability[0], step, "no sooner");
  }
  run.wait(1);
  assert.equal(run.state(0), "up");
  assert.equal(run.world.endpoints.changedAt[0], heldAt + 10_000 + 25_600);
});

test("rampStep() and rampStepMs() agree for every step of any ramp", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 86_400_000 }),
      fc.integer({ min: 2, max: 256 }),
      fc.integer({ min: 10, max: 1000 }),
      (ms, step, aggression) => {
        const ramp = { ms, aggression };
        const at = rampStepMs(ramp, step);
        assert.ok(rampStep(ramp, at) >= step);
        // Of steps that begin at one moment the last counts.
        if (at > 0 && rampStepMs(ramp, step - 1) < at) assert.ok(rampStep(ramp, at - 1) < step);
      },
    ),
  );
});

test("comeBack() doubles the hold for each fall in ten minutes, up to sixteen times", () => {
  const holdMs = 1000;
  const run = runOf(onePolicy({ holdMs, rampMs: 0, monitor: { intervalMs: 250, timeoutMs: 250 } }));
  run.probes(0, "o", 0);
  const factors: number[] = [];
  for (let fall = 0; fall < 8; fall++) {
    run.probes(0, "xxxooooo", 100);
    factors.push((run.world.endpoints.holdUntil[0]! - run.world.endpoints.changedAt[0]!) / holdMs);
  }
  assert.deepEqual(factors, [1, 2, 4, 8, 16, 16, 16, 16]);
  assert.equal(run.world.endpoints.flaps[0], 5);
  // Ten minutes later they are forgotten.
  run.wait(600_000);
  run.probes(0, "oxxxooooo", 100);
  assert.equal(run.world.endpoints.holdUntil[0]! - run.world.endpoints.changedAt[0]!, holdMs);
});

test("a held or ramping endpoint that fails goes down again", () => {
  const run = runOf(onePolicy({ holdMs: 10_000, rampMs: 100_000 }));
  run.probes(0, "xooooo", 1000);
  run.probes(0, "xx", 1000);
  assert.equal(run.state(0), "held");
  run.probe(0, false);
  assert.equal(run.state(0), "down");
  run.probes(0, "ooooooooooooooooo", 1000);
  assert.equal(run.state(0), "ramping");
  run.probes(0, "xxx", 1000);
  assert.equal(run.state(0), "down");
  assert.equal(run.world.endpoints.availability[0], 0);
});

test("silence makes a verdict unknown and keeps it for when results return", () => {
  // 3 intervals of 2 s and the time-out of 1 s.
  for (const [start, next, after] of [
    ["o", true, "up"],
    ["o", false, "up"],
    ["x", true, "down"],
    ["x", false, "down"],
  ] as const) {
    const run = runOf(onePolicy({ holdMs: 1000, rampMs: 1000 }));
    run.probe(0, start === "o");
    run.wait(6999);
    assert.notEqual(run.state(0), "unknown");
    run.wait(1);
    assert.equal(run.state(0), "unknown");
    assert.equal(run.last?.transitions.length, 0, "it was told once");
    run.wait(60_000);
    run.probe(0, next);
    assert.equal(run.state(0), after, `${start} then ${next}`);
    assert.equal(run.world.endpoints.failures[0], start === "o" && !next ? 1 : 0);
  }
});

test("a ramp stands still in silence and goes on from where it stood", () => {
  const run = runOf(onePolicy({ holdMs: 0, rampMs: 256_000 }));
  run.probes(0, "xooooo", 1000);
  run.probes(0, "o".repeat(49), 1000);
  const before = run.world.endpoints.availability[0]!;
  run.wait(60_000);
  assert.equal(run.state(0), "unknown");
  run.probe(0, true);
  assert.equal(run.state(0), "ramping");
  const after = run.world.endpoints.availability[0]!;
  assert.ok(after >= before && after <= before + 7, `${before} then ${after}`);
});

test("an endpoint comes into use at most four times in ten minutes, whatever probes see", () => {
  const policy = onePolicy({
    holdMs: 60_000,
    rampMs: 0,
    monitor: { downThreshold: 1, upThreshold: 1 },
  });
  const pattern = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 20, maxLength: 60 });
  fc.assert(
    fc.property(pattern, (failAfter) => {
      const run = runOf(policy);
      const uses: number[] = [];
      run.probe(0, false);
      for (const after of failAfter) {
        // The nastiest origin fails `after` probes after each use.
        for (let i = 0; run.now < startMs + 3_600_000; i++) {
          const used = run.state(0) === "up";
          run.wait(2000);
          const now = run.probe(0, !(used && i >= after)).transitions;
          if (used && i >= after) break;
          if (now.some(({ to }) => to === "up") || (!used && run.state(0) === "up"))
            uses.push(run.now);
        }
      }
      for (const start of uses) {
        const within = uses.filter((time) => time >= start && time < start + 600_000);
        assert.ok(within.length <= 4, `${within.length} uses in ten minutes`);
      }
    }),
    { numRuns: 20 },
  );
});

test("freeze keeps verdict and ramp, and its end catches up at once", () => {
  const run = runOf(onePolicy({ holdMs: 0, rampMs: 256_000 }));
  run.probe(0, true);
  run.override({ kind: "freeze", target: "pool:s00000/r00", id: "f" });
  run.probes(0, "xxxxx", 1000);
  run.wait(60_000);
  assert.equal(run.state(0), "up", "neither failures nor silence change it");
  run.probes(0, "xxx", 1000);
  assert.deepEqual(
    run.lift("f").transitions.map(({ from, to, reason }) => [from, to, reason]),
    [["up", "down", "freeze over"]],
  );
  run.probes(0, "ooooo", 1000);
  run.probes(0, "o".repeat(20), 1000);
  assert.equal(run.state(0), "ramping");
  const before = run.world.endpoints.availability[0]!;
  run.override({ kind: "freeze", target: "endpoint:s00000/r00/10.0.0.0", id: "g" });
  run.probes(0, "o".repeat(30), 1000);
  assert.equal(run.world.endpoints.availability[0], before);
  run.lift("g");
  assert.equal(run.world.endpoints.availability[0], before);
  run.probe(0, true);
  run.wait(2000);
  assert.equal(run.world.endpoints.availability[0], before + 2);
});

test("a quarantined endpoint takes no results, and releases to what silence makes of it", () => {
  const policy = policyOf([{ pools: [{ weights: [1, 1] }], classes: [{ plan: first(pool(0)) }] }]);
  const run = runOf(policy);
  run.probe(0, true);
  const quarantine = (on: boolean) =>
    run.step([
      { kind: "quarantine", policyDigest: policy.digest, endpoint: 0 as never, at: run.now, on },
    ]);
  assert.deepEqual(quarantine(true).changed, [0]);
  assert.deepEqual(quarantine(true).changed, []);
  assert.equal(run.probe(0, false).ignored, 1);
  run.wait(60_000);
  quarantine(false);
  assert.equal(run.state(0), "unknown");
  run.probe(0, true);
  assert.equal(run.state(0), "up");
});
