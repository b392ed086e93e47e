/**
 * Health of one endpoint: gdnsd's anti-flap counter, hold and ramp, silence, freeze. step.ts calls
 * `settle` to let time pass for an endpoint and `applyResult` for what a probe saw; both write to a
 * draft and keep `lastGood` and the count of usable endpoints true at every moment between.
 *
 * | verdict | result | counter | then |
 * |---|---|---|---|
 * | unknown, first result | ok / failed | | up, whole / down |
 * | unknown after silence | any | | the verdict kept, then as below |
 * | up | failed | failures + 1 | down at the threshold |
 * | up | ok | successes + 1; at the threshold failures = 0 | |
 * | down | failed | successes = 0 | |
 * | down | ok | successes + 1 | at the threshold up: held, then ramping |
 *
 * A check made of several has no results of its own: it goes up, down and unknown as the parts it
 * is made of do (`follow`), at the same moment, and is held and ramps as any other. Its parts are
 * neither held nor ramped: nobody is steered to them.
 *
 * A frozen endpoint counts but does not change; when the freeze ends it becomes at once what its
 * counters say, a hold that has run out ends, and a ramp goes on from where it stood. So it is
 * after silence, too.
 */
import { limits } from "../limits.ts";
import type { CheckPlan, EndpointIndex, Ramp } from "../policy/policy.ts";
import { checkValue } from "./check-value.ts";
import { noteCondition, noteServing } from "./dependencies.ts";
import type { Draft } from "./draft.ts";
import type { EndpointState, ProbeResult, TransitionReason } from "./event.ts";
import { followersOf } from "./facts.ts";
import { failureIndex } from "./failures.ts";
import { rampOf, rampStep, rampStepMs, regionalStart } from "./ramp.ts";
import { mayRemove, release } from "./removals.ts";
import { isUsable, recountUsable } from "./usable.ts";
import { activity, downTimesKept, type EndpointColumns, type Verdict, verdict } from "./world.ts";

const countMax = 65_535;
const whole = limits.availabilityFull;

/** The word for row `endpoint` of these columns. */
export function stateOf(columns: EndpointColumns, endpoint: number): EndpointState {
  const now = columns.verdict[endpoint];
  if (now === verdict.unknown) return "unknown";
  if (now === verdict.down) return "down";
  if (now === verdict.disabled) return "disabled";
  const availability = columns.availability[endpoint]!;
  if (availability === 0) return "held";
  return availability < whole ? "ramping" : "up";
}

/** Takes in one result at `draft.at`. False when it is not wanted: no monitor, or quarantined. */
export function applyResult(draft: Draft, result: ProbeResult): boolean {
  const { endpoints } = draft;
  const row = result.endpoint;
  if (draft.policy.endpoints[row]!.monitor === -1 || endpoints.quarantined[row] === 1) return false;
  settle(draft, row, draft.at);
  draft.touchedEndpoints.add(row);
  const frozen = endpoints.frozen[row] === 1;
  draft.own("lastResultAt")[row] = draft.at;
  if (result.ok) draft.own("latencyMs")[row] = result.latencyMs;
  else set(draft, "failure", row, failureIndex(result.failure));
  if (endpoints.verdict[row] === verdict.unknown && !frozen) {
    if (endpoints.kept[row] === verdict.unknown) {
      count(draft, row, result.ok);
      decideFirst(draft, row, { up: result.ok, reason: "first result" });
      return true;
    }
    restore(draft, row);
  }
  count(draft, row, result.ok);
  if (!frozen) crossThresholds(draft, row, undefined);
  return true;
}

/** Moves the counters of an endpoint by one result. */
function count(draft: Draft, row: number, ok: boolean): void {
  const { endpoints, facts } = draft;
  const up = endpoints.verdict[row] !== verdict.down;
  if (!ok) {
    if (up) set(draft, "failures", row, Math.min(countMax, endpoints.failures[row]! + 1));
    set(draft, "successes", row, 0);
    draft.staleTtl.add(facts.serviceOfEndpoint[row]!);
    return;
  }
  const successes = Math.min(countMax, endpoints.successes[row]! + 1);
  set(draft, "successes", row, successes);
  if (up && successes >= facts.okThreshold[row]! && endpoints.failures[row] !== 0) {
    set(draft, "failures", row, 0);
    release(draft, row);
    draft.staleTtl.add(facts.serviceOfEndpoint[row]!);
  }
  if (!up) draft.staleTtl.add(facts.serviceOfEndpoint[row]!);
}

