/** The World every proof and counter-example starts from: all is well and nobody intervened. */
import type { Policy } from "../policy/policy.ts";
import { initialWorld } from "../world/initial.ts";
import type { World } from "../world/world.ts";
import { goodDay, setEndpointState } from "./endpoint-state.ts";

/** Every endpoint up, whole and last good; manual standbys not activated. */
export function goodDayWorld(policy: Policy, nowMs = 0): World {
  const world = initialWorld(policy, nowMs);
  for (let endpoint = 0; endpoint < policy.endpoints.length; endpoint++) {
    setEndpointState(policy, world, { endpoint, state: goodDay });
  }
  return world;
}
