/**
 * Plan: what a revision would change, before it is in force. Called by `rhumb plan`. Of both
 * revisions it asks decide() where every location of every service goes, in a World the two have in
 * common, and reports what differs; it decides nothing itself. The same input gives the same plan.
 */
import type { Problem } from "../errors.ts";
import { nearestOf } from "../lib/did-you-mean.ts";
import { limits } from "../limits.ts";
import type { Policy, Service, ServiceIndex } from "../policy/policy.ts";
import type { World } from "../world/world.ts";
import type { Demand, DemandUnit } from "./demand.ts";
import { allocatedSide, declaredRows, LimitLoads, type LimitPlan } from "./plan-capacity.ts";
import { type FlowSide, type ServiceFlow, serviceFlow, shiftOf } from "./plan-flow.ts";
import { Places } from "./plan-places.ts";
import { Repinning } from "./plan-repin.ts";
import {
  type EndpointChange,
  endpointChanges,
  globalChanges,
  type RuleChange,
  ruleChanges,
  type ServiceSide,
  type SettingChange,
  settingChanges,
} from "./plan-settings.ts";
import { Steering } from "./plan-steering.ts";
import { type Moving, type Tail, tailModel, tailOf } from "./plan-tail.ts";

export interface PlanSide {
  readonly policy: Policy;
  readonly world: World;
}

export interface RegionPlan {
  readonly region: string;
  readonly change: "added" | "removed" | "kept";
  /** In the unit of the demand. */
  readonly demandBefore: number;
  readonly demandAfter: number;
  /** Of all demand on that side. */
  readonly shareBefore: number;
  readonly shareAfter: number;
}

export interface MovePlan {
  readonly location: string;
  readonly demand: number;
  readonly moved: number;
  readonly flows: readonly {
    readonly from: string;
    readonly to: string;
    readonly demand: number;
  }[];
}

export interface ServicePlan {
  readonly service: string;
  readonly change: "added" | "removed" | "changed";
  readonly demand: number;
  /** The demand file does not name it: its shares are those of equal demand per country. */
  readonly assumed: boolean;
  readonly regions: readonly {
    readonly region: string;
    readonly shareBefore: number;
    readonly shareAfter: number;
  }[];
  /** Parts of the service's demand, 0 .. 1. */
  readonly movedBetweenRegions: number;
  readonly movedWithinRegions: number;
  readonly moves: readonly MovePlan[];
  /** Locations past limits.planMovesMax, over all services. */
  readonly movesLeftOut: number;
  /** Part of its clients that get another endpoint; null unless its key is `client`. */
  readonly repinned: number | null;
  readonly settings: readonly SettingChange[];
  readonly rules: readonly RuleChange[];
  readonly endpoints: readonly EndpointChange[];
  /** Of answers given by the revision before; 0 for an added service. */
  readonly ttlSeconds: number;
}

export interface Plan {
  readonly changed: boolean;
  readonly before: PlanDigests;
  readonly after: PlanDigests;
  readonly demand: {
    readonly assumed: boolean;
    readonly unit: DemandUnit;
    /** It is what the new configuration declares. */
    readonly declared: boolean;
    readonly before: number;
    readonly after: number;
  };
  readonly summary: {
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
    readonly unchanged: number;
    /** Of the demand of services on both sides, in its unit and as a part. */
    readonly moved: number;
    readonly movedShare: number;
  };
  readonly global: readonly SettingChange[];
  readonly regions: readonly RegionPlan[];
  /** Capacities of either revision, by name. */
  readonly limits: readonly LimitPlan[];
  /** Those that change, by name. */
  readonly services: readonly ServicePlan[];
  readonly tail: (Tail & { readonly model: string }) | null;
}

export interface PlanDigests {
  readonly policy: string;
  readonly config: string;
  readonly geography: string;
}

export type PlanResult =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Amounts by location for one service. */
type Amounts = readonly { readonly location: string; readonly amount: number }[];

interface Planning {
  readonly before: PlanSide;
  readonly after: PlanSide;
  readonly places: Places;
  readonly steering: { readonly before: Steering; readonly after: Steering };
  readonly repinning: Repinning;
  readonly limitLoads: LimitLoads;
  readonly demand: Demand | undefined;
  readonly declared: boolean;
  /** Equal for every country, 1 in all. */
  readonly equal: Amounts;
  readonly byService: ReadonlyMap<string, Amounts>;
  /** Services of equal groups on both sides under equal demand flow alike. */
  readonly flows: Map<string, ServiceFlow>;
  readonly names: { readonly before: ServiceNames; readonly after: ServiceNames };
}

