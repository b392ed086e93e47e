/** scheduler.ts on a simulated clock, with probes that are only timers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type SimulatedEntropy, simulatedEntropy } from "../lib/entropy.ts";
import type { ProbeResult } from "./probe.ts";
import { type ScheduledOrigin, Scheduler, type SchedulerOptions } from "./scheduler.ts";

const ok = (latencyMs: number): ProbeResult => ({
  outcome: "ok",
  failure: "none",
  latencyMs,
  detail: "",
});
const failed = (failure: ProbeResult["failure"], latencyMs: number): ProbeResult => ({
  outcome: "failed",
  failure,
  latencyMs,
  detail: "",
});

interface Start {
  readonly at: number;
  readonly identity: string;
}

interface Simulation {
  readonly entropy: SimulatedEntropy;
  readonly scheduler: Scheduler;
  readonly starts: Start[];
  /** Probes under way at once, at most so far. */
  peak(): number;
}

/** `behave` says how a probe ends; undefined: never. */
function simulate(
  behave: (identity: string, at: number) => ProbeResult | undefined,
  options: Partial<SchedulerOptions> & { readonly seed?: number } = {},
): Simulation {
  const entropy = simulatedEntropy(options.seed ?? 7, 1_700_000_000_000);
  const starts: Start[] = [];
  let running = 0;
  let peak = 0;
  const scheduler = new Scheduler({
    entropy,
    needsFastProbe: () => false,
    failuresLeft: () => 0,
    start(identity, ended) {
      starts.push({ at: entropy.monotonic(), identity });
      running++;
      peak = Math.max(peak, running);
      const result = behave(identity, entropy.monotonic());
      if (result === undefined) return;
      entropy.after(result.latencyMs, () => {
        running--;
        ended(result);
      });
    },
    ...options,
  });
  return { entropy, scheduler, starts, peak: () => peak };
}

const origin = (identity: string, changes: Partial<ScheduledOrigin> = {}): ScheduledOrigin => ({
  identity,
  intervalMs: 1000,
  timeoutMs: 200,
  lastResultAt: 0,
  ...changes,
});
const many = (count: number, changes: Partial<ScheduledOrigin> = {}): ScheduledOrigin[] =>
  Array.from({ length: count }, (_, index) => origin(`origin-${index}`, changes));

/** Runs in small steps: one long advance would search the simulated timers again and again. */
function run(simulation: Simulation, ms: number): void {
  for (let passed = 0; passed < ms; passed += 50) simulation.entropy.advance(50);
}

/** The most starts in any window of `windowMs` that begins with a start. */
function busiest(starts: readonly Start[], windowMs: number): number {
  let most = 0;
  for (let first = 0, last = 0; first < starts.length; first++) {
    while (last < starts.length && starts[last]!.at < starts[first]!.at + windowMs) last++;
    most = Math.max(most, last - first);
  }
  return most;
}

const timesOf = (starts: readonly Start[], identity: string) =>
  starts.filter((start) => start.identity === identity).map((start) => start.at);
const gaps = (times: readonly number[]) => times.slice(1).map((at, index) => at - times[index]!);

test("Scheduler starts each origin once an interval, without drift", () => {
  const simulation = simulate(() => ok(3));
  simulation.scheduler.setOrigins([origin("a", { intervalMs: 250 }), origin("b")]);
  run(simulation, 100_000);
  for (const [identity, intervalMs] of [
    ["a", 250],
    ["b", 1000],
  ] as const) {
    const times = timesOf(simulation.starts, identity).slice(1);
    assert.ok(Math.abs(times.length - 100_000 / intervalMs) <= 1, `${times.length} starts`);
    // Jitter moves each start by itself, never the ones after it.
    const places = times.map((at) => at % intervalMs);
    assert.ok(Math.max(...places) - Math.min(...places) <= intervalMs / 16 + 10);
  }
});

