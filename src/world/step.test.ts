import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { first, policyOf, pool, split, testMonitor } from "../../test/support/steer-fixture.ts";
import { result, runOf, startMs } from "../../test/support/world-run.ts";
import type { EndpointIndex } from "../policy/policy.ts";
import { Draft } from "./draft.ts";
import type { WorldEvent } from "./event.ts";
import { initialWorld } from "./initial.ts";
import { step } from "./step.ts";
import { isUsable } from "./usable.ts";
import { type Override, verdict, type World } from "./world.ts";

const monitor = {
  ...testMonitor,
  intervalMs: 1000,
  timeoutMs: 1000,
  downThreshold: 2,
  upThreshold: 2,
};

/** Two services: one in three pools, the last a manual standby, one without monitors in two. */
const policy = {
  ...policyOf([
    {
      name: "shop",
      pools: [
        { region: "fra", weights: [1, 1, 0] },
        { region: "iad", weights: [1] },
        { region: "nrt", weights: [1, 2], standby: "manual" },
      ],
      classes: [{ plan: first(pool(0), pool(1), pool(2)) }],
      holdMs: 3000,
      rampMs: 6400,
      ttl: [1, 60],
    },
    {
      name: "blog",
      pools: [
        { region: "fra", weights: [1], monitored: false },
        { region: "iad", weights: [1], monitored: false },
        { region: "(fixed)", weights: [1], fixed: true },
      ],
      classes: [{ plan: split([1, pool(0)], [1, pool(1)]) }],
    },
  ]),
  monitors: [monitor],
};
const shop = [0, 1, 2, 3, 4, 5];

/** All that is state: what step is free to choose (generation, nextAt) is left out. */
function stateOfWorld(world: World): unknown {
  const { generation: _g, nextAt: _n, ...state } = world;
  return state;
}

const lastGood = (world: World): string => world.endpoints.lastGood.join("");

test("initialWorld() has unmonitored endpoints usable and manual standbys inactive", () => {
  const world = initialWorld(policy, startMs);
  assert.equal(lastGood(world), "000000110");
  assert.deepEqual([...world.services.usable], [0, 2]);
  assert.deepEqual([...world.pools.active], [1, 1, 0, 1, 1, 1]);
  assert.deepEqual([...world.services.ttlSeconds], [1, 30]);
});

test("step() keeps lastGood at the last set of usable endpoints of a service", () => {
  const run = runOf(policy);
  for (const row of shop) run.probe(row, true);
  assert.equal(lastGood(run.world), "110100110", "weight 0 and the inactive standby take no part");
  const fail = (row: number): void => {
    run.probe(row, false);
    run.probe(row, false);
  };
  fail(3);
  assert.equal(lastGood(run.world), "110000110");
  fail(0);
  fail(1);
  assert.equal(lastGood(run.world), "010000110", "the last one to go stays");
  // Nothing is usable: draining changes nothing.
  run.override({ kind: "drain", target: "service:shop", id: "d" });
  assert.equal(lastGood(run.world), "010000110");
  run.lift("d");
  run.override({ kind: "activate", target: "pool:shop/nrt" });
  assert.equal(lastGood(run.world), "000011110", "the standby was up all the time");
});

test("step() drains all endpoints of a service as one: lastGood is what was before", () => {
  const run = runOf(policy);
  for (const row of shop) run.probe(row, true);
  run.override({ kind: "drain", target: "service:shop", id: "d" });
  assert.equal(lastGood(run.world), "110100110");
  assert.equal(run.world.services.usable[0], 0);
  run.lift("d");
  assert.equal(run.world.services.usable[0], 3);
});

test("step() lets the most specific override win, of equals the newest", () => {
  const run = runOf(policy);
  const forcedOf = (): string => run.world.endpoints.forced.join("");
  run.override({ kind: "drain", target: "region:fra" });
  assert.equal(forcedOf(), "333000300");
  run.wait(1);
  run.override({ kind: "force-up", target: "service:shop", id: "s" });
  assert.equal(forcedOf(), "111111300", "newer, and neither is inside the other");
  run.wait(1);
  run.override({ kind: "force-down", target: "endpoint:shop/iad/10.0.0.3", id: "e" });
  run.wait(1);
  run.override({ kind: "drain", target: "pool:shop/iad", id: "p" });
  assert.equal(forcedOf(), "111211300", "older, but more specific");
  run.lift("e");
  assert.equal(forcedOf(), "111311300");
  run.wait(1);
  run.override({ kind: "force-down", target: "region:fra", id: "r" });
  assert.equal(forcedOf(), "222311200");
  run.lift("r");
  run.lift("s");
  run.lift("p");
  assert.equal(forcedOf(), "333000300");
});

