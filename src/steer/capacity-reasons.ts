/**
 * Why capacity had its say, docs/steering.md step 10. Called by decide-reasons.ts. Says of a pool
 * that it is full by what it keeps at the place of its tier, in the first walk.
 */
import { limits } from "../limits.ts";
import type {
  ClassPlan,
  Plan,
  Policy,
  PoolIndex,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import { allocations, type World } from "../world/world.ts";
import { capacityRow } from "./capacity-index.ts";
import { isActive } from "./carry.ts";
import type { Attempt } from "./plan-shares.ts";
import type { ReasonCode } from "./reasons.ts";
import { keepOf, tiersOf } from "./walks.ts";

interface CapacityFacts {
  readonly index: ServiceIndex;
  readonly service: Service;
  readonly classPlan: ClassPlan;
  readonly attempt: Attempt;
}

type Add = (code: ReasonCode, kind: 0 | 1, index: number, detail: string) => void;

export function capacityReasons(
  policy: Policy,
  world: World,
  { index, service, classPlan, attempt }: CapacityFacts,
  add: Add,
): void {
  const allocation = world.services.allocation[index];
  if (allocation === allocations.noDemand) add("capacity.no-demand", 0, 0, "");
  const walks = allocation === allocations.demand || allocation === allocations.feedback;
  if (!walks || attempt.name !== "ordinary") return;
  add(allocation === allocations.demand ? "capacity.demand" : "capacity.feedback", 0, 0, "");
  tiersOf(classPlan.plan)
    .slice(0, limits.capacityTiersMax)
    .forEach((tier, place) => {
      for (const ordinal of poolsOf(tier)) {
        const pool = (service.firstPool + ordinal) as PoolIndex;
        const found = policy.pools[pool];
        const row = capacityRow(policy.capacity, pool);
        if (row === -1 || found === undefined || classPlan.allowed[ordinal] !== true) continue;
        const keep = keepOf(policy, world, { pool, walk: 0, place });
        if (keep === limits.keepFull || !isActive(found, world, pool)) continue;
        add("capacity.full", 1, pool, `${keep}/${limits.keepFull}`);
      }
    });
}

function poolsOf(plan: Plan): readonly number[] {
  return plan.kind === "pool" ? [plan.pool] : plan.children.flatMap(poolsOf);
}