type ServiceNames = ReadonlyMap<string, ServiceIndex>;

/** Without `demand`, each country brings each service the same. */
export function makePlan(
  oldSide: PlanSide,
  newSide: PlanSide,
  options: { readonly demand?: Demand } = {},
): PlanResult {
  const places = new Places(oldSide.policy, newSide.policy);
  const declared = options.demand === undefined ? declaredRows(newSide.policy, places) : undefined;
  const demand = options.demand ?? declared;
  const names = { before: namesOf(oldSide.policy), after: namesOf(newSide.policy) };
  const problems = demand === undefined ? [] : checkDemand(demand, { places, names });
  if (problems.length > 0) return { ok: false, problems };
  const countries = places.keys.filter((key) => /^[A-Z]{2}$/.test(key));
  const sources = countries.length > 0 ? countries : places.keys;
  const before = allocatedSide(oldSide, demand, places);
  const after = allocatedSide(newSide, demand, places);
  const steering = {
    before: new Steering(before.policy, before.world),
    after: new Steering(after.policy, after.world),
  };
  const planning: Planning = {
    before,
    after,
    places,
    steering,
    repinning: new Repinning(before, after),
    limitLoads: new LimitLoads(steering, demand),
    demand,
    declared: declared !== undefined,
    equal: sources.map((location) => ({ location, amount: 1 / sources.length })),
    byService: groupDemand(demand),
    flows: new Map(),
    names,
  };
  return { ok: true, plan: planAll(planning) };
}

function namesOf(policy: Policy): ServiceNames {
  return new Map(policy.services.map(({ name }, index) => [name, index as ServiceIndex]));
}

function groupDemand(demand: Demand | undefined): ReadonlyMap<string, Amounts> {
  const groups = new Map<string, { location: string; amount: number }[]>();
  for (const { service, location, amount } of demand?.rows ?? []) {
    const list = groups.get(service) ?? [];
    list.push({ location, amount });
    groups.set(service, list);
  }
  return groups;
}

/** Rows that name what neither revision has, or a place its geography cannot tell. */
export function checkDemand(
  demand: Demand,
  known: {
    readonly places: Places;
    readonly names: { readonly before: ServiceNames; readonly after: ServiceNames };
  },
): readonly Problem[] {
  const { places, names } = known;
  const problems: Problem[] = [];
  const report = (place: Problem["place"], message: string, hint: string): void => {
    const at = place === undefined ? {} : { place };
    const code = "config.unknown-reference";
    problems.push({ code, severity: "error", path: "", message, hint, ...at });
  };
  for (const { service, location, place } of demand.rows) {
    if (!names.before.has(service) && !names.after.has(service)) {
      const near = nearestOf(service, [...names.before.keys(), ...names.after.keys()]);
      const hint = near === undefined ? "name a service" : `did you mean \`${near}\`?`;
      report({ ...place, column: 1 }, `there is no service ${JSON.stringify(service)}`, hint);
    }
    if (!places.has(location)) {
      const hint = "the bundled database has countries only; see docs/geography.md";
      report(place, `the geography in use does not know ${location}`, hint);
    }
  }
  return problems;
}

function planAll(planning: Planning): Plan {
  const { before, after, names } = planning;
  const all = [...new Set([...names.before.keys(), ...names.after.keys()])].sort();
  const totals = { before: new Map<string, number>(), after: new Map<string, number>() };
  const services: ServicePlan[] = [];
  const moving: Moving[] = [];
  const sums = { moved: 0, shared: 0 };
  let movesLeft: number = limits.planMovesMax;
  for (const name of all) {
    const { plan, flow, weight } = planService(planning, name);
    for (const side of ["before", "after"] as const) {
      const service = names[side].get(name);
      if (service !== undefined) {
        planning.limitLoads.add(service, { side, pairs: flow.pairs, weight });
      }
    }
    addAll(totals.before, flow.before, weight);
    addAll(totals.after, flow.after, weight);
    if (names.before.has(name) && names.after.has(name)) sums.shared += flow.demand * weight;
    if (plan === undefined) continue;
    const kept = plan.moves.slice(0, movesLeft);
    movesLeft -= kept.length;
    services.push({ ...plan, moves: kept, movesLeftOut: plan.moves.length - kept.length });
    sums.moved += flow.moved * weight;
    const part = plan.movedBetweenRegions + plan.movedWithinRegions;
    moving.push({ demand: part * flow.demand * weight, ttlSeconds: plan.ttlSeconds });
  }
  const regions = planRegions(planning, totals);
  const global = globalChanges(before.policy, after.policy);
  const tail = tailOf(moving);
  const count = (change: string) => services.filter((each) => each.change === change).length;
  const changed =
    services.length > 0 ||
    global.length > 0 ||
    regions.some(({ change }) => change !== "kept") ||
    before.policy.configDigest !== after.policy.configDigest;
  return {
    changed,
    before: digestsOf(before.policy),
    after: digestsOf(after.policy),
    demand: {
      assumed: planning.demand === undefined,
      unit: planning.demand?.unit ?? "share",
      declared: planning.declared,
      before: sumOf(totals.before),
      after: sumOf(totals.after),
    },
    summary: {
      added: count("added"),
      removed: count("removed"),
      changed: count("changed"),
      unchanged: all.length - services.length,
      moved: sums.moved,
      movedShare: sums.shared === 0 ? 0 : sums.moved / sums.shared,
    },
    global,
    regions,
    limits: planning.limitLoads.limits(),
    services,
    tail: tail === undefined ? null : { ...tail, model: tailModel.join(" ") },
  };
}

