/**
 * Envoy's formulas over plans, for services that opted in: docs/steering.md step 5, "Health",
 * "Spill" and "Locality". Called by plan-shares.ts where a node divides what it got. Exact: health
 * is a quotient of integers, and nothing is rounded before step 9.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Plan } from "../policy/policy.ts";
import { carriedAll, carriedUp, levelCount, levels } from "./carry.ts";
import { type Asked, levelBelow, type PlanFacts, planAvailability } from "./plan-availability.ts";
import type { Quotients } from "./shares.ts";

/** A number from 0 to 1. */
export interface Part {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

const nothing: Part = { numerator: 0n, denominator: 1n };
const whole: Part = { numerator: 1n, denominator: 1n };
const fullAvailability = BigInt(limits.availabilityFull);

/** Endpoints below a node: those up in pools that can carry, and all. */
interface Counts {
  up: number;
  all: number;
}

function count(plan: Plan, facts: PlanFacts, into: Counts): void {
  if (plan.kind === "pool") {
    if (facts.allowed[plan.pool] !== true) return;
    const cell = facts.carry[plan.pool * levelCount + levels.up] ?? 0;
    into.up += carriedUp(cell);
    into.all += carriedAll(cell);
    return;
  }
  plan.children.forEach((child, i) => {
    if (plan.kind === "first" || plan.weights[i] !== 0) count(child, facts, into);
  });
}

/** The health of a node that is asked at `asked` and can carry. */
export function planHealth(plan: Plan, asked: Asked, facts: PlanFacts): Part {
  if (plan.kind === "first") {
    return sumOf(plan.children, (child) =>
      planAvailability(child, asked, facts) === 0 ? nothing : planHealth(child, asked, facts),
    );
  }
  if (levelBelow(plan, asked, facts) !== levels.up) return whole;
  const counts = { up: 0, all: 0 };
  count(plan, facts, counts);
  return partOf(counts, facts);
}

function partOf({ up, all }: Counts, { health }: PlanFacts): Part {
  assert(health !== undefined, "the service opted in");
  const numerator = BigInt(health.overprovisioningPercent) * BigInt(up);
  const denominator = 100n * BigInt(all);
  return numerator >= denominator ? whole : { numerator, denominator };
}

/** What a tier can take: its health times its availability; 0 when it cannot carry. */
export function planLoad(plan: Plan, asked: Asked, facts: PlanFacts): Part {
  const availability = planAvailability(plan, asked, facts);
  if (availability === 0) return nothing;
  if (plan.kind === "first") return sumOf(plan.children, (child) => planLoad(child, asked, facts));
  const { numerator, denominator } = planHealth(plan, asked, facts);
  return {
    numerator: numerator * BigInt(availability),
    denominator: denominator * fullAvailability,
  };
}

/** At most 1. */
function sumOf(children: readonly Plan[], partOfChild: (child: Plan) => Part): Part {
  let sum = nothing;
  for (const child of children) {
    sum = plus(sum, partOfChild(child));
    if (sum.numerator >= sum.denominator) return whole;
  }
  return sum;
}

function plus(a: Part, b: Part): Part {
  if (a.denominator === b.denominator) {
    return { numerator: a.numerator + b.numerator, denominator: a.denominator };
  }
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

export function isWhole({ numerator, denominator }: Part): boolean {
  return numerator >= denominator;
}

/**
 * What the children of a `first` get of it, by their loads: each in order the lesser of what is
 * left and its load over the sum of all, which is taken for 1 when it is more.
 */
export function spillQuotients(loads: readonly Part[]): Quotients {
  const denominator = loads.reduce((product, load) => product * load.denominator, 1n);
  const wanted = loads.map((load) => (load.numerator * denominator) / load.denominator);
  const sum = wanted.reduce((total, each) => total + each, 0n);
  assert(sum > 0n, "a first that is asked for shares has a child that can carry");
  let total = sum;
  if (total > denominator) total = denominator;
  let given = 0n;
  const numerators = wanted.map((each) => {
    const before = given;
    given += each;
    if (given > total) given = total;
    return given - before;
  });
  return { numerators, denominator: total };
}

/** The weights of a `split`, each times its child's health, as integers in the same proportions. */
export function healthyWeights(
  plan: Extract<Plan, { readonly kind: "split" }>,
  asked: Asked,
  facts: PlanFacts,
): readonly bigint[] {
  const parts = plan.children.map((child, i) =>
    plan.weights[i] === 0 || planAvailability(child, asked, facts) === 0
      ? nothing
      : planHealth(child, asked, facts),
  );
  const denominator = parts.reduce((product, part) => product * part.denominator, 1n);
  return parts.map(
    (part, i) => (BigInt(plan.weights[i] ?? 0) * part.numerator * denominator) / part.denominator,
  );
}
