/**
 * The answer's lifetime: the soonest moment the answer of a service could change, as gdnsd computes
 * it, clamped to the service's bounds (docs/steering.md). step.ts keeps the column `ttlSeconds` by
 * it. A published TTL never outlives that moment: moments are cut to whole seconds, on the clock's
 * own seconds, so that the TTLs of all services move together, once a second.
 */
import type { Policy, ServiceIndex } from "../policy/policy.ts";
import type { Draft } from "./draft.ts";
import { type Facts, factsOf, partsOf } from "./facts.ts";
import { holdMsAt } from "./health.ts";
import { rampOf, rampStepMs } from "./ramp.ts";
import { findTarget, poolsOfTarget } from "./target.ts";
import { forced, type Override, verdict, type World } from "./world.ts";

export interface Lifetime {
  readonly seconds: number;
  /** When the seconds change although nothing else does; Infinity if they do not. */
  readonly nextAt: number;
}

export function serviceTtlSeconds(
  policy: Policy,
  world: World,
  service: ServiceIndex,
  nowMs: number,
): number {
  return lifetime(policy, world, { service, nowMs }).seconds;
}

type TtlColumns = Pick<World, "endpoints" | "overrides">;

export function lifetime(
  policy: Policy,
  world: TtlColumns,
  options: { readonly service: number; readonly nowMs: number },
): Lifetime {
  const { service, nowMs } = options;
  const { ttlSecondsMin, ttlSecondsMax } = policy.services[service]!;
  const fixed = { seconds: ttlSecondsMax, nextAt: Number.POSITIVE_INFINITY };
  if (ttlSecondsMin === ttlSecondsMax) return fixed;
  const facts = factsOf(policy);
  let within = Number.POSITIVE_INFINITY;
  let until = Number.POSITIVE_INFINITY;
  const expiries = expiryByService(policy, world.overrides);
  for (const each of withDependencies(policy, service)) {
    until = Math.min(until, expiries[each]!);
    for (let row = facts.firstEndpoint[each]!; row < facts.firstEndpoint[each + 1]!; row++) {
      within = Math.min(within, changesWithin(policy, world, { row, facts, nowMs }));
      until = Math.min(until, changesAt(policy, world, { row, facts }));
    }
  }
  const secondNow = Math.ceil(nowMs / 1000);
  const secondsLeft = Math.floor(until / 1000) - secondNow;
  const seconds = Math.min(Math.floor(within / 1000), secondsLeft);
  const clamped = Math.max(ttlSecondsMin, Math.min(ttlSecondsMax, seconds));
  if (secondsLeft <= ttlSecondsMin || secondsLeft === Number.POSITIVE_INFINITY) {
    return { seconds: clamped, nextAt: Number.POSITIVE_INFINITY };
  }
  // The moment `secondsLeft` falls below what is published.
  return { seconds: clamped, nextAt: (secondNow + secondsLeft - clamped) * 1000 + 1 };
}

/** Brings `ttlSeconds` up to date and returns when it changes next although nothing else does. */
export function refreshTtls(draft: Draft, options: { readonly all: boolean }): number {
  const { facts, policy } = draft;
  let nextAt = Number.POSITIVE_INFINITY;
  const refresh = (service: number): void => {
    if (facts.ttlFixed[service] === 1) return;
    const life = lifetime(policy, draft, { service, nowMs: draft.at });
    nextAt = Math.min(nextAt, life.nextAt);
    if (draft.services.ttlSeconds[service] === life.seconds) return;
    draft.ownServices("ttlSeconds")[service] = life.seconds;
    draft.touchedServices.add(service);
  };
  if (options.all)
    for (let service = 0; service < policy.services.length; service++) refresh(service);
  else {
    // The walk goes on with those added: what moves a service moves all that depend on it.
    for (const service of draft.staleTtl) {
      for (const dependent of facts.dependents[service]!) draft.staleTtl.add(dependent);
      refresh(service);
    }
  }
  return nextAt;
}

/** The service, and all that can block it. */
function withDependencies(policy: Policy, service: number): ReadonlySet<number> {
  const found = new Set([service]);
  // A set goes on with what is added while it is walked.
  for (const each of found) {
    for (const on of policy.services[each]!.dependencies ?? []) found.add(on.service);
  }
  return found;
}

