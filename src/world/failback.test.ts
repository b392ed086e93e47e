/**
 * How what was down comes back: curves, a region as one, and by hand. From a configuration and
 * results of probes, on a simulated clock. Hold and the straight ramp are in health.test.ts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compiledFrom } from "../../test/support/compiled-fixture.ts";
import { runOf, type WorldRun } from "../../test/support/world-run.ts";
import { carry } from "./carry.ts";
import { decodeWorld, encodeWorld } from "./frame.ts";
import { rampStep } from "./ramp.ts";

const check = "{tcp: true, port: 80, interval: 1s, timeout: 1s, down: 1, up: 1}";
const text = (options: { readonly region?: string; readonly failback: string }): string => `
version: 1
zone: example.com
regions: {fra: {at: FRA ${options.region ?? ""}}, iad: {at: IAD}}
services:
  a:
    check: ${check}
    endpoints: {fra: [192.0.2.1, 192.0.2.2], iad: 192.0.2.3}
    failback: ${options.failback}
  b: {check: ${check}, endpoints: {fra: 192.0.2.4}, failback: {hold: 30s, ramp: 1000s}}
  c: {endpoints: {fra: 192.0.2.5}}
`;
const rows = [0, 1, 2, 3];

function allUp(options: Parameters<typeof text>[0]): WorldRun {
  const run = runOf(compiledFrom(text(options)));
  for (const row of rows) run.probe(row, true);
  return run;
}

/** Every second all are probed; those named fail. */
function seconds(run: WorldRun, count: number, failing: readonly number[] = []): void {
  for (let i = 0; i < count; i++) {
    for (const row of rows) run.probe(row, !failing.includes(row));
    run.wait(1000);
  }
}

const availability = (run: WorldRun): readonly number[] =>
  rows.map((row) => run.world.endpoints.availability[row] ?? -1);

/** [part of the ramp in 16ths, by aggression 0.5, 1, 2]: floor(256 t^(1/a)), from the formula. */
const curves: readonly (readonly [number, number, number, number])[] = [
  [0, 1, 1, 1],
  [1, 1, 16, 64],
  [4, 16, 64, 128],
  [8, 64, 128, 181],
  [12, 144, 192, 221],
  [16, 256, 256, 256],
];
for (const [part, ...steps] of curves) {
  test(`rampStep() after ${part}/16 of a ramp is ${steps.join(", ")} by aggression`, () => {
    const found = [50, 100, 200].map((aggression) =>
      rampStep({ ms: 1_600_000, aggression }, part * 100_000),
    );
    assert.deepEqual(found, steps);
  });
}

test("rampStep() has Envoy's published figures for a straight window of a minute", () => {
  const percent = [10, 30, 60].map((s) => {
    const step = rampStep({ ms: 60_000, aggression: 100 }, s * 1000);
    return Math.round((step * 1000) / 256) / 10;
  });
  assert.deepEqual(percent, [16.4, 50, 100], "16.7 % in whole 256ths is 16.4 %");
});

test("step() ramps a region as one after its outage, whatever its services say", () => {
  const run = allUp({ region: ", ramp: 100s", failback: "{hold: 10s, ramp: 10s}" });
  seconds(run, 2, [0, 1, 3]);
  seconds(run, 12, [1]);
  assert.ok((availability(run)[0] ?? 0) < 20, "on the ramp of the region, not the short one of a");
  seconds(run, 30);
  const [first, second, other, late] = availability(run);
  assert.equal(other, 256, "another region");
  assert.equal(second, first, "the second of a returned later, on the same ramp");
  assert.equal(late, first, "and so did b, whose hold and ramp are longer");
  seconds(run, 70);
  assert.deepEqual(availability(run), [256, 256, 256, 256]);
});

test("step() leaves the ramp of a service alone while others in the region serve", () => {
  const run = allUp({ region: ", ramp: 100s", failback: "{hold: 10s, ramp: 10s}" });
  seconds(run, 2, [0, 1]);
  seconds(run, 22);
  assert.deepEqual(availability(run), [256, 256, 256, 256], "b in fra served all the time");
});

test("step() bends the ramp of a region by its aggression", () => {
  const run = allUp({
    region: ", ramp: {over: 100s, aggression: 2}",
    failback: "{hold: 0s, ramp: 10s}",
  });
  seconds(run, 1, [0, 1, 3]);
  run.probe(0, true);
  for (let i = 0; i < 25; i++) {
    run.wait(1000);
    run.probe(0, true);
  }
  assert.equal(run.world.endpoints.availability[0], 128);
});

const manual = { failback: "{hold: 10s, ramp: 10s, resume: manual}" };

test("step() lets a pool that was down wait for `rhumb resume`, across a restart", () => {
  const run = allUp(manual);
  seconds(run, 1, [0, 1]);
  seconds(run, 60);
  assert.deepEqual(rows.map(run.state.bind(run)), ["held", "held", "up", "up"]);
  const [code] = [run.world.endpoints.waits[0], run.world.endpoints.waits[1]];
  assert.equal(code, 1);
  const read = decodeWorld(JSON.parse(JSON.stringify(encodeWorld(run.world))));
  assert.ok(read !== undefined);
  run.world = read;
  seconds(run, 10);
  assert.equal(run.state(0), "held");
  run.step([{ kind: "resume", at: run.now, target: "pool:a/iad" }]);
  assert.equal(run.state(0), "held", "said of another pool");
  run.step([{ kind: "resume", at: run.now, target: "region:fra" }]);
  assert.deepEqual(rows.map(run.state.bind(run)).slice(0, 2), ["ramping", "ramping"]);
  seconds(run, 11);
  assert.deepEqual(availability(run), [256, 256, 256, 256]);
});

test("step() keeps what is left of a hold when it is resumed", () => {
  const run = allUp(manual);
  seconds(run, 1, [0, 1]);
  seconds(run, 2);
  run.step([{ kind: "resume", at: run.now, target: "service:a" }]);
  assert.equal(run.state(0), "held");
  seconds(run, 9);
  assert.equal(run.state(0), "ramping");
});

test("step() asks for no word where the pool never stopped carrying", () => {
  const run = allUp(manual);
  seconds(run, 1, [0]);
  seconds(run, 25);
  assert.equal(run.state(0), "up");
});

test("step() lets an endpoint in its hold wait when the pool goes down with another", () => {
  const run = allUp(manual);
  seconds(run, 1, [0]);
  seconds(run, 3);
  assert.equal(run.world.endpoints.waits[0], 0);
  seconds(run, 1, [1]);
  assert.equal(run.world.endpoints.waits[0], 1);
  seconds(run, 30);
  assert.deepEqual([run.state(0), run.state(1)], ["held", "held"]);
  seconds(run, 1, [0]);
  assert.equal(run.state(0), "down");
  assert.equal(run.world.endpoints.waits[0], 0);
});

test("carry() lets go of what waits where the operator's word is asked for no longer", () => {
  const run = allUp(manual);
  seconds(run, 1, [0, 1]);
  seconds(run, 30);
  const next = compiledFrom(text({ failback: "{hold: 10s, ramp: 10s}" }));
  const world = carry(run.policy, run.world, next, run.now);
  const after = runOf(next);
  after.world = world;
  after.now = run.now;
  seconds(after, 1);
  assert.equal(after.state(0), "ramping");
});
