/**
 * Whole simulations with the product's own scheduler: the examples' stories, checked against the
 * formulas of docs/health.md and docs/steering.md, and that a seed decides everything.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Places } from "../../src/control/plan-places.ts";
import { type Simulation, simulate } from "../../src/control/simulate.ts";
import { loadScenario } from "../../src/control/simulate-scenario.ts";
import { formatProblem } from "../../src/errors.ts";
import { Scheduler } from "../../src/probes/scheduler.ts";
import { sideOf } from "../support/plan-fixture.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const config = [
  "version: 1",
  "zones: {g.example: {ns: ns1.example}}",
  "regions: {fra: {at: FRA}, iad: {at: IAD}}",
  "services:",
  "  shop:",
  "    check: {https: /healthz, interval: 2s, timeout: 1s, down: 3, up: 5}",
  "    endpoints: {fra: [10.0.0.1, 10.0.0.2], iad: 10.0.0.3}",
  "    failback: {hold: 1m, ramp: 5m}",
  "    ttl: 30s",
].join("\n");

function play(text: string, configText = config): Simulation {
  const { policy } = sideOf(configText);
  const places = new Places(policy, policy);
  const loaded = loadScenario({ file: "s.yaml", text }, { policy, places });
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.problems.map(formatProblem).join("\n"));
  const { scenario } = loaded;
  return simulate({ policy, places, scenario, makeScheduler: (given) => new Scheduler(given) });
}

const failure = (seed: number, how: "silent" | "fail") =>
  [
    "version: 1",
    "duration: 14m",
    "step: 1s",
    `seed: ${seed}`,
    "demand: [{service: shop, location: DE, rps: 100}]",
    "events:",
    `  - {at: 1m, ${how}: fra}`,
    "  - {at: 3m, recover: fra}",
  ].join("\n");

/** Moments at which an endpoint of fra changed to a state. */
const momentsOf = (simulation: Simulation, to: string): readonly number[] =>
  simulation.timeline
    .filter(({ kind, change }) => kind === "health" && change.endsWith(`-> ${to}`))
    .map(({ atMs }) => atMs);

const batchMs = 25;
const jitterMs = 2000 / 16;

for (const how of ["silent", "fail"] as const) {
  for (const seed of [1, 2, 3]) {
    test(`simulate() of a region that goes ${how}, seed ${seed}: detection, hold, ramp`, () => {
      const simulation = play(failure(seed, how));
      const [down, held, ramping, up] = ["down", "held", "ramping", "up"].map((state) =>
        momentsOf(simulation, state),
      );
      assert.deepEqual([down?.length, held?.length, ramping?.length, up?.length], [2, 2, 2, 2]);
      // interval + two fast re-probes + time-out + jitter, and what a probe and a batch take.
      const timeoutMs = how === "silent" ? 1000 : 30;
      const detectionMs = 2000 + 2 * 500 + timeoutMs + jitterMs + 2 * 60 + batchMs;
      for (const at of down ?? []) {
        assert.ok(at > 60_000 && at <= 60_000 + detectionMs, `down at ${at}`);
      }
      // The up threshold: five probes, the first within an interval.
      for (const at of held ?? []) {
        assert.ok(at > 180_000 + 4 * 1500, `held at ${at}`);
        assert.ok(at <= 180_000 + 5 * (2000 + jitterMs) + 30 + batchMs, `held at ${at}`);
      }
      // A first fall: one hold, then one ramp, to the millisecond.
      assert.deepEqual(
        ramping,
        held?.map((at) => at + 60_000),
      );
      assert.deepEqual(
        up,
        ramping?.map((at) => at + 300_000),
      );
    });
  }
}

test("simulate() sends clients away within the TTL, and back as the ramp says", () => {
  const { samples, regions, timeline } = play(failure(1, "silent"));
  const fra = regions.indexOf("fra");
  const loadAt = (second: number) => samples[second]?.load[fra] ?? Number.NaN;
  assert.equal(loadAt(60), 100);
  const moved = timeline.find(({ kind, atMs }) => kind === "answer" && atMs > 60_000);
  assert.ok(moved !== undefined);
  assert.deepEqual(moved.reasons, ["health.down", "tier.failover"]);
  const movedAt = moved.atMs / 1000;
  assert.ok(loadAt(Math.floor(movedAt)) > 99);
  const half = loadAt(Math.round(movedAt + 15));
  assert.ok(half > 45 && half < 55, `half-way ${half}`);
  assert.equal(loadAt(Math.ceil(movedAt) + 30), 0);
  // The middle of the ramp, seen half a TTL later.
  const back = (momentsOf(play(failure(1, "silent")), "ramping")[0] ?? 0) / 1000;
  const middle = loadAt(Math.round(back + 150 + 15));
  assert.ok(middle > 47 && middle < 53, `ramp ${middle}`);
  assert.equal(Math.round(loadAt(Math.ceil(back) + 300 + 32)), 100);
  for (const { load } of samples) {
    assert.ok(Math.abs(load.reduce((sum, each) => sum + each, 0) - 100) < 1e-6);
  }
});

