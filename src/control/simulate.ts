/**
 * Simulate: a scenario against the real engine on a simulated clock. Called by `rhumb simulate`.
 * World changes by step() alone, answers by decide() alone, probes by the product's scheduler; only
 * origins, caches and demand are models. Equal policy, scenario and seed give an equal run.
 */
import { type SimulatedEntropy, simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { EndpointIndex, Policy, ServiceIndex } from "../policy/policy.ts";
import { allocate, withAllocation } from "../steer/allocate.ts";
import { decide } from "../steer/decide.ts";
import type { ReasonCode } from "../steer/reasons.ts";
import type { StepResult, WorldEvent } from "../world/event.ts";
import { step } from "../world/step.ts";
import { endpointsOfTarget } from "../world/target.ts";
import type { World } from "../world/world.ts";
import type { Places } from "./plan-places.ts";
import { refusedRegion } from "./plan-steering.ts";
import { allUpWorld } from "./plan-world.ts";
import { type CachedAnswer, StreamCache } from "./simulate-cache.ts";
import { type LimitPeak, LoadMeter } from "./simulate-capacity.ts";
import { demandAt, type PlacedDemand, type Stream, streamsOf } from "./simulate-demand.ts";
import { type MakeScheduler, SimulatedOrigins } from "./simulate-origins.ts";
import { eventText, type Scenario, type ScenarioEvent } from "./simulate-scenario.ts";

/** 2026-01-01T00:00:00Z: any moment would do, but the same one each time. */
const startMs = 1_767_225_600_000;
const secondMs = 1000;

export interface Sample {
  readonly atMs: number;
  /** By region of the result: where demand goes, caches included. */
  readonly load: readonly number[];
  /** By region: where demand would go if nobody kept an answer. */
  readonly answered: readonly number[];
  /** Of the load, what goes to endpoints whose origin does not serve. */
  readonly lost: number;
}

export interface TimelineEntry {
  readonly atMs: number;
  readonly kind: "event" | "health" | "operator" | "answer";
  readonly subject: string;
  readonly change: string;
  readonly reasons: readonly string[];
}

export interface Simulation {
  readonly durationMs: number;
  readonly stepMs: number;
  readonly seed: number;
  readonly unit: "rps" | "share";
  /** By name; `(refused)` is the last, if there is any. */
  readonly regions: readonly string[];
  readonly samples: readonly Sample[];
  readonly events: readonly { readonly atMs: number; readonly event: string }[];
  readonly timeline: readonly TimelineEntry[];
  /** Entries past the bound. */
  readonly timelineLeftOut: number;
  readonly probes: number;
  /** The fullest each capacity was; empty without any. */
  readonly limits: readonly LimitPeak[];
  /** Of all demand over the whole time, the part that went to endpoints that did not serve. */
  readonly lostShare: number;
}

export interface SimulateOptions {
  readonly policy: Policy;
  readonly places: Places;
  readonly scenario: Scenario;
  readonly makeScheduler: MakeScheduler;
}

/** What a stream is answered while nothing changes. */
interface Answer extends CachedAnswer {
  /** Parts of endpoints; empty when refused. */
  readonly endpoints: readonly { readonly row: EndpointIndex; readonly part: number }[];
  readonly pools: string;
  readonly reasons: readonly ReasonCode[];
}

interface LiveStream {
  readonly stream: Stream;
  readonly label: string;
  answer: Answer;
  readonly cache: StreamCache<Answer>;
}

export function simulate(options: SimulateOptions): Simulation {
  return new Run(options).toEnd();
}

class Run {
  readonly #policy: Policy;
  readonly #scenario: Scenario;
  readonly #entropy: SimulatedEntropy;
  readonly #origins: SimulatedOrigins;
  readonly #regionOfRow: Uint32Array;
  readonly #regions: string[];
  readonly #streams: LiveStream[];
  readonly #unit: Simulation["unit"];
  readonly #timeline: TimelineEntry[] = [];
  readonly #samples: Sample[] = [];
  readonly #meter: LoadMeter;
  /** Load was reported since the last allocation, or time alone may change it. */
  #loaded = false;
  #allocateAt = Number.POSITIVE_INFINITY;
  #leftOut = 0;
  #overrides = 0;
  #world: World;
  #pending: WorldEvent[] = [];
  #batching = false;
  #wakeAt = Number.POSITIVE_INFINITY;
  #lost = 0;
  #demand = 0;

  constructor(options: SimulateOptions) {
    const { policy, scenario } = options;
    this.#policy = policy;
    this.#scenario = scenario;
    this.#entropy = simulatedEntropy(scenario.seed, startMs);
    this.#world = withAllocation(policy, allUpWorld(policy, startMs));
    this.#meter = new LoadMeter(policy);
    this.#regions = [...policy.regions.map(({ name }) => name), refusedRegion];
    this.#regionOfRow = Uint32Array.from(
      policy.endpoints,
      ({ pool }) => policy.pools[pool]!.region,
    );
    this.#origins = new SimulatedOrigins({
      policy,
      entropy: this.#entropy,
      latencyMs: scenario.latencyMs,
      jitterMs: scenario.jitterMs,
      makeScheduler: options.makeScheduler,
      world: () => this.#world,
      onResult: (result) => this.#push(result),
    });
    const { unit, demand } = placedDemand(policy, options.places, scenario);
    this.#unit = unit;
    this.#streams = streamsOf(policy, options.places, demand).map((stream) => {
      const answer = this.#answerOf(stream);
      const label = labelOf(policy, stream);
      return { stream, label, answer, cache: new StreamCache(answer) };
    });
  }

  toEnd(): Simulation {
    const { durationMs, stepMs, events } = this.#scenario;
    for (const event of events) {
      this.#entropy.after(event.atMs, () => this.#happen(event));
    }
    this.#wakeFor(this.#world.nextAt);
    this.#sample(0);
    for (let atMs = secondMs; atMs <= durationMs; atMs += secondMs) {
      this.#entropy.advance(secondMs);
      for (const { cache, answer } of this.#streams) cache.advance(atMs / secondMs, answer);
      this.#account(atMs);
      if (this.#meter.isUsed) this.#measure(atMs);
      if (atMs % stepMs === 0) this.#sample(atMs);
    }
    this.#origins.stop();
    return this.#result();
  }

  get #nowMs(): number {
    return this.#entropy.now() - startMs;
  }

  /** Into the next batch, as the observer takes results in. */
  #push(event: WorldEvent): void {
    this.#pending.push(event);
    if (this.#batching) return;
    this.#batching = true;
    this.#entropy.after(limits.observerBatchMs, () => {
      this.#batching = false;
      this.#step();
    });
  }

  #step(): void {
    const events = this.#pending;
    this.#pending = [];
    const result = step(this.#policy, this.#world, events, this.#entropy.now());
    this.#world = result.world;
    this.#noteHealth(result);
    this.#noteAnswers(result);
    this.#wakeFor(result.nextAt);
    this.#allocate(result);
  }

  /** As the observer does after each step. */
  #allocate({ changed, changedPools, changedLatency }: StepResult): void {
    const nowMs = this.#entropy.now();
    const stale = this.#loaded || changed.length + changedPools.length > 0 || changedLatency;
    if (!stale && nowMs < this.#allocateAt) return;
    this.#loaded = false;
    const made = allocate(this.#policy, this.#world, nowMs);
    this.#allocateAt = made?.nextAt ?? Number.POSITIVE_INFINITY;
    this.#wakeFor(this.#allocateAt);
    if (made?.changed !== true) return;
    const { digest: policyDigest } = this.#policy;
    const { allocation } = made;
    const event = { kind: "allocation", policyDigest, at: nowMs, allocation } as const;
    const result = step(this.#policy, this.#world, [event], nowMs);
    this.#world = result.world;
    this.#noteAnswers(result);
  }

  /** What pools with a limit carry, and now and then their reports of it. */
  #measure(atMs: number): void {
    const meter = this.#meter;
    meter.begin();
    for (const { stream, cache } of this.#streams) {
      const demand = demandAt(stream, atMs);
      for (const [{ endpoints }, part] of cache.held) {
        for (const { row, part: of } of endpoints) {
          meter.add(this.#policy.endpoints[row]!.pool, demand * part * of);
        }
      }
    }
    meter.end(atMs);
    const { reportMs } = this.#scenario;
    if (reportMs === 0 || atMs % reportMs !== 0) return;
    const { digest: policyDigest } = this.#policy;
    const at = this.#entropy.now();
    for (const pool of this.#policy.capacity?.pools ?? []) {
      this.#push({ kind: "load", policyDigest, pool, at, load: meter.of(pool) });
    }
    this.#loaded = true;
  }

  /** Time alone changes World then: the end of a hold, a ramp step, silence, an expiry. */
  #wakeFor(at: number): void {
    if (at === Number.POSITIVE_INFINITY || at >= this.#wakeAt) return;
    this.#wakeAt = at;
    this.#entropy.after(Math.max(1, at - this.#entropy.now()), () => {
      // A later wake-up replaced by a sooner one still rings; it does no harm.
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#step();
    });
  }

  #happen(event: ScenarioEvent): void {
    const reasons = event.kind === "override" ? [event.reason] : [];
    this.#note({ kind: "event", subject: event.target.text, change: eventText(event), reasons });
    const rows = endpointsOfTarget(this.#policy, event.target) as readonly EndpointIndex[];
    switch (event.kind) {
      case "fail":
        this.#origins.setHealth(rows, "refusing");
        break;
      case "silent":
        this.#origins.setHealth(rows, "mute");
        break;
      case "slow":
        this.#origins.setHealth(rows, "well", event.latencyMs);
        break;
      case "recover":
        this.#origins.setHealth(rows, "well");
        break;
      case "override":
        this.#override(event);
        break;
      case "lift":
        for (const { id, target } of this.#world.overrides) {
          if (target !== event.target.text) continue;
          this.#pending.push({ kind: "lift", at: this.#entropy.now(), id });
        }
        this.#step();
        break;
    }
  }

  #override(event: Extract<ScenarioEvent, { kind: "override" }>): void {
    const at = this.#entropy.now();
    this.#overrides++;
    const override = {
      id: `scenario-${this.#overrides}`,
      kind: event.override,
      target: event.target.text,
      reason: event.reason,
      author: "scenario",
      createdAt: at,
      expiresAt: at + event.forMs,
    };
    this.#pending.push({ kind: "override", at, override });
    this.#step();
  }

  #note(entry: Omit<TimelineEntry, "atMs">, atMs = this.#nowMs): void {
    if (this.#timeline.length < limits.simulationTimelineMax) {
      this.#timeline.push({ atMs, ...entry });
    } else this.#leftOut++;
  }

  #noteHealth(result: StepResult): void {
    for (const { endpoint, from, to, reason, at } of result.transitions) {
      const { name, pool } = this.#policy.endpoints[endpoint]!;
      const { name: poolName, service } = this.#policy.pools[pool]!;
      const subject = `${this.#policy.services[service]!.name}/${poolName}/${name}`;
      const change = `${from} -> ${to}`;
      this.#note({ kind: "health", subject, change, reasons: [reason] }, at - startMs);
    }
    for (const { override, change, at } of result.overrideChanges) {
      const reasons = [override.reason];
      const text = `${override.kind} ${change}`;
      this.#note(
        { kind: "operator", subject: override.target, change: text, reasons },
        at - startMs,
      );
    }
  }

  /** Streams of services of which something changed are decided anew. */
  #noteAnswers(result: StepResult): void {
    const stale = new Set<ServiceIndex>(result.changedServices);
    const pools = new Set(result.changedPools);
    for (const row of result.changed) pools.add(this.#policy.endpoints[row]!.pool);
    for (const pool of pools) stale.add(this.#policy.pools[pool]!.service);
    if (result.changedCapacity) {
      for (const { service } of this.#policy.capacity?.services ?? []) stale.add(service);
    }
    if (stale.size === 0) return;
    for (const live of this.#streams) {
      if (!stale.has(live.stream.service)) continue;
      const before = live.answer;
      live.answer = this.#answerOf(live.stream);
      if (before.pools === live.answer.pools) continue;
      const change = `${before.pools} -> ${live.answer.pools}`;
      const reasons = live.answer.reasons;
      this.#note({ kind: "answer", subject: live.label, change, reasons });
    }
  }

  #answerOf({ service, classIndex }: Stream): Answer {
    const decision = decide(this.#policy, this.#world, service, classIndex);
    const { firstPool } = this.#policy.services[service]!;
    const names = decision.pools.map(({ pool }) => this.#policy.pools[firstPool + pool]!.name);
    const codes = decision.reasons.map(({ code }) => code).filter((code) => isTelling(code));
    return {
      ttlSeconds: this.#world.services.ttlSeconds[service]!,
      refused: decision.outcome === "refuse",
      endpoints: decision.answers.map(({ endpoints, share }) => ({
        row: endpoints[0]!,
        part: share / limits.shareTotal,
      })),
      pools: names.length === 0 ? refusedRegion : names.join(" + "),
      reasons: [...new Set(codes)],
    };
  }

  /** What is lost counts second by second, not at samples alone. */
  #account(atMs: number): void {
    for (const { stream, cache } of this.#streams) {
      const demand = demandAt(stream, atMs);
      this.#demand += demand;
      for (const [answer, part] of cache.held) this.#lost += demand * part * this.#lostOf(answer);
    }
  }

  /** Part of an answer's clients that meet an origin that does not serve. */
  #lostOf(answer: Answer): number {
    if (answer.refused) return 1;
    let lost = 0;
    for (const { row, part } of answer.endpoints) if (this.#origins.fails(row)) lost += part;
    return lost;
  }

  #sample(atMs: number): void {
    const load = this.#regions.map(() => 0);
    const answered = this.#regions.map(() => 0);
    let lost = 0;
    for (const { stream, answer, cache } of this.#streams) {
      const demand = demandAt(stream, atMs);
      this.#addTo(answered, answer, demand);
      for (const [held, part] of cache.held) {
        this.#addTo(load, held, demand * part);
        lost += demand * part * this.#lostOf(held);
      }
    }
    this.#samples.push({ atMs, load, answered, lost });
  }

  #addTo(byRegion: number[], answer: Answer, demand: number): void {
    if (answer.refused) {
      const refused = byRegion.length - 1;
      byRegion[refused] = byRegion[refused]! + demand;
      return;
    }
    for (const { row, part } of answer.endpoints) {
      const region = this.#regionOfRow[row]!;
      byRegion[region] = byRegion[region]! + demand * part;
    }
  }

  #result(): Simulation {
    const last = this.#regions.length - 1;
    const refuses = this.#samples.some(
      ({ load, answered }) => load[last]! > 0 || answered[last]! > 0,
    );
    const cut = (figures: readonly number[]) => (refuses ? figures : figures.slice(0, last));
    const { durationMs, stepMs, seed, events } = this.#scenario;
    return {
      durationMs,
      stepMs,
      seed,
      unit: this.#unit,
      regions: refuses ? this.#regions : this.#regions.slice(0, last),
      samples: this.#samples.map((sample) => ({
        ...sample,
        load: cut(sample.load),
        answered: cut(sample.answered),
      })),
      events: events.map((event) => ({ atMs: event.atMs, event: eventText(event) })),
      // Transitions that time brings are noticed a little later than they happen.
      timeline: this.#timeline.toSorted((a, b) => a.atMs - b.atMs),
      timelineLeftOut: this.#leftOut,
      probes: this.#origins.probes,
      limits: this.#meter.peaks(),
      lostShare: this.#demand === 0 ? 0 : this.#lost / this.#demand,
    };
  }
}