/** Changes the verdict if a counter has reached its threshold. */
function crossThresholds(draft: Draft, row: number, reason: TransitionReason | undefined): void {
  const { endpoints, facts } = draft;
  const now = endpoints.verdict[row];
  if (now === verdict.up && endpoints.failures[row]! >= facts.downThreshold[row]!) {
    if (mayRemove(draft, row)) goDown(draft, row, reason ?? "failures");
  } else if (now === verdict.down && endpoints.successes[row]! >= facts.upThreshold[row]!) {
    comeBack(draft, row, reason ?? "successes");
  }
}

/** The first result, or the last one before a freeze ended, decides without hold or ramp. */
function decideFirst(
  draft: Draft,
  row: number,
  options: { readonly up: boolean; readonly reason: TransitionReason },
): void {
  transition(draft, row, {
    to: options.up ? verdict.up : verdict.down,
    availability: options.up ? whole : 0,
    reason: options.reason,
  });
  set(draft, "failures", row, 0);
}

function goDown(draft: Draft, row: number, reason: TransitionReason): void {
  const times = draft.own("downTimes");
  const start = row * downTimesKept;
  times.copyWithin(start + 1, start, start + downTimesKept - 1);
  times[start] = draft.at;
  set(draft, "flaps", row, flapsAt(times, row, draft.at));
  set(draft, "holdUntil", row, 0);
  set(draft, "rampFrom", row, 0);
  set(draft, "waits", row, 0);
  set(draft, "regional", row, 0);
  release(draft, row);
  set(draft, "successes", row, 0);
  transition(draft, row, { to: verdict.down, availability: 0, reason });
  keepWaiting(draft, row);
}

/** The next window has begun, or the operator took it out of use: it goes if that is due still. */
function retryRemoval(draft: Draft, row: number, at: number): void {
  const { endpoints } = draft;
  if (endpoints.retained[row] === 0 || endpoints.verdict[row] !== verdict.up) return;
  if (endpoints.retryAt[row]! <= at && mayRemove(draft, row)) goDown(draft, row, "failures");
}

function comeBack(draft: Draft, row: number, reason: TransitionReason): void {
  const service = draft.policy.services[draft.facts.serviceOfEndpoint[row]!]!;
  const { downTimes } = draft.endpoints;
  const holdMs = draft.facts.part[row] === 1 ? 0 : service.holdMs;
  const holdUntil = draft.at + holdMsAt(downTimes, row, { at: draft.at, holdMs });
  set(draft, "flaps", row, flapsAt(downTimes, row, draft.at));
  set(draft, "failures", row, 0);
  set(draft, "holdUntil", row, holdUntil);
  if (service.resumeManually === true && !poolCarries(draft, row)) set(draft, "waits", row, 1);
  transition(draft, row, { to: verdict.up, availability: 0, reason });
  settle(draft, row, draft.at);
}

/** Has the row's pool as many usable endpoints as it needs? */
function poolCarries(draft: Draft, row: number): boolean {
  const { facts, policy } = draft;
  if (facts.part[row] === 1) return true;
  const { firstEndpoint, endpointCount, minimum } = policy.pools[facts.poolOfEndpoint[row]!]!;
  let usable = 0;
  for (let k = 0; k < endpointCount; k++) if (isUsable(draft, firstEndpoint + k)) usable++;
  return usable > 0 && usable >= minimum;
}

/** The pool is down with this one: those in it that are held wait for the operator as well. */
function keepWaiting(draft: Draft, row: number): void {
  const { facts, policy, endpoints } = draft;
  if (policy.services[facts.serviceOfEndpoint[row]!]!.resumeManually !== true) return;
  if (poolCarries(draft, row)) return;
  const { firstEndpoint, endpointCount } = policy.pools[facts.poolOfEndpoint[row]!]!;
  for (let other: number = firstEndpoint; other < firstEndpoint + endpointCount; other++) {
    const was = endpoints.verdict[other] === verdict.unknown ? endpoints.kept : endpoints.verdict;
    if (was[other] !== verdict.up || endpoints.availability[other] !== 0) continue;
    set(draft, "waits", other, 1);
    draft.touchedEndpoints.add(other);
  }
}

