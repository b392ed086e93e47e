/**
 * Checks made of several and requirements of standbys, from a configuration to World: what step.ts
 * makes of results of the parts. The logic itself is in check-value.test.ts.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compiledFrom } from "../../test/support/compiled-fixture.ts";
import { runOf, startMs, type WorldRun } from "../../test/support/world-run.ts";
import type { PoolIndex } from "../policy/policy.ts";
import { carry } from "./carry.ts";
import { activity, verdict } from "./world.ts";

const yaml = (check: string, extra = ""): string => `
version: 1
zone: example.com
regions: {fra: {at: FRA}, iad: {at: IAD}}
services:
  shop:
    check: ${check}
    endpoints: {fra: [192.0.2.1, 192.0.2.2], iad: 192.0.2.3}
    failback: {hold: 10s, ramp: 20s}
    ttl: {min: 1s, max: 60s}
    ${extra}
`;
const quick = "interval: 1s, timeout: 1s, down: 2, up: 2";
const both = yaml(`{all: [{https: /, ${quick}}, {tcp: true, on: "10.0.0.1:5432", ${quick}}]}`);

/** The row of a part by the name of what it asks; of several the nth. */
function partOf(run: WorldRun, name: string, nth = 0): number {
  const rows = run.policy.endpoints.flatMap((endpoint, row) => {
    const pool = run.policy.pools[endpoint.pool];
    return pool?.checks === true && endpoint.name === name ? [row] : [];
  });
  return rows[nth] ?? -1;
}

function allParts(run: WorldRun): readonly number[] {
  return run.policy.endpoints.flatMap((endpoint, row) => (endpoint.monitor === -1 ? [] : [row]));
}

const states = (run: WorldRun, ...rows: readonly number[]): readonly string[] =>
  rows.map((row) => run.state(row));

/** Every part passes, or those named fail, once a second. */
function seconds(run: WorldRun, count: number, failing: readonly number[] = []): void {
  for (let i = 0; i < count; i++) {
    for (const row of allParts(run)) run.probe(row, !failing.includes(row));
    run.wait(1000);
  }
}

test("step() decides a check of several once all parts that matter are known", () => {
  const run = runOf(compiledFrom(both));
  const database = partOf(run, "10.0.0.1:5432");
  run.probe(partOf(run, "192.0.2.1"), true);
  assert.equal(run.state(0), "unknown");
  run.probe(database, true);
  assert.equal(run.state(0), "up", "without hold: its first result");
  assert.equal(run.state(1), "unknown");
  const other = runOf(compiledFrom(both));
  other.probe(partOf(other, "10.0.0.1:5432"), false);
  assert.deepEqual(states(other, 0, 1, 2), ["down", "down", "down"], "one failure is enough");
});

test("step() takes every endpoint down with a part they share, at that moment, and holds them", () => {
  const run = runOf(compiledFrom(both));
  const database = partOf(run, "10.0.0.1:5432");
  seconds(run, 3);
  assert.deepEqual(states(run, 0, 1, 2), ["up", "up", "up"]);
  run.probe(database, false);
  assert.equal(run.state(0), "up", "a part has a counter like any monitor");
  run.wait(100);
  run.probe(database, false);
  assert.deepEqual(states(run, 0, 1, 2), ["down", "down", "down"]);
  assert.equal(run.world.endpoints.changedAt[0], startMs + 3100);
  seconds(run, 2);
  assert.equal(run.state(database), "up", "a part is not held");
  assert.deepEqual(states(run, 0, 1, 2), ["held", "held", "held"]);
  seconds(run, 11);
  assert.equal(run.state(0), "ramping");
  seconds(run, 20);
  assert.deepEqual(states(run, 0, 1, 2), ["up", "up", "up"]);
});

test("step() makes a check of several unknown with a silent part that matters, and back", () => {
  const run = runOf(compiledFrom(both));
  const database = partOf(run, "10.0.0.1:5432");
  seconds(run, 3);
  for (let i = 0; i < 6; i++) {
    for (const row of allParts(run)) if (row !== database) run.probe(row, true);
    run.wait(1000);
  }
  assert.equal(run.state(database), "unknown");
  assert.deepEqual(states(run, 0, 1, 2), ["unknown", "unknown", "unknown"]);
  run.probe(database, true);
  assert.deepEqual(states(run, 0, 1, 2), ["up", "up", "up"], "at once, as after any silence");
});

