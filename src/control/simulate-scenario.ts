/**
 * A scenario: what happens to a configuration over time. Its own small language beside that of the
 * configuration, read the same way: every mistake at once, each with file, line and column. Called
 * by `rhumb simulate`; the result refers to one policy by index and is ready for simulate.ts.
 */
import { z } from "zod";
import { readDocument } from "../config/document.ts";
import { draftOf } from "../config/draft.ts";
import type { Finding } from "../config/issues.ts";
import { problemOf } from "../config/merge.ts";
import type { Source } from "../config/source.ts";
import { duration, formatDuration, name, object } from "../config/values.ts";
import type { Problem } from "../errors.ts";
import { nearestOf } from "../lib/did-you-mean.ts";
import { isStableLocation } from "../lib/stable-location.ts";
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import { parseTarget, type Target } from "../world/target.ts";
import type { OverrideKind } from "../world/world.ts";
import type { Places } from "./plan-places.ts";
import type { Curve } from "./simulate-demand.ts";

const time = () => duration({ max: formatDuration(limits.simulationMsMax) });
const wholeTime = (min: string) =>
  duration({ min, max: formatDuration(limits.simulationMsMax), wholeSeconds: true });
const rate = z.number().min(0).max(limits.demandAmountMax);
const target = z.string().min(1).max(limits.overrideTextCharsMax);

const curve = z.union([
  rate.describe("The same all the time."),
  object({
    mean: rate.describe("Half-way between the least and the most."),
    swing: rate.describe("How far it goes above and below; at most the mean."),
    period: time().prefault("24h").describe("From one peak to the next."),
    peak: time().prefault("0s").describe("When the first peak is, from the start."),
  }),
  object({
    points: z
      .array(z.tuple([time(), rate]))
      .min(1)
      .max(limits.simulationEventsMax)
      .describe("[time, rate] in order; straight lines between, level outside."),
  }),
]);

const overrideVerbs = ["drain", "force-up", "force-down", "freeze", "activate"] as const;
const originVerbs = ["fail", "silent", "slow", "recover"] as const;
const verbs = [...originVerbs, ...overrideVerbs, "lift"] as const;

const eventSchema = object({
  at: time().describe("From the start."),
  fail: target.optional().describe("Its origins refuse connections."),
  silent: target.optional().describe("Its origins do not answer at all; probes time out."),
  slow: target.optional().describe("Its origins take `latency`; over the time-out, they fail."),
  recover: target.optional().describe("Its origins are well again."),
  drain: target.optional().describe("The operator drains it."),
  "force-up": target.optional().describe("The operator forces it up."),
  "force-down": target.optional().describe("The operator forces it down."),
  freeze: target.optional().describe("The operator freezes it."),
  activate: target.optional().describe("The operator activates a manual standby."),
  lift: target.optional().describe("The operator lifts every override of it."),
  latency: duration({ max: "60s" }).optional().describe("With `slow`: how long an answer takes."),
  for: duration({ min: "1s", max: `${limits.overrideHoursMax}h` })
    .optional()
    .describe("How long an override lasts. Default 24h."),
  reason: z.string().max(limits.overrideTextCharsMax).optional().describe("For the record."),
}).superRefine((event, context) => {
  const written = verbs.filter((verb) => event[verb] !== undefined);
  const report = (message: string, hint: string, path: readonly string[] = []): void => {
    context.addIssue({ code: "custom", message, params: { hint }, path: [...path] });
  };
  if (written.length !== 1) {
    const hint = `write one of ${verbs.join(", ")}`;
    report(written.length === 0 ? "nothing happens" : "several things happen", hint);
  }
  if ((event.slow !== undefined) !== (event.latency !== undefined)) {
    report("`slow` and `latency` belong together", "write both, or neither");
  }
  const override = overrideVerbs.some((verb) => event[verb] !== undefined);
  if (event.for !== undefined && !override) {
    report("only an override lasts for a time", "write a second event, such as `recover`", ["for"]);
  }
});

export const scenarioSchema = object({
  version: z.literal(1).describe("Version of this language."),
  duration: wholeTime("1s").describe("How long it lasts."),
  step: wholeTime("1s").prefault("5s").describe("Time between two figures of the output."),
  seed: z
    .int()
    .min(0)
    .max(0xffff_ffff)
    .default(1)
    .describe("Of chance: of the same seed follows the same run."),
  probes: object({
    latency: duration({ max: "60s" }).prefault("20ms").describe("How long a good probe takes."),
    jitter: duration({ max: "60s" })
      .prefault("10ms")
      .describe("At most so much longer, by chance."),
  }).prefault({}),
  demand: z
    .array(
      object({
        service: name,
        location: z
          .string()
          .refine(
            isStableLocation,
            "expected a country, a subdivision, AS and a number, or unknown",
          ),
        rps: curve.describe("Requests a second."),
      }),
    )
    .max(limits.simulationStreamsMax)
    .optional()
    .describe("Default: every country brings every service the same."),
  reports: wholeTime("1s")
    .optional()
    .describe("So often pools with a capacity report their load. Default: never."),
  events: z.array(eventSchema).max(limits.simulationEventsMax).prefault([]),
});