test("Scheduler spreads 10,000 origins: no 100 ms has over twice the mean", () => {
  const simulation = simulate(() => ok(2));
  simulation.scheduler.setOrigins(many(10_000, { intervalMs: 5000 }));
  run(simulation, 6000);
  const settled = simulation.starts.length;
  assert.ok(new Set(simulation.starts.map((start) => start.identity)).size === 10_000);
  run(simulation, 10_000);
  const starts = simulation.starts.slice(settled);
  assert.ok(Math.abs(starts.length - 20_000) < 400, `${starts.length} starts`);
  assert.ok(busiest(starts, 100) <= 400, `${busiest(starts, 100)} in 100 ms`);
});

test("Scheduler keeps places across a restart and a new policy", () => {
  const placesOf = (simulation: Simulation) => {
    const places = new Map<string, number>();
    for (const { at, identity } of simulation.starts) places.set(identity, at % 1000);
    return places;
  };
  const first = simulate(() => ok(1));
  first.scheduler.setOrigins(many(50));
  run(first, 5000);
  const before = placesOf(first);
  first.scheduler.setOrigins([...many(40), origin("new", { intervalMs: 500 })]);
  const from = first.starts.length;
  run(first, 3000);
  const later = first.starts.slice(from);
  const second = simulate(() => ok(1), { seed: 99 });
  second.entropy.advance(377);
  second.scheduler.setOrigins(many(50));
  run(second, 5000);
  for (const { identity } of many(40)) {
    for (const place of [timesOf(later, identity)[0]! % 1000, placesOf(second).get(identity)!]) {
      const moved = Math.abs(before.get(identity)! - place);
      assert.ok(Math.min(moved, 1000 - moved) <= 1000 / 16 + 10, `${identity} moved by ${moved}`);
    }
    // No extra probe and none left out because of the change.
    for (const gap of gaps(timesOf(first.starts, identity)).slice(1)) {
      assert.ok(gap > 900 && gap < 1100, `${gap} ms between two starts`);
    }
  }
  assert.ok(timesOf(later, "origin-45").length === 0, "an origin that is gone is not probed");
});

test("Scheduler probes what is new or stale soon, and what is fresh at its place", () => {
  const simulation = simulate(() => ok(1));
  const now = simulation.entropy.now();
  const stale = many(200, { intervalMs: 60_000, timeoutMs: 1000 });
  const fresh = Array.from({ length: 200 }, (_, index) =>
    origin(`fresh-${index}`, { intervalMs: 60_000, lastResultAt: now - 30_000 }),
  );
  simulation.scheduler.setOrigins([...stale, ...fresh]);
  run(simulation, 2100);
  const soon = new Set(simulation.starts.map((start) => start.identity));
  assert.ok(stale.every(({ identity }) => soon.has(identity)));
  assert.ok(fresh.filter(({ identity }) => soon.has(identity)).length < 30);
  assert.ok(busiest(simulation.starts, 100) < 60, "the first round is spread as well");
});

test("probeSoon() does not wait for the origin's place, and does not move it", () => {
  const simulation = simulate(() => ok(1));
  const { entropy, scheduler, starts } = simulation;
  const fresh = { intervalMs: 60_000, lastResultAt: entropy.now() };
  scheduler.setOrigins([origin("a", fresh)]);
  run(simulation, 50);
  assert.equal(starts.length, 0);
  scheduler.probeSoon("a");
  scheduler.probeSoon("nobody");
  run(simulation, 50);
  assert.equal(starts.length, 1);
  run(simulation, 180_000);
  const [, second = 0, third = 0] = timesOf(starts, "a");
  assert.ok(Math.abs(third - second - 60_000) <= 260);
});

test("Scheduler confirms a failure at quarters of the interval until World is content", () => {
  const failures = new Map<string, number>();
  const simulation = simulate(
    (identity) => {
      failures.set(identity, (failures.get(identity) ?? 0) + 1);
      return failed("connect.refused", 1);
    },
    { needsFastProbe: (identity) => (failures.get(identity) ?? 0) % 3 !== 0 },
  );
  simulation.scheduler.setOrigins([origin("a", { lastResultAt: simulation.entropy.now() })]);
  run(simulation, 12_000);
  const pauses = gaps(timesOf(simulation.starts, "a"));
  for (const pause of pauses) {
    const quarter = pause >= 250 && pause <= 270;
    const rest = pause >= 400 && pause <= 570;
    assert.ok(quarter || rest, `${pause} ms between two starts`);
  }
  assert.ok(pauses.filter((pause) => pause <= 270).length >= 20);
});

