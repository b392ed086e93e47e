/**
 * `steer` -> plan, for a client's point. Called by compile-classes.ts for each rule and point. The
 * forms are those of docs/steering.md, "From words to plans"; a pool stands at most once in a plan.
 */
import type { SteerInput } from "../config/schema-steer.ts";
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

export const candidatesDefault = 3;

export function regionPoint(region: Region): SpherePoint {
  return onSphere(region.latitude, region.longitude);
}

/** A planner for one `steer` that is no list of rules. `point` is undefined where none is known. */
export type Planner = (point: SpherePoint | undefined) => MadePlan;

export function plannerOf(
  steer: Exclude<SteerInput, { rules: unknown }>,
  layout: PlanLayout,
): Planner {
  const nearest = nearestOf(steer);
  if (nearest === undefined) {
    const plan = withStandby(staticPlan(steer, layout), layout);
    return () => ({ plan, ranking: [] });
  }
  const regions = layout.regions.filter(
    ({ name, allowed }) =>
      allowed && name !== layout.standby && (nearest.of?.includes(name) ?? true),
  );
  const { candidates, bias } = nearest;
  const standby = layout.standby !== undefined;
  const tails = new Map(regions.map((first) => [first, ranked(regions, first.point, bias)]));
  const unranked = withStandby(splitOf(regions.map((region) => [1, regionPlan(region)])), layout);
  return (point) => {
    if (point === undefined) return { plan: unranked, ranking: [] };
    const near = ranked(regions, point, bias).slice(0, candidates);
    const [first] = near;
    if (first === undefined) return { plan: unranked, ranking: [] };
    const tail = tails.get(first) ?? [];
    const order = [...near, ...tail.filter((region) => !near.includes(region))];
    const measurable = nearest.byLatency && order.length > 1;
    return {
      plan: withStandby(firstOf(order.map(regionPlan)), layout),
      ranking: order.flatMap((region) => region.pools.map(({ ordinal }) => ordinal)),
      ...(measurable && { measured: { standby, regions: order.map(({ index }) => index) } }),
    };
  };
}

/** One text for equal ways of steering, as `rhumb compile` prints it. */
export function steerText(steer: SteerInput): string {
  if (typeof steer === "string") return steer;
  if ("rules" in steer) return `rules (${steer.rules.length})`;
  if ("weights" in steer) {
    const parts = Object.entries(steer.weights).sort(([a], [b]) => (a < b ? -1 : 1));
    return `weights ${parts.map(([region, weight]) => `${region}: ${weight}`).join(", ")}`;
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
  const tiers = "order" in steer ? steer.order : steer;
  return tiers
    .map((tier) => (typeof tier === "string" ? tier : `[${tier.join(", ")}]`))
    .join(" > ");
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

function nearestOf(steer: SteerInput): Nearest | undefined {
  if (typeof steer === "string") {
    const byLatency = steer === "latency";
    return { candidates: candidatesDefault, of: undefined, bias: new Map(), byLatency };
  }
  if ("latency" in steer) {
    const { candidates = candidatesDefault, of } = steer.latency;
    return { candidates, of, bias: new Map(), byLatency: true };
  }
  if (!("nearest" in steer)) return undefined;
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

function staticPlan(steer: SteerInput, layout: PlanLayout): Plan {
  const plan = (name: string) => regionPlan(regionOf(layout, name));
  assert(typeof steer !== "string" && !("rules" in steer), "rules are flat");
  if ("weights" in steer) {
    const parts = Object.entries(steer.weights).sort(([a], [b]) => (a < b ? -1 : 1));
    return splitOf(parts.map(([name, weight]) => [weight, plan(name)]));
  }
  assert(!("nearest" in steer) && !("latency" in steer), "these depend on a point");
  const tiers = "order" in steer ? steer.order : steer;
  return firstOf(
    tiers.map((tier) =>
      typeof tier === "string" ? plan(tier) : splitOf(tier.map((name) => [1, plan(name)])),
    ),
  );
}

function regionOf(layout: PlanLayout, name: string): RegionPools {
  const found = layout.regions.find((region) => region.name === name);
  assert(found !== undefined, "references are checked before compile");
  return found;
}

/** A region's pool, or its colours by the weights of their endpoints. */
function regionPlan(region: RegionPools): Plan {
  return splitOf(
    region.pools.map(({ ordinal, weight }) => [weight, { kind: "pool", pool: ordinal }]),
    region.pools.length === 1,
  );
}

function withStandby(plan: Plan, layout: PlanLayout): Plan {
  if (layout.standby === undefined) return plan;
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