/** `rhumb resume`: what waits for the operator goes on with its hold, or at once to its ramp. */
export function resumeWaiting(draft: Draft, row: number): void {
  const { endpoints } = draft;
  if (endpoints.waits[row] === 0) return;
  set(draft, "waits", row, 0);
  set(draft, "holdUntil", row, Math.max(endpoints.holdUntil[row]!, draft.at));
  draft.touchedEndpoints.add(row);
  draft.staleTtl.add(draft.facts.serviceOfEndpoint[row]!);
  settle(draft, row, draft.at);
}

/** Times an endpoint went down in the window before `at`. */
export function flapsAt(downTimes: Float64Array, row: number, at: number): number {
  let flaps = 0;
  for (let i = row * downTimesKept; i < (row + 1) * downTimesKept; i++) {
    const time = downTimes[i]!;
    if (time !== 0 && time > at - limits.flapWindowMs) flaps++;
  }
  return flaps;
}

/** How long an endpoint that comes back at `at` is held: doubled for each fall but the first. */
export function holdMsAt(
  downTimes: Float64Array,
  row: number,
  options: { readonly at: number; readonly holdMs: number },
): number {
  const doublings = Math.max(0, flapsAt(downTimes, row, options.at) - 1);
  return options.holdMs * Math.min(limits.holdFactorMax, 2 ** doublings);
}

/** When silence makes the verdict unknown; Infinity when it cannot. */
export function silentAt(draft: Draft, row: number): number {
  const now = draft.endpoints.verdict[row];
  if (now !== verdict.up && now !== verdict.down) return Number.POSITIVE_INFINITY;
  const heard = Math.max(draft.endpoints.lastResultAt[row]!, draft.watchedSince);
  return heard + draft.facts.silenceMs[row]!;
}

/**
 * The next moment at which time alone makes the endpoint usable or not, so that it must be lived
 * through in order with all others: the end of a hold, or silence. Infinity when frozen.
 */
export function nextOrderedAt(draft: Draft, row: number): number {
  const { endpoints } = draft;
  if (endpoints.frozen[row] === 1) return Number.POSITIVE_INFINITY;
  let silent = silentAt(draft, row);
  if (endpoints.retained[row] === 1 && endpoints.verdict[row] === verdict.up) {
    silent = Math.min(silent, endpoints.retryAt[row]!);
  }
  const returning = endpoints.verdict[row] === verdict.up && endpoints.waits[row] === 0;
  const held = returning && endpoints.availability[row] === 0;
  return held ? Math.min(silent, endpoints.holdUntil[row]!) : silent;
}

/** The next ramp step; Infinity when not ramping. Its order among endpoints does not matter. */
export function nextRampAt(draft: Draft, row: number): number {
  const { endpoints } = draft;
  const availability = endpoints.availability[row]!;
  if (availability === 0 || availability >= whole || endpoints.verdict[row] !== verdict.up) {
    return Number.POSITIVE_INFINITY;
  }
  if (endpoints.frozen[row] === 1) return Number.POSITIVE_INFINITY;
  return endpoints.rampFrom[row]! + rampStepMs(rampFor(draft, row), availability + 1);
}

const noRamp: Ramp = { ms: 0, aggression: 100 };

function rampFor(draft: Draft, row: number): Ramp {
  if (draft.facts.part[row] === 1) return noRamp;
  return rampOf(draft.policy, draft.endpoints.regional, row);
}

