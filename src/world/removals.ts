/**
 * The bound on what health takes out of use: `safety.removals` of the configuration. Called by
 * health.ts before an endpoint goes down. Beyond the bound it keeps its verdict and an alarm is
 * raised; no word of an operator and nothing that is not in use is held up by it.
 */
import type { EndpointIndex } from "../policy/policy.ts";
import type { Draft } from "./draft.ts";
import { isUsable } from "./usable.ts";

/**
 * Does the bound on automatic removals let the endpoint go? What is not in use is none. Counted in
 * windows that begin with a removal; what is over the bound keeps its verdict until the next.
 */
export function mayRemove(draft: Draft, row: number): boolean {
  const { policy, facts, endpoints, services } = draft;
  const bound = policy.removals;
  if (bound === undefined || !isUsable(draft, row)) return true;
  const service = facts.serviceOfEndpoint[row]!;
  const open = draft.at < services.removalsFrom[service]! + bound.perMs;
  if (!open) {
    draft.ownServices("removalsFrom")[service] = draft.at;
    draft.ownServices("removals")[service] = 0;
  }
  const most = Math.max(1, Math.floor((facts.taking[service]! * bound.share) / 10_000));
  if (services.removals[service]! < most) {
    draft.ownServices("removals")[service]! += 1;
    return true;
  }
  if (endpoints.retained[row] === 0) {
    draft.alarms.push({ endpoint: row as EndpointIndex, at: draft.at });
  }
  draft.own("retained")[row] = 1;
  draft.own("retryAt")[row] = services.removalsFrom[service]! + bound.perMs;
  draft.touchedEndpoints.add(row);
  draft.staleTtl.add(service);
  return false;
}

/** It passes again, or is down: nothing keeps it any more. */
export function release(draft: Draft, row: number): void {
  if (draft.endpoints.retained[row] === 0) return;
  draft.own("retained")[row] = 0;
  draft.own("retryAt")[row] = 0;
  draft.touchedEndpoints.add(row);
}
