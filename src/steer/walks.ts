/**
 * Shares over capacity: docs/steering.md "Capacity", the walks of one class. Called by decide.ts
 * and table.ts in place of the ordinary attempt's shares, and by allocate.ts for its tiers. Whole
 * numbers throughout; what World says a pool keeps is only read here.
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
import { allocations, capacityWalks, keepsPerPool, type World } from "../world/world.ts";
import { capacityRow } from "./capacity-index.ts";
import { type Carry, panicCounts } from "./carry.ts";
import { type PlanFacts, planAvailability } from "./plan-availability.ts";
import { type Attempt, attempt, planShares } from "./plan-shares.ts";
import { roundIntegers } from "./shares.ts";

/** What R begins as. */
const wholeAmount = 2 ** 32;

export interface ClassAt {
  readonly index: ServiceIndex;
  readonly service: Service;
  /** As steeredClass() has it. */
  readonly classPlan: ClassPlan;
  readonly carry: Carry;
}

/** Steps 5 and 6, and the walks where the service is allocated. */
export function allocatedAttempt(policy: Policy, world: World, at: ClassAt): Attempt {
  const { service, classPlan, carry, index } = at;
  const made = attempt(service, classPlan, carry);
  const allocation = world.services.allocation[index];
  const walks = allocation === allocations.demand || allocation === allocations.feedback;
  if (!walks || made.name !== "ordinary") return made;
  const kept = walked(policy, world, at);
  const total = kept.reduce((sum, each) => sum + each, 0);
  return total === 0 ? made : { ...made, shares: roundIntegers(kept, total) };
}

function walked(policy: Policy, world: World, at: ClassAt): readonly number[] {
  const tiers = classTiers(at);
  const kept = new Array<number>(at.service.poolCount).fill(0);
  let left = wholeAmount;
  for (let walk = 0; walk < capacityWalks; walk++) {
    tiers.forEach((tier, place) => {
      let taken = 0;
      for (const { ordinal, offer } of offersOf(tier, left)) {
        const pool = (at.service.firstPool + ordinal) as PoolIndex;
        const part = keptOf(offer, keepOf(policy, world, { pool, walk, place }));
        kept[ordinal] = (kept[ordinal] ?? 0) + part;
        taken += part;
      }
      left -= taken;
    });
  }
  return kept;
}

export function keptOf(offer: number, keep: number): number {
  return Math.floor((offer * keep) / limits.keepFull);
}

/** K. */
export function keepOf(
  policy: Policy,
  world: World,
  at: { readonly pool: PoolIndex; readonly walk: number; readonly place: number },
): number {
  const row = capacityRow(policy.capacity, at.pool);
  if (row === -1) return limits.keepFull;
  const cell = row * keepsPerPool + at.walk * limits.capacityTiersMax + at.place;
  return world.capacity.keep[cell] ?? limits.keepFull;
}

/** A tier that is asked: what it can take of what comes to it, and how its pools share that. */
export interface Tier {
  /** 0: it cannot carry. */
  readonly availability: number;
  /** With a share, of limits.shareTotal. */
  readonly pools: readonly { readonly ordinal: number; readonly share: number }[];
}

/** The tiers of a class that the walks come to. */
export function classTiers({ service, classPlan, carry }: ClassAt): readonly Tier[] {
  const panic = panicCounts(service, carry) !== undefined;
  const facts: PlanFacts = { allowed: classPlan.allowed, carry, health: service.health, panic };
  return tiersOf(classPlan.plan)
    .slice(0, limits.capacityTiersMax)
    .map((plan) => {
      const shares = planShares(plan, "by-tier", facts) ?? [];
      return {
        availability: planAvailability(plan, "by-tier", facts),
        pools: shares.flatMap((share, ordinal) => (share === 0 ? [] : [{ ordinal, share }])),
      };
    });
}

export function tiersOf(plan: Plan): readonly Plan[] {
  return plan.kind === "first" ? plan.children.flatMap(tiersOf) : [plan];
}

export interface Offer {
  readonly ordinal: number;
  readonly offer: number;
}

/** What the pools of a tier are offered of what is left. */
export function offersOf(tier: Tier, left: number): readonly Offer[] {
  const offered = Math.floor((left * tier.availability) / limits.availabilityFull);
  return tier.pools.map(({ ordinal, share }) => ({
    ordinal,
    offer: Math.floor((offered * share) / limits.shareTotal),
  }));
}

/** Equal for services of one rule set whose walks are equal; "" where there are none. */
export function keepText(policy: Policy, world: World, index: ServiceIndex): string {
  const allocation = world.services.allocation[index] ?? 0;
  const { firstPool = 0, poolCount = 0 } = policy.services[index] ?? {};
  if (allocation !== allocations.demand && allocation !== allocations.feedback) return "";
  const parts = Array.from({ length: poolCount }, (_, ordinal) => {
    const row = capacityRow(policy.capacity, (firstPool + ordinal) as PoolIndex);
    const first = row * keepsPerPool;
    return row === -1 ? "-" : world.capacity.keep.subarray(first, first + keepsPerPool).join();
  });
  return ` ${parts.join(";")}`;
}