test("Scheduler finds a silent origin down within half an interval and a time-out", () => {
  const timeoutMs = 900;
  let counted = 0;
  let downAt = 0;
  const silentFrom = { at: Number.POSITIVE_INFINITY };
  const simulation = simulate(
    (_, at) => (at < silentFrom.at ? ok(5) : failed("http.timeout", timeoutMs)),
    {
      needsFastProbe: () => counted > 0 && counted < 3,
      failuresLeft: () => Math.max(0, 3 - counted),
    },
  );
  const { entropy, scheduler, starts } = simulation;
  scheduler.setOrigins([origin("a", { timeoutMs })]);
  run(simulation, 5000);
  assert.ok(
    gaps(timesOf(starts, "a"))
      .slice(1)
      .every((gap) => gap > 900),
    "no confirming while it answers",
  );
  silentFrom.at = entropy.monotonic();
  const from = starts.length;
  for (let i = 0; i < 300 && downAt === 0; i++) {
    entropy.advance(10);
    const ended = starts.slice(from).filter(({ at }) => at + timeoutMs <= entropy.monotonic());
    counted = ended.length;
    if (counted >= 3) downAt = entropy.monotonic();
  }
  const first = starts[from]!.at;
  assert.ok(downAt - first <= 500 + timeoutMs + 50, `${downAt - first} ms after the first`);
});

test("Scheduler finds a third of 6,000 origins silent as fast as it finds one", () => {
  const timeoutMs = 1000;
  const down = 3;
  const silent = (identity: string) => Number(identity.split("-")[1]) % 3 === 0;
  const silentFrom = { at: Number.POSITIVE_INFINITY };
  const counted = new Map<string, number>();
  const downAt = new Map<string, number>();
  const simulation = simulate(
    (identity, at) => {
      if (!silent(identity) || at < silentFrom.at) return ok(3);
      entropy.after(timeoutMs + 25, () => {
        const failures = (counted.get(identity) ?? 0) + 1;
        counted.set(identity, failures);
        if (failures === down) downAt.set(identity, entropy.monotonic());
      });
      return failed("connect.timeout", timeoutMs);
    },
    {
      needsFastProbe: (identity) => {
        const failures = counted.get(identity) ?? 0;
        return failures > 0 && failures < down;
      },
      failuresLeft: (identity) => Math.max(0, down - (counted.get(identity) ?? 0)),
    },
  );
  const { entropy, scheduler, starts } = simulation;
  scheduler.setOrigins(many(6000, { intervalMs: 5000, timeoutMs }));
  run(simulation, 8000);
  silentFrom.at = entropy.monotonic();
  const from = starts.length;
  run(simulation, 10_000);
  assert.equal(downAt.size, 2000);
  const slowest = Math.max(...downAt.values()) - silentFrom.at;
  // An interval, two quarters of it, a time-out, jitter; then batches, ticks and the bucket's
  // queue.
  assert.ok(slowest <= 5000 + 2500 + timeoutMs + 250 + 300, `${slowest} ms`);
  assert.ok(busiest(starts.slice(from), 100) <= 240, "and still does not bunch");
});

test("Scheduler does not call an origin silent that is always slow", () => {
  const simulation = simulate(() => ok(400), { failuresLeft: () => 3 });
  simulation.scheduler.setOrigins([origin("a", { timeoutMs: 900 })]);
  run(simulation, 20_000);
  assert.ok(simulation.starts.length <= 24, `${simulation.starts.length} starts in 20 s`);
});

