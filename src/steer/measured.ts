/**
 * A class steered by latency: its plan with the measured regions in the order of their round trips,
 * docs/steering.md "Latency". Called by decide.ts and table.ts before anything else reads the plan,
 * so health, allocation and residency work on it as on any other.
 */
import type { ClassPlan, Plan, Policy, PoolOrdinal, RegionIndex } from "../policy/policy.ts";
import type { World } from "../world/world.ts";

/** The class itself where nothing is measured; else without `ranking` by distance alone. */
export interface SteeredClass extends ClassPlan {
  /** The name of the cell whose order counted. */
  readonly orderedBy?: string;
}

export function steeredClass(policy: Policy, world: World, classPlan: ClassPlan): SteeredClass {
  const { measured, plan } = classPlan;
  if (measured === undefined) return classPlan;
  const { cell, regions, standby } = measured;
  const rankOf = (region: RegionIndex): number =>
    world.latency.rank[cell * policy.regions.length + region] ?? 0;
  const order = measuredOrder(regions.map(rankOf));
  if (order === undefined) return classPlan;
  const ranked = standby && plan.kind === "first" ? plan.children[0] : plan;
  if (ranked?.kind !== "first") return classPlan;
  const children = order.map((place) => ranked.children[place] as Plan);
  const made: Plan = { kind: "first", children };
  const whole: Plan =
    standby && plan.kind === "first"
      ? { kind: "first", children: [made, ...plan.children.slice(1)] }
      : made;
  const name = policy.latency?.cells[cell]?.name ?? "";
  return { ...classPlan, plan: whole, ranking: children.flatMap(poolsOf), orderedBy: name };
}

/**
 * Places by distance in the order that counts: measured ones share out the places of measured ones.
 * undefined when none is measured.
 */
export function measuredOrder(ranks: readonly number[]): readonly number[] | undefined {
  const measured = ranks.flatMap((rank, place) => (rank > 0 ? [place] : []));
  if (measured.length === 0) return undefined;
  const sorted = measured.toSorted((a, b) => (ranks[a] ?? 0) - (ranks[b] ?? 0));
  const order = ranks.map((_, place) => place);
  measured.forEach((place, i) => {
    order[place] = sorted[i] ?? place;
  });
  return order;
}

function poolsOf(plan: Plan): readonly PoolOrdinal[] {
  return plan.kind === "pool" ? [plan.pool] : plan.children.flatMap(poolsOf);
}
