/**
 * Whether a node of a plan can carry, and with which availability: docs/steering.md step 5. Called
 * by plan-shares.ts and plan-health.ts for every node they come to. Allocates nothing.
 */
import { limits } from "../limits.ts";
import type { HealthSteering, Plan } from "../policy/policy.ts";
import { type Carry, carriedAvailability, type Level, levelCount, levels } from "./carry.ts";

/** How a node is asked: at one level with all below it, or tier by tier (step 5). */
export type Asked = Level | "by-tier";

/** What a walk of a plan reads: a class's residency over its service's carry. */
export interface PlanFacts {
  readonly allowed: readonly boolean[];
  readonly carry: Carry;
  /** Of the service; undefined where nothing is opted in. */
  readonly health: HealthSteering | undefined;
  /** Health picks the tiers, and nothing below them. */
  readonly panic?: boolean;
}

/** Step 5, the availability of a node; 0 when it cannot carry. */
export function planAvailability(plan: Plan, asked: Asked, facts: PlanFacts): number {
  if (asked === "by-tier" && plan.kind !== "first") {
    return planAvailability(plan, tierLevel(plan, facts), facts);
  }
  if (plan.kind === "pool") {
    const level = asked as Level;
    if (facts.allowed[plan.pool] !== true) return 0;
    return carriedAvailability(facts.carry[plan.pool * levelCount + level] ?? 0);
  }
  let greatest = 0;
  for (let i = 0; i < plan.children.length; i++) {
    const child = plan.children[i];
    if (child === undefined || (plan.kind === "split" && plan.weights[i] === 0)) continue;
    greatest = Math.max(greatest, planAvailability(child, asked, facts));
    if (greatest === limits.availabilityFull) break;
  }
  return greatest;
}

/** By tier, a node that is no `first` is asked at level 0 and, if it cannot carry, at level 1. */
export function tierLevel(plan: Plan, facts: PlanFacts): Level {
  return planAvailability(plan, levels.up, facts) > 0 ? levels.up : levels.unknown;
}

/** The level at which a node is asked for its shares. */
export function levelInside(plan: Plan, asked: Asked, facts: PlanFacts): Asked {
  const isTier = asked === "by-tier" && plan.kind !== "first";
  return isTier && facts.panic === true ? levels.serveAll : levelBelow(plan, asked, facts);
}

/** The level at which the children of a node are asked. */
export function levelBelow(plan: Plan, asked: Asked, facts: PlanFacts): Asked {
  return asked === "by-tier" && plan.kind !== "first" ? tierLevel(plan, facts) : asked;
}
