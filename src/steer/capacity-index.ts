/**
 * Where pools stand in a policy's capacity, by index. A cache, not a state: derived once from a
 * Capacity and remembered with it. Used by walks.ts, allocate.ts and feedback.ts.
 */
import type { Capacity, PoolIndex } from "../policy/policy.ts";

interface CapacityIndex {
  readonly rowOfPool: ReadonlyMap<number, number>;
  readonly limitsOfPool: ReadonlyMap<number, readonly number[]>;
}

const known = new WeakMap<Capacity, CapacityIndex>();

function indexOf(capacity: Capacity): CapacityIndex {
  const found = known.get(capacity);
  if (found !== undefined) return found;
  const limitsOfPool = new Map<number, number[]>();
  capacity.limits.forEach(({ pools }, limit) => {
    for (const pool of pools) {
      const list = limitsOfPool.get(pool);
      if (list === undefined) limitsOfPool.set(pool, [limit]);
      else list.push(limit);
    }
  });
  const rowOfPool = new Map(capacity.pools.map((each, row): [number, number] => [each, row]));
  const made = { rowOfPool, limitsOfPool };
  known.set(capacity, made);
  return made;
}

/** The row of a pool in World's capacity, -1 where it has no limit. */
export function capacityRow(capacity: Capacity | undefined, pool: PoolIndex): number {
  return capacity === undefined ? -1 : (indexOf(capacity).rowOfPool.get(pool) ?? -1);
}

const none: readonly number[] = [];

/** Positions in `Capacity.limits`, ascending. */
export function limitsOfPool(capacity: Capacity, pool: number): readonly number[] {
  return indexOf(capacity).limitsOfPool.get(pool) ?? none;
}
