/**
 * `steer` -> plan, for a client's point. Called by compile-classes.ts for each rule and point. The
 * forms are those of docs/steering.md, "From words to plans"; a pool stands at most once in a plan.
 */
import { inFull, isList } from "../config/expand-policies.ts";
import type { SteerForm, SteerInput, SteerTier } from "../config/schema-steer.ts";
import { assert } from "../errors.ts";
import { biasedMetres, metresBetween, onSphere, type SpherePoint } from "../geo/distance.ts";
import type { Plan, PoolOrdinal, Region, RegionIndex } from "./policy.ts";

/** The pools of a region, in the words of its service. */
export interface RegionPools {
  readonly name: string;
  readonly index: RegionIndex;
  readonly point: SpherePoint;
  /** With the sum of its endpoints' weights, which several colours share by. */
  readonly pools: readonly { readonly ordinal: PoolOrdinal; readonly weight: number }[];
  /** The colour that serves while it can, for a cohort. */
  readonly first?: PoolOrdinal;
  /** Inside `residency.only`. */
  readonly allowed: boolean;
}

/** What plans of a service are made from; the fixed pool is no part of it. */
export interface PlanLayout {
  /** In the order of names. */
  readonly regions: readonly RegionPools[];
  readonly standby: string | undefined;
}

export interface MadePlan {
  readonly plan: Plan;
  readonly ranking: readonly PoolOrdinal[];
  /** The ranked tiers' regions, where measured latency may rearrange them. */
  readonly measured?: { readonly standby: boolean; readonly regions: readonly RegionIndex[] };
}

/** A word is `nearest`, `latency`, or in a tier a region. */
type AnySteer = SteerTier | readonly SteerTier[];

export const candidatesDefault = 3;

export function regionPoint(region: Region): SpherePoint {
  return onSphere(region.latitude, region.longitude);
}

/** `point` is undefined where none is known. */
export type Planner = (point: SpherePoint | undefined) => MadePlan;

/** A planner for one `steer` without rules and policies. */
export function plannerOf(steer: SteerInput, layout: PlanLayout): Planner {
  const planner = partPlanner(inFull(steer), { layout, named: namedRegions(steer) });
  return (point) => {
    const { plan, ranking, measured } = planner(point);
    if (layout.standby === undefined) return { plan, ranking, ...(measured && { measured }) };
    const whole = withStandby(plan, layout);
    return { plan: whole, ranking, ...(measured && { measured: { ...measured, standby: true } }) };
  };
}

interface Within {
  readonly layout: PlanLayout;
  /** Regions that the whole of it names: a `nearest` without `of` ranks the others. */
  readonly named: ReadonlySet<string>;
}

function partPlanner(steer: SteerTier, within: Within): Planner {
  const plan = (name: string) => regionPlan(regionOf(within.layout, name));
  if (typeof steer === "string") return constant(plan(steer));
  if (isList(steer)) return constant(splitOf(steer.map((name) => [1, plan(name)])));
  if ("nearest" in steer || "latency" in steer) return rankedPlanner(nearestOf(steer), within);
  if ("order" in steer) {
    return joined(
      steer.order.map((tier) => partPlanner(tier, within)),
      firstOf,
    );
  }
  assert("weights" in steer, "rules are flat and policies put in");
  const { weights } = steer;
  if (!isList(weights)) {
    const parts = Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1));
    return constant(splitOf(parts.map(([name, weight]) => [weight, plan(name)])));
  }
  return joined(
    weights.map((part) => partPlanner(part.steer, within)),
    (plans) => splitOf(plans.map((each, i) => [weights[i]?.weight ?? 0, each])),
  );
}

function constant(plan: Plan): Planner {
  const made = { plan, ranking: [] };
  return () => made;
}

function joined(parts: readonly Planner[], join: (plans: readonly Plan[]) => Plan): Planner {
  return (point) => {
    const made = parts.map((part) => part(point));
    return {
      plan: join(made.map(({ plan }) => plan)),
      ranking: made.flatMap(({ ranking }) => ranking),
    };
  };
}

function rankedPlanner(nearest: Nearest, { layout, named }: Within): Planner {
  const regions = layout.regions.filter(
    ({ name, allowed }) =>
      allowed && name !== layout.standby && (nearest.of?.includes(name) ?? !named.has(name)),
  );
  const { candidates, bias } = nearest;
  const tails = new Map(regions.map((first) => [first, ranked(regions, first.point, bias)]));
  const unranked = splitOf(regions.map((region) => [1, regionPlan(region)]));
  return (point) => {
    if (point === undefined) return { plan: unranked, ranking: [] };
    const near = ranked(regions, point, bias).slice(0, candidates);
    const [first] = near;
    if (first === undefined) return { plan: unranked, ranking: [] };
    const tail = tails.get(first) ?? [];
    const order = [...near, ...tail.filter((region) => !near.includes(region))];
    const measurable = nearest.byLatency && order.length > 1;
    const indices = order.map(({ index }) => index);
    return {
      plan: firstOf(order.map(regionPlan)),
      ranking: order.flatMap((region) => region.pools.map(({ ordinal }) => ordinal)),
      ...(measurable && { measured: { standby: false, regions: indices } }),
    };
  };
}