function digestsOf({ digest, configDigest, geographyDigest }: Policy): PlanDigests {
  return { policy: digest, config: configDigest, geography: geographyDigest };
}

function sumOf(amounts: ReadonlyMap<string, number>): number {
  return [...amounts.values()].reduce((sum, each) => sum + each, 0);
}

function addAll(
  into: Map<string, number>,
  amounts: ReadonlyMap<string, number>,
  weight: number,
): void {
  for (const [region, amount] of amounts) {
    into.set(region, (into.get(region) ?? 0) + amount * weight);
  }
}

/** Regions in the order of the alphabet; what is refused stands last, if there is any. */
function planRegions(
  planning: Planning,
  totals: {
    readonly before: ReadonlyMap<string, number>;
    readonly after: ReadonlyMap<string, number>;
  },
): readonly RegionPlan[] {
  const old = new Set(planning.before.policy.regions.map(({ name }) => name));
  const now = new Set(planning.after.policy.regions.map(({ name }) => name));
  const unnamed = [...totals.before.keys(), ...totals.after.keys()].filter(
    (name) => !old.has(name) && !now.has(name),
  );
  const sums = { before: sumOf(totals.before), after: sumOf(totals.after) };
  const share = (amount: number, sum: number) => (sum === 0 ? 0 : amount / sum);
  const ordered = [...[...new Set([...old, ...now])].sort(), ...new Set(unnamed)];
  return ordered.map((region) => {
    const demandBefore = totals.before.get(region) ?? 0;
    const demandAfter = totals.after.get(region) ?? 0;
    const kept = old.has(region) === now.has(region);
    return {
      region,
      change: kept ? "kept" : now.has(region) ? "added" : "removed",
      demandBefore,
      demandAfter,
      shareBefore: share(demandBefore, sums.before),
      shareAfter: share(demandAfter, sums.after),
    };
  });
}

interface PlannedService {
  /** undefined: nothing changes. */
  readonly plan: ServicePlan | undefined;
  readonly flow: ServiceFlow;
  /** 0 for a service the demand file does not name: it has shares, and no demand. */
  readonly weight: number;
}

function planService(planning: Planning, name: string): PlannedService {
  const { names, steering, demand } = planning;
  const sideOf = (side: "before" | "after"): FlowSide | undefined => {
    const service = names[side].get(name);
    return service === undefined ? undefined : { steering: steering[side], service };
  };
  const sides = { before: sideOf("before"), after: sideOf("after") };
  const own = planning.byService.get(name);
  const counted = own?.some(({ amount }) => amount > 0) === true;
  const weight = demand === undefined || counted ? 1 : 0;
  const flow = flowOf(planning, sides, counted ? own : undefined);
  const { before, after } = sides;
  const diff = diffOf(before, after);
  if (before !== undefined && after !== undefined) {
    const within = movedWithin({ before, after, flow });
    const repinned = repinnedOf(planning, { before, after, flow });
    const same =
      flow.moved === 0 &&
      within === 0 &&
      (repinned ?? 0) === 0 &&
      diff.settings.length + diff.rules.length + diff.endpoints.length === 0;
    if (same) return { plan: undefined, flow, weight };
    const plan = servicePlan(name, "changed", { flow, weight, counted, within, repinned, diff });
    return { plan: { ...plan, ttlSeconds: serviceOf(before).ttlSecondsMax }, flow, weight };
  }
  const change = before === undefined ? "added" : "removed";
  const options = { flow, weight, counted, within: 0, repinned: null, diff };
  return { plan: servicePlan(name, change, options), flow, weight };
}

