/**
 * World across a break: `carry` across a revision of the policy, `resume` across a time in which
 * nobody probed. Called by the observer. History follows an endpoint's identity, not its index: the
 * same monitor on the same address goes on as if nothing had happened, all else starts unknown.
 */
import { assert } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import { isMonitored } from "../policy/pool-kinds.ts";
import { type Column, endpointColumns } from "./columns.ts";
import { blockAll } from "./dependencies.ts";
import { Draft } from "./draft.ts";
import { factsOf } from "./facts.ts";
import { followAll } from "./health.ts";
import { initialWorld, verdictBeforeProbes } from "./initial.ts";
import { carryLatency } from "./latency.ts";
import { carryCapacity } from "./load.ts";
import { applyOverrides } from "./override.ts";
import { refreshTtls } from "./ttl.ts";
import { recountUsable } from "./usable.ts";
import {
  type EndpointColumns,
  type Resolved,
  type ServiceColumns,
  verdict,
  type World,
} from "./world.ts";

export function carry(oldPolicy: Policy, oldWorld: World, newPolicy: Policy, nowMs: number): World {
  assert(oldWorld.policyDigest === oldPolicy.digest, "a World is carried from its own policy");
  const at = Math.max(nowMs, oldWorld.at);
  const fresh = initialWorld(newPolicy, at);
  const resolved = new Map<number, Resolved>();
  const sources = sourceRows(oldPolicy, newPolicy);
  sources.forEach((from, to) => {
    if (from === -1) return;
    copyRow(oldWorld.endpoints, fresh.endpoints, { from, to });
    const addresses = oldWorld.resolved.get(from);
    if (addresses !== undefined) resolved.set(to, addresses);
    keepHeld(fresh.endpoints, { policy: newPolicy, row: to, at });
    // Identity covers the monitor, so this is only a guard: no monitor, no verdict of one.
    const endpoint = newPolicy.endpoints[to]!;
    if (!isMonitored(endpoint)) {
      fresh.endpoints.verdict[to] = verdictBeforeProbes(endpoint, addresses);
    } else if (fresh.endpoints.verdict[to] === verdict.disabled) {
      fresh.endpoints.verdict[to] = verdict.unknown;
    }
  });
  carryRemovals(
    { policy: oldPolicy, columns: oldWorld.services },
    { policy: newPolicy, columns: fresh.services },
  );
  const draft = new Draft(newPolicy, {
    ...fresh,
    generation: oldWorld.generation,
    watchedSince: oldWorld.watchedSince,
    latency: carryLatency(
      { policy: oldPolicy, columns: oldWorld.latency },
      { policy: newPolicy, columns: fresh.latency },
    ),
    capacity: carryCapacity(
      { policy: oldPolicy, columns: oldWorld.capacity },
      { policy: newPolicy, columns: fresh.capacity },
    ),
    resolved,
    overrides: oldWorld.overrides,
  });
  forgetOtherServices(draft, { oldPolicy, sources });
  applyOverrides(draft);
  followAll(draft);
  for (let service = 0; service < newPolicy.services.length; service++) {
    recountUsable(draft, service);
  }
  blockAll(draft);
  refreshTtls(draft, { all: true });
  return draft.world({ nextAt: 0, published: true });
}

/** What health took out of use just now counts on: a new configuration is no way around a bound. */
function carryRemovals(
  before: { readonly policy: Policy; readonly columns: ServiceColumns },
  after: { readonly policy: Policy; readonly columns: ServiceColumns },
): void {
  const old = new Map(before.policy.services.map(({ name }, service) => [name, service]));
  after.policy.services.forEach(({ name }, service) => {
    const from = old.get(name);
    if (from === undefined) return;
    after.columns.removals[service] = before.columns.removals[from]!;
    after.columns.removalsFrom[service] = before.columns.removalsFrom[from]!;
  });
}

/** Where the operator's word is no longer asked for, nothing waits for it: the hold ends now. */
function keepHeld(
  columns: EndpointColumns,
  of: { readonly policy: Policy; readonly row: number; readonly at: number },
): void {
  const { policy, row, at } = of;
  const { service } = policy.pools[policy.endpoints[row]!.pool]!;
  if (columns.waits[row] === 0 || policy.services[service]!.resumeManually === true) return;
  columns.waits[row] = 0;
  columns.holdUntil[row] = Math.max(at, columns.holdUntil[row]!);
}

