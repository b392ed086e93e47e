/**
 * Why a decision is what it is: docs/steering.md step 10. Called by decide.ts once the shares are
 * known. Reasons come out in the order of `reasonCodes`, those of one code by subject, so that two
 * equal decisions have equal reasons.
 */
import { limits } from "../limits.ts";
import type {
  EndpointIndex,
  Plan,
  Policy,
  Pool,
  PoolIndex,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import { isGated } from "../policy/pool-kinds.ts";
import { activity, forced, verdict, type World } from "../world/world.ts";
import { capacityReasons } from "./capacity-reasons.ts";
import {
  type Carry,
  carriedAll,
  carriedUp,
  condition,
  conditions,
  isActive,
  levelCount,
  levels,
} from "./carry.ts";
import type { Answer, Seen } from "./decision.ts";
import type { SteeredClass } from "./measured.ts";
import type { Attempt } from "./plan-shares.ts";
import { type Reason, type ReasonCode, reasonCodes } from "./reasons.ts";

export interface DecideFacts {
  readonly index: ServiceIndex;
  readonly service: Service;
  readonly classPlan: SteeredClass;
  readonly seen: Seen;
  readonly attempt: Attempt;
  readonly carry: Carry;
  readonly answers: readonly Answer[];
}

/** Where a pool stands in the plan. */
interface Position {
  /** Below at least one `first`. */
  readonly tiered: boolean;
  /** By the first child of each of them. */
  readonly preferred: boolean;
  /** Below a child of weight 0 of a `split`. */
  readonly weightless: boolean;
  /** Below a `split`. */
  readonly divided: boolean;
  /** Below a `split` of which two or more children have a share. */
  readonly shared: boolean;
}

interface Collected {
  readonly code: ReasonCode;
  readonly kind: 0 | 1 | 2;
  readonly index: number;
  readonly detail: string;
}

const order = new Map(Object.keys(reasonCodes).map((code, position) => [code, position]));

export function decideReasons(policy: Policy, world: World, facts: DecideFacts): readonly Reason[] {
  const found: Collected[] = [];
  const { service, classPlan, attempt } = facts;
  const positions = planPositions(classPlan.plan, attempt.shares);
  const withShare = new Set<number>(facts.answers.map((answer) => answer.endpoints[0] ?? -1));
  classReasons(policy, facts, found);
  capacityReasons(policy, world, facts, (code, kind, index, detail) => {
    found.push({ code, kind, index, detail });
  });
  for (let ordinal = 0; ordinal < service.poolCount; ordinal++) {
    const index = (service.firstPool + ordinal) as PoolIndex;
    const pool = policy.pools[index];
    if (pool === undefined) continue;
    const at = { pool, index, share: attempt.shares[ordinal] ?? 0, withShare };
    if (classPlan.allowed[ordinal] !== true) {
      found.push({ code: "residency.excluded", kind: 1, index, detail: "" });
      continue;
    }
    const position = positions.get(ordinal);
    if (position !== undefined) {
      if (!standbyReasons(world, at, found)) continue;
      positionReasons(position, at, found);
    } else if (!pool.fixed || !fixedAsked(service, attempt)) {
      continue;
    }
    poolReasons(policy, world, { ...at, shared: position?.shared === true }, found);
    if (position !== undefined) healthReasons(facts, { ...at, position, ordinal }, found);
    for (let k = 0; k < pool.endpointCount; k++) {
      const endpoint = (pool.firstEndpoint + k) as EndpointIndex;
      const asked = { endpoint, weight: policy.endpoints[endpoint]?.weight ?? 0 };
      const outcome = { answered: attempt.name !== "refuse", share: withShare.has(endpoint) };
      endpointReasons(world, { ...asked, ...outcome }, found);
    }
  }
  return found.sort(compare).map(toReason);
}

function compare(a: Collected, b: Collected): number {
  const code = (order.get(a.code) ?? 0) - (order.get(b.code) ?? 0);
  return code || a.kind - b.kind || a.index - b.index;
}

function toReason({ code, kind, index, detail }: Collected): Reason {
  if (kind === 0) return { code, subject: { kind: "service" }, detail };
  if (kind === 1) return { code, subject: { kind: "pool", pool: index }, detail };
  return { code, subject: { kind: "endpoint", endpoint: index }, detail };
}

/** The plan gave the shares. */
function byPlan({ name }: Attempt): boolean {
  return name !== "fixed" && name !== "refuse";
}

/** Step 6.3 came to the fixed pool: it served, or the service is refused although it has one. */
function fixedAsked(service: Service, attempt: Attempt): boolean {
  return service.fallback === "fixed" && (attempt.name === "fixed" || attempt.name === "refuse");
}

function classReasons(policy: Policy, facts: DecideFacts, found: Collected[]): void {
  const { service, classPlan, attempt, seen } = facts;
  const add = (code: ReasonCode, detail = "") => found.push({ code, kind: 0, index: 0, detail });
  const when = policy.ruleSets[service.ruleSet]?.rules[classPlan.rule]?.when ?? "";
  if (when === "") add("class.default");
  else add("class.rule", when);
  const cohort = policy.ruleSets[service.ruleSet]?.rules[classPlan.rule]?.cohort ?? "";
  if (cohort !== "") add("class.cohort", cohort);
  if (seen === "unknown") add("class.unknown");
  if (seen === "span") add("class.span");
  const { panic } = attempt;
  if (panic !== undefined && byPlan(attempt)) add("panic.on", `${panic.usable} of ${panic.all}`);
  if (classPlan.orderedBy !== undefined) add("latency.ranked", classPlan.orderedBy);
  else if (classPlan.ranking.length > 0) add("nearest.ranked");
  switch (attempt.name) {
    case "serve-all":
      return void add("fallback.serve-all");
    case "last-good":
      return void add("fallback.last-good");
    case "fixed":
      return void add("fallback.fixed");
    case "refuse":
      return void add("fallback.refuse");
    case "ordinary":
    case "held":
      return;
  }
}

interface PoolAt {
  readonly pool: Pool;
  readonly index: PoolIndex;
  readonly share: number;
  readonly withShare: ReadonlySet<number>;
}

/** False: the pool is an inactive standby, of which nothing else is said. */
function standbyReasons(world: World, at: PoolAt, found: Collected[]): boolean {
  const { pool, index } = at;
  if (pool.standby === "no") return true;
  const active = isActive(pool, world, index);
  const unmet = world.pools.active[index] === activity.unmet && isGated(pool);
  const code = active ? "standby.active" : unmet ? "standby.unmet" : "standby.inactive";
  found.push({ code, kind: 1, index, detail: "" });
  return active;
}

function positionReasons(position: Position, at: PoolAt, found: Collected[]): void {
  if (position.weightless)
    found.push({ code: "weight.zero", kind: 1, index: at.index, detail: "" });
  if (at.share === 0 || !position.tiered) return;
  const code = position.preferred ? "tier.preferred" : "tier.failover";
  found.push({ code, kind: 1, index: at.index, detail: "" });
}

/** Of pools that lack more endpoints than overprovisioning makes good, where that counts. */
function healthReasons(
  { service, attempt, carry }: DecideFacts,
  at: PoolAt & { readonly position: Position; readonly ordinal: number },
  found: Collected[],
): void {
  const { health } = service;
  if (health === undefined || at.share === 0 || attempt.name !== "ordinary") return;
  const cell = carry[at.ordinal * levelCount + levels.up] ?? 0;
  const [up, all] = [carriedUp(cell), carriedAll(cell)];
  if (up === 0 || health.overprovisioningPercent * up >= 100 * all) return;
  const reason = { kind: 1, index: at.index, detail: `${up} of ${all}` } as const;
  if (health.spill) found.push({ code: "spill.health", ...reason });
  if (health.locality && at.position.divided) found.push({ code: "locality.health", ...reason });
}

function poolReasons(
  policy: Policy,
  world: World,
  at: PoolAt & { readonly shared: boolean },
  found: Collected[],
): void {
  const { pool, index } = at;
  let usable = 0;
  let serving = 0;
  let blocked = false;
  for (let k = 0; k < pool.endpointCount; k++) {
    const endpoint = (pool.firstEndpoint + k) as EndpointIndex;
    if (at.withShare.has(endpoint)) serving++;
    if (policy.endpoints[endpoint]?.weight === 0) continue;
    const is = condition(world, endpoint);
    if (is === conditions.up || is === conditions.unknown) usable++;
    if (isBlocked(world, endpoint)) blocked = true;
  }
  if (blocked) found.push({ code: "dependency.down", kind: 1, index, detail: "" });
  if (usable > 0 && usable < pool.minimum) {
    const detail = `${usable} of ${pool.minimum}`;
    found.push({ code: "health.minimum", kind: 1, index, detail });
  }
  if (at.share > 0 && (serving > 1 || at.shared)) {
    found.push({ code: "weight.share", kind: 1, index, detail: "" });
  }
}

function isBlocked({ endpoints }: World, row: number): boolean {
  return endpoints.blocked[row] === 1 && endpoints.forced[row] === forced.none;
}

function endpointReasons(
  world: World,
  at: {
    readonly endpoint: EndpointIndex;
    readonly weight: number;
    readonly answered: boolean;
    readonly share: boolean;
  },
  found: Collected[],
): void {
  const index = at.endpoint;
  const add = (code: ReasonCode, detail = "") => found.push({ code, kind: 2, index, detail });
  if (at.weight === 0) return void add("weight.zero");
  const columns = world.endpoints;
  const word = columns.forced[index];
  if (word === forced.up) add("override.forced-up");
  if (word === forced.down) add("override.forced-down");
  if (word === forced.drain) add("override.drain");
  if (columns.frozen[index] === 1) add("override.freeze");
  if (columns.retained[index] === 1 && columns.verdict[index] === verdict.up) {
    add("safety.removal-held");
  }
  switch (condition(world, index)) {
    case conditions.down:
      if (columns.blocked[index] === 0) add("health.down");
      return;
    case conditions.unknown:
      if (columns.quarantined[index] === 1) add("health.quarantined");
      if (at.share) add("health.unknown-used");
      else if (at.answered) add("health.unknown-unused");
      return;
    case conditions.held:
      if (at.share) return void add("hold.overridden");
      return void add(columns.waits[index] === 1 ? "hold.manual" : "hold.waiting");
    case conditions.up: {
      const part = columns.availability[index] ?? 0;
      const ramping = word === forced.none && columns.verdict[index] === verdict.up;
      if (ramping && at.share && part < limits.availabilityFull) {
        add("ramp.partial", `${part}/${limits.availabilityFull}`);
      }
      return;
    }
    case conditions.out:
      return;
  }
}

/** Where each pool of the plan stands. */
function planPositions(plan: Plan, shares: readonly number[]): ReadonlyMap<number, Position> {
  const positions = new Map<number, Position>();
  const walk = (node: Plan, here: Position): void => {
    if (node.kind === "pool") {
      positions.set(node.pool, here);
    } else if (node.kind === "first") {
      node.children.forEach((child, i) => {
        walk(child, { ...here, tiered: true, preferred: here.preferred && i === 0 });
      });
    } else {
      const shared = node.children.filter((child) => hasShare(child, shares)).length > 1;
      node.children.forEach((child, i) => {
        const weightless = here.weightless || node.weights[i] === 0;
        walk(child, { ...here, weightless, divided: true, shared: here.shared || shared });
      });
    }
  };
  const root = { tiered: false, preferred: true, weightless: false, divided: false, shared: false };
  walk(plan, root);
  return positions;
}

function hasShare(plan: Plan, shares: readonly number[]): boolean {
  if (plan.kind === "pool") return (shares[plan.pool] ?? 0) > 0;
  return plan.children.some((child) => hasShare(child, shares));
}
