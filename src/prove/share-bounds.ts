/**
 * Bounds on what some pools get of a plan when availabilities are known between two values only:
 * docs/steering.md step 5 over intervals. Called by share.ts. What steering gives lies between the
 * bounds for every choice of availabilities; they may be wider than need be, since the nodes of a
 * plan are bounded one by one.
 */
import { limits } from "../limits.ts";
import type { ClassPlan, Plan } from "../policy/policy.ts";
import { levels } from "../steer/carry.ts";

export type Interval = readonly [least: number, greatest: number];
/** Of 256; whether it is 0, and whether it is 256, is the same at both ends. */
export type AvailabilityOf = (pool: number, level: number) => Interval;

type Asked = number | "by-tier";
interface Facts {
  readonly allowed: readonly boolean[];
  readonly of: readonly boolean[];
  readonly availabilityOf: AvailabilityOf;
}

const full = limits.availabilityFull;
const none: Interval = [0, 0];

/** The share of the pools `of` in the ordinary attempt, from 0 to 1. */
export function shareBounds(
  { plan, allowed }: ClassPlan,
  of: readonly boolean[],
  availabilityOf: AvailabilityOf,
): Interval {
  const facts = { allowed, of, availabilityOf };
  return availability(plan, "by-tier", facts)[1] === 0 ? none : inside(plan, "by-tier", facts);
}

function availability(plan: Plan, asked: Asked, facts: Facts): Interval {
  if (asked === "by-tier" && plan.kind !== "first") {
    return availability(plan, levelOf(plan, facts), facts);
  }
  if (plan.kind === "pool") {
    if (facts.allowed[plan.pool] !== true) return none;
    return facts.availabilityOf(plan.pool, asked as number);
  }
  let [least, greatest] = none;
  plan.children.forEach((child, i) => {
    if (plan.kind === "split" && plan.weights[i] === 0) return;
    const [low, high] = availability(child, asked, facts);
    least = Math.max(least, low);
    greatest = Math.max(greatest, high);
  });
  return [least, greatest];
}

function levelOf(plan: Plan, facts: Facts): number {
  return availability(plan, levels.up, facts)[1] > 0 ? levels.up : levels.unknown;
}

/** The part of a node's share that the pools `of` get. */
function inside(plan: Plan, asked: Asked, facts: Facts): Interval {
  if (plan.kind === "pool") return facts.of[plan.pool] === true ? [1, 1] : [0, 0];
  const below = asked === "by-tier" && plan.kind === "split" ? levelOf(plan, facts) : asked;
  const availabilities = plan.children.map((child, i) =>
    plan.kind === "split" && plan.weights[i] === 0 ? none : availability(child, below, facts),
  );
  const parts =
    plan.kind === "split" ? splitParts(plan.weights, availabilities) : firstParts(availabilities);
  const wanted = plan.children.map((child, i) =>
    (parts[i]?.[1] ?? 0) === 0 ? none : inside(child, below, facts),
  );
  return [
    -extreme(
      parts,
      wanted.map(([low]) => -low),
    ),
    extreme(
      parts,
      wanted.map(([, high]) => high),
    ),
  ];
}

/** The greatest sum of part x worth over parts within their bounds that sum to 1. */
function extreme(parts: readonly Interval[], worth: readonly number[]): number {
  let left = 1 - parts.reduce((sum, [low]) => sum + low, 0);
  let sum = parts.reduce((total, [low], i) => total + low * (worth[i] ?? 0), 0);
  const order = parts.map((_, i) => i).sort((a, b) => (worth[b] ?? 0) - (worth[a] ?? 0));
  for (const i of order) {
    const [low, high] = parts[i] ?? none;
    const more = Math.max(0, Math.min(left, high - low));
    sum += more * (worth[i] ?? 0);
    left -= more;
  }
  return sum;
}

/** Children of a `first`: what those before leave, and the rest to the one of most availability. */
function firstParts(availabilities: readonly Interval[]): readonly Interval[] {
  const whole = availabilities.findIndex(([low]) => low === full);
  const last = whole === -1 ? availabilities.length - 1 : whole;
  let [leastLeft, mostLeft] = [1, 1];
  const parts = availabilities.map(([low, high], i): [number, number] => {
    if (i > last) return [0, 0];
    const part: [number, number] = [(leastLeft * low) / full, (mostLeft * high) / full];
    leastLeft *= 1 - high / full;
    mostLeft *= 1 - low / full;
    return part;
  });
  const least = Math.max(...availabilities.map(([low]) => low));
  for (let i = 0; i <= last; i++) {
    const part = parts[i];
    if (part !== undefined && (availabilities[i]?.[1] ?? 0) >= least && part[1] > 0) {
      part[1] += mostLeft;
    }
  }
  return parts;
}

/** Children of a `split`: their weights, and what the partial ones leave to the whole ones. */
function splitParts(
  weights: readonly number[],
  availabilities: readonly Interval[],
): readonly Interval[] {
  const taking = weights.map((weight, i) => ((availabilities[i]?.[1] ?? 0) > 0 ? weight : 0));
  const total = taking.reduce((sum, weight) => sum + weight, 0);
  const wholes = taking.reduce(
    (sum, weight, i) => sum + (availabilities[i]?.[0] === full ? weight : 0),
    0,
  );
  const given = (end: 0 | 1): number =>
    taking.reduce((sum, weight, i) => sum + (weight * (availabilities[i]?.[end] ?? 0)) / full, 0);
  const [leastGiven, mostGiven] = [given(0), given(1)];
  return taking.map((weight, i): Interval => {
    if (weight === 0) return none;
    const [low, high] = availabilities[i] ?? none;
    const [mine, most] = [(weight * low) / full, (weight * high) / full];
    if (wholes === 0) {
      const others: Interval = [leastGiven - mine, mostGiven - most];
      return [mine / (mine + others[1]), most / (most + others[0])];
    }
    if (low !== full) return [mine / total, most / total];
    const share = weight / total;
    const rest = (given: number): number => ((total - given) / total) * (weight / wholes);
    return [share + rest(mostGiven), share + rest(leastGiven)];
  });
}
