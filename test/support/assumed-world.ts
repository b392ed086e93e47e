/**
 * Worlds that are not: regions' endpoints down, or drained. Everything else stays as it is; the
 * World given is not touched. No product code imports this file.
 */
import type { EndpointIndex, Policy } from "../../src/policy/policy.ts";
import { Draft } from "../../src/world/draft.ts";
import { recountUsable } from "../../src/world/usable.ts";
import { forced, verdict, type World } from "../../src/world/world.ts";

/**
 * Every monitored endpoint of the regions is down. One without a monitor stays up, as it would be
 * believed to be, and so does one that is forced up.
 */
export function assumeDown(world: World, policy: Policy, regionNames: readonly string[]): World {
  return assume(world, policy, regionNames, (draft, row) => {
    if (draft.endpoints.verdict[row] !== verdict.disabled) draft.own("verdict")[row] = verdict.down;
  });
}

/** Every endpoint of the regions is drained by the operator. */
export function assumeDrained(world: World, policy: Policy, regionNames: readonly string[]): World {
  return assume(world, policy, regionNames, (draft, row) => {
    draft.own("forced")[row] = forced.drain;
  });
}

function assume(
  world: World,
  policy: Policy,
  regionNames: readonly string[],
  change: (draft: Draft, row: EndpointIndex) => void,
): World {
  const draft = new Draft(policy, world);
  const services = new Set<number>();
  for (const pool of policy.pools) {
    const region = policy.regions[pool.region];
    if (region === undefined || !regionNames.includes(region.name)) continue;
    services.add(pool.service);
    for (let k = 0; k < pool.endpointCount; k++) {
      change(draft, (pool.firstEndpoint + k) as EndpointIndex);
    }
  }
  for (const service of services) recountUsable(draft, service);
  return draft.world({ nextAt: world.nextAt, published: false });
}
