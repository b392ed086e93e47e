/**
 * The World before anything is known: every monitored endpoint unknown, nothing forced, manual
 * standbys inactive. Called at a first start and by carry.ts for what a new revision brings.
 */
import type { Policy } from "../policy/policy.ts";
import { endpointColumns, newColumns, poolColumns, serviceColumns } from "./columns.ts";
import { Draft } from "./draft.ts";
import { refreshTtls } from "./ttl.ts";
import { recountUsable } from "./usable.ts";
import { verdict, type World } from "./world.ts";

export function initialWorld(policy: Policy, nowMs: number): World {
  const endpoints = newColumns(endpointColumns, policy.endpoints.length);
  policy.endpoints.forEach((endpoint, index) => {
    if (endpoint.monitor === -1) endpoints.verdict[index] = verdict.disabled;
  });
  const pools = newColumns(poolColumns, policy.pools.length);
  policy.pools.forEach((pool, index) => {
    if (pool.standby === "manual") pools.active[index] = 0;
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
    resolved: new Map(),
    overrides: [],
  });
  for (let service = 0; service < policy.services.length; service++) recountUsable(draft, service);
  const nextAt = refreshTtls(draft, { all: true });
  return draft.world({ nextAt, published: false });
}
