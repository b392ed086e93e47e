/** The parts of a simulation: scenarios as text, curves, caches, pictures. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { sideOf } from "../../test/support/plan-fixture.ts";
import { formatProblem } from "../errors.ts";
import { Places } from "./plan-places.ts";
import type { Simulation } from "./simulate.ts";
import { StreamCache } from "./simulate-cache.ts";
import { clock, formatSimulation } from "./simulate-chart.ts";
import { type Curve, rateAt } from "./simulate-demand.ts";
import { loadScenario } from "./simulate-scenario.ts";
import { niceStep, simulationSvg } from "./simulate-svg.ts";

const { policy } = sideOf(
  [
    "version: 1",
    "zones: {g.example: {ns: ns1.example}}",
    "regions: {fra: {at: FRA}, iad: {at: IAD}}",
    "services: {shop: {check: {tcp: true}, endpoints: {fra: '10.0.0.1:80', iad: '10.0.0.2:80'}}}",
  ].join("\n"),
);
const places = new Places(policy, policy);
const load = (lines: readonly string[]) => {
  const text = ["version: 1", ...lines].join("\n");
  return loadScenario({ file: "s.yaml", text }, { policy, places });
};
const problemsOf = (lines: readonly string[]): readonly string[] => {
  const result = load(lines);
  return result.ok ? [] : result.problems.map(formatProblem);
};

describe("loadScenario()", () => {
  test("fills in what is not written and puts events in order", () => {
    const result = load([
      "duration: 10m",
      "events: [{at: 2m, recover: fra}, {at: 1m, fail: fra}, {at: 2m, drain: shop/iad, for: 1m}]",
      "demand: [{service: shop, location: DE, rps: {mean: 10, swing: 5}}]",
    ]);
    assert.ok(result.ok);
    const { scenario } = result;
    assert.deepEqual([scenario.stepMs, scenario.seed, scenario.latencyMs], [5000, 1, 20]);
    assert.deepEqual(
      scenario.events.map(({ atMs, kind, target }) => [atMs, kind, target.text]),
      [
        [60_000, "fail", "region:fra"],
        [120_000, "recover", "region:fra"],
        [120_000, "override", "pool:shop/iad"],
      ],
    );
    const curve = { kind: "sine", mean: 10, swing: 5, periodMs: 86_400_000, peakMs: 0 };
    assert.deepEqual(scenario.demand, [{ service: "shop", location: "DE", curve }]);
  });

  test("reports every mistake with its place", () => {
    const problems = problemsOf([
      "duration: 10m",
      "stepp: 5s",
      "events:",
      "  - {at: 1m, fial: fra}",
      "  - {at: 1m, fail: fra, drain: fra}",
      "  - {at: 1m, slow: fra}",
      "  - {at: 1m, fail: fra, for: 5m}",
      "demand: [{service: shop, location: Germany, rps: -1}]",
    ]).map((problem) => problem.split(" ").slice(0, 2).join(" "));
    assert.deepEqual(problems, [
      "s.yaml:3:1 config.unknown-key",
      "s.yaml:5:5 config.invalid",
      "s.yaml:5:14 config.unknown-key",
      "s.yaml:6:5 config.invalid",
      "s.yaml:7:5 config.invalid",
      "s.yaml:8:30 config.invalid",
      "s.yaml:9:36 config.invalid",
      "s.yaml:9:50 config.invalid",
    ]);
  });

  test("refuses more work than it may do", () => {
    assert.deepEqual(problemsOf(["duration: 7d", "step: 1h"]), []);
    const wide = sideOf(
      [
        "version: 1",
        "zones: {g.example: {ns: ns1.example}}",
        "regions: {fra: {at: FRA}, iad: {at: IAD}}",
        "services:",
        ...Array.from(
          { length: 40 },
          (_, i) => `  s${i}: {endpoints: {fra: 10.0.0.1, iad: 10.0.0.2}}`,
        ),
      ].join("\n"),
    ).policy;
    const text = "version: 1\nduration: 7d\nstep: 1h\n";
    const given = { policy: wide, places: new Places(wide, wide) };
    const result = loadScenario({ file: "s.yaml", text }, given);
    assert.ok(!result.ok);
    assert.match(
      formatProblem(result.problems[0]!),
      /^s\.yaml:2:11 config\.limit duration: 120 classes/,
    );
  });

  test("knows the policy: services, places, targets, limits", () => {
    const problems = problemsOf([
      "duration: 1h",
      "step: 1s",
      "events: [{at: 2h, fail: fra}, {at: 1m, fail: far}, {at: 1m, activate: shop/fra/10.0.0.1:80}]",
      "demand:",
      "  - {service: shopp, location: BR, rps: {mean: 1, swing: 2}}",
      "  - {service: shop, location: DE, rps: {points: [[1m, 1], [1m, 2]]}}",
    ]);
    assert.deepEqual(
      problems.map((problem) => problem.split(" ").slice(0, 3).join(" ")),
      [
        "s.yaml:4:15 config.invalid events.0.at:",
        "s.yaml:4:46 config.unknown-reference events.1.fail:",
        "s.yaml:4:71 config.invalid events.2.activate:",
        "s.yaml:6:15 config.unknown-reference demand.0.service:",
        "s.yaml:6:32 config.unknown-reference demand.0.location:",
        "s.yaml:6:41 config.invalid demand.0.rps:",
        "s.yaml:7:59 config.invalid demand.1.rps.points.1:",
      ],
    );
    assert.match(problems[1] ?? "", /region, service, pool or endpoint named "far"/);
    assert.match(
      problemsOf(["duration: 7d", "step: 1s"]).join(),
      /config\.limit step: makes 604800/,
    );
  });
});

test("rateAt() follows a sine and straight lines", () => {
  const sine: Curve = { kind: "sine", mean: 100, swing: 40, periodMs: 1000, peakMs: 250 };
  assert.deepEqual(
    [250, 500, 750, 1250].map((at) => Math.round(rateAt(sine, at))),
    [140, 100, 60, 140],
  );
  const points: Curve = {
    kind: "points",
    points: [
      { atMs: 100, rps: 10 },
      { atMs: 300, rps: 30 },
    ],
  };
  assert.deepEqual(
    [0, 100, 200, 300, 400].map((at) => rateAt(points, at)),
    [10, 10, 20, 30, 30],
  );
});

describe("StreamCache", () => {
  const answer = (ttlSeconds: number, refused = false) => ({ ttlSeconds, refused });

  test("moves clients evenly over the TTL, and all of them after it", () => {
    const [old, now] = [answer(30), answer(60)];
    const cache = new StreamCache(old);
    cache.advance(5, old);
    for (const second of [6, 15, 34]) {
      cache.advance(second, now);
      assert.ok(Math.abs((cache.held.get(now) ?? 0) - (second - 5) / 30) < 1e-9);
    }
    cache.advance(35, now);
    assert.deepEqual([...cache.held.keys()], [now]);
  });

  test("asks again each second while refused", () => {
    const [good, refused] = [answer(10), answer(10, true)];
    const cache = new StreamCache(good);
    cache.advance(10, refused);
    assert.deepEqual([...cache.held.keys()], [refused]);
    cache.advance(11, good);
    assert.deepEqual([...cache.held.keys()], [good]);
  });

  test("always holds an answer for every client", () => {
    const moves = fc.array(fc.record({ ttl: fc.integer({ min: 0, max: 9 }), for: fc.nat(12) }));
    const property = fc.property(moves, (list) => {
      const cache = new StreamCache(answer(5));
      let second = 0;
      for (const { ttl, for: seconds } of list) {
        second += seconds;
        cache.advance(second, answer(ttl));
        const sum = [...cache.held.values()].reduce((all, part) => all + part, 0);
        assert.ok(Math.abs(sum - 1) < 1e-6, String(sum));
      }
    });
    fc.assert(property, { numRuns: 200 });
  });
});

const sketch: Simulation = {
  durationMs: 60_000,
  stepMs: 30_000,
  seed: 1,
  unit: "rps",
  regions: ["fra", "iad"],
  samples: [
    { atMs: 0, load: [10, 0], answered: [10, 0], lost: 0 },
    { atMs: 30_000, load: [5, 5], answered: [0, 10], lost: 5 },
    { atMs: 60_000, load: [0, 10], answered: [0, 10], lost: 0 },
  ],
  events: [{ atMs: 20_000, event: 'fail <fra> & "more"' }],
  timeline: [
    { atMs: 20_000, kind: "event", subject: "region:fra", change: "fail region:fra", reasons: [] },
  ],
  timelineLeftOut: 0,
  limits: [],
  probes: 30,
  lostShare: 0.1,
};

test("formatSimulation() keeps to the width it is given", () => {
  for (const width of [60, 80, 120]) {
    const lines = formatSimulation(sketch, { width, title: "t" }).split("\n");
    const chart = lines.filter((line) => /[│┴]/.test(line));
    assert.equal(chart.length, 12);
    for (const line of chart) assert.ok(line.length <= width, line);
  }
});

test("simulationSvg() is well-formed, has a line for each region and escapes what it is told", () => {
  const svg = simulationSvg(sketch, { title: "a < b" });
  assert.equal(svg.match(/<polyline /g)?.length, 3);
  assert.match(svg, /fail &lt;fra&gt; &amp; &quot;more&quot;/);
  assert.match(svg, /load \(requests\/s\)/);
  assert.match(svg, /time \(s\)/);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  const open: string[] = [];
  for (const [, close, tag = "", rest = ""] of svg.matchAll(/<(\/?)([a-z]+)([^>]*)>/g)) {
    if (close === "/") assert.equal(open.pop(), tag);
    else if (!rest.endsWith("/")) open.push(tag);
  }
  assert.deepEqual(open, []);
});

test("niceStep() is 1, 2 or 5 times a power of ten", () => {
  assert.deepEqual([0.03, 0.9, 1, 1.1, 3, 7, 450].map(niceStep), [0.05, 1, 1, 2, 5, 10, 500]);
});

test("clock() shows fractions where there are any", () => {
  assert.deepEqual([0, 3_723_000, 62_890].map(clock), ["00:00:00", "01:02:03", "00:01:02.890"]);
});