/** Reasons that say why an answer is another one than on a good day. */
function isTelling(code: ReasonCode): boolean {
  const [family] = code.split(".");
  if (
    code === "capacity.full" ||
    code === "tier.failover" ||
    code === "hold.waiting" ||
    code === "ramp.partial"
  )
    return true;
  return family === "health" || family === "override" || family === "fallback";
}

function labelOf(policy: Policy, { service, sources }: Stream): string {
  const [first] = sources;
  const more = sources.length > 1 ? ` and ${sources.length - 1} more` : "";
  return `${policy.services[service]!.name} for ${first?.location ?? ""}${more}`;
}

function placedDemand(
  policy: Policy,
  places: Places,
  scenario: Scenario,
): { readonly unit: Simulation["unit"]; readonly demand: readonly PlacedDemand[] } {
  const names = new Map(policy.services.map(({ name }, i) => [name, i as ServiceIndex]));
  if (scenario.demand !== undefined) {
    const demand = scenario.demand.flatMap(({ service, location, curve }) => {
      const index = names.get(service);
      return index === undefined ? [] : [{ service: index, location, curve }];
    });
    return { unit: "rps", demand };
  }
  const countries = places.keys.filter((key) => /^[A-Z]{2}$/.test(key));
  const sources = countries.length > 0 ? countries : places.keys;
  const rps = 1 / (sources.length * Math.max(1, policy.services.length));
  const curve = { kind: "constant", rps } as const;
  const demand = [...names.values()].flatMap((service) =>
    sources.map((location) => ({ service, location, curve })),
  );
  return { unit: "share", demand };
}
