/**
 * Capacity on the simulated clock: caches keep answers for a TTL of 30 s, demand doubles at once,
 * and the spread over regions settles by load reports alone, as docs/steering.md promises.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Places } from "../../src/control/plan-places.ts";
import { type Simulation, simulate } from "../../src/control/simulate.ts";
import { loadScenario } from "../../src/control/simulate-scenario.ts";
import { formatProblem } from "../../src/errors.ts";
import { Scheduler } from "../../src/probes/scheduler.ts";
import { sideOf } from "../support/plan-fixture.ts";

const ttlMs = 30_000;
const doubleAtMs = 300_000;

function play(options: {
  readonly demand?: string;
  readonly reports?: string;
  readonly rps: readonly [number, number];
  readonly capacity?: string;
}): Simulation {
  const {
    demand = "",
    reports = "reports: 10s",
    rps,
    capacity = "{a: 100, b: 100, c: 100}",
  } = options;
  const { policy } = sideOf(`version: 1
zones: {g.example: {ns: ns1.example}}
regions: {a: {at: FRA}, b: {at: IAD}, c: {at: NRT}}
services:
  shop:
    endpoints: {a: 10.0.0.1, b: 10.0.0.2, c: 10.0.0.3}
    steer: [a, b, c]
    ttl: 30s
    capacity: ${capacity}
${demand}`);
  const places = new Places(policy, policy);
  const [before, after] = rps;
  const text = `version: 1
duration: 30m
step: 1s
${reports}
demand:
  - service: shop
    location: DE
    rps: {points: [[0s, ${before}], [299s, ${before}], [300s, ${after}]]}
`;
  const loaded = loadScenario({ file: "s.yaml", text }, { policy, places });
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.problems.map(formatProblem).join("\n"));
  const { scenario } = loaded;
  return simulate({ policy, places, scenario, makeScheduler: (given) => new Scheduler(given) });
}

/** Least and greatest load of each region from `fromMs` on. */
function bands({ samples, regions }: Simulation, fromMs: number) {
  const late = samples.filter(({ atMs }) => atMs >= fromMs);
  return regions.map((_, i) => {
    const loads = late.map(({ load }) => load[i] ?? 0);
    return { least: Math.min(...loads), most: Math.max(...loads) };
  });
}

describe("a capacity waterfall on the simulated clock", () => {
  const cases: readonly [string, Parameters<typeof play>[0], number][] = [
    ["demand doubles from 50 to 100 of 100", { rps: [50, 100] }, 70],
    ["demand doubles from 100 to 200: over three regions", { rps: [100, 200] }, 70],
    ["demand doubles to more than the targets together", { rps: [120, 240] }, 0],
    ["reports come once a minute", { rps: [50, 100], reports: "reports: 1m" }, 70],
  ];
  for (const [claim, options, most] of cases) {
    test(`settles within 10 steps without swinging by more than 5 %: ${claim}`, () => {
      const simulation = play(options);
      const stepMs = options.reports === undefined ? ttlMs : 60_000;
      const settled = bands(simulation, doubleAtMs + 10 * stepMs);
      settled.forEach(({ least, most: greatest }, i) => {
        const middle = (least + greatest) / 2;
        const swing = middle === 0 ? 0 : (greatest - least) / 2 / middle;
        assert.ok(swing <= 0.05, `region ${i} goes from ${least} to ${greatest}`);
        if (most > 0) assert.ok(greatest <= most * 1.05, `region ${i} carries ${greatest}`);
      });
      const [first] = settled;
      assert.ok((first?.least ?? 0) > 0);
    });
  }

  test("falls back to the nearest region when demand halves again", () => {
    const { samples } = play({ rps: [100, 40] });
    const load = samples.at(-1)?.load ?? [];
    assert.ok((load[0] ?? 0) >= 39 && (load[1] ?? 0) < 1, load.join());
  });

  test("declared demand fills by the figures from the first moment on", () => {
    const simulation = play({ demand: "demand: {shop: {DE: 180}}", rps: [180, 180], reports: "" });
    for (const { load } of simulation.samples) {
      const [a = 0, b = 0, c = 0] = load;
      assert.ok(Math.abs(a - 70) < 0.5 && Math.abs(b - 70) < 0.5 && Math.abs(c - 40) < 0.5);
    }
    assert.deepEqual(
      simulation.limits.map(({ limit, capacity, load }) => [limit, capacity, Math.round(load)]),
      [
        ["shop/a", 100, 70],
        ["shop/b", 100, 70],
        ["shop/c", 100, 40],
      ],
    );
  });

  test("with neither demand nor reports the nearest takes all", () => {
    const simulation = play({ rps: [100, 200], reports: "" });
    assert.deepEqual(simulation.samples.at(-1)?.load, [200, 0, 0]);
    assert.equal(simulation.limits[0]?.load, 200);
  });
});