function flowOf(
  planning: Planning,
  sides: { readonly before: FlowSide | undefined; readonly after: FlowSide | undefined },
  own: Amounts | undefined,
): ServiceFlow {
  const { places, flows } = planning;
  if (own !== undefined) return serviceFlow({ places, ...sides, demand: own });
  const group = (side: FlowSide | undefined) => side?.steering.groupOf(side.service) ?? -1;
  const key = `${group(sides.before)} ${group(sides.after)}`;
  const known = flows.get(key);
  if (known !== undefined) return known;
  const made = serviceFlow({ places, ...sides, demand: planning.equal });
  flows.set(key, made);
  return made;
}

interface Diff {
  readonly settings: readonly SettingChange[];
  readonly rules: readonly RuleChange[];
  readonly endpoints: readonly EndpointChange[];
}

const serviceOf = ({ steering, service }: FlowSide): Service => steering.policy.services[service]!;

function diffOf(before: FlowSide | undefined, after: FlowSide | undefined): Diff {
  const side = (flow: FlowSide | undefined): ServiceSide | undefined =>
    flow && { policy: flow.steering.policy, service: serviceOf(flow) };
  const [one, other] = [side(before), side(after)];
  const endpoints = endpointChanges(one, other);
  if (one === undefined || other === undefined) return { settings: [], rules: [], endpoints };
  return { settings: settingChanges(one, other), rules: ruleChanges(one, other), endpoints };
}

function servicePlan(
  service: string,
  change: ServicePlan["change"],
  of: {
    readonly flow: ServiceFlow;
    readonly weight: number;
    readonly counted: boolean;
    readonly within: number;
    readonly repinned: number | null;
    readonly diff: Diff;
  },
): ServicePlan {
  const { flow, weight, counted, within, repinned, diff } = of;
  const part = (amount: number) => (flow.demand === 0 ? 0 : amount / flow.demand);
  const regions = [...new Set([...flow.before.keys(), ...flow.after.keys()])].sort();
  return {
    service,
    change,
    demand: flow.demand * weight,
    assumed: !counted,
    regions: regions.map((region) => ({
      region,
      shareBefore: part(flow.before.get(region) ?? 0),
      shareAfter: part(flow.after.get(region) ?? 0),
    })),
    movedBetweenRegions: part(flow.moved),
    movedWithinRegions: within,
    moves: flow.moves.map(({ location, demand, moved, flows }) => ({
      location,
      demand: demand * weight,
      moved: part(moved) * flow.demand * weight,
      flows: flows.map((each) => ({ ...each, demand: each.demand * weight })),
    })),
    movesLeftOut: 0,
    repinned,
    ...diff,
    ttlSeconds: 0,
  };
}

interface BothSides {
  readonly before: FlowSide;
  readonly after: FlowSide;
  readonly flow: ServiceFlow;
}

/** Part of the demand that stays in its region and changes endpoint. */
function movedWithin({ before, after, flow }: BothSides): number {
  if (flow.demand === 0 || before.steering === after.steering) return 0;
  let moved = 0;
  for (const pair of flow.pairs) {
    const parts = (side: FlowSide, classIndex: number) => {
      const { policy } = side.steering;
      return [...side.steering.endpointsOf(side.service, classIndex)].map(([index, part]) => {
        const { name, pool } = policy.endpoints[index]!;
        const region = policy.regions[policy.pools[pool]!.region]!.name;
        return { region: `${region}/${name}`, part };
      });
    };
    moved += pair.demand * shiftOf(parts(before, pair.before), parts(after, pair.after)).moved;
  }
  const within = (moved - flow.moved) / flow.demand;
  return within < 1e-9 ? 0 : within;
}

/** Part of the clients of a `client` key that get another endpoint, weighed by demand. */
function repinnedOf(planning: Planning, { before, after, flow }: BothSides): number | null {
  if (serviceOf(before).key !== "client" || serviceOf(after).key !== "client") return null;
  if (planning.before.policy.digest === planning.after.policy.digest || flow.demand === 0) return 0;
  let changed = 0;
  for (const pair of flow.pairs) {
    const part = planning.repinning.changed({
      before: { service: before.service, classIndex: pair.before },
      after: { service: after.service, classIndex: pair.after },
    });
    changed += part * pair.demand;
  }
  const part = changed / flow.demand;
  return part < 1e-9 ? 0 : part;
}
