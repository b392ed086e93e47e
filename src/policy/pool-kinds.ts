/**
 * What several stages ask of a row of the policy, answered in one place: world/, steer/ and prove/
 * must not differ in it.
 */
import type { Endpoint, Pool } from "./policy.ts";

/** Has the endpoint a health of its own, or does it count as up? */
export function isMonitored(endpoint: Pick<Endpoint, "monitor" | "check">): boolean {
  return endpoint.monitor !== -1 || endpoint.check !== undefined;
}

/** Does World's column `active` say whether the pool may serve? Other pools do not read it. */
export function isGated(pool: Pick<Pool, "standby" | "requires">): boolean {
  return pool.standby === "manual" || pool.requires !== undefined;
}
