/**
 * "Capacity survives 1 region": with so many regions lost and all else well, the declared demand
 * still fits. Called by prove.ts. The product's own allocate() and decide() are asked, once for
 * each choice of lost regions. A pool that is filled gets a little more than it should, since what
 * pools keep and shares are rounded; so much is not held against it.
 */
import type { Claim } from "../config/assertions.ts";
import { limits } from "../limits.ts";
import type {
  CapacityService,
  ClassIndex,
  EndpointIndex,
  Policy,
  RegionIndex,
} from "../policy/policy.ts";
import { amountOf, withAllocation } from "../steer/allocate.ts";
import { decide } from "../steer/decide.ts";
import type { World } from "../world/world.ts";
import { setEndpointState } from "./endpoint-state.ts";
import { goodDayWorld } from "./good-day.ts";

export type CapacityClaim = Extract<Claim, { readonly kind: "capacity" }>;

export interface CapacityFound {
  readonly outcome: "holds" | "violated" | "undecided";
  readonly decisions: number;
  /** The fullest that anything gets, or why it cannot be told. */
  readonly detail: string;
  /** When violated: the regions lost, fewest first, and whom it meets. */
  readonly lost: readonly RegionIndex[];
  readonly service: CapacityService | undefined;
  readonly sentence: string;
}

/** Load of one limit, or demand that is refused, with these regions lost. */
interface Worst {
  /** In thousandths of the unit: the load, the part of it that rounding may have brought. */
  readonly load: number;
  readonly rounding: number;
  /** How much there is. */
  readonly amount: number;
  readonly text: string;
  readonly service: CapacityService | undefined;
}

export function proveCapacity(
  policy: Policy,
  input: {
    readonly claim: CapacityClaim;
    /** Names; undefined for all. */
    readonly services: readonly string[] | undefined;
    readonly decisionsMax: number;
  },
): CapacityFound {
  const { claim, services: named } = input;
  const nothing = { decisions: 0, lost: [], service: undefined, sentence: "" } as const;
  const services = (policy.capacity?.services ?? []).filter(
    ({ service, demand }) =>
      demand !== undefined &&
      (named === undefined || named.includes(policy.services[service]?.name ?? "")),
  );
  if (services.length === 0) {
    const detail = "no service it is about has both a capacity and a declared demand";
    return { ...nothing, outcome: "undecided", detail };
  }
  let decisions = 0;
  let worst: Worst | undefined;
  for (const lost of choices(policy.regions.length, claim.regionsDown)) {
    if (decisions > input.decisionsMax) {
      return { ...nothing, decisions, outcome: "undecided", detail: "too many regions to lose" };
    }
    const world = withAllocation(policy, worldWithout(policy, lost));
    const found = worstOf(policy, world, { services, lost });
    decisions += found.decisions;
    for (const each of found.all) {
      if (each.load - each.rounding > each.amount) {
        const sentence = `${each.text}, more than there is${lostText(policy, lost)}`;
        const detail = fullText(each);
        return { outcome: "violated", decisions, detail, lost, service: each.service, sentence };
      }
      if (worst === undefined || each.load * worst.amount > worst.load * each.amount) worst = each;
    }
  }
  const detail = worst === undefined ? "" : fullText(worst);
  return { ...nothing, decisions, outcome: "holds", detail };
}

/** Each place of both walks may leave a part of 4,096 that is divided in proportion. */
const roundedPlaces = 2 * limits.capacityTiersMax;

/** Every choice of at most `most` of `count` regions, fewest first, in order. */
function* choices(count: number, most: number): Generator<readonly RegionIndex[]> {
  function* of(size: number, from: number): Generator<readonly RegionIndex[]> {
    if (size === 0) return yield [];
    for (let region = from; region < count; region++) {
      for (const rest of of(size - 1, region + 1)) yield [region as RegionIndex, ...rest];
    }
  }
  for (let size = 0; size <= Math.min(most, count); size++) yield* of(size, 0);
}

function worldWithout(policy: Policy, lost: readonly RegionIndex[]): World {
  const world = goodDayWorld(policy);
  policy.endpoints.forEach(({ pool }, endpoint) => {
    const region = policy.pools[pool]?.region;
    if (region === undefined || !lost.includes(region)) return;
    // Forced down rather than down: endpoints without a monitor are lost as well.
    setEndpointState(policy, world, {
      endpoint: endpoint as EndpointIndex,
      state: { kind: "forced-down", lastGood: true },
    });
  });
  return world;
}

function worstOf(
  policy: Policy,
  world: World,
  of: { readonly services: readonly CapacityService[]; readonly lost: readonly RegionIndex[] },
): { readonly all: readonly Worst[]; readonly decisions: number } {
  const loads = new Map<number, number>();
  const all: Worst[] = [];
  /** By pool, the demand of classes of which some goes there. */
  const touched = new Map<number, number>();
  let decisions = 0;
  for (const each of policy.capacity?.services ?? []) {
    const { firstPool = 0, name = "" } = policy.services[each.service] ?? {};
    let refused = 0;
    each.demand?.forEach((demand, classIndex) => {
      if (demand === 0) return;
      decisions++;
      const { pools } = decide(policy, world, each.service, classIndex as ClassIndex);
      if (pools.length === 0) refused += demand;
      for (const { pool, share } of pools) {
        const index = firstPool + pool;
        loads.set(index, (loads.get(index) ?? 0) + (demand * share) / limits.shareTotal);
        touched.set(index, (touched.get(index) ?? 0) + demand);
      }
    });
    if (refused === 0 || !of.services.includes(each)) continue;
    const text = `${refused / 1000} of the demand for ${name} is refused`;
    all.push({ load: refused, rounding: 0, amount: 0, text, service: each });
  }
  policy.capacity?.limits.forEach(({ name, unit, pools }, limit) => {
    const service = of.services.find((each) => each.limits.includes(limit));
    if (service === undefined) return;
    const load = pools.reduce((sum, pool) => sum + (loads.get(pool) ?? 0), 0);
    // A region that is lost has nothing, whatever is written.
    const isLost = pools.every((pool) =>
      of.lost.includes(policy.pools[pool]?.region as RegionIndex),
    );
    const amount = isLost ? 0 : amountOf(policy, world, limit);
    const near = pools.reduce((sum, pool) => sum + (touched.get(pool) ?? 0), 0);
    const rounding = (load * roundedPlaces) / limits.keepFull + near / limits.shareTotal;
    const text = `${name} gets ${Math.round(load) / 1000} of ${amount / 1000} ${unit}`;
    all.push({ load, rounding, amount, text, service });
  });
  return { all, decisions };
}

const fullText = ({ text, load, amount }: Worst): string =>
  amount === 0 ? text : `the fullest is ${((load * 100) / amount).toFixed(1)}%: ${text}`;

function lostText(policy: Policy, lost: readonly RegionIndex[]): string {
  if (lost.length === 0) return "";
  return ` while ${lost.map((region) => policy.regions[region]?.name ?? "").join(" and ")} is lost`;
}

/** How many endpoints are not as on a good day. */
export function lostEndpoints(policy: Policy, lost: readonly RegionIndex[]): number {
  return policy.endpoints.filter(({ pool }) => {
    const region = policy.pools[pool]?.region;
    return region !== undefined && lost.includes(region);
  }).length;
}
