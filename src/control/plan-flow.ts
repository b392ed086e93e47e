/**
 * Where the demand of one service goes before and after, and what of it moves between regions:
 * for each location, over each pair of (class before, class after). Called by plan.ts. Of one pair
 * no more moves than must: what a region loses is divided over those that gain, in proportion.
 */
import type { ServiceIndex } from "../policy/policy.ts";
import type { ClassPair, Places } from "./plan-places.ts";
import type { RegionPart, Steering } from "./plan-steering.ts";

export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly demand: number;
}

export interface LocationMove {
  readonly location: string;
  /** All its demand, and what of it changes region. */
  readonly demand: number;
  readonly moved: number;
  /** Greatest first. */
  readonly flows: readonly Flow[];
}

export interface PairDemand {
  readonly before: number;
  readonly after: number;
  readonly demand: number;
}

export interface ServiceFlow {
  readonly demand: number;
  /** Demand by region; empty on the side where the service is not. */
  readonly before: ReadonlyMap<string, number>;
  readonly after: ReadonlyMap<string, number>;
  readonly moved: number;
  /** Locations of which something moves, most first. */
  readonly moves: readonly LocationMove[];
  readonly pairs: readonly PairDemand[];
}

export interface FlowSide {
  readonly steering: Steering;
  readonly service: ServiceIndex;
}

export interface FlowOptions {
  readonly places: Places;
  /** undefined: the service is not on that side. */
  readonly before: FlowSide | undefined;
  readonly after: FlowSide | undefined;
  readonly demand: readonly { readonly location: string; readonly amount: number }[];
}

const none: readonly RegionPart[] = [];

export function serviceFlow(options: FlowOptions): ServiceFlow {
  const { before, after, places } = options;
  const ruleSets = { before: ruleSetOf(before), after: ruleSetOf(after) };
  const totals = { before: new Map<string, number>(), after: new Map<string, number>() };
  const pairs = new Map<string, { before: number; after: number; demand: number }>();
  const moves: LocationMove[] = [];
  let demand = 0;
  for (const { location, amount } of options.demand) {
    if (amount === 0) continue;
    demand += amount;
    const flows = new Map<string, { from: string; to: string; demand: number }>();
    for (const pair of places.pairsOf(location, ruleSets)) {
      const part = pair.part * amount;
      const sides = { before: partsOf(before, pair.before), after: partsOf(after, pair.after) };
      addParts(totals.before, sides.before, part);
      addParts(totals.after, sides.after, part);
      addPair(pairs, pair, part);
      if (before !== undefined && after !== undefined) addFlows(flows, sides, part);
    }
    if (flows.size === 0) continue;
    const sorted = [...flows.values()].sort(byDemand);
    const moved = sorted.reduce((sum, flow) => sum + flow.demand, 0);
    moves.push({ location, demand: amount, moved, flows: sorted });
  }
  moves.sort((a, b) => b.moved - a.moved || (a.location < b.location ? -1 : 1));
  return {
    demand,
    before: totals.before,
    after: totals.after,
    moved: moves.reduce((sum, { moved }) => sum + moved, 0),
    moves,
    pairs: [...pairs.values()],
  };
}

const byDemand = (a: Flow, b: Flow): number =>
  b.demand - a.demand || (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1);

function ruleSetOf(side: FlowSide | undefined) {
  return side?.steering.ruleSetOf(side.service);
}

function partsOf(side: FlowSide | undefined, classIndex: number): readonly RegionPart[] {
  return side === undefined ? none : side.steering.regionsOf(side.service, classIndex);
}

function addParts(into: Map<string, number>, parts: readonly RegionPart[], demand: number): void {
  for (const { region, part } of parts) into.set(region, (into.get(region) ?? 0) + part * demand);
}

function addPair(
  pairs: Map<string, { before: number; after: number; demand: number }>,
  { before, after }: ClassPair,
  demand: number,
): void {
  const key = `${before} ${after}`;
  const known = pairs.get(key);
  if (known === undefined) pairs.set(key, { before, after, demand });
  else known.demand += demand;
}

interface Shift {
  readonly lost: readonly RegionPart[];
  readonly gained: readonly RegionPart[];
  readonly moved: number;
}

/** What must move for one distribution to become the other; `moved` is their total variation. */
export function shiftOf(before: readonly RegionPart[], after: readonly RegionPart[]): Shift {
  const change = new Map<string, number>();
  for (const { region, part } of after) change.set(region, part);
  for (const { region, part } of before) change.set(region, (change.get(region) ?? 0) - part);
  const gained: RegionPart[] = [];
  const lost: RegionPart[] = [];
  let moved = 0;
  for (const [region, by] of change) {
    // Parts are of 65,536: less than that is the arithmetic of floating point.
    if (Math.abs(by) < 1e-9) continue;
    if (by > 0) {
      gained.push({ region, part: by });
      moved += by;
    } else lost.push({ region, part: -by });
  }
  return { lost, gained, moved };
}

function addFlows(
  flows: Map<string, { from: string; to: string; demand: number }>,
  sides: { readonly before: readonly RegionPart[]; readonly after: readonly RegionPart[] },
  demand: number,
): void {
  if (sides.before === sides.after) return;
  const { lost, gained, moved } = shiftOf(sides.before, sides.after);
  for (const from of lost) {
    for (const to of gained) {
      const key = `${from.region} ${to.region}`;
      const flow = flows.get(key) ?? { from: from.region, to: to.region, demand: 0 };
      flow.demand += (demand * from.part * to.part) / moved;
      flows.set(key, flow);
    }
  }
}
