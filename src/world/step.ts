/**
 * step: the only place where World changes. Pure: no clock, no chance, no I/O; the same events give
 * the same World however they are cut into batches, because time is lived through in order - what
 * time alone changes between two events changes at its own moment, before the second. The observer
 * calls it with what its probes saw, at most some tens of times a second, and when `nextAt` comes.
 * One event costs a few array writes; all rows are looked at only when `nextAt` has been reached.
 */
import { assert } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import { isMonitored } from "../policy/pool-kinds.ts";
import { noteCondition } from "./dependencies.ts";
import { Draft } from "./draft.ts";
import type { OverrideChange, RefusedEvent, StepResult, WorldEvent } from "./event.ts";
import { failureIndex } from "./failures.ts";
import { applyResult, follow, nextOrderedAt, nextRampAt, resumeWaiting, settle } from "./health.ts";
import { verdictBeforeProbes } from "./initial.ts";
import { addSample, dropOldSamples, noteProbe } from "./latency.ts";
import { noteLoad, takeAllocation } from "./load.ts";
import { applyOverrides, refuseOverride, withOverride } from "./override.ts";
import { Schedule } from "./schedule.ts";
import { endpointsOfTarget, findTarget } from "./target.ts";
import { refreshTtls } from "./ttl.ts";
import { type Override, type Resolved, verdict, type World } from "./world.ts";

const never = Number.POSITIVE_INFINITY;

interface Run {
  readonly draft: Draft;
  /** Holds that end and silences that begin within this step, by time. */
  readonly schedule: Schedule;
  readonly nowMs: number;
  readonly overrideChanges: OverrideChange[];
  readonly refused: RefusedEvent[];
  ignored: number;
  overrideExpiresAt: number;
}

/**
 * The World after `events`, at `nowMs`. An event earlier than the World's time happens at that
 * time, one later than `nowMs` at `nowMs`: a clock that goes back must be handled by carry.ts
 * `resume`.
 */
export function step(
  policy: Policy,
  world: World,
  events: readonly WorldEvent[],
  nowMs: number,
): StepResult {
  assert(world.policyDigest === policy.digest, "a World is stepped under its own policy");
  assert(Number.isFinite(nowMs), "now is a time");
  const draft = new Draft(policy, world);
  const run: Run = {
    draft,
    schedule: new Schedule(),
    nowMs: Math.max(nowMs, world.at),
    overrideChanges: [],
    refused: [],
    ignored: 0,
    overrideExpiresAt: soonestExpiry(world.overrides),
  };
  // The rows nobody touches keep this bound; touched ones are asked again at the end.
  const due = run.nowMs >= world.nextAt;
  const untouchedNextAt = due ? scan(run) : world.nextAt;
  events.forEach((event, index) => {
    const at = Math.min(Math.max(event.at, draft.at), run.nowMs) || draft.at;
    liveUntil(run, at);
    draft.at = at;
    applyEvent(run, event, index);
  });
  liveUntil(run, run.nowMs);
  draft.at = run.nowMs;
  return finish(run, { due, untouchedNextAt });
}

/** Looks at every row: schedules what is due by now and returns the soonest moment after. */
function scan(run: Run): number {
  const { draft, schedule, nowMs } = run;
  let soonest = never;
  for (let row = 0; row < draft.policy.endpoints.length; row++) {
    const orderedAt = nextOrderedAt(draft, row);
    if (orderedAt <= nowMs) schedule.add(orderedAt, row);
    else if (orderedAt < soonest) soonest = orderedAt;
    const rampAt = nextRampAt(draft, row);
    if (rampAt <= nowMs) draft.touchedEndpoints.add(row);
    else if (rampAt < soonest) soonest = rampAt;
  }
  return soonest;
}

/** What time alone changes up to `at`, each at its own moment. */
function liveUntil(run: Run, at: number): void {
  const { draft, schedule } = run;
  for (;;) {
    const rowAt = schedule.nextAt();
    if (run.overrideExpiresAt <= Math.min(at, rowAt)) {
      draft.at = Math.max(draft.at, run.overrideExpiresAt);
      expireOverrides(run);
      continue;
    }
    if (rowAt > at) return;
    const row = schedule.take();
    // The row may have changed since it was scheduled: then it has another moment, or none.
    if (nextOrderedAt(draft, row) === rowAt) {
      draft.at = Math.max(draft.at, rowAt);
      settle(draft, row, draft.at);
    }
    schedule.rescheduleAll(draft, { row, after: rowAt, until: run.nowMs });
  }
}

