/**
 * How a plan divides a class over the pools of its service: docs/steering.md steps 5 and 6, with
 * the integers of step 9. Called by decide.ts and table.ts. Shares given sum to limits.shareTotal
 * or are all 0: a refusal.
 */
import { limits } from "../limits.ts";
import type { ClassPlan, Plan, PoolOrdinal, Service } from "../policy/policy.ts";
import { type Carry, levels, panicCounts } from "./carry.ts";
import { type Asked, levelInside, type PlanFacts, planAvailability } from "./plan-availability.ts";
import { healthyWeights, isWhole, planLoad, spillQuotients } from "./plan-health.ts";
import { type Quotients, roundQuotients, splitQuotients } from "./shares.ts";

/** Which attempt of step 6 gave the shares. */
export const attemptNames = [
  "ordinary",
  "held",
  "last-good",
  "serve-all",
  "fixed",
  "refuse",
] as const;
export type AttemptName = (typeof attemptNames)[number];

export interface Attempt {
  readonly name: AttemptName;
  /** By pool ordinal, of limits.shareTotal; all 0 when refused. */
  readonly shares: readonly number[];
  /** Endpoints usable and in all of a service in panic. */
  readonly panic?: { readonly usable: number; readonly all: number };
}

/** An exact share on its way down the plan. */
interface Quotient {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/**
 * Step 5, the shares: integers of limits.shareTotal by pool ordinal, or undefined: it cannot carry.
 */
export function planShares(
  plan: Plan,
  asked: Asked,
  facts: PlanFacts,
): readonly number[] | undefined {
  if (planAvailability(plan, asked, facts) === 0) return undefined;
  const count = facts.allowed.length;
  const only = onlyTaker(plan, asked, facts);
  if (only !== -1) {
    const shares = new Array<number>(count).fill(0);
    shares[only] = limits.shareTotal;
    return shares;
  }
  const numerators = new Array<bigint>(count).fill(0n);
  const denominators = new Array<bigint>(count).fill(1n);
  const leaf = (pool: PoolOrdinal, share: Quotient): void => {
    numerators[pool] = share.numerator;
    denominators[pool] = share.denominator;
  };
  give(plan, { asked, facts, leaf, share: { numerator: 1n, denominator: 1n } });
  return roundQuotients(numerators, denominators);
}

/**
 * The pool that takes all, or -1 when it takes arithmetic to say: what most plans come to most of
 * the time, and then no quotient is needed.
 */
function onlyTaker(plan: Plan, asked: Asked, facts: PlanFacts): PoolOrdinal | -1 {
  if (plan.kind === "pool") return plan.pool;
  const below = levelInside(plan, asked, facts);
  let taker: Plan | undefined;
  for (let i = 0; i < plan.children.length; i++) {
    const child = plan.children[i];
    if (child === undefined || (plan.kind === "split" && plan.weights[i] === 0)) continue;
    if (planAvailability(child, below, facts) === 0) continue;
    if (taker !== undefined) return -1;
    taker = child;
    if (plan.kind === "first" && takesAll(child, below, facts)) break;
  }
  return taker === undefined ? -1 : onlyTaker(taker, below, facts);
}

/** Nothing behind this child of a `first` gets a share by health and availability. */
function takesAll(child: Plan, asked: Asked, facts: PlanFacts): boolean {
  if (facts.health?.spill === true) return isWhole(planLoad(child, asked, facts));
  return planAvailability(child, asked, facts) === limits.availabilityFull;
}

interface Giving {
  readonly asked: Asked;
  readonly facts: PlanFacts;
  readonly leaf: (pool: PoolOrdinal, share: Quotient) => void;
  readonly share: Quotient;
}

/** Gives `share` to a node that can carry. */
function give(plan: Plan, giving: Giving): void {
  const { facts, share } = giving;
  if (plan.kind === "pool") {
    giving.leaf(plan.pool, share);
    return;
  }
  const asked = levelInside(plan, giving.asked, facts);
  const { numerators, denominator } = quotientsOf(plan, asked, facts);
  plan.children.forEach((child, i) => {
    const numerator = numerators[i] ?? 0n;
    if (numerator === 0n) return;
    const part = {
      numerator: share.numerator * numerator,
      denominator: share.denominator * denominator,
    };
    give(child, { ...giving, asked, share: part });
  });
}

/** What each child of a node gets of what the node got. */
function quotientsOf(
  plan: Exclude<Plan, { readonly kind: "pool" }>,
  asked: Asked,
  facts: PlanFacts,
): Quotients {
  if (plan.kind === "first" && facts.health?.spill === true) {
    return spillQuotients(plan.children.map((child) => planLoad(child, asked, facts)));
  }
  const availabilities = askedAvailabilities(plan, asked, facts);
  if (plan.kind === "first") return firstQuotients(availabilities);
  const weighted = facts.health?.locality === true && asked === levels.up;
  const weights = weighted ? healthyWeights(plan, asked, facts) : plan.weights;
  return splitQuotients(weights, availabilities);
}

/**
 * Of a `first` nothing behind the first whole child is asked: what is there makes no difference.
 */
function askedAvailabilities(
  plan: Exclude<Plan, { readonly kind: "pool" }>,
  asked: Asked,
  facts: PlanFacts,
): readonly number[] {
  let reached = true;
  return plan.children.map((child, i) => {
    if (!reached || (plan.kind === "split" && plan.weights[i] === 0)) return 0;
    const availability = planAvailability(child, asked, facts);
    if (plan.kind === "first") reached = availability !== limits.availabilityFull;
    return availability;
  });
}

/**
 * What the children of a `first` get: each takes a/256 of what those before it left, down to the
 * first whole one; the rest stays with the child of greatest availability, the first of equals.
 *
 * | availabilities | shares               |
 * |----------------|----------------------|
 * | 256, any       | 1, 0                 |
 * | 0, 256         | 0, 1                 |
 * | 64, 256        | 1/4, 3/4             |
 * | 64, 128        | 1/4, 3/8 + 3/8       |
 * | 64, 0          | 1/4 + 3/4, 0         |
 * | 64, 64         | 1/4 + 9/16, 3/16     |
 */
function firstQuotients(availabilities: readonly number[]): {
  readonly numerators: readonly bigint[];
  readonly denominator: bigint;
} {
  const full = BigInt(limits.availabilityFull);
  const last = lastServing(availabilities);
  // Child i has 256^(last - i) * a_i * product(256 - a_k, k < i) of 256^(last + 1).
  const denominator = full ** BigInt(last + 1);
  const numerators = new Array<bigint>(availabilities.length).fill(0n);
  let remainder = denominator;
  let greatest = 0;
  for (let i = 0; i <= last; i++) {
    const availability = availabilities[i] ?? 0;
    const taken = (remainder / full) * BigInt(availability);
    numerators[i] = taken;
    remainder -= taken;
    if (availability > (availabilities[greatest] ?? 0)) greatest = i;
  }
  numerators[greatest] = (numerators[greatest] ?? 0n) + remainder;
  return { numerators, denominator };
}

/** The last child of a `first` that is reached: the first whole one, else the last there is. */
function lastServing(availabilities: readonly number[]): number {
  const whole = availabilities.indexOf(limits.availabilityFull);
  return whole === -1 ? availabilities.length - 1 : whole;
}

/** Step 6: the first attempt that gives a share to any pool. */
export function attempt(service: Service, classPlan: ClassPlan, carry: Carry): Attempt {
  const counts = panicCounts(service, carry);
  const panic = counts === undefined ? {} : { panic: counts };
  const { allowed } = classPlan;
  const facts: PlanFacts = {
    allowed,
    carry,
    health: service.health,
    panic: counts !== undefined,
  };
  const ask = (name: AttemptName, asked: Asked): Attempt | undefined => {
    const shares = planShares(classPlan.plan, asked, facts);
    return shares === undefined ? undefined : { name, shares, ...panic };
  };
  return (
    ask("ordinary", "by-tier") ??
    ask("held", levels.held) ??
    attemptFallback(service, facts, ask) ?? {
      name: "refuse",
      shares: new Array<number>(service.poolCount).fill(0),
    }
  );
}

function attemptFallback(
  service: Service,
  facts: PlanFacts,
  ask: (name: AttemptName, asked: Asked) => Attempt | undefined,
): Attempt | undefined {
  switch (service.fallback) {
    case "last-good":
      return ask("last-good", levels.lastGood);
    case "serve-all":
      return ask("serve-all", levels.serveAll);
    case "fixed": {
      const plan: Plan = { kind: "pool", pool: service.fixedPool as PoolOrdinal };
      const shares = planShares(plan, levels.serveAll, facts);
      return shares === undefined ? undefined : { name: "fixed", shares };
    }
    case "refuse":
      return undefined;
  }
}