test("step() keeps an endpoint up whose silent part makes no difference", () => {
  const run = runOf(
    compiledFrom(yaml(`{any: [{https: /, ${quick}}, {tcp: true, on: "10.0.0.1:1", ${quick}}]}`)),
  );
  const database = partOf(run, "10.0.0.1:1");
  seconds(run, 2);
  for (let i = 0; i < 6; i++) {
    for (const row of allParts(run)) if (row !== database) run.probe(row, true);
    run.wait(1000);
  }
  assert.equal(run.state(database), "unknown");
  assert.equal(run.state(0), "up");
});

test("step() inverts `not`, and lives through a batch as through single events", () => {
  const policy = compiledFrom(yaml(`{not: {http: /maintenance, ${quick}}}`));
  const run = runOf(policy);
  seconds(run, 1);
  assert.equal(run.state(0), "down");
  const part = partOf(run, "192.0.2.1");
  seconds(run, 2, [part]);
  assert.equal(run.state(0), "held");
  run.wait(4000);
  assert.equal(run.state(0), "unknown", "silence of its part");
});

test("step() freezes a check of several and says what its parts say when the freeze ends", () => {
  const run = runOf(compiledFrom(both));
  const database = partOf(run, "10.0.0.1:5432");
  seconds(run, 2);
  run.override({ kind: "freeze", target: "endpoint:shop/fra/192.0.2.1" });
  seconds(run, 3, [database]);
  assert.deepEqual(states(run, 0, 1), ["up", "down"]);
  run.lift("o1");
  assert.equal(run.state(0), "down");
});

test("step() has a TTL within which no part of a check can change it", () => {
  const run = runOf(compiledFrom(both));
  seconds(run, 2);
  // Two failures, a quarter of a second apart after the first: 1.25 s.
  assert.equal(run.world.services.ttlSeconds[0], 1);
});

const standby = yaml(
  `{https: /, ${quick}}`,
  `standby: {region: iad, requires: {tcp: true, on: "10.0.1.1:5432", ${quick}}}`,
);

test("step() lets a standby serve only while it is activated and what it requires passes", () => {
  const run = runOf(compiledFrom(standby));
  const active = (): number | undefined => run.world.pools.active[1 as PoolIndex];
  const database = partOf(run, "10.0.1.1:5432");
  seconds(run, 2);
  assert.equal(active(), activity.no, "not activated");
  run.override({ kind: "activate", target: "service:shop" });
  assert.equal(active(), activity.yes);
  seconds(run, 2, [database]);
  assert.equal(active(), activity.unmet);
  assert.ok(run.last !== undefined);
  seconds(run, 2);
  assert.equal(active(), activity.yes);
  run.wait(10_000);
  assert.equal(run.world.endpoints.verdict[database], verdict.unknown);
  assert.equal(active(), activity.yes, "silence is no failure");
  run.lift("o1");
  assert.equal(active(), activity.no);
});

test("step() keeps a standby out whose requirement has never been seen to pass", () => {
  const run = runOf(compiledFrom(standby.replace("region: iad,", "region: iad, activate: auto,")));
  assert.equal(run.world.pools.active[1], activity.unmet);
  run.probe(partOf(run, "10.0.1.1:5432"), true);
  assert.equal(run.world.pools.active[1], activity.yes);
  assert.deepEqual(run.last?.changedPools, [1]);
});

test("carry() keeps what parts know, and decides by them what is new", () => {
  const run = runOf(compiledFrom(both));
  seconds(run, 2, [partOf(run, "192.0.2.2")]);
  assert.deepEqual(states(run, 0, 1, 2), ["up", "down", "up"]);
  // The same questions, now each endpoint with one of them alone.
  const next = compiledFrom(both.replace("{all: [", "{any: ["));
  const world = carry(run.policy, run.world, next, run.now);
  const verdicts = [...world.endpoints.verdict].slice(0, 3);
  assert.deepEqual(verdicts, [verdict.up, verdict.up, verdict.up]);
});