/** The regions that a way of steering names anywhere. */
export function namedRegions(steer: AnySteer): ReadonlySet<string> {
  const named = new Set<string>();
  const walk = (part: SteerTier): void => {
    if (typeof part === "string") named.add(part);
    else if (isList(part)) part.forEach(walk);
    else if ("order" in part) part.order.forEach(walk);
    else if ("nearest" in part) part.nearest.of?.forEach(walk);
    else if ("latency" in part) part.latency.of?.forEach(walk);
    else if ("weights" in part && isList(part.weights)) {
      for (const { steer: inner } of part.weights) walk(inner);
    } else if ("weights" in part) Object.keys(part.weights).forEach(walk);
  };
  if (steer !== "nearest" && steer !== "latency") walk(isList(steer) ? { order: steer } : steer);
  return named;
}

/** What each ranking by distance inside it ranks; undefined for what nobody names. */
export function rankings(steer: AnySteer): readonly (readonly string[] | undefined)[] {
  if (steer === "nearest") return [undefined];
  if (typeof steer === "string") return [];
  if (isList(steer))
    return steer.flatMap((part) => (typeof part === "string" ? [] : rankings(part)));
  if ("nearest" in steer) return [steer.nearest.of];
  if ("order" in steer) return rankings(steer.order);
  if (!("weights" in steer) || !isList(steer.weights)) return [];
  return rankings(steer.weights.map((part) => part.steer));
}

/** One text for equal ways of steering, as `rhumb compile` prints it. */
export function steerText(steer: AnySteer): string {
  if (typeof steer === "string") return steer;
  if (isList(steer)) return steer.map(tierText).join(" > ");
  if ("rules" in steer) return `rules (${steer.rules.length})`;
  if ("policy" in steer) return `policy ${steer.policy}`;
  if ("weights" in steer) {
    const { weights } = steer;
    const parts: readonly (readonly [string, number])[] = isList(weights)
      ? weights.map((part) => [tierText(part.steer), part.weight])
      : Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1));
    return `weights ${parts.map(([part, weight]) => `${part}: ${weight}`).join(", ")}`;
  }
  if ("nearest" in steer) {
    const { candidates = candidatesDefault, of, bias = {} } = steer.nearest;
    const among = of === undefined ? "" : ` of ${[...of].sort().join(", ")}`;
    const biases = Object.entries(bias).filter(([, percent]) => percent !== 0);
    const parts = biases
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([region, percent]) => `${region} ${percent > 0 ? "+" : ""}${percent}`);
    return `nearest ${candidates}${among}${parts.length === 0 ? "" : ` bias ${parts.join(", ")}`}`;
  }
  if ("latency" in steer) {
    const { candidates = candidatesDefault, of } = steer.latency;
    return `latency ${candidates}${of === undefined ? "" : ` of ${[...of].sort().join(", ")}`}`;
  }
  return steerText(steer.order);
}

function tierText(tier: SteerTier): string {
  if (typeof tier === "string") return tier;
  return isList(tier) ? `[${tier.join(", ")}]` : `(${steerText(tier)})`;
}

export function isByLatency(steer: SteerInput): boolean {
  return steer === "latency" || (typeof steer === "object" && "latency" in steer);
}

type Bias = ReadonlyMap<string, number>;

interface Nearest {
  readonly candidates: number;
  readonly of: readonly string[] | undefined;
  readonly bias: Bias;
  readonly byLatency: boolean;
}

function nearestOf(
  steer: Extract<SteerForm, { nearest: unknown } | { latency: unknown }>,
): Nearest {
  if ("latency" in steer) {
    const { candidates = candidatesDefault, of } = steer.latency;
    return { candidates, of, bias: new Map(), byLatency: true };
  }
  const { candidates = candidatesDefault, of, bias = {} } = steer.nearest;
  return { candidates, of, bias: new Map(Object.entries(bias)), byLatency: false };
}

/** Ordered by biased whole metres from a point, ties by name. */
function ranked(
  regions: readonly RegionPools[],
  point: SpherePoint,
  bias: Bias,
): readonly RegionPools[] {
  return regions
    .map((region) => {
      const metres = metresBetween(point, region.point);
      return { region, metres: biasedMetres(metres, bias.get(region.name) ?? 0) };
    })
    .sort((a, b) => a.metres - b.metres || (a.region.name < b.region.name ? -1 : 1))
    .map(({ region }) => region);
}

function regionOf(layout: PlanLayout, name: string): RegionPools {
  const found = layout.regions.find((region) => region.name === name);
  assert(found !== undefined, "references are checked before compile");
  return found;
}

/** A region's pool, or its colours by the weights of their endpoints. */
function regionPlan(region: RegionPools): Plan {
  const { pools, first } = region;
  const others = pools.filter(({ ordinal }) => ordinal !== first);
  const rest = splitOf(
    others.map(({ ordinal, weight }) => [weight, { kind: "pool", pool: ordinal }]),
    others.length === 1,
  );
  if (first === undefined) return rest;
  const own: Plan = { kind: "pool", pool: first };
  return others.length === 0 ? own : firstOf([own, rest]);
}

function withStandby(plan: Plan, layout: PlanLayout): Plan {
  assert(layout.standby !== undefined, "there is a standby");
  return firstOf([plan, regionPlan(regionOf(layout, layout.standby))]);
}

function firstOf(children: readonly Plan[]): Plan {
  const [only] = children;
  return children.length === 1 && only !== undefined ? only : { kind: "first", children };
}

/** `alone`: a single child is the plan even if its weight is 0. */
function splitOf(parts: readonly (readonly [number, Plan])[], alone = false): Plan {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && (alone || only[0] > 0)) return only[1];
  return {
    kind: "split",
    children: parts.map(([, child]) => child),
    weights: parts.map(([weight]) => weight),
  };
}