/** Lets time pass for one endpoint up to `at`: the end of its hold, ramp steps, silence. */
export function settle(draft: Draft, row: number, at: number): void {
  const { endpoints } = draft;
  if (endpoints.frozen[row] === 1) return;
  const silent = silentAt(draft, row);
  if (endpoints.verdict[row] === verdict.up && endpoints.availability[row]! < whole) {
    settleReturn(draft, row, Math.min(at, silent));
  }
  if (silent > at) {
    retryRemoval(draft, row, at);
    return;
  }
  const kept = endpoints.verdict[row]!;
  set(draft, "kept", row, kept);
  transition(draft, row, {
    to: verdict.unknown,
    availability: endpoints.availability[row]!,
    reason: "silence",
  });
}

function settleReturn(draft: Draft, row: number, at: number): void {
  const { endpoints } = draft;
  if (endpoints.availability[row] === 0) {
    const holdUntil = endpoints.holdUntil[row]!;
    if (endpoints.waits[row] === 1 || at < holdUntil) return;
    endHold(draft, row, holdUntil);
  }
  const ramp = rampFor(draft, row);
  const rampFrom = endpoints.rampFrom[row]!;
  const step = rampStep(ramp, at - rampFrom);
  // Never back: a revision may have made the ramp longer.
  if (step <= endpoints.availability[row]!) return;
  if (step < whole) {
    draft.touchedEndpoints.add(row);
    draft.staleTtl.add(draft.facts.serviceOfEndpoint[row]!);
    set(draft, "availability", row, step);
  } else {
    const end = rampFrom + ramp.ms;
    transition(draft, row, { to: verdict.up, availability: whole, reason: "ramp over", at: end });
  }
}

/** On to the ramp of the service, or to that of the region where it returns as one. */
function endHold(draft: Draft, row: number, at: number): void {
  const part = draft.facts.part[row] === 1;
  const from = part ? undefined : regionalStart(draft, row, at);
  set(draft, "regional", row, from === undefined ? 0 : 1);
  set(draft, "holdUntil", row, 0);
  set(draft, "rampFrom", row, from ?? at);
  const availability = rampStep(rampFor(draft, row), at - (from ?? at));
  transition(draft, row, { to: verdict.up, availability, reason: "hold over", at });
}

/** A result is here again after silence: the verdict of before, its hold or ramp going on. */
function restore(draft: Draft, row: number): void {
  const { endpoints } = draft;
  const to = endpoints.kept[row]! as Verdict;
  resumeReturn(draft, row);
  set(draft, "kept", row, verdict.unknown);
  transition(draft, row, {
    to,
    availability: endpoints.availability[row]!,
    reason: "results are back",
  });
}

/** After a standstill: a hold that has run out ends now, a ramp goes on from where it stood. */
function resumeReturn(draft: Draft, row: number): void {
  const { endpoints } = draft;
  const availability = endpoints.availability[row]!;
  const holdUntil = endpoints.holdUntil[row]!;
  if (availability === 0 && holdUntil !== 0 && holdUntil < draft.at) {
    set(draft, "holdUntil", row, draft.at);
  } else if (availability > 0 && availability < whole) {
    set(draft, "rampFrom", row, draft.at - rampStepMs(rampFor(draft, row), availability));
  }
}

/** After a freeze, at `draft.at`, with `frozen` already 0: what the counters say, at once. */
export function thaw(draft: Draft, row: number): void {
  const { endpoints, facts } = draft;
  const now = endpoints.verdict[row];
  if (now === verdict.disabled) return;
  const { check } = draft.policy.endpoints[row]!;
  if (check !== undefined) {
    if (now === verdict.up) resumeReturn(draft, row);
    followEndpoint(draft, row, { check, reason: "freeze over" });
    settle(draft, row, draft.at);
    return;
  }
  if (now === verdict.unknown) {
    const heard = endpoints.lastResultAt[row]!;
    const fresh = heard !== 0 && heard + facts.silenceMs[row]! > draft.at;
    if (!fresh || endpoints.quarantined[row] === 1) return;
    if (endpoints.kept[row] === verdict.unknown) {
      decideFirst(draft, row, { up: endpoints.successes[row]! > 0, reason: "freeze over" });
      return;
    }
    restore(draft, row);
  } else if (now === verdict.up) {
    resumeReturn(draft, row);
  }
  crossThresholds(draft, row, "freeze over");
  settle(draft, row, draft.at);
}