type ScenarioConfig = z.output<typeof scenarioSchema>;

export interface ScenarioDemand {
  readonly service: string;
  readonly location: string;
  readonly curve: Curve;
}

export type ScenarioEvent = { readonly atMs: number; readonly target: Target } & (
  | { readonly kind: "fail" | "silent" | "recover" | "lift" }
  | { readonly kind: "slow"; readonly latencyMs: number }
  | {
      readonly kind: "override";
      readonly override: OverrideKind;
      readonly forMs: number;
      readonly reason: string;
    }
);

export interface Scenario {
  readonly durationMs: number;
  readonly stepMs: number;
  readonly seed: number;
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** undefined: equal for every country and service. */
  readonly demand: readonly ScenarioDemand[] | undefined;
  /** How often loads are reported; 0 for never. */
  readonly reportMs: number;
  /** In order of time. */
  readonly events: readonly ScenarioEvent[];
}

export type ScenarioResult =
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function loadScenario(
  source: Source,
  given: { readonly policy: Policy; readonly places: Places },
): ScenarioResult {
  const document = readDocument(source);
  const problems: Problem[] = document.problems.map(
    ({ path, ...problem }): Problem => ({ ...problem, severity: "error", path: path.join(".") }),
  );
  const report = (finding: Finding): void => {
    problems.push(problemOf(finding, document.locate(finding.path, finding.at)));
  };
  if (document.value !== undefined) {
    const draft = draftOf(scenarioSchema, document.value, { path: [], report });
    if (problems.length === 0) {
      const config = draft as ScenarioConfig;
      checkSizes(config, given.policy, report);
      checkDemand(config, given, report);
      checkStreams(config, given, report);
      const events = readEvents(config, given.policy, report);
      if (problems.length === 0) return { ok: true, scenario: finish(config, events) };
    }
  }
  problems.sort(
    (a, b) =>
      (a.place?.line ?? 0) - (b.place?.line ?? 0) ||
      (a.place?.column ?? 0) - (b.place?.column ?? 0),
  );
  return { ok: false, problems: problems.slice(0, limits.problemsMax) };
}

type Report = (finding: Finding) => void;

function checkSizes(config: ScenarioConfig, policy: Policy, report: Report): void {
  const limit = (path: string, message: string, hint: string) =>
    report({ code: "config.limit", path: [path], message, hint });
  const samples = config.duration / config.step;
  if (samples > limits.simulationSamplesMax) {
    limit("step", `makes ${Math.ceil(samples)} steps`, `at most ${limits.simulationSamplesMax}`);
  }
  let probes = 0;
  for (const { monitor } of policy.endpoints) {
    const intervalMs = policy.monitors[monitor]?.intervalMs;
    if (intervalMs !== undefined) probes += config.duration / intervalMs;
  }
  if (probes > limits.simulationProbesMax) {
    const message = `takes ${Math.ceil(probes)} probes of this configuration`;
    limit("duration", message, `at most ${limits.simulationProbesMax}: make it shorter`);
  }
}

/** How many streams there would be at most, without making them. */
function checkStreams(
  config: ScenarioConfig,
  given: { readonly policy: Policy; readonly places: Places },
  report: Report,
): void {
  const { policy, places } = given;
  let streams = 0;
  if (config.demand === undefined) {
    for (const { ruleSet } of policy.services) {
      streams += policy.ruleSets[ruleSet]?.classes.length ?? 0;
    }
  } else {
    const ruleSets = new Map(policy.services.map(({ name, ruleSet }) => [name, ruleSet]));
    for (const { service, location } of config.demand) {
      const after = policy.ruleSets[ruleSets.get(service) ?? -1];
      if (after !== undefined) streams += places.pairsOf(location, { before: after, after }).length;
    }
  }
  const path = [config.demand === undefined ? "duration" : "demand"];
  const code = "config.limit";
  const seconds = (streams * config.duration) / 1000;
  if (streams > limits.simulationStreamsMax) {
    const message = `demand falls into ${streams} classes of services`;
    const hint = `at most ${limits.simulationStreamsMax}: write \`demand\` for those that matter`;
    report({ code, path, message, hint });
  } else if (seconds > limits.simulationStreamSecondsMax) {
    const message = `${streams} classes of services over ${config.duration / 1000} s are too many`;
    const hint = "make the duration shorter, or leave out demand that matters little";
    report({ code, path, message, hint });
  }
}

