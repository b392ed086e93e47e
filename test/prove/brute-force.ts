/**
 * The prover's oracle: small random policies, every state of their endpoints one by one through
 * decide(), and what the assertions say of a decision written out plainly.
 */
import type { Claim } from "../../src/config/assertions.ts";
import { simulatedEntropy } from "../../src/lib/entropy.ts";
import type {
  ClassIndex,
  HealthSteering,
  Plan,
  Policy,
  PoolOrdinal,
  ServiceIndex,
} from "../../src/policy/policy.ts";
import type { Claims } from "../../src/prove/claims.ts";
import { type EndpointState, setEndpointState } from "../../src/prove/endpoint-state.ts";
import { goodDayWorld } from "../../src/prove/good-day.ts";
import { serving } from "../../src/prove/subject.ts";
import { condition, conditions } from "../../src/steer/carry.ts";
import { decide } from "../../src/steer/decide.ts";
import type { Decision } from "../../src/steer/decision.ts";
import type { World } from "../../src/world/world.ts";
import { type PoolSketch, policyOf } from "../support/steer-fixture.ts";

export class Dice {
  readonly #draw: () => number;
  constructor(seed: number) {
    const entropy = simulatedEntropy(seed);
    this.#draw = () => entropy.draw32();
  }
  below(n: number): number {
    return this.#draw() % n;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
}

export function randomPlan(dice: Dice, pools: readonly PoolOrdinal[], depth: number): Plan {
  const [only] = pools;
  if (pools.length === 1 && only !== undefined) return { kind: "pool", pool: only };
  const children: Plan[] = [];
  for (let at = 0; at < pools.length; ) {
    const size = depth === 0 ? 1 : 1 + dice.below(Math.max(1, pools.length - 1));
    children.push(randomPlan(dice, pools.slice(at, at + size), depth - 1));
    at += size;
  }
  if (dice.chance(55)) return { kind: "first", children };
  const weights = children.map(() => (dice.chance(12) ? 0 : 1 + dice.below(4)));
  return { kind: "split", children, weights };
}

export interface SmallCase {
  readonly policy: Policy;
  readonly claims: (claim: Claim) => Claims;
  readonly residency: readonly string[] | undefined;
}

/** One service, one class, at most four endpoints. */
export function smallCase(seed: number, health?: HealthSteering): SmallCase {
  const dice = new Dice(seed);
  const fallback = dice.pick(["refuse", "serve-all", "last-good", "fixed"] as const);
  let left = 4;
  const pools: PoolSketch[] = [];
  const wanted = 1 + dice.below(fallback === "fixed" ? 2 : 3);
  while (pools.length < wanted && left > 0) {
    const count = Math.min(left, 1 + dice.below(2));
    left -= count;
    pools.push({
      region: `r${dice.chance(80) ? pools.length : 0}`,
      name: `p${pools.length}`,
      weights: Array.from({ length: count }, () => (dice.chance(10) ? 0 : 1 + dice.below(3))),
      minimum: dice.chance(70) ? 1 : count,
      standby: dice.chance(75) ? "no" : dice.pick(["manual", "auto"]),
      monitored: !dice.chance(10),
    });
  }
  const planned = pools.length;
  if (fallback === "fixed") pools.push({ region: `r${dice.below(4)}`, weights: [1], fixed: true });
  const order = Array.from({ length: planned }, (_, i) => i as PoolOrdinal);
  if (dice.chance(50)) order.reverse();
  const plan = randomPlan(dice, order, 2);
  const residency = dice.chance(50) ? ["EU"] : undefined;
  const jurisdictions = new Map<string, readonly string[]>();
  for (let r = 0; r < 5; r++) jurisdictions.set(`r${r}`, dice.chance(70) ? ["EU"] : ["US"]);
  const inside = (region: string): boolean =>
    residency === undefined || (jurisdictions.get(region) ?? []).includes("EU");
  const allowed = pools.map(({ region = "" }) => inside(region));
  const answers = 1 + dice.below(2);
  const members = allowed.map((is, i) => is && serving(plan).includes(i as PoolOrdinal));
  const panic = health?.panic && { ...health.panic, pools: members };
  const counted = health && { ...health, panic };
  const sketch = { pools, classes: [{ plan, allowed }], fallback, answers, health: counted };
  const made = policyOf([sketch]);
  const policy: Policy = {
    ...made,
    regions: made.regions.map((region) => ({
      ...region,
      jurisdictions: jurisdictions.get(region.name) ?? [],
    })),
  };
  const name = policy.services[0]?.name ?? "";
  return {
    policy,
    residency,
    claims: (claim) => ({
      assertions: [{ assertion: { claim }, text: claim.kind, path: "assert.0", place: undefined }],
      residency: new Map(residency === undefined ? [] : [[name, residency]]),
    }),
  };
}

const good = (kind: EndpointState["kind"]): EndpointState => ({ kind, lastGood: true });
const bad = (kind: EndpointState["kind"]): EndpointState => ({ kind, lastGood: false });
const monitored: readonly EndpointState[] = [
  ...(["up", "ramping", "held", "unknown", "down"] as const).flatMap((kind) => [
    good(kind),
    bad(kind),
  ]),
  good("drained"),
];
const unmonitored: readonly EndpointState[] = [good("up"), bad("up"), good("drained")];

export interface Enumerated {
  readonly states: number;
  /** Fewest changes of a state in which the claim does not hold; undefined if it always does. */
  readonly fewest: number | undefined;
}

export type DecideFunction = (policy: Policy, world: World) => Decision;
const product: DecideFunction = (policy, world) =>
  decide(policy, world, 0 as ServiceIndex, 0 as ClassIndex);

/** Every state of every endpoint of the case, through `decideState`. */
export function enumerate(
  small: SmallCase,
  claim: Claim,
  decideState: DecideFunction = product,
): Enumerated {
  const { policy } = small;
  const world = goodDayWorld(policy);
  // How little a returning pool takes makes a difference where tiers add up.
  const availability = policy.services[0]?.health === undefined ? 128 : 1;
  const watched = monitored.map((state) =>
    state.kind === "ramping" ? { ...state, availability } : state,
  );
  const manual = policy.pools.flatMap((pool, i) => (pool.standby === "manual" ? [i] : []));
  let [states, fewest] = [0, undefined as number | undefined];
  const changedIn = policy.endpoints.map(() => false);
  const look = (changes: number): void => {
    states++;
    if (fewest !== undefined && changes >= fewest) return;
    if (!counts(small, world, { claim, changedIn })) return;
    if (!holds(small, world, { claim, decision: decideState(policy, world) })) fewest = changes;
  };
  const walk = (endpoint: number, changes: number): void => {
    if (endpoint === policy.endpoints.length) {
      look(changes);
      return;
    }
    const row = policy.endpoints[endpoint];
    // Endpoints of weight 0 take no part in anything.
    const list = row?.weight === 0 ? [good("up")] : row?.monitor === -1 ? unmonitored : watched;
    list.forEach((state, i) => {
      setEndpointState(policy, world, { endpoint, state });
      changedIn[endpoint] = i > 0;
      walk(endpoint + 1, changes + (i > 0 ? 1 : 0));
    });
    changedIn[endpoint] = false;
  };
  for (let bits = 0; bits < 2 ** manual.length; bits++) {
    manual.forEach((pool, i) => {
      world.pools.active[pool] = (bits >> i) & 1;
    });
    walk(0, manual.filter((_, i) => ((bits >> i) & 1) === 1).length);
  }
  return { states, fewest };
}

/** Whether decide() itself breaks the claim in a state. */
export function violates(small: SmallCase, world: World, claim: Claim): boolean {
  return !holds(small, world, { claim, decision: product(small.policy, world) });
}

/** Is the state one that the claim speaks of? */
function counts(
  small: SmallCase,
  world: World,
  at: { readonly claim: Claim; readonly changedIn: readonly boolean[] },
): boolean {
  const { policy } = small;
  const { claim } = at;
  if (claim.kind === "answer-regions" || claim.kind === "share") {
    const regions = new Set<number>();
    at.changedIn.forEach((changed, endpoint) => {
      const pool = policy.pools[policy.endpoints[endpoint]?.pool ?? -1];
      if (changed && pool !== undefined) regions.add(pool.region);
    });
    return regions.size <= claim.regionsDown;
  }
  if (claim.kind !== "answer-endpoints") return true;
  const inPlan = new Set<number>();
  const walk = (plan: Plan): void => {
    if (plan.kind === "pool") inPlan.add(plan.pool);
    else
      plan.children.forEach((child, i) => {
        if (plan.kind === "first" || plan.weights[i] !== 0) walk(child);
      });
  };
  const classPlan = policy.ruleSets[0]?.classes[0];
  if (classPlan !== undefined) walk(classPlan.plan);
  const up = policy.endpoints.filter((endpoint, i) => {
    const pool = policy.pools[endpoint.pool];
    const active = pool?.standby !== "manual" || world.pools.active[endpoint.pool] === 1;
    const inside = classPlan?.allowed[endpoint.pool] === true;
    const is = condition(world, i as Parameters<typeof condition>[1]);
    return (
      endpoint.weight > 0 && active && inside && inPlan.has(endpoint.pool) && is === conditions.up
    );
  });
  return up.length >= claim.endpointsUp;
}

/** What the claim says of a decision. */
function holds(
  small: SmallCase,
  world: World,
  at: { readonly claim: Claim; readonly decision: Decision },
): boolean {
  const { policy, residency } = small;
  const endpoints = at.decision.answers.flatMap((answer) => [...answer.endpoints]);
  if (at.claim.kind === "residency") {
    return endpoints.every((endpoint) => {
      const region = policy.pools[policy.endpoints[endpoint]?.pool ?? -1]?.region ?? -1;
      const jurisdictions = policy.regions[region]?.jurisdictions ?? [];
      return residency === undefined || jurisdictions.some((each) => residency.includes(each));
    });
  }
  return (
    at.decision.outcome === "answer" &&
    endpoints.every((endpoint) => condition(world, endpoint) !== conditions.down)
  );
}
