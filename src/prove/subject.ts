/**
 * What is proved at a time: one class of one service, with its pools put in the order in which the
 * plan names them. Called by prove.ts. Classes that differ in names and numbers only, such as the
 * many orders of `nearest`, come out equal and are proved once.
 */
import { assert } from "../errors.ts";
import type {
  ClassPlan,
  Plan,
  Policy,
  PoolIndex,
  PoolOrdinal,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import type { PoolDomain, PoolDomains } from "./pool-states.ts";

export interface Subject {
  readonly index: ServiceIndex;
  readonly classIndex: number;
  /** Equal for subjects of which the same holds. */
  readonly key: string;
  /** As attempt() takes them, over the new ordinals. */
  readonly service: Service;
  readonly classPlan: ClassPlan;
  /** By new ordinal, all that follow. */
  readonly pools: readonly PoolIndex[];
  readonly domains: readonly PoolDomain[];
  /** Equal numbers: one region. */
  readonly regions: readonly number[];
  /** Outside what the service's residency says, as the operator wrote it, or the class's set. */
  readonly outside: readonly boolean[];
  /** In the plan with a weight, and inside: what "allowed to serve" means. */
  readonly mayServe: readonly boolean[];
  readonly before: readonly number[];
}

export interface SubjectInput {
  readonly index: ServiceIndex;
  readonly classIndex: number;
  readonly domains: PoolDomains;
  /** Jurisdictions of the service's residency; undefined for anywhere. */
  readonly residency: readonly string[] | undefined;
  /** Weights are what they are, or only zero or not. */
  readonly weights: "exact" | "zero-or-not";
  /** Costs count: pools of equal behaviour but other numbers of endpoints are not equal. */
  readonly costs: boolean;
}

export function isOutside(
  policy: Policy,
  pool: PoolIndex,
  residency: readonly string[] | undefined,
): boolean {
  const region = policy.regions[policy.pools[pool]?.region ?? -1];
  if (residency === undefined) return false;
  return region === undefined || !region.jurisdictions.some((each) => residency.includes(each));
}

export function subjectOf(policy: Policy, input: SubjectInput): Subject {
  const { index, classIndex } = input;
  const service = policy.services[index];
  const original = policy.ruleSets[service?.ruleSet ?? -1]?.classes[classIndex];
  assert(service !== undefined && original !== undefined, "service and class in range");
  const order = orderOf(original.plan, service);
  const place = new Map(order.map((old, now) => [old, now as PoolOrdinal]));
  const at = (old: PoolOrdinal): PoolOrdinal => place.get(old) ?? old;
  const pools = order.map((old) => (service.firstPool + old) as PoolIndex);
  const domains = pools.map((pool) => input.domains.of(pool, service.fallback));
  const regions = regionsOf(policy, pools);
  // The class's own set, of `residency.clients`, is the policy's; `only` is read anew.
  const outside = pools.map(
    (pool, now) =>
      isOutside(policy, pool, input.residency) || original.allowed[order[now] ?? -1] !== true,
  );
  const plan = renumber(original.plan, at, input.weights);
  const named = new Set(serving(plan));
  const mayServe = pools.map((_, now) => named.has(now as PoolOrdinal) && outside[now] !== true);
  const allowed = order.map((old) => original.allowed[old] === true);
  const fixedPool = service.fixedPool === -1 ? -1 : at(service.fixedPool);
  const health = renumberHealth(service.health, order);
  const ids = domains.map((domain) => (input.costs ? domain.costKey : domain.key));
  const facts = pools.map((_, i) => [ids[i], regions[i], outside[i], allowed[i]]);
  return {
    index,
    classIndex,
    key: JSON.stringify([plan, service.fallback, health, fixedPool, facts]),
    service: { ...service, firstPool: 0 as PoolIndex, fixedPool, health },
    classPlan: { ...original, plan, allowed, ranking: original.ranking.map(at) },
    pools,
    domains,
    regions,
    outside,
    mayServe,
    before: interchangeable(plan, facts),
  };
}

/** Equal for services whose classes are alike, one by one. */
export function serviceKey(
  policy: Policy,
  input: Pick<SubjectInput, "index" | "domains" | "residency">,
): string {
  const service = policy.services[input.index];
  assert(service !== undefined, "service index in range");
  const { ruleSet, fallback, health, fixedPool, poolCount } = service;
  const facts = Array.from({ length: poolCount }, (_, ordinal) => {
    const pool = (service.firstPool + ordinal) as PoolIndex;
    const { region, name } = policy.pools[pool] ?? {};
    const domain = input.domains.of(pool, fallback);
    return [domain.key, region, name, isOutside(policy, pool, input.residency)];
  });
  return JSON.stringify([ruleSet, fallback, health, fixedPool, facts]);
}

/** Pools in the order the plan names them, then those it does not name. */
function orderOf(plan: Plan, service: Service): readonly PoolOrdinal[] {
  const order: PoolOrdinal[] = [];
  const walk = (node: Plan): void => {
    if (node.kind === "pool") order.push(node.pool);
    else node.children.forEach(walk);
  };
  walk(plan);
  const named = new Set(order);
  for (let ordinal = 0; ordinal < service.poolCount; ordinal++) {
    if (!named.has(ordinal as PoolOrdinal)) order.push(ordinal as PoolOrdinal);
  }
  return order;
}

function renumber(
  plan: Plan,
  at: (old: PoolOrdinal) => PoolOrdinal,
  weights: SubjectInput["weights"],
): Plan {
  if (plan.kind === "pool") return { kind: "pool", pool: at(plan.pool) };
  const children = plan.children.map((child) => renumber(child, at, weights));
  if (plan.kind === "first") return { kind: "first", children };
  const exact = weights === "exact";
  return { ...plan, children, weights: plan.weights.map((w) => (exact ? w : Math.min(1, w))) };
}

function renumberHealth(
  health: Service["health"],
  order: readonly PoolOrdinal[],
): Service["health"] {
  if (health?.panic === undefined) return health;
  const { hundredths, pools } = health.panic;
  return { ...health, panic: { hundredths, pools: order.map((old) => pools[old] === true) } };
}

/** Pools of the plan that are not below a weight of 0. */
export function serving(plan: Plan): readonly PoolOrdinal[] {
  if (plan.kind === "pool") return [plan.pool];
  return plan.children.flatMap((child, i) =>
    plan.kind === "split" && plan.weights[i] === 0 ? [] : serving(child),
  );
}

function regionsOf(policy: Policy, pools: readonly PoolIndex[]): readonly number[] {
  const numbers = new Map<number, number>();
  return pools.map((pool) => {
    const region = policy.pools[pool]?.region ?? -1;
    const known = numbers.get(region) ?? numbers.size;
    numbers.set(region, known);
    return known;
  });
}

/**
 * Pools side by side in one `split`, of equal weight and alike in all else, each alone in its
 * region: whatever holds of a state holds of it with two of them exchanged.
 */
function interchangeable(plan: Plan, facts: readonly (readonly unknown[])[]): readonly number[] {
  const before = facts.map(() => -1);
  const alone = (pool: number): boolean =>
    facts.filter((fact) => fact[1] === facts[pool]?.[1]).length === 1;
  const walk = (node: Plan): void => {
    if (node.kind === "pool") return;
    const last = new Map<string, number>();
    node.children.forEach((child, i) => {
      walk(child);
      if (node.kind !== "split" || child.kind !== "pool" || !alone(child.pool)) return;
      const [id, , outside, allowed] = facts[child.pool] ?? [];
      const group = JSON.stringify([node.weights[i], id, outside, allowed]);
      before[child.pool] = last.get(group) ?? -1;
      last.set(group, child.pool);
    });
  };
  walk(plan);
  return before;
}
