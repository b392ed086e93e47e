/**
 * Load reports and the allocation that steer/allocate.ts makes of them: docs/steering.md
 * "Capacity". Called by step.ts, which only keeps what it is told; nothing is computed here.
 */
import type { Policy } from "../policy/policy.ts";
import type { Draft } from "./draft.ts";
import type { WorldEvent } from "./event.ts";
import { allocations, type CapacityColumns, keepsPerPool } from "./world.ts";

/** The greatest load that is believed, in the unit of the capacity. */
const loadMax = 1e12;

/** False when it is not about this policy's pools, or no load. */
export function noteLoad(
  draft: Draft,
  event: Extract<WorldEvent, { readonly kind: "load" }>,
): boolean {
  const { policy } = draft;
  const row = policy.capacity?.pools.indexOf(event.pool) ?? -1;
  const good =
    event.policyDigest === policy.digest && row !== -1 && event.load >= 0 && event.load <= loadMax;
  if (!good) return false;
  const before = draft.capacity.loadAt[row] ?? 0;
  draft.ownCapacity("load")[row] = event.load;
  // Several reports of one moment are one report.
  if (before !== 0 && draft.at > before) draft.ownCapacity("loadEveryMs")[row] = draft.at - before;
  draft.ownCapacity("loadAt")[row] = draft.at;
  return true;
}

/** False when it was made for another policy or another World's rows. */
export function takeAllocation(
  draft: Draft,
  event: Extract<WorldEvent, { readonly kind: "allocation" }>,
): boolean {
  const { capacity, services } = draft;
  const { keep, fedAt, mode } = event.allocation;
  const good =
    event.policyDigest === draft.policy.digest &&
    keep.length === capacity.keep.length &&
    fedAt.length === capacity.fedAt.length &&
    mode.length === services.allocation.length;
  if (!good) return false;
  copyOver(keep, capacity.keep, () => draft.ownCapacity("keep"));
  copyOver(fedAt, capacity.fedAt, () => draft.ownCapacity("fedAt"));
  mode.forEach((word, service) => {
    if (services.allocation[service] === word || word > allocations.feedback) return;
    draft.ownServices("allocation")[service] = word;
    draft.touchedServices.add(service);
  });
  return true;
}

function copyOver<Column extends Uint16Array | Float64Array>(
  from: Column,
  to: Column,
  own: () => Column,
): void {
  if (from.every((element, i) => element === to[i])) return;
  own().set(from);
}

interface Side {
  readonly policy: Policy;
  readonly columns: CapacityColumns;
}

/** Reports and what pools keep follow the names of service and pool. */
export function carryCapacity(from: Side, to: Side): CapacityColumns {
  const { columns } = to;
  const rowOf = new Map(
    from.policy.capacity?.pools.map((pool, row) => [nameOf(from.policy, pool), row]),
  );
  to.policy.capacity?.pools.forEach((pool, row) => {
    const old = rowOf.get(nameOf(to.policy, pool));
    if (old === undefined) return;
    for (const name of ["load", "loadAt", "loadEveryMs", "fedAt"] as const) {
      columns[name][row] = from.columns[name][old] ?? 0;
    }
    const keeps = from.columns.keep.subarray(old * keepsPerPool, (old + 1) * keepsPerPool);
    columns.keep.set(keeps, row * keepsPerPool);
  });
  return columns;
}

function nameOf(policy: Policy, index: number): string {
  const pool = policy.pools[index];
  return `${policy.services[pool?.service ?? -1]?.name}/${pool?.name}`;
}