test("step() orders overrides by their creation, not their arrival", () => {
  const base = { reason: "", author: "", expiresAt: startMs + 9_000_000 };
  const older: Override = { id: "a", kind: "drain", target: "region:fra", createdAt: 1, ...base };
  const newer: Override = { ...older, id: "b", kind: "force-up", createdAt: 2 };
  const worlds = [
    [older, newer],
    [newer, older],
  ].map((order) =>
    step(
      policy,
      initialWorld(policy, startMs),
      order.map((override) => ({ kind: "override", at: startMs, override })),
      startMs,
    ),
  );
  assert.deepEqual(stateOfWorld(worlds[0]!.world), stateOfWorld(worlds[1]!.world));
  assert.equal(worlds[0]!.world.endpoints.forced[0], 1);
});

test("step() ends an override at its expiry and says so", () => {
  const run = runOf(policy);
  run.override({ kind: "activate", target: "region:nrt", expiresAt: startMs + 5000, id: "x" });
  assert.equal(run.world.pools.active[2], 1);
  assert.ok(run.world.nextAt <= startMs + 5000);
  run.now = startMs + 20_000;
  const ended = run.step([]);
  assert.deepEqual(
    ended.overrideChanges.map(({ change, at, override }) => [change, at, override.id]),
    [["expired", startMs + 5000, "x"]],
  );
  assert.deepEqual(ended.changedPools, [2]);
  assert.equal(run.world.pools.active[2], 0);
  assert.deepEqual(run.world.overrides, []);
});

test("step() refuses overrides that break a bound, each with its reason", () => {
  const run = runOf(policy);
  const refusals: readonly (readonly [Partial<Override>, RegExp])[] = [
    [{ expiresAt: startMs }, /already expired/],
    [{ expiresAt: startMs + 24 * 3_600_000 + 1 }, /24 hours/],
    [{ expiresAt: Number.NaN }, /not numbers/],
    [{ target: "fra" }, /not region:/],
    [{ kind: "activate", target: "endpoint:shop/fra/10.0.0.0" }, /not by endpoint/],
    [{ kind: "nuke" as never }, /unknown kind/],
    [{ reason: "x".repeat(2000) }, /longer than/],
    [{ id: "" }, /needs an id/],
  ];
  for (const [change, message] of refusals) {
    const done = run.override({ kind: "drain", target: "region:fra", ...change });
    assert.match(done.refused[0]?.message ?? "", message);
    assert.deepEqual(run.world.overrides, []);
  }
  assert.match(run.lift("nobody").refused[0]?.message ?? "", /no override nobody/);
  for (let i = 0; i < 1024; i++) {
    run.world = { ...run.world, overrides: [...run.world.overrides, filler(i)] };
  }
  assert.match(run.override({ kind: "drain", target: "region:fra" }).refused[0]!.message, /1024/);
  assert.equal(run.override({ ...filler(7), kind: "drain" }).refused.length, 0, "a replacement");
});

const filler = (i: number): Override => ({
  id: `filler${i}`,
  kind: "drain",
  target: "region:nowhere",
  reason: "",
  author: "",
  createdAt: startMs,
  expiresAt: startMs + 3_600_000,
});

test("step() ignores results of another policy, of unmonitored and of impossible endpoints", () => {
  const run = runOf(policy);
  const before = stateOfWorld(run.world);
  const done = run.step([
    { ...result(policy, { row: 0, ok: true, at: startMs }), policyDigest: "other" } as WorldEvent,
    result(policy, { row: 6, ok: false, at: startMs }),
    result(policy, { row: 9, ok: false, at: startMs }),
    result(policy, { row: -1, ok: false, at: startMs }),
    result(policy, { row: 0.5, ok: false, at: startMs }),
  ]);
  assert.equal(done.ignored, 5);
  assert.deepEqual(done.changed, []);
  assert.deepEqual(stateOfWorld(run.world), before);
});

test("step() copies only the columns it writes and leaves the World before as it was", () => {
  const before = initialWorld(policy, startMs);
  const copy = structuredClone(before);
  const { world } = step(
    policy,
    before,
    [result(policy, { row: 0, ok: true, at: startMs })],
    startMs,
  );
  assert.deepEqual(structuredClone(before), copy);
  assert.equal(world.endpoints.forced, before.endpoints.forced);
  assert.equal(world.endpoints.downTimes, before.endpoints.downTimes);
  assert.equal(world.pools.active, before.pools.active);
  assert.notEqual(world.endpoints.verdict, before.endpoints.verdict);
});