/** Milliseconds of probing after which an endpoint could have another condition. */
function changesWithin(
  policy: Policy,
  world: TtlColumns,
  options: { readonly row: number; readonly facts: Facts; readonly nowMs: number },
): number {
  const { row, facts, nowMs } = options;
  const { endpoints } = world;
  const stands =
    facts.takesPart[row] !== 1 ||
    endpoints.frozen[row] === 1 ||
    endpoints.quarantined[row] === 1 ||
    endpoints.forced[row] !== forced.none;
  if (stands) return Number.POSITIVE_INFINITY;
  const { check } = policy.endpoints[row]!;
  const { holdMs } = policy.services[facts.serviceOfEndpoint[row]!]!;
  if (check === undefined) return probesWithin(world, { ...options, holdMs });
  let within = Number.POSITIVE_INFINITY;
  for (const part of partsOf(check).keys()) {
    within = Math.min(within, probesWithin(world, { row: part, facts, nowMs, holdMs: 0 }));
  }
  if (endpoints.verdict[row] !== verdict.down) return within;
  return within + holdMsAt(endpoints.downTimes, row, { at: nowMs + within, holdMs });
}

/** Milliseconds of probing after which a row's own verdict could be another, and its hold over. */
function probesWithin(
  world: TtlColumns,
  options: {
    readonly row: number;
    readonly facts: Facts;
    readonly nowMs: number;
    readonly holdMs: number;
  },
): number {
  const { row, facts, nowMs, holdMs } = options;
  const { endpoints } = world;
  if (endpoints.quarantined[row] === 1) return Number.POSITIVE_INFINITY;
  const intervalMs = facts.intervalMs[row]!;
  const now = endpoints.verdict[row];
  if (now === verdict.unknown) return intervalMs;
  if (now === verdict.up) {
    const failures = endpoints.failures[row]!;
    const needed = Math.max(1, facts.downThreshold[row]! - failures);
    // After the first failure probes follow at a quarter of the interval.
    return failures > 0 ? (needed * intervalMs) / 4 : intervalMs + ((needed - 1) * intervalMs) / 4;
  }
  if (now === verdict.down) {
    const needed = Math.max(1, facts.upThreshold[row]! - endpoints.successes[row]!);
    const backAt = nowMs + needed * intervalMs;
    return needed * intervalMs + holdMsAt(endpoints.downTimes, row, { at: backAt, holdMs });
  }
  return Number.POSITIVE_INFINITY;
}

/** The end of a hold, or the next ramp step. */
function changesAt(
  policy: Policy,
  world: TtlColumns,
  options: { readonly row: number; readonly facts: Facts },
): number {
  const { row, facts } = options;
  const { endpoints } = world;
  const stands =
    facts.takesPart[row] !== 1 ||
    endpoints.verdict[row] !== verdict.up ||
    endpoints.frozen[row] === 1 ||
    endpoints.forced[row] !== forced.none;
  if (stands) return Number.POSITIVE_INFINITY;
  if (endpoints.retained[row] === 1) return endpoints.retryAt[row]!;
  const availability = endpoints.availability[row]!;
  if (availability === 0) {
    return endpoints.waits[row] === 1 ? Number.POSITIVE_INFINITY : endpoints.holdUntil[row]!;
  }
  if (availability >= 256) return Number.POSITIVE_INFINITY;
  const ramp = rampOf(policy, endpoints.regional, row);
  return endpoints.rampFrom[row]! + rampStepMs(ramp, availability + 1);
}

const expiries = new WeakMap<readonly Override[], { policy: Policy; byService: Float64Array }>();

/** By service, the soonest expiry of an override that covers any of it. */
function expiryByService(policy: Policy, overrides: readonly Override[]): Float64Array {
  const found = expiries.get(overrides);
  if (found?.policy === policy) return found.byService;
  const byService = new Float64Array(policy.services.length).fill(Number.POSITIVE_INFINITY);
  for (const override of overrides) {
    const target = findTarget(policy, override.target);
    if (target === undefined) continue;
    for (const pool of poolsOfTarget(policy, target)) {
      const { service } = policy.pools[pool]!;
      byService[service] = Math.min(byService[service]!, override.expiresAt);
    }
  }
  expiries.set(overrides, { policy, byService });
  return byService;
}