function transition(
  draft: Draft,
  row: number,
  options: {
    readonly to: Verdict;
    readonly availability: number;
    readonly reason: TransitionReason;
    readonly at?: number;
  },
): void {
  const { endpoints } = draft;
  const at = options.at ?? draft.at;
  const from = stateOf(endpoints, row);
  set(draft, "verdict", row, options.to);
  set(draft, "availability", row, options.availability);
  draft.touchedEndpoints.add(row);
  draft.staleTtl.add(draft.facts.serviceOfEndpoint[row]!);
  const to = stateOf(endpoints, row);
  if (from !== to) {
    set(draft, "changedAt", row, at);
    draft.transitions.push({
      endpoint: row as EndpointIndex,
      from,
      to,
      reason: options.reason,
      at,
    });
  }
  noteCondition(draft, row);
  if (draft.facts.part[row] === 1 && from !== to) follow(draft, row);
}

/** A part of checks has changed: so may, now, the endpoints and standbys whose checks it is in. */
export function follow(draft: Draft, part: number): void {
  const { endpoints, pools } = followersOf(draft.facts, part);
  for (const row of endpoints) {
    const { check } = draft.policy.endpoints[row]!;
    if (check !== undefined) followEndpoint(draft, row, { check, reason: "check" });
  }
  for (const pool of pools) followRequirement(draft, pool);
}

/** What all checks made of several say now: parts may have come with verdicts of their own. */
export function followAll(draft: Draft): void {
  for (const part of draft.facts.followers.keys()) follow(draft, part);
}

function followEndpoint(
  draft: Draft,
  row: number,
  options: { readonly check: CheckPlan; readonly reason: TransitionReason },
): void {
  const { endpoints } = draft;
  const { reason } = options;
  if (endpoints.frozen[row] === 1) return;
  settle(draft, row, draft.at);
  const value = checkValue(options.check, (part) => partVerdict(draft, part));
  if (endpoints.verdict[row] === value) {
    release(draft, row);
    return;
  }
  if (value === verdict.unknown) {
    set(draft, "kept", row, endpoints.verdict[row]!);
    const availability = endpoints.availability[row]!;
    transition(draft, row, { to: verdict.unknown, availability, reason: "silence" });
    return;
  }
  if (endpoints.verdict[row] === verdict.unknown) {
    if (endpoints.kept[row] === verdict.unknown) {
      const first = reason === "check" ? "first result" : reason;
      decideFirst(draft, row, { up: value === verdict.up, reason: first });
      return;
    }
    restore(draft, row);
    if (partVerdict(draft, row) === value) return;
  }
  if (value === verdict.up) comeBack(draft, row, reason);
  else if (mayRemove(draft, row)) goDown(draft, row, reason);
}

function partVerdict(draft: Draft, part: number): Verdict {
  if (draft.endpoints.quarantined[part] === 1) return verdict.unknown;
  return draft.endpoints.verdict[part]! as Verdict;
}

/** A standby's requirement passes or not; while it is not known, what was known last counts. */
function followRequirement(draft: Draft, pool: number): void {
  const now = draft.pools.active[pool]!;
  if (now === activity.no) return;
  const next = requirementMet(draft, pool) ? activity.yes : activity.unmet;
  if (next === now) return;
  draft.ownPools("active")[pool] = next;
  draft.touchedPools.add(pool);
  const service = draft.facts.serviceOfPool[pool]!;
  draft.staleTtl.add(service);
  if (draft.grouped) return;
  recountUsable(draft, service);
  noteServing(draft, service);
}

export function requirementMet(draft: Draft, pool: number): boolean {
  const { requires } = draft.policy.pools[pool]!;
  if (requires === undefined) return true;
  const { verdict: verdicts, kept } = draft.endpoints;
  const known = (part: number): Verdict =>
    (verdicts[part] === verdict.unknown ? kept[part]! : verdicts[part]!) as Verdict;
  return checkValue(requires, known) === verdict.up;
}

function set(
  draft: Draft,
  name: Exclude<keyof EndpointColumns, "downTimes">,
  row: number,
  value: number,
): void {
  if (draft.endpoints[name][row] !== value) draft.own(name)[row] = value;
}
