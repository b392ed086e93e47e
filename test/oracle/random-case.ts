/**
 * Random (policy, world, class) cases for the differential test: small policies whose plans nest,
 * and worlds in which something is usually going on. Every case follows from its seed.
 */

import { simulatedEntropy } from "../../src/lib/entropy.ts";
import type {
  CellIndex,
  ClassPlan,
  HealthSteering,
  Plan,
  Policy,
  PoolOrdinal,
  RegionIndex,
} from "../../src/policy/policy.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { forced, verdict, type World } from "../../src/world/world.ts";
import { testMonitor } from "../support/steer-fixture.ts";
import type { Seen } from "./scene.ts";

export interface RandomCase {
  readonly policy: Policy;
  readonly world: World;
  readonly seen: Seen;
}

class Dice {
  readonly #draw: () => number;
  constructor(seed: number) {
    const entropy = simulatedEntropy(seed);
    this.#draw = () => entropy.draw32();
  }
  below(n: number): number {
    return this.#draw() % n;
  }
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
}

/** A plan over some of the pools, each at most once. */
function randomPlan(dice: Dice, pools: PoolOrdinal[], depth: number): Plan {
  const [only, second] = pools;
  if (only !== undefined && second === undefined && (depth === 0 || dice.chance(80))) {
    return { kind: "pool", pool: only };
  }
  const parts: PoolOrdinal[][] = [[]];
  for (const pool of pools) {
    if (depth <= 0 || dice.chance(60)) parts.push([pool]);
    else parts[dice.below(parts.length)]?.push(pool);
  }
  const children = parts
    .filter((part) => part.length > 0)
    .map((part) => randomPlan(dice, part, depth - 1));
  if (dice.chance(55)) return { kind: "first", children };
  const weights = children.map(() => (dice.chance(12) ? 0 : dice.between(1, 9)));
  return { kind: "split", children, weights };
}

function shuffled(dice: Dice, count: number): PoolOrdinal[] {
  const list = Array.from({ length: count }, (_, i) => i as PoolOrdinal);
  for (let i = count - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    const held = list[i] as PoolOrdinal;
    list[i] = list[j] as PoolOrdinal;
    list[j] = held;
  }
  return list;
}

function randomPolicy(dice: Dice): Policy {
  const fallback = dice.pick(["refuse", "serve-all", "last-good", "fixed"] as const);
  const planned = dice.between(1, 5);
  const poolCount = planned + (fallback === "fixed" ? 1 : 0);
  const pools: Policy["pools"][number][] = [];
  const endpoints: Policy["endpoints"][number][] = [];
  for (let ordinal = 0; ordinal < poolCount; ordinal++) {
    const fixed = ordinal === planned;
    const endpointCount = fixed ? dice.between(1, 2) : dice.between(dice.chance(70) ? 2 : 1, 4);
    const standby = fixed || dice.chance(75) ? "no" : dice.pick(["manual", "auto"]);
    const requires = standby !== "no" && dice.chance(40);
    pools.push({
      ...(requires ? { requires: { kind: "count", atLeast: 1, of: [] } } : {}),
      service: 0,
      region: ordinal,
      name: `p${ordinal}`,
      firstEndpoint: endpoints.length,
      endpointCount,
      minimum: dice.chance(70) ? 1 : dice.between(1, endpointCount),
      standby,
      fixed,
    } as unknown as Policy["pools"][number]);
    for (let i = 0; i < endpointCount; i++) {
      endpoints.push({
        pool: ordinal,
        name: `e${endpoints.length}`,
        identity: `e${endpoints.length}`,
        ipv4: Uint8Array.of(192, 0, 2, endpoints.length),
        ipv6: new Uint8Array(),
        host: "",
        cname: false,
        port: 0,
        weight: dice.chance(8) ? 0 : dice.between(1, 5),
        monitor: fixed || dice.chance(5) ? -1 : 0,
      } as unknown as Policy["endpoints"][number]);
    }
  }
  // Some pools stand in no plan: they serve nobody, in the fallback neither.
  const inPlan = shuffled(dice, planned).slice(0, dice.chance(85) ? planned : 1);
  const plan: ClassPlan = {
    plan: randomPlan(dice, inPlan, dice.between(0, 4)),
    allowed: pools.map(() => dice.chance(90)),
    rule: 0,
    ranking: dice.chance(30) ? inPlan : [],
  };
  const measured = measuredTiers(dice, plan.plan);
  if (measured !== undefined) Object.assign(plan, { measured, ranking: inPlan });
  return {
    digest: "0".repeat(64),
    regions: pools.map((_, i) => ({ name: `r${i}`, jurisdictions: [], latitude: 0, longitude: 0 })),
    latency: measured && {
      cells: [
        { name: "DE", country: "DE", asn: 0 },
        { name: "FR", country: "FR", asn: 0 },
      ],
      windowMs: 600_000,
      ageMs: 3_600_000,
      marginHundredths: 1000,
      observerCell: -1,
    },
    capacity: dice.chance(40)
      ? {
          limits: [],
          services: [
            { service: 0, limits: [], targetHundredths: 7000, shed: undefined, demand: undefined },
          ],
          pools: pools.flatMap((_, i) => (i < planned && dice.chance(70) ? [i] : [])),
        }
      : undefined,
    monitors: [testMonitor],
    pools,
    endpoints,
    services: [
      {
        name: "s",
        ruleSet: 0,
        firstPool: 0,
        poolCount,
        fallback,
        health: randomHealth(dice, planMembers(plan)),
        fixedPool: fallback === "fixed" ? planned : -1,
        key: "query",
        answers: dice.chance(50) ? 1 : dice.between(2, 4),
        ttlSecondsMin: 30,
        ttlSecondsMax: 30,
      },
    ],
    ruleSets: [
      {
        rules: [
          {
            when: dice.chance(50) ? 'country == "DE"' : "",
            steer: "x",
            ...(dice.chance(10) && { cohort: "office" }),
          },
        ],
        classes: [plan],
      },
    ],
  } as unknown as Policy;
}