test("simulate() loses what goes to a dead region, and nothing when it was drained before", () => {
  const dead = play(failure(1, "fail"));
  // About detection + half a TTL of one region's demand, of 14 minutes.
  const seconds = dead.lostShare * 840;
  assert.ok(seconds > 15 && seconds < 19, `${seconds} s`);
  const drained = play(failure(1, "fail").replace("events:", "events:\n  - {at: 20s, drain: fra}"));
  assert.equal(drained.lostShare, 0);
});

test("simulate() of a seed is the same each time, and of another is not", () => {
  const [one, again, other] = [
    play(failure(7, "fail")),
    play(failure(7, "fail")),
    play(failure(8, "fail")),
  ];
  assert.deepEqual(one, again);
  assert.notDeepEqual(one.timeline, other.timeline);
});

test("simulate() carries out operators' moves, with their expiry, and lifts them", () => {
  const { timeline } = play(
    [
      "version: 1",
      "duration: 10m",
      "events:",
      "  - {at: 1m, drain: fra, for: 2m, reason: new switches}",
      "  - {at: 5m, force-down: shop/fra}",
      "  - {at: 6m, lift: shop/fra}",
    ].join("\n"),
  );
  assert.deepEqual(
    timeline
      .filter(({ kind }) => kind === "operator")
      .map(({ atMs, change, reasons }) => [atMs, change, ...reasons]),
    [
      [60_000, "drain added", "new switches"],
      [180_000, "drain expired", "new switches"],
      [300_000, "force-down added", "scenario"],
      [360_000, "force-down lifted", "scenario"],
    ],
  );
});

test("simulate() changes answers when time alone does, without a probe to wake it", () => {
  const unchecked = config.replace(/ {4}check: .*\n/, "");
  const { timeline, probes } = play(
    "version: 1\nduration: 5m\nevents: [{at: 1m, drain: fra, for: 127s}]\n",
    unchecked,
  );
  assert.equal(probes, 0);
  const answers = timeline.filter(({ kind }) => kind === "answer");
  assert.deepEqual([...new Set(answers.map(({ atMs }) => atMs))], [60_000, 187_000]);
});

test("simulate() activates a standby, and refuses while there is none", () => {
  const standby = config.replace(
    "    ttl: 30s",
    "    ttl: 30s\n    steer: [fra]\n    standby: {region: iad}\n    fallback: refuse",
  );
  const { regions, samples, timeline, lostShare } = play(
    [
      "version: 1",
      "duration: 5m",
      "events: [{at: 1m, fail: fra}, {at: 3m, activate: shop/iad}]",
    ].join("\n"),
    standby,
  );
  assert.deepEqual(regions, ["fra", "iad", "(refused)"]);
  const at = (second: number) => samples[second / 5]?.load.map((load) => Math.round(load * 100));
  assert.deepEqual(at(30), [100, 0, 0]);
  assert.deepEqual(at(120), [0, 0, 100]);
  assert.deepEqual(at(185), [0, 100, 0]);
  const answers = timeline.filter(({ kind }) => kind === "answer").map(({ change }) => change);
  // From the failure on, or a little later, until the standby serves: two of five minutes.
  assert.ok(lostShare > 0.37 && lostShare < 0.41, `${lostShare} is lost`);
  assert.ok(answers.includes("fra -> (refused)") && answers.includes("(refused) -> iad"));
});

for (const path of globSync("examples/scenarios/*.yaml", { cwd: root })) {
  test(`${path} plays against the configuration it names`, () => {
    const text = readFileSync(`${root}/${path}`, "utf8");
    const named = /With (examples\/[a-z-]+\.yaml)\./.exec(text)?.[1];
    assert.ok(named !== undefined);
    const simulation = play(text, readFileSync(`${root}/${named}`, "utf8"));
    assert.ok(simulation.timeline.some(({ change }) => change === "held -> ramping"));
    assert.ok(simulation.timeline.some(({ change }) => change === "ramping -> up"));
  });
}

test("loadScenario() takes the scenario of docs/simulate.md", () => {
  const page = readFileSync(`${root}/docs/simulate.md`, "utf8");
  const text = /```yaml\n(# scenario\.yaml[\s\S]*?)```/.exec(page)?.[1] ?? "";
  const { events, durationMs } = play(text);
  assert.deepEqual([events.length, durationMs], [3, 1_200_000]);
});