function applyEvent(run: Run, event: WorldEvent, index: number): void {
  const { draft, schedule } = run;
  if (event.kind === "tick") return;
  if (event.kind === "override" || event.kind === "lift") {
    changeOverrides(run, event, index);
    return;
  }
  if (event.kind === "latency" || event.kind === "load" || event.kind === "allocation") {
    if (!applyMeasure(draft, event)) run.ignored++;
    return;
  }
  if (event.kind === "resume") {
    resumeTarget(run, event.target);
    return;
  }
  const ours =
    event.policyDigest === draft.policy.digest && event.endpoint in draft.endpoints.verdict;
  if (!ours) {
    run.ignored++;
    return;
  }
  const row = event.endpoint;
  if (event.kind === "result") {
    if (!applyResult(draft, event)) run.ignored++;
    else {
      schedule.rescheduleAll(draft, { row, after: -1, until: run.nowMs });
      if (draft.facts.part[row] === 0) noteProbe(draft, event);
    }
  } else if (event.kind === "resolved") {
    const changed = !sameAddresses(draft.resolved.get(row), event.resolved);
    draft.setResolved(row, event.resolved, { changed });
    const endpoint = draft.policy.endpoints[row]!;
    // An endpoint without a monitor can serve from its first address on, and keeps the last one.
    if (!isMonitored(endpoint) && draft.endpoints.verdict[row] === verdict.unknown) {
      draft.own("verdict")[row] = verdictBeforeProbes(endpoint, event.resolved);
      draft.touchedEndpoints.add(row);
      draft.staleTtl.add(draft.facts.serviceOfEndpoint[row]!);
      noteCondition(draft, row);
    }
  } else {
    const flag = event.on ? 1 : 0;
    if (draft.endpoints.quarantined[row] === flag) return;
    draft.own("quarantined")[row] = flag;
    if (event.on) draft.own("failure")[row] = failureIndex("probe.crashed");
    draft.touchedEndpoints.add(row);
    draft.staleTtl.add(draft.facts.serviceOfEndpoint[row]!);
    noteCondition(draft, row);
    follow(draft, row);
    schedule.rescheduleAll(draft, { row, after: -1, until: run.nowMs });
  }
}

function resumeTarget({ draft, schedule, nowMs }: Run, text: string): void {
  const target = findTarget(draft.policy, text);
  if (target === undefined) return;
  for (const row of endpointsOfTarget(draft.policy, target)) {
    resumeWaiting(draft, row);
    schedule.reschedule(draft, { row, after: -1, until: nowMs });
  }
}

function applyMeasure(
  draft: Draft,
  event: Extract<WorldEvent, { kind: "latency" | "load" | "allocation" }>,
): boolean {
  if (event.kind === "latency") return addSample(draft, event);
  return event.kind === "load" ? noteLoad(draft, event) : takeAllocation(draft, event);
}

function changeOverrides(
  run: Run,
  event: Extract<WorldEvent, { kind: "override" | "lift" }>,
  index: number,
): void {
  const { draft } = run;
  const existing = draft.overrides;
  if (event.kind === "lift") {
    const override = existing.find((other) => other.id === event.id);
    if (override === undefined) {
      run.refused.push({ event: index, message: `there is no override ${event.id}` });
      return;
    }
    const left = existing.filter((other) => other !== override);
    setOverrides(run, left, [{ override, change: "lifted", at: draft.at }]);
    return;
  }
  const { override } = event;
  const message = refuseOverride(override, { existing, nowMs: draft.at });
  if (message !== undefined) {
    run.refused.push({ event: index, message });
    return;
  }
  const list = withOverride(existing, override);
  setOverrides(run, list, [{ override, change: "added", at: draft.at }]);
}

function expireOverrides(run: Run): void {
  const { draft } = run;
  const expired = draft.overrides.filter((override) => override.expiresAt <= draft.at);
  const left = draft.overrides.filter((override) => override.expiresAt > draft.at);
  const at = draft.at;
  setOverrides(
    run,
    left,
    expired.map((override) => ({ override, change: "expired", at })),
  );
}

function setOverrides(
  run: Run,
  overrides: readonly Override[],
  changes: readonly OverrideChange[],
): void {
  const { draft, schedule } = run;
  draft.overrides = overrides;
  run.overrideExpiresAt = soonestExpiry(overrides);
  run.overrideChanges.push(...changes);
  for (const row of applyOverrides(draft)) {
    schedule.reschedule(draft, { row, after: -1, until: run.nowMs });
  }
}

function soonestExpiry(overrides: readonly Override[]): number {
  return overrides.reduce((soonest, { expiresAt }) => Math.min(soonest, expiresAt), never);
}

function finish(
  run: Run,
  options: { readonly due: boolean; readonly untouchedNextAt: number },
): StepResult {
  const { draft } = run;
  let nextAt = Math.min(options.untouchedNextAt, run.overrideExpiresAt);
  for (const row of draft.touchedEndpoints) {
    // Ramp steps of rows that nothing else woke: only the last one of this step shows.
    if (nextRampAt(draft, row) <= draft.at) settle(draft, row, draft.at);
    nextAt = Math.min(nextAt, nextOrderedAt(draft, row), nextRampAt(draft, row));
  }
  nextAt = Math.min(nextAt, refreshTtls(draft, { all: options.due }));
  nextAt = Math.min(nextAt, dropOldSamples(draft, { all: options.due }));
  const changes = draft.changes();
  const published =
    changes.latency ||
    changes.capacity ||
    changes.endpoints.length + changes.pools.length + changes.services.length > 0 ||
    run.overrideChanges.length > 0;
  return {
    world: draft.world({ nextAt, published }),
    changed: changes.endpoints,
    changedPools: changes.pools,
    changedServices: changes.services,
    changedLatency: changes.latency,
    changedCapacity: changes.capacity,
    alarms: draft.alarms,
    transitions: draft.transitions.sort((a, b) => a.at - b.at || a.endpoint - b.endpoint),
    overrideChanges: run.overrideChanges,
    refused: run.refused,
    ignored: run.ignored,
    nextAt,
  };
}

function sameAddresses(before: Resolved | undefined, after: Resolved): boolean {
  if (before === undefined) return after.ipv4.length + after.ipv6.length === 0;
  return sameList(before.ipv4, after.ipv4) && sameList(before.ipv6, after.ipv6);
}

function sameList(before: readonly Uint8Array[], after: readonly Uint8Array[]): boolean {
  if (before.length !== after.length) return false;
  return before.every((address, i) => {
    const other = after[i]!;
    return address.length === other.length && address.every((byte, j) => byte === other[j]);
  });
}
