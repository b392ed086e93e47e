/**
 * Load against capacity in a plan. Called by plan.ts: `allocatedSide` spreads the plan's demand
 * over a revision's capacity before any class is asked about, `LimitLoads` adds up what each limit
 * gets. Demand in requests a second is forecast for services whose capacity is in them; others are
 * steered by what the configuration declares, or by their load.
 */
import type { Capacity, CapacityService, Policy, ServiceIndex } from "../policy/policy.ts";
import { allocate, amountOf, withAllocation } from "../steer/allocate.ts";
import type { World } from "../world/world.ts";
import type { Demand } from "./demand.ts";
import type { PairDemand } from "./plan-flow.ts";
import type { Places } from "./plan-places.ts";
import type { Steering } from "./plan-steering.ts";

export interface LimitPlan {
  /** `region fra`, or `shop/fra`. */
  readonly limit: string;
  readonly unit: string;
  /** How much there is in the World of the plan; null where the revision has no such limit. */
  readonly capacityBefore: number | null;
  readonly capacityAfter: number | null;
  /** null where the demand is not in its unit. */
  readonly loadBefore: number | null;
  readonly loadAfter: number | null;
}

interface Side {
  readonly policy: Policy;
  readonly world: World;
}

const unitOfDemand = "rps";

/** What a revision declares of requests a second, where its geography knows the places. */
export function declaredRows(policy: Policy, places: Places): Demand | undefined {
  const otherUnit = new Set(
    (policy.capacity?.services ?? []).flatMap(({ service, limits: [limit = -1] }) =>
      policy.capacity?.limits[limit]?.unit === unitOfDemand ? [] : [policy.services[service]?.name],
    ),
  );
  const rows = (policy.demand ?? []).filter(
    ({ service, location, amount }) =>
      amount > 0 && places.has(location) && !otherUnit.has(service),
  );
  if (rows.length === 0) return undefined;
  const place = { file: "demand", line: 1, column: 1 };
  return { unit: unitOfDemand, rows: rows.map((row) => ({ ...row, place })) };
}

/** The side with its demand counted by class, and its World allocated by it. */
export function allocatedSide(side: Side, demand: Demand | undefined, places: Places): Side {
  const { capacity } = side.policy;
  if (capacity === undefined) return side;
  const policy =
    demand?.unit === unitOfDemand
      ? { ...side.policy, capacity: withDemand(side.policy, { capacity, demand, places }) }
      : side.policy;
  if (allocate(policy, side.world, side.world.at) === undefined) return side;
  return { policy, world: withAllocation(policy, side.world) };
}

function withDemand(
  policy: Policy,
  of: { readonly capacity: Capacity; readonly demand: Demand; readonly places: Places },
): Capacity {
  const { capacity, demand, places } = of;
  const services = capacity.services.map((each): CapacityService => {
    const service = policy.services[each.service]!;
    const unit = capacity.limits[each.limits[0] ?? -1]?.unit;
    const ruleSet = policy.ruleSets[service.ruleSet]!;
    const rows = demand.rows.filter((row) => row.service === service.name);
    if (unit !== unitOfDemand || rows.length === 0) return each;
    const byClass = new Array<number>(ruleSet.classes.length).fill(0);
    for (const { location, amount } of rows) {
      for (const { after, part } of places.pairsOf(location, { before: ruleSet, after: ruleSet })) {
        byClass[after] = (byClass[after] ?? 0) + Math.round(part * amount * 1000);
      }
    }
    return { ...each, demand: byClass };
  });
  return { ...capacity, services };
}

export type SideName = "before" | "after";

export class LimitLoads {
  readonly #steering: Readonly<Record<SideName, Steering>>;
  readonly #loads: Readonly<Record<SideName, Map<number, number>>> = {
    before: new Map(),
    after: new Map(),
  };
  readonly #counts: boolean;

  constructor(steering: Readonly<Record<SideName, Steering>>, demand: Demand | undefined) {
    this.#steering = steering;
    this.#counts = demand?.unit === unitOfDemand;
  }

  /** Adds a service's demand to the pools it goes to. */
  add(
    service: ServiceIndex,
    of: { readonly side: SideName; readonly pairs: readonly PairDemand[]; readonly weight: number },
  ): void {
    const steering = this.#steering[of.side];
    if (!this.#counts || of.weight === 0 || steering.policy.capacity === undefined) return;
    const { firstPool } = steering.policy.services[service]!;
    const loads = this.#loads[of.side];
    for (const pair of of.pairs) {
      for (const { pool, share } of steering.poolsOf(service, pair[of.side])) {
        const index = firstPool + pool;
        loads.set(index, (loads.get(index) ?? 0) + (pair.demand * of.weight * share) / 65_536);
      }
    }
  }

  /** By name. */
  limits(): readonly LimitPlan[] {
    const sides = { before: this.#limitsOf("before"), after: this.#limitsOf("after") };
    const names = [...new Set([...sides.before.keys(), ...sides.after.keys()])].sort();
    return names.map((limit) => {
      const [before, after] = [sides.before.get(limit), sides.after.get(limit)];
      return {
        limit,
        unit: (after ?? before)?.unit ?? "",
        capacityBefore: before?.capacity ?? null,
        capacityAfter: after?.capacity ?? null,
        loadBefore: before?.load ?? null,
        loadAfter: after?.load ?? null,
      };
    });
  }

  #limitsOf(side: SideName) {
    const { policy, world } = this.#steering[side];
    const loads = this.#loads[side];
    return new Map(
      (policy.capacity?.limits ?? []).map(({ name, unit, pools }, limit) => {
        const load = pools.reduce((sum, pool) => sum + (loads.get(pool) ?? 0), 0);
        const capacity = amountOf(policy, world, limit) / 1000;
        const counts = this.#counts && unit === unitOfDemand;
        return [name, { unit, capacity, load: counts ? load : null }];
      }),
    );
  }
}
