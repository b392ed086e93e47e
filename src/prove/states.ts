/** How many states a proof is about. Called by prove.ts. */
import type { Policy } from "../policy/policy.ts";
import { isGated, isMonitored } from "../policy/pool-kinds.ts";
import { monitoredKinds, unmonitoredKinds } from "./endpoint-state.ts";

/**
 * Each endpoint in each of its states, last good or not, and each standby activated or not; for
 * each class of each service. A returning endpoint is one state, whatever its availability.
 */
export function countStates(policy: Policy): bigint {
  let sum = 0n;
  for (const service of policy.services) {
    let product = 1n;
    for (let i = 0; i < service.poolCount; i++) {
      const pool = policy.pools[service.firstPool + i];
      if (pool === undefined) continue;
      if (isGated(pool)) product *= 2n;
      for (let k = 0; k < pool.endpointCount; k++) {
        const endpoint = policy.endpoints[pool.firstEndpoint + k];
        const monitored = endpoint !== undefined && isMonitored(endpoint);
        const kinds = monitored ? monitoredKinds.length : unmonitoredKinds.length;
        product *= BigInt(2 * kinds);
      }
    }
    sum += product * BigInt(policy.ruleSets[service.ruleSet]?.classes.length ?? 0);
  }
  return sum;
}

/** `4,096` or `1.2e34`. */
export function formatCount(count: bigint): string {
  const digits = count.toString();
  if (digits.length <= 9) return digits.replace(/\B(?=(\d{3})+$)/g, ",");
  return `${digits[0]}.${digits.slice(1, 3)}e${digits.length - 1}`;
}
