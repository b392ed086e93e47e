/**
 * What shared-table.test.ts writes and its reader threads check: Worlds that follow from their
 * generation, so that a reader can tell by it alone which endpoints may be picked. In generation g
 * pool g % 4 of each service is down, and so is endpoint g % 3 of every other pool; a third has an
 * availability of its own, so that most generations need records nobody has made before.
 */
import type { Policy } from "../../src/policy/policy.ts";
import type { World } from "../../src/world/world.ts";
import { policyOf, pool, setEndpoint, split, worldOf } from "../support/steer-fixture.ts";

export const services = 2;
export const pools = 4;
export const endpoints = 5;

export function modelPolicy(): Policy {
  const plan = split([1, pool(0)], [2, pool(1)], [3, pool(2)], [4, pool(3)]);
  return policyOf(
    Array.from({ length: services }, (_, i) => ({
      pools: Array.from({ length: pools }, () => ({ weights: [1, 2, 3, 4, 5 + i] })),
      classes: [{ plan }],
      fallback: "refuse" as const,
    })),
  );
}

export const downPool = (generation: number): number => generation % pools;
export const downEndpoint = (generation: number): number => generation % 3;

export function modelWorld(policy: Policy, generation: number): World {
  const world = worldOf(policy, []);
  for (let index = 0; index < policy.endpoints.length; index++) {
    const ordinal = Math.floor(index / endpoints) % pools;
    const position = index % endpoints;
    const down = ordinal === downPool(generation) || position === downEndpoint(generation);
    // Endpoint 4 is never down by itself.
    const ramp = 1 + ((generation * 7 + ordinal * 31) % 255);
    if (down) setEndpoint(world, { index, monitored: true }, "down");
    else if (position === endpoints - 1) setEndpoint(world, { index, monitored: true }, ramp);
  }
  world.services.ttlSeconds.fill(1 + (generation % 1000));
  return { ...world, generation };
}