/** For each new endpoint the old row it continues, or -1. */
function sourceRows(oldPolicy: Policy, newPolicy: Policy): readonly number[] {
  const inPlace = new Map<string, number>();
  const anywhere = new Map<string, number>();
  oldPolicy.endpoints.forEach((endpoint, row) => {
    const key = placeKey(oldPolicy, row);
    if (!inPlace.has(key)) inPlace.set(key, row);
    if (!anywhere.has(endpoint.identity)) anywhere.set(endpoint.identity, row);
  });
  return newPolicy.endpoints.map((endpoint, row) => {
    // Where one address stands in several pools, each goes on as its own.
    return inPlace.get(placeKey(newPolicy, row)) ?? anywhere.get(endpoint.identity) ?? -1;
  });
}

function placeKey(policy: Policy, row: number): string {
  const { pool, identity } = policy.endpoints[row]!;
  const { service, name } = policy.pools[pool]!;
  return `${policy.services[service]!.name}/${name}/${identity}`;
}

function copyRow(
  before: EndpointColumns,
  after: EndpointColumns,
  row: { readonly from: number; readonly to: number },
): void {
  for (const name of Object.keys(endpointColumns) as (keyof EndpointColumns)[]) {
    const { width } = endpointColumns[name];
    const source: Column = before[name];
    const target: Column = after[name];
    for (let i = 0; i < width; i++) target[row.to * width + i] = source[row.from * width + i]!;
  }
}

/** `lastGood` is about a service: an endpoint that comes from another one has none here. */
function forgetOtherServices(
  draft: Draft,
  options: { readonly oldPolicy: Policy; readonly sources: readonly number[] },
): void {
  const { oldPolicy, sources } = options;
  const newFacts = factsOf(draft.policy);
  const oldFacts = factsOf(oldPolicy);
  sources.forEach((from, to) => {
    if (from === -1 || draft.endpoints.lastGood[to] === 0) return;
    const now = draft.policy.services[newFacts.serviceOfEndpoint[to]!]!.name;
    const before = oldPolicy.services[oldFacts.serviceOfEndpoint[from]!]!.name;
    if (now !== before) draft.own("lastGood")[to] = 0;
  });
}

const timeColumns = [
  "lastResultAt",
  "changedAt",
  "downTimes",
  "holdUntil",
  "rampFrom",
  "retryAt",
] as const;

/**
 * After a start from a persisted World, or a pause of the observer: verdicts stand until probes
 * have had three intervals to say otherwise. If the clock was set meanwhile, by `jumpedMs`, what
 * World remembers moves with it, so that ages, holds, ramps and overrides stay as long as they
 * were. Across a start nobody knows by how much, but that a clock behind World was set back.
 */
export function resume(
  world: World,
  nowMs: number,
  jumpedMs: number = Math.min(0, nowMs - world.at),
): World {
  const resumed = { ...world, at: nowMs, nextAt: 0, watchedSince: nowMs };
  if (jumpedMs === 0) return resumed;
  const moved = (time: number): number => (time === 0 ? 0 : Math.max(1, time + jumpedMs));
  const endpoints: Record<string, Column> = { ...world.endpoints };
  for (const name of timeColumns) {
    endpoints[name] = world.endpoints[name].map(moved);
  }
  const latency = { ...world.latency, sampledAt: world.latency.sampledAt.map(moved) };
  const { loadAt, fedAt } = world.capacity;
  const capacity = { ...world.capacity, loadAt: loadAt.map(moved), fedAt: fedAt.map(moved) };
  const overrides = world.overrides.map((override) => ({
    ...override,
    createdAt: moved(override.createdAt),
    expiresAt: moved(override.expiresAt),
  }));
  const removalsFrom = world.services.removalsFrom.map(moved);
  const services = { ...world.services, removalsFrom };
  const columns = {
    endpoints: endpoints as unknown as EndpointColumns,
    services,
    latency,
    capacity,
  };
  return { ...resumed, ...columns, overrides };
}
