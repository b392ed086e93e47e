/**
 * Services that need others: from a configuration and results of probes to the column `blocked` and
 * what a decision makes of it, on a simulated clock.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compiledFrom } from "../../test/support/compiled-fixture.ts";
import { result, runOf, type WorldRun } from "../../test/support/world-run.ts";
import type { ClassIndex, ServiceIndex } from "../policy/policy.ts";
import { decide } from "../steer/decide.ts";
import { initialWorld } from "./initial.ts";
import { step } from "./step.ts";

const check = "{tcp: true, port: 80, interval: 1s, timeout: 1s, down: 1, up: 1}";
const policy = compiledFrom(`
version: 1
zone: example.com
regions: {fra: {at: FRA}, iad: {at: IAD}}
services:
  data:
    check: ${check}
    endpoints: {fra: [192.0.2.1, 192.0.2.2], iad: 192.0.2.3}
    minimum: 1
    failback: {hold: 10s, ramp: 0s}
  middle:
    check: ${check}
    endpoints: {fra: 192.0.2.11, iad: 192.0.2.13}
    dependencies: data
    steer: [fra, iad]
    failback: {hold: 10s, ramp: 0s}
  search:
    check: ${check}
    endpoints: {iad: 192.0.2.23}
  shop:
    check: ${check}
    endpoints: {fra: 192.0.2.31, iad: 192.0.2.33}
    dependencies: [middle, {service: search, in: anywhere}]
    steer: [fra, iad]
    ttl: {min: 1s, max: 60s}
`);
/** Rows by the last number of the address. */
const rowOf = (last: number): number =>
  policy.endpoints.findIndex(({ name }) => name === `192.0.2.${last}`);

function allUp(): WorldRun {
  const run = runOf(policy);
  for (let row = 0; row < policy.endpoints.length; row++) run.probe(row, true);
  return run;
}

const blocked = (run: WorldRun): readonly number[] =>
  policy.endpoints.flatMap(({ name }, row) =>
    run.world.endpoints.blocked[row] === 1 ? [Number(name.split(".")[3])] : [],
  );

/** Pools with a share, and codes of health and dependencies. */
function decision(run: WorldRun, service: string): string {
  const index = policy.services.findIndex(({ name }) => name === service) as ServiceIndex;
  const { firstPool } = policy.services[index]!;
  const { pools, reasons } = decide(policy, run.world, index, 0 as ClassIndex);
  const codes = reasons.map(({ code }) => code).filter((code) => /^(health|dep|fall)/.test(code));
  const names = pools.map(({ pool }) => policy.pools[firstPool + pool]?.name);
  return [...names, ...codes].join(" ");
}

test("step() blocks a pool while what it needs in its region cannot serve, through services", () => {
  const run = allUp();
  assert.deepEqual(blocked(run), []);
  run.probe(rowOf(1), false);
  assert.deepEqual(blocked(run), [], "one endpoint of two is enough");
  run.probe(rowOf(2), false);
  assert.deepEqual(blocked(run), [11, 31]);
  assert.equal(decision(run, "middle"), "iad dependency.down");
  assert.equal(decision(run, "shop"), "iad dependency.down");
  run.probe(rowOf(2), true);
  assert.deepEqual(blocked(run), [11, 31], "held endpoints do not serve");
  run.wait(5000);
  assert.deepEqual(blocked(run), [], "not known is not down");
});

test("step() blocks by `anywhere` only when nothing is left anywhere", () => {
  const run = allUp();
  run.probe(rowOf(23), false);
  assert.deepEqual(blocked(run), [31, 33]);
  assert.equal(decision(run, "shop"), "fra dependency.down dependency.down fallback.serve-all");
});

test("step() looks at the operator's word on what others need, and on who needs it", () => {
  const run = allUp();
  run.override({ kind: "drain", target: "pool:data/fra" });
  assert.deepEqual(blocked(run), [11, 31]);
  run.override({ kind: "force-up", target: "pool:middle/fra" });
  assert.deepEqual(blocked(run), [11], "forced up it can serve, so shop has what it needs");
  assert.equal(decision(run, "middle"), "fra");
  run.lift("o1");
  assert.deepEqual(blocked(run), []);
});

test("step() gives the answer a TTL within which no dependency can change it", () => {
  const run = allUp();
  const shop = policy.services.findIndex(({ name }) => name === "shop");
  const before = run.world.services.ttlSeconds[shop] ?? 0;
  assert.equal(before, 1, "one failed probe of data is enough, a second away");
  run.override({ kind: "force-up", target: "service:shop" });
  for (const service of ["data", "middle", "search"]) {
    run.override({ kind: "force-up", target: `service:${service}` });
  }
  assert.equal(run.world.services.ttlSeconds[shop], 60, "until the words expire");
});

test("step() blocks alike however events are cut into batches", () => {
  const order = [1, 2, 31, 33, 11, 23, 2, 1, 13];
  const events = order.map((last, i) =>
    result(policy, { row: rowOf(last), ok: i % 4 === 3, at: 1000 + i * 100 }),
  );
  const start = initialWorld(policy, 0);
  const whole = step(policy, start, events, 5000).world;
  let single = start;
  for (const event of events) single = step(policy, single, [event], event.at).world;
  single = step(policy, single, [], 5000).world;
  assert.deepEqual(single.endpoints, whole.endpoints);
  assert.deepEqual(single.services, whole.services);
});
