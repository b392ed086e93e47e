/**
 * The bound on what health takes out of use at once, on a simulated clock: `safety.removals`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compiledFrom } from "../../test/support/compiled-fixture.ts";
import { result, runOf, type WorldRun } from "../../test/support/world-run.ts";
import type { ClassIndex, ServiceIndex } from "../policy/policy.ts";
import { decide } from "../steer/decide.ts";
import { carry, resume } from "./carry.ts";
import { initialWorld } from "./initial.ts";
import { step } from "./step.ts";

const one = "interval: 1s, timeout: 1s, down: 1, up: 1";
const text = (share: string, check = `{tcp: true, port: 80, ${one}}`): string => `
version: 1
zone: example.com
regions: {fra: {at: FRA}}
safety: {removals: {share: ${share}, per: 1m}}
services:
  shop:
    check: ${check}
    endpoints: {fra: [192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5]}
    failback: {hold: 5s, ramp: 0s}
    ttl: {min: 1s, max: 5m}
  other: {check: {tcp: true, port: 80, ${one}}, endpoints: {fra: 192.0.2.9}}
`;
/** Services in the order of names: other is row 0. */
const shop = [1, 2, 3, 4, 5];

function allUp(yaml: string): WorldRun {
  const run = runOf(compiledFrom(yaml));
  for (const row of [0, ...shop]) run.probe(row, true);
  return run;
}

const down = (run: WorldRun): readonly number[] => shop.filter((row) => run.state(row) === "down");
const kept = (run: WorldRun): readonly number[] =>
  shop.filter((row) => run.world.endpoints.retained[row] === 1);

function fail(run: WorldRun, rows: readonly number[]): void {
  for (const row of rows) run.probe(row, false);
}

/** Failing rows fail every second, the others pass. */
function seconds(run: WorldRun, count: number, failing: readonly number[]): void {
  for (let i = 0; i < count; i++) {
    for (const row of [0, ...shop]) run.probe(row, !failing.includes(row));
    run.wait(1000);
  }
}

test("step() takes out no more than the share within a window, and the rest in the next", () => {
  const run = allUp(text("40%"));
  fail(run, shop);
  assert.deepEqual(down(run), [1, 2]);
  assert.deepEqual(kept(run), [3, 4, 5]);
  assert.equal(run.last?.alarms.length, 1, "one for the endpoint just kept");
  seconds(run, 58, shop);
  assert.deepEqual(kept(run), [3, 4, 5]);
  seconds(run, 3, shop);
  assert.deepEqual([down(run), kept(run)], [[1, 2, 3, 4], [5]]);
  seconds(run, 60, shop);
  assert.deepEqual([down(run), kept(run)], [shop, []]);
});

test("step() lets one go however small the share, and each service by itself", () => {
  const run = allUp(text("1%"));
  fail(run, [0, 4, 5]);
  assert.equal(run.state(0), "down");
  assert.deepEqual([down(run), kept(run)], [[4], [5]]);
});

test("step() keeps nothing that passes again", () => {
  const run = allUp(text("20%"));
  fail(run, [1, 2]);
  assert.deepEqual(kept(run), [2]);
  run.probe(2, true);
  assert.deepEqual(kept(run), []);
  seconds(run, 70, [1]);
  assert.equal(run.state(2), "up");
});

test("step() raises one alarm for an endpoint, however often it fails", () => {
  const run = allUp(text("20%"));
  fail(run, [1, 2]);
  let alarms = 1;
  for (let i = 0; i < 30; i++) {
    run.wait(1000);
    alarms += run.probe(2, false).alarms.length;
  }
  assert.equal(alarms, 1);
});

test("step() does as the operator says at once, and does not count it", () => {
  const run = allUp(text("20%"));
  run.override({ kind: "force-down", target: "endpoint:shop/fra/192.0.2.1" });
  fail(run, [1, 2, 3]);
  assert.deepEqual([down(run), kept(run)], [[1, 2], [3]], "1 was out of use: it went free");
});

test("step() has a check of several wait for the next window too", () => {
  const run = runOf(
    compiledFrom(
      text("20%", `{all: [{tcp: true, on: "10.0.0.1:1", ${one}}, {tcp: true, port: 80, ${one}}]}`),
    ),
  );
  const parts = run.policy.endpoints.flatMap(({ monitor }, row) => (monitor === -1 ? [] : [row]));
  for (const row of parts) run.probe(row, true);
  const shared = run.policy.endpoints.findIndex(({ name }) => name === "10.0.0.1:1");
  run.probe(shared, false);
  assert.deepEqual([down(run), kept(run)], [[1], [2, 3, 4, 5]]);
  for (let i = 0; i < 61; i++) {
    for (const row of parts) run.probe(row, row !== shared);
    run.wait(1000);
  }
  assert.deepEqual(down(run), [1, 2]);
});

test("step() gives a TTL that ends with the window", () => {
  const run = allUp(text("20%"));
  run.override({ kind: "force-up", target: "service:other" });
  for (const row of [3, 4, 5]) {
    run.override({ kind: "force-up", target: `endpoint:shop/fra/192.0.2.${row}` });
  }
  fail(run, [1, 2]);
  const service = 1 as ServiceIndex;
  assert.ok(run.world.services.ttlSeconds[service]! <= 60);
  const { reasons } = decide(run.policy, run.world, service, 0 as ClassIndex);
  const found = reasons.filter(({ code }) => code === "safety.removal-held");
  assert.deepEqual(
    found.map(({ subject }) => subject),
    [{ kind: "endpoint", endpoint: 2 }],
  );
});

test("carry() and resume() do not open the window anew", () => {
  const run = allUp(text("20%"));
  fail(run, [1]);
  run.wait(2000);
  const next = compiledFrom(text("20%").replace("max: 5m", "max: 4m"));
  const after = runOf(next);
  after.world = resume(carry(run.policy, run.world, next, run.now), run.now);
  after.now = run.now;
  fail(after, [2]);
  assert.deepEqual(kept(after), [2]);
});

test("step() keeps and takes alike however events are cut into batches", () => {
  const policy = compiledFrom(text("40%"));
  const events = [...shop, ...shop, ...shop].map((row, i) =>
    result(policy, { row, ok: i < 5 || (i + row) % 3 === 0, at: 1000 + i * 5000 }),
  );
  const end = 100_000;
  const whole = step(policy, initialWorld(policy, 0), events, end).world;
  let single = initialWorld(policy, 0);
  for (const event of events) single = step(policy, single, [event], event.at).world;
  single = step(policy, single, [], end).world;
  assert.deepEqual(single.endpoints, whole.endpoints);
  assert.deepEqual(single.services, whole.services);
});
