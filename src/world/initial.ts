/**
 * The World before anything is known: every monitored endpoint unknown, nothing forced, manual
 * standbys inactive. Called at a first start and by carry.ts for what a new revision brings.
 */
import type { Endpoint, Policy } from "../policy/policy.ts";
import { isGated, isMonitored } from "../policy/pool-kinds.ts";
import {
  capacityColumns,
  endpointColumns,
  latencyColumns,
  newColumns,
  poolColumns,
  serviceColumns,
} from "./columns.ts";
import { blockAll } from "./dependencies.ts";
import { Draft } from "./draft.ts";
import { latencyRows } from "./latency.ts";
import { refreshTtls } from "./ttl.ts";
import { recountUsable } from "./usable.ts";
import { activity, type Resolved, type Verdict, verdict, type World } from "./world.ts";

/**
 * Without a monitor an endpoint counts as up, once it has an address: a host name that was never
 * resolved is not known to be anywhere.
 */
export function verdictBeforeProbes(endpoint: Endpoint, resolved: Resolved | undefined): Verdict {
  if (isMonitored(endpoint)) return verdict.unknown;
  if (endpoint.host === "" || endpoint.cname) return verdict.disabled;
  const known = resolved !== undefined && resolved.ipv4.length + resolved.ipv6.length > 0;
  return known ? verdict.disabled : verdict.unknown;
}

export function initialWorld(policy: Policy, nowMs: number): World {
  const endpoints = newColumns(endpointColumns, policy.endpoints.length);
  policy.endpoints.forEach((endpoint, index) => {
    endpoints.verdict[index] = verdictBeforeProbes(endpoint, undefined);
  });
  const pools = newColumns(poolColumns, policy.pools.length);
  policy.pools.forEach((pool, index) => {
    if (isGated(pool)) pools.active[index] = pool.standby === "auto" ? activity.unmet : activity.no;
  });
  const services = newColumns(serviceColumns, policy.services.length);
  policy.services.forEach((service, index) => {
    services.ttlSeconds[index] = service.ttlSecondsMax;
  });
  const draft = new Draft(policy, {
    policyDigest: policy.digest,
    generation: 0,
    at: nowMs,
    nextAt: 0,
    watchedSince: nowMs,
    endpoints,
    pools,
    services,
    latency: newColumns(latencyColumns, latencyRows(policy)),
    capacity: newColumns(capacityColumns, policy.capacity?.pools.length ?? 0),
    resolved: new Map(),
    overrides: [],
  });
  for (let service = 0; service < policy.services.length; service++) recountUsable(draft, service);
  blockAll(draft);
  const nextAt = refreshTtls(draft, { all: true });
  return draft.world({ nextAt, published: false });
}