test("step() keeps addresses of host names, and calls it a change when they differ", () => {
  const run = runOf(policy);
  const resolved = (last: number, staleReason = "") =>
    run.step([
      {
        kind: "resolved",
        policyDigest: policy.digest,
        endpoint: 1 as EndpointIndex,
        at: run.now,
        resolved: {
          ipv4: [Uint8Array.of(192, 0, 2, last)],
          ipv6: [],
          resolvedAt: run.now,
          staleReason,
        },
      },
    ]);
  assert.deepEqual(resolved(1).changed, [1]);
  run.wait(1000);
  assert.deepEqual(resolved(1, "SERVFAIL").changed, []);
  assert.equal(run.world.resolved.get(1)?.staleReason, "SERVFAIL");
  assert.deepEqual(resolved(2).changed, [1]);
});

/** Random histories: results in bursts, waits, overrides of every kind, quarantine. */
const eventArbitrary = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("result" as const),
      row: fc.constantFrom(0, 0, 0, 0, 1, 3, 4, 8),
      ok: fc.constantFrom(true, true, false),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("override" as const),
      word: fc.constantFrom("drain", "force-up", "force-down", "freeze", "freeze", "activate"),
      target: fc.constantFrom("region:fra", "service:shop", "pool:shop/iad", "pool:shop/nrt"),
      forMs: fc.integer({ min: 1, max: 20_000 }),
      id: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("lift" as const),
      id: fc.integer({ min: 0, max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("quarantine" as const),
      row: fc.integer({ min: 0, max: 5 }),
      on: fc.boolean(),
    }),
  },
);
type Sketch = typeof eventArbitrary extends fc.Arbitrary<infer T> ? T : never;
const gap = fc.oneof(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 9000 }));
/** Half of them start where a return is under way. */
const returning = "xooooo"
  .split("")
  .map((letter): readonly [number, Sketch] => [
    1000,
    { kind: "result", row: 0, ok: letter === "o" },
  ]);
const history = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(gap, eventArbitrary), { maxLength: 60 }))
  .map(([returns, sketches]) => (returns ? [...returning, ...sketches] : sketches));

function eventsOf(sketches: readonly (readonly [number, Sketch])[]): readonly WorldEvent[] {
  let at = startMs;
  return sketches.map(([gap, sketch]): WorldEvent => {
    at += gap;
    if (sketch.kind === "result") return result(policy, { ...sketch, at });
    if (sketch.kind === "lift") return { kind: "lift", at, id: `o${sketch.id}` };
    if (sketch.kind === "quarantine") {
      const endpoint = sketch.row as EndpointIndex;
      return { kind: "quarantine", policyDigest: policy.digest, endpoint, at, on: sketch.on };
    }
    const override: Override = {
      id: `o${sketch.id}`,
      kind: sketch.word as Override["kind"],
      target: sketch.target,
      reason: "",
      author: "",
      createdAt: at,
      expiresAt: at + sketch.forMs,
    };
    return { kind: "override", at, override };
  });
}