function checkDemand(
  config: ScenarioConfig,
  given: { readonly policy: Policy; readonly places: Places },
  report: Report,
): void {
  const names = given.policy.services.map((service) => service.name);
  const known = new Set(names);
  const unknown = (path: readonly (string | number)[], message: string, hint: string) =>
    report({ code: "config.unknown-reference", path, message, hint });
  const invalid = (path: readonly (string | number)[], message: string, hint: string) =>
    report({ code: "config.invalid", path, message, hint });
  config.demand?.forEach(({ service, location, rps }, i) => {
    if (!known.has(service)) {
      const near = nearestOf(service, names);
      const hint = near === undefined ? "name a service" : `did you mean \`${near}\`?`;
      unknown(["demand", i, "service"], `there is no service ${service}`, hint);
    }
    if (!given.places.has(location)) {
      const hint = "the bundled database has countries only; see docs/geography.md";
      unknown(["demand", i, "location"], `the geography in use does not know it`, hint);
    }
    if (typeof rps === "number") return;
    if ("mean" in rps && (rps.swing > rps.mean || rps.period === 0)) {
      const hint = "write a swing of at most the mean, and a period over 0s";
      invalid(["demand", i, "rps"], "demand would fall below nothing", hint);
    }
    if (!("points" in rps)) return;
    rps.points.forEach(([atMs], k) => {
      const before = rps.points[k - 1]?.[0] ?? -1;
      if (atMs > before) return;
      invalid(["demand", i, "rps", "points", k], "is not later than the point before", "sort them");
    });
  });
}

function readEvents(config: ScenarioConfig, policy: Policy, report: Report): ScenarioEvent[] {
  const events: ScenarioEvent[] = [];
  config.events.forEach((event, i) => {
    const verb = verbs.find((each) => event[each] !== undefined);
    if (verb === undefined) return;
    const path = ["events", i, verb];
    if (event.at > config.duration) {
      const hint = "make the duration longer, or the event earlier";
      const message = "is after the end";
      report({ code: "config.invalid", path: ["events", i, "at"], message, hint });
    }
    const found = parseTarget(policy, event[verb] ?? "");
    if (!found.ok) {
      const { message, hint } = found;
      report({ code: "config.unknown-reference", path, message, hint });
      return;
    }
    const { target } = found;
    if (verb === "activate" && target.kind === "endpoint") {
      const message = "a standby is activated as a pool, a service or a region";
      report({ code: "config.invalid", path, message, hint: "leave the endpoint out" });
      return;
    }
    events.push({ atMs: event.at, target, ...moveOf(verb, event) });
  });
  // Stable: events of one moment happen in the order written.
  return events.sort((a, b) => a.atMs - b.atMs);
}

type Move = ScenarioEvent extends infer Event
  ? Event extends ScenarioEvent
    ? Omit<Event, "atMs" | "target">
    : never
  : never;

function moveOf(verb: (typeof verbs)[number], event: ScenarioConfig["events"][number]): Move {
  switch (verb) {
    case "fail":
    case "silent":
    case "recover":
    case "lift":
      return { kind: verb };
    case "slow":
      return { kind: "slow", latencyMs: event.latency ?? 0 };
    default: {
      const forMs = event.for ?? limits.overrideHoursMax * 3_600_000;
      return { kind: "override", override: verb, forMs, reason: event.reason ?? "scenario" };
    }
  }
}

function finish(config: ScenarioConfig, events: readonly ScenarioEvent[]): Scenario {
  return {
    durationMs: config.duration,
    stepMs: config.step,
    seed: config.seed,
    latencyMs: config.probes.latency,
    jitterMs: config.probes.jitter,
    reportMs: config.reports ?? 0,
    demand: config.demand?.map(({ service, location, rps }) => {
      if (typeof rps === "number") return { service, location, curve: { kind: "constant", rps } };
      if ("points" in rps) {
        const points = rps.points.map(([atMs, value]) => ({ atMs, rps: value }));
        return { service, location, curve: { kind: "points", points } };
      }
      const { mean, swing, period, peak } = rps;
      const sine = { kind: "sine", mean, swing, periodMs: period, peakMs: peak } as const;
      return { service, location, curve: sine };
    }),
    events,
  };
}

/** `1m fail region:fra`, for charts and the timeline. */
export function eventText(event: ScenarioEvent): string {
  const verb = event.kind === "override" ? event.override : event.kind;
  const latency = event.kind === "slow" ? ` (${formatDuration(event.latencyMs)})` : "";
  return `${verb} ${event.target.text}${latency}`;
}
