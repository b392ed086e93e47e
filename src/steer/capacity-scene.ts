/** What an allocation is made from and written to. Made by allocate.ts, read by feedback.ts. */
import type { Capacity, Policy, PoolIndex } from "../policy/policy.ts";
import type { World } from "../world/world.ts";

export interface CapacityScene {
  readonly policy: Policy;
  readonly world: World;
  readonly capacity: Capacity;
  /** By limit: how much of it there is now. */
  readonly amounts: readonly number[];
  readonly drained: ReadonlySet<PoolIndex>;
  readonly keep: Uint16Array;
}