test("Scheduler does not burst after a stall, and leaves out what it missed", () => {
  const simulation = simulate(() => ok(1));
  const { entropy, scheduler, starts } = simulation;
  const stalling = { until: 0 };
  const monotonic = entropy.monotonic.bind(entropy);
  const held: (() => void)[] = [];
  // A stall: time passes and no timer fires, then all that are late fire at once.
  const stalled = new Scheduler({
    entropy: {
      ...entropy,
      after: (ms, action) =>
        entropy.after(ms, () => {
          if (monotonic() < stalling.until) held.push(action);
          else action();
        }),
    },
    needsFastProbe: () => false,
    failuresLeft: () => 0,
    start(identity, ended) {
      starts.push({ at: monotonic(), identity });
      ended(ok(1));
    },
  });
  scheduler.stop();
  stalled.setOrigins(many(5000, { intervalMs: 5000 }));
  run(simulation, 6000);
  const before = starts.length;
  stalling.until = monotonic() + 20_000;
  run(simulation, 20_000);
  assert.ok(starts.length === before);
  for (const action of held.splice(0)) action();
  run(simulation, 12_000);
  const after = starts.slice(before);
  // 1,000 a second is the mean: twice that is 200 in 100 ms.
  assert.ok(busiest(after, 100) <= 200, `${busiest(after, 100)} in 100 ms`);
  assert.equal(new Set(after.map((start) => start.identity)).size, 5000);
  assert.ok(after.length < 5000 * 3.2, `${after.length} starts: missed ones were made up for`);
});

test("Scheduler runs no more than so many at once, and lets mute origins starve nobody", () => {
  const mute = (identity: string) => Number(identity.split("-")[1]) % 2 === 0;
  const simulation = simulate(
    (identity) => (mute(identity) ? failed("connect.timeout", 5000) : ok(20)),
    { inFlightMax: 100, inFlightSlowMax: 75 },
  );
  simulation.scheduler.setOrigins(many(400, { intervalMs: 1000, timeoutMs: 5000 }));
  run(simulation, 60_000);
  assert.ok(simulation.peak() <= 100, `${simulation.peak()} at once`);
  const counts = new Map<string, number>();
  for (const { at, identity } of simulation.starts) {
    if (at >= simulation.entropy.monotonic() - 30_000) {
      counts.set(identity, (counts.get(identity) ?? 0) + 1);
    }
  }
  const of = (muteOnes: boolean) =>
    many(400)
      .filter(({ identity }) => mute(identity) === muteOnes)
      .map(({ identity }) => counts.get(identity) ?? 0);
  assert.ok(Math.min(...of(false)) >= 28, `an origin that answers had ${Math.min(...of(false))}`);
  assert.ok(Math.min(...of(true)) >= 1, "mute ones still have their turn");
  assert.ok(Math.max(...of(true)) - Math.min(...of(true)) <= 2, "and share it evenly");
});

test("Scheduler survives any sequence of policies, answers and silences", () => {
  const policy = fc.array(fc.tuple(fc.nat(15), fc.constantFrom(250, 400, 1000)), { maxLength: 12 });
  fc.assert(
    fc.property(
      fc.array(policy, { maxLength: 5 }),
      fc.infiniteStream(fc.nat(5)),
      (policies, chance) => {
        const draw = () => Number(chance.next().value);
        const simulation = simulate(
          () =>
            [ok(1), ok(300), failed("connect.refused", 1), failed("http.timeout", 800), undefined][
              draw()
            ],
          {
            needsFastProbe: () => draw() > 2,
            failuresLeft: () => draw(),
            inFlightMax: 9,
            inFlightSlowMax: 6,
          },
        );
        for (const entries of policies) {
          const wanted = new Map(entries.map(([id, intervalMs]) => [`o${id}`, intervalMs]));
          const origins = [...wanted].map(([identity, intervalMs]) =>
            origin(identity, { intervalMs }),
          );
          const from = simulation.starts.length;
          simulation.scheduler.setOrigins(origins);
          run(simulation, 1500);
          const started = simulation.starts.slice(from);
          assert.ok(
            started.every(({ identity }) => wanted.has(identity)),
            "only what is wanted",
          );
          assert.ok(simulation.scheduler.statistics.inFlight <= 9);
        }
      },
    ),
    { numRuns: 60 },
  );
});
