/**
 * The Worlds that a plan and a simulation start from: every endpoint up, as after one good probe of
 * each, or what a running server believes, carried to another revision as the observer would. Made
 * by the engine's own functions, so that all columns agree with each other.
 */
import type { EndpointIndex, Policy } from "../policy/policy.ts";
import { carry } from "../world/carry.ts";
import type { ProbeResult } from "../world/event.ts";
import { failingOnGoodDays } from "../world/facts.ts";
import { initialWorld } from "../world/initial.ts";
import { step } from "../world/step.ts";
import { verdict, type World } from "../world/world.ts";

export function allUpWorld(policy: Policy, nowMs: number): World {
  return withUnprobedUp(policy, initialWorld(policy, nowMs), nowMs);
}

/** Endpoints that the new revision brings were never probed: they are taken as up. */
export function carriedWorld(
  from: { readonly policy: Policy; readonly world: World },
  to: { readonly policy: Policy; readonly nowMs: number },
): World {
  const world = carry(from.policy, from.world, to.policy, to.nowMs);
  return withUnprobedUp(to.policy, world, to.nowMs);
}

/** Gives each endpoint that never had a result its first one, the one that makes it up. */
function withUnprobedUp(policy: Policy, world: World, nowMs: number): World {
  const events: ProbeResult[] = [];
  const failing = failingOnGoodDays(policy);
  for (let row = 0; row < policy.endpoints.length; row++) {
    const { endpoints } = world;
    if (endpoints.verdict[row] !== verdict.unknown || endpoints.lastResultAt[row] !== 0) continue;
    const ok = !failing.has(row);
    events.push({
      kind: "result",
      policyDigest: policy.digest,
      endpoint: row as EndpointIndex,
      at: nowMs,
      ok,
      latencyMs: 0,
      failure: ok ? "none" : "connect.refused",
    });
  }
  return step(policy, world, events, nowMs).world;
}
