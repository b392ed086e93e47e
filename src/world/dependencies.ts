/**
 * Services that need others: the column `blocked`. A pool is blocked while a service that its own
 * depends on can serve nowhere it may be asked from: in the pool's region, or anywhere. Its
 * endpoints then count as down (docs/steering.md step 3), whatever their checks say. Called by
 * health.ts, step.ts and override.ts at the moment anything changes, so that nothing hangs on how
 * events were cut into batches. Dependencies have no cycle: config/ refuses one.
 */
import type { Policy } from "../policy/policy.ts";
import { Draft } from "./draft.ts";
import { noteUsable, recountUsable } from "./usable.ts";
import { activity, forced, verdict, type World } from "./world.ts";

/** The condition of an endpoint may have changed: of itself, and of who depends on its service. */
export function noteCondition(draft: Draft, row: number): void {
  noteUsable(draft, row);
  if (!draft.grouped) noteServing(draft, draft.facts.serviceOfEndpoint[row]!);
}

/** What a service can serve may have changed: whoever depends on it is looked at. */
export function noteServing(draft: Draft, service: number): void {
  for (const dependent of draft.facts.dependents[service]!) {
    if (blockPools(draft, dependent)) noteServing(draft, dependent);
  }
}

/** All services at once, those depended on first. */
export function blockAll(draft: Draft): void {
  const done = new Set<number>();
  const visit = (service: number): void => {
    if (done.has(service)) return;
    done.add(service);
    const { dependencies = [] } = draft.policy.services[service]!;
    for (const { service: on } of dependencies) visit(on);
    if (dependencies.length > 0) blockPools(draft, service);
  };
  for (let service = 0; service < draft.policy.services.length; service++) visit(service);
}

/** For Worlds that are assumed: what may serve follows from the other columns. */
export function withBlocked(policy: Policy, world: World): World {
  const draft = new Draft(policy, world);
  blockAll(draft);
  return draft.world({ nextAt: world.nextAt, published: false });
}

/** True when anything changed. */
function blockPools(draft: Draft, service: number): boolean {
  const { firstPool, poolCount, dependencies = [] } = draft.policy.services[service]!;
  const regions = dependencies.map((each) => ({
    anywhere: each.anywhere,
    serving: servingRegions(draft, each.service),
  }));
  let changed = false;
  for (let index = firstPool as number; index < firstPool + poolCount; index++) {
    const pool = draft.policy.pools[index]!;
    if (pool.fixed) continue;
    const met = regions.every(({ anywhere, serving }) =>
      anywhere ? serving.size > 0 : serving.has(pool.region),
    );
    const blocked = met ? 0 : 1;
    const end = pool.firstEndpoint + pool.endpointCount;
    for (let row: number = pool.firstEndpoint; row < end; row++) {
      if (draft.endpoints.blocked[row] === blocked) continue;
      draft.own("blocked")[row] = blocked;
      draft.touchedEndpoints.add(row);
      changed = true;
    }
  }
  if (!changed) return false;
  draft.staleTtl.add(service);
  // All at one stroke: together they are, or are not, what was last good.
  recountUsable(draft, service);
  return true;
}

/** Regions in which a pool of the service can carry, known to be up or not known. */
function servingRegions(draft: Draft, service: number): ReadonlySet<number> {
  const { firstPool, poolCount } = draft.policy.services[service]!;
  const found = new Set<number>();
  for (let index = firstPool as number; index < firstPool + poolCount; index++) {
    const pool = draft.policy.pools[index]!;
    if (pool.fixed || found.has(pool.region)) continue;
    if (draft.facts.gated[index] === 1 && draft.pools.active[index] !== activity.yes) continue;
    let able = 0;
    for (let k = 0; k < pool.endpointCount; k++) {
      if (isAble(draft, pool.firstEndpoint + k)) able++;
    }
    if (able > 0 && able >= pool.minimum) found.add(pool.region);
  }
  return found;
}

/** Up or not known, docs/steering.md step 3, with a weight. */
function isAble(draft: Draft, row: number): boolean {
  const { endpoints, policy } = draft;
  if (policy.endpoints[row]!.weight === 0) return false;
  const word = endpoints.forced[row];
  if (word !== forced.none) return word === forced.up;
  if (endpoints.blocked[row] === 1) return false;
  if (endpoints.quarantined[row] === 1) return true;
  const now = endpoints.verdict[row];
  return now === verdict.up ? endpoints.availability[row]! > 0 : now !== verdict.down;
}