/** Half the services opt in to nothing. */
function randomHealth(dice: Dice, pools: readonly boolean[]): HealthSteering | undefined {
  if (dice.chance(50)) return undefined;
  const spill = dice.chance(70);
  const overprovisioningPercent = dice.pick([100, 140, 140, 175, 250]);
  const hundredths = dice.pick([3000, 5000, 9000]);
  const panic = dice.chance(40) ? { hundredths, pools } : undefined;
  return { overprovisioningPercent, spill, locality: !spill || dice.chance(60), panic };
}

/** By ordinal: may serve the only class. */
function planMembers({ plan, allowed }: ClassPlan): readonly boolean[] {
  const members = new Set<number>();
  const walk = (node: Plan): void => {
    if (node.kind === "pool") members.add(node.pool);
    else {
      node.children.forEach((child, i) => {
        if (node.kind === "first" || node.weights[i] !== 0) walk(child);
      });
    }
  };
  walk(plan);
  return allowed.map((is, ordinal) => is && members.has(ordinal));
}

/** Sometimes the plan is one that latency may reorder. */
function measuredTiers(dice: Dice, plan: Plan): ClassPlan["measured"] {
  if (plan.kind !== "first" || !dice.chance(35)) return undefined;
  const [head] = plan.children;
  const standby = head?.kind === "first" && dice.chance(70);
  const ranked = standby && head.kind === "first" ? head : plan;
  // A tier's region is that of its first pool: in these policies each pool has its own.
  const regionOf = (node: Plan): number =>
    node.kind === "pool" ? node.pool : regionOf(node.children[0] as Plan);
  const regions = ranked.children.map(regionOf) as unknown as readonly RegionIndex[];
  return { cell: 1 as CellIndex, standby, regions };
}

function randomWorld(dice: Dice, policy: Policy): World {
  const world = initialWorld(policy, 0);
  const columns = world.endpoints;
  // A mood for the whole world, so that "everything down" is not one case in a thousand.
  const mood = dice.pick([
    "fine",
    "fine",
    "mixed",
    "mixed",
    "bad",
    "dead",
    "returning",
    "returning",
  ] as const);
  const chances = {
    fine: { up: 85, down: 5, partial: 10, held: 3, forced: 4 },
    mixed: { up: 50, down: 25, partial: 40, held: 15, forced: 12 },
    bad: { up: 10, down: 70, partial: 30, held: 40, forced: 10 },
    dead: { up: 0, down: 97, partial: 0, held: 0, forced: 6 },
    returning: { up: 80, down: 15, partial: 60, held: 20, forced: 5 },
  }[mood];
  for (let e = 0; e < policy.endpoints.length; e++) {
    columns.lastGood[e] = dice.chance(40) ? 1 : 0;
    if (policy.endpoints[e]?.monitor !== -1) {
      const roll = dice.below(100);
      columns.verdict[e] =
        roll < chances.up
          ? verdict.up
          : roll < chances.up + chances.down
            ? verdict.down
            : verdict.unknown;
      columns.availability[e] = dice.chance(chances.held)
        ? 0
        : dice.chance(chances.partial)
          ? dice.between(1, 255)
          : 256;
      columns.waits[e] = columns.availability[e] === 0 && dice.chance(40) ? 1 : 0;
      columns.retained[e] = dice.chance(4) ? 1 : 0;
      columns.quarantined[e] = dice.chance(3) ? 1 : 0;
    }
    if (dice.chance(chances.forced)) {
      columns.forced[e] = dice.pick([forced.up, forced.down, forced.drain]);
    }
    columns.frozen[e] = dice.chance(5) ? 1 : 0;
  }
  for (const { firstEndpoint, endpointCount, fixed } of policy.pools) {
    // Of a pool all endpoints are, or none; the fixed one needs nobody.
    if (!fixed && dice.chance(4))
      columns.blocked.fill(1, firstEndpoint, firstEndpoint + endpointCount);
  }
  if (policy.capacity !== undefined) {
    world.services.allocation[0] = dice.between(0, 3);
    const { keep } = world.capacity;
    const full = dice.chance(20);
    keep.forEach((_, i) => {
      keep[i] = full || dice.chance(30) ? 0 : dice.chance(40) ? 4096 : dice.between(0, 4096);
    });
  }
  if (policy.latency !== undefined && dice.chance(80)) {
    const order = shuffled(dice, policy.regions.length).slice(0, dice.between(0, 5));
    order.forEach((region, place) => {
      world.latency.rank[policy.regions.length + region] = place + 1;
    });
  }
  policy.pools.forEach((pool, index) => {
    if (pool.standby === "manual") world.pools.active[index] = dice.chance(40) ? 1 : 0;
    if (pool.requires !== undefined && dice.chance(50)) world.pools.active[index] = 2;
  });
  return world;
}

export function randomCase(seed: number): RandomCase {
  const dice = new Dice(seed);
  const policy = randomPolicy(dice);
  return {
    policy,
    world: randomWorld(dice, policy),
    seen: dice.chance(90) ? "location" : dice.pick(["unknown", "span"]),
  };
}