test("step() gives the same World however the same events are cut into batches", () => {
  fc.assert(
    fc.property(
      history,
      fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 30 }),
      (sketches, ticks) => {
        const events = eventsOf(sketches);
        const endAt = (events.at(-1)?.at ?? startMs) + 30_000;
        const whole = step(policy, initialWorld(policy, startMs), events, endAt);

        let world = initialWorld(policy, startMs);
        const transitions: unknown[] = [];
        let cut = startMs;
        const cuts = ticks.map((gap) => {
          cut += gap;
          return cut;
        });
        let taken = 0;
        for (const now of [...cuts.filter((time) => time < endAt), endAt]) {
          const batch = events.slice(taken).filter((event) => event.at <= now);
          taken += batch.length;
          const done = step(policy, world, batch, now);
          world = done.world;
          transitions.push(...done.transitions);
        }
        assert.deepEqual(stateOfWorld(world), stateOfWorld(whole.world));
        const order = (list: readonly unknown[]): unknown[] =>
          list.map((item) => JSON.stringify(item)).sort();
        assert.deepEqual(order(transitions), order(whole.transitions));

        world = initialWorld(policy, startMs);
        for (const event of events) world = step(policy, world, [event], event.at).world;
        assert.deepEqual(
          stateOfWorld(step(policy, world, [], endAt).world),
          stateOfWorld(whole.world),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("step() changes nothing before nextAt, and names every changed row", () => {
  fc.assert(
    fc.property(history, (sketches) => {
      let world = initialWorld(policy, startMs);
      for (const event of eventsOf(sketches)) {
        for (let i = 0; i < 5 && world.nextAt < event.at; i++) {
          const quiet = step(policy, world, [], Math.max(world.at, world.nextAt - 1));
          assert.deepEqual(quiet.changed, []);
          assert.deepEqual(quiet.changedServices, []);
          assert.deepEqual(quiet.world.endpoints, world.endpoints);
          const due = step(policy, quiet.world, [], world.nextAt);
          assert.ok(due.nextAt > world.nextAt, "time goes on");
          checkChanges(world, due.world, due.changed);
          world = due.world;
        }
        const done = step(policy, world, [event], event.at);
        checkChanges(world, done.world, done.changed);
        checkUsable(done.world);
        world = done.world;
      }
    }),
    { numRuns: 200 },
  );
});

function checkChanges(before: World, after: World, changed: readonly number[]): void {
  const differs: number[] = [];
  for (let row = 0; row < policy.endpoints.length; row++) {
    const names = [
      "verdict",
      "forced",
      "frozen",
      "availability",
      "lastGood",
      "quarantined",
    ] as const;
    if (names.some((name) => before.endpoints[name][row] !== after.endpoints[name][row])) {
      differs.push(row);
    }
  }
  assert.deepEqual(changed, differs);
  assert.equal(after.generation > before.generation || differs.length === 0, true);
}

/** The invariant of usable.ts. */
function checkUsable(world: World): void {
  const draft = new Draft(policy, world);
  for (const [service, rows] of [shop, [6, 7, 8]].entries()) {
    const usable = rows.filter((row) => isUsable(draft, row));
    assert.equal(world.services.usable[service], usable.length);
    if (usable.length === 0) continue;
    assert.deepEqual(
      rows.filter((row) => world.endpoints.lastGood[row] === 1),
      usable,
    );
  }
}

test("step() takes time backwards or far ahead without harm", () => {
  const run = runOf(policy);
  run.probe(0, true);
  const early = step(
    policy,
    run.world,
    [result(policy, { row: 0, ok: false, at: 5 })],
    startMs - 10_000,
  );
  assert.equal(early.world.at, startMs);
  assert.equal(early.world.endpoints.failures[0], 1);
  const late = step(
    policy,
    run.world,
    [result(policy, { row: 0, ok: false, at: Number.POSITIVE_INFINITY })],
    startMs + 1000,
  );
  assert.equal(late.world.endpoints.lastResultAt[0], startMs + 1000);
  const odd = step(
    policy,
    run.world,
    [result(policy, { row: 0, ok: false, at: Number.NaN })],
    startMs,
  );
  assert.equal(odd.world.endpoints.lastResultAt[0], startMs);
  const year = step(policy, run.world, [], startMs + 365 * 86_400_000);
  assert.equal(year.world.endpoints.verdict[0], verdict.unknown);
  assert.equal(year.transitions.length, 1);
});

test("step() takes an unchecked host name for usable from its first address on", () => {
  const endpoints = policy.endpoints.map((endpoint, row) =>
    row === 6 ? { ...endpoint, host: "lb.example.net", ipv4: new Uint8Array() } : endpoint,
  );
  const hosted = { ...policy, endpoints };
  const world = initialWorld(hosted, startMs);
  assert.equal(world.endpoints.verdict[6], verdict.unknown);
  assert.equal(world.endpoints.verdict[7], verdict.disabled);
  const resolve = (from: World, addresses: readonly Uint8Array[]): World =>
    step(
      hosted,
      from,
      [
        {
          kind: "resolved",
          policyDigest: hosted.digest,
          endpoint: 6 as EndpointIndex,
          at: startMs,
          resolved: { ipv4: addresses, ipv6: [], resolvedAt: startMs, staleReason: "" },
        },
      ],
      startMs + 1000,
    ).world;
  const empty = resolve(world, []);
  assert.equal(empty.endpoints.verdict[6], verdict.unknown);
  const known = resolve(empty, [Uint8Array.of(192, 0, 2, 1)]);
  assert.equal(known.endpoints.verdict[6], verdict.disabled);
  assert.equal(known.endpoints.lastGood[6], 1);
  assert.equal(known.services.usable[1], (world.services.usable[1] ?? 0) + 1);
});
