/**
 * The oracle's scene: docs/steering.md steps 1 to 5 and 7 for one class of one service, naively and
 * with exact fractions. Called by decide.ts, which takes step 6 on, and by reasons.ts.
 */
import type { Plan, Policy } from "../../src/policy/policy.ts";
import { forced, verdict, type World } from "../../src/world/world.ts";
import {
  compare,
  divided,
  type Fraction,
  fraction,
  isPositive,
  minus,
  one,
  plus,
  sum,
  times,
  zero,
} from "./fraction.ts";
import { weighted } from "./ways.ts";

export interface OracleDecision {
  readonly outcome: "answer" | "refuse";
  readonly answers: readonly { readonly endpoints: readonly number[]; readonly share: number }[];
  readonly pools: readonly { readonly pool: number; readonly share: number }[];
  /** `code subject detail`, in order. */
  readonly reasons: readonly string[];
}

export type Condition = "out" | "up" | "held" | "unknown" | "down";
export type Level = 0 | 1 | 2 | 3 | 4 | "by tier";

/** What a node gives: shares of its pools, in all 1, and its availability of 256; 0 = nothing. */
export interface Outcome {
  readonly shares: ReadonlyMap<number, Fraction>;
  readonly availability: number;
}
const nothing: Outcome = { shares: new Map(), availability: 0 };

export type Seen = "location" | "unknown" | "span";

/** What step 10 is said of. */
export interface Said {
  readonly by: Attempt;
  readonly shares: ReadonlyMap<number, Fraction>;
  readonly answers: OracleDecision["answers"];
  readonly seen: Seen;
}

/** The service as the steps see it: everything by pool ordinal and endpoint index. */
export class Scene {
  readonly policy: Policy;
  readonly world: World;
  readonly service;
  readonly plan;
  readonly allowed: readonly boolean[];
  readonly rule: number;
  /** The cell by whose order the plan stands. */
  readonly cell: string | undefined;

  readonly index: number;

  constructor(policy: Policy, world: World, where: { service: number; class: number }) {
    this.index = where.service;
    this.policy = policy;
    this.world = world;
    const service = policy.services[where.service];
    if (service === undefined) throw new Error("no such service");
    this.service = service;
    const plan = policy.ruleSets[service.ruleSet]?.classes[where.class];
    if (plan === undefined) throw new Error("no such class");
    const latency = byLatency(policy, world, plan);
    this.cell = latency?.cell;
    this.plan = { ...plan, plan: latency?.plan ?? plan.plan };
    this.allowed = plan.allowed;
    this.rule = plan.rule;
  }

  /** "Capacity": K. */
  keeps(ordinal: number, walk: number, place: number): number {
    const row = this.policy.capacity?.pools.findIndex(
      (p) => p === this.service.firstPool + ordinal,
    );
    if (row === undefined || row === -1) return 4096;
    return this.world.capacity.keep[row * 16 + walk * 8 + place] ?? 0;
  }

  pool(ordinal: number) {
    const pool = this.policy.pools[this.service.firstPool + ordinal];
    if (pool === undefined) throw new Error("no such pool");
    return pool;
  }

  /** Step 2. */
  isEligible(ordinal: number): boolean {
    const pool = this.pool(ordinal);
    return this.allowed[ordinal] === true && !pool.fixed && this.isActive(ordinal);
  }

  isActive(ordinal: number): boolean {
    const pool = this.pool(ordinal);
    const index = this.service.firstPool + ordinal;
    if (pool.standby !== "manual" && pool.requires === undefined) return true;
    return this.world.pools.active[index] === 1;
  }

  weight(endpoint: number): number {
    return this.policy.endpoints[endpoint]?.weight ?? 0;
  }

  allEndpoints(ordinal: number): number[] {
    const pool = this.pool(ordinal);
    return Array.from({ length: pool.endpointCount }, (_, i) => pool.firstEndpoint + i);
  }

  /** Endpoints that take part: weight 0 never does. */
  endpoints(ordinal: number): number[] {
    return this.allEndpoints(ordinal).filter((e) => this.weight(e) > 0);
  }

  /** Step 3. */
  condition(endpoint: number): { is: Condition; availability: number } {
    const columns = this.world.endpoints;
    const word = columns.forced[endpoint];
    if (word === forced.down || word === forced.drain) return { is: "out", availability: 0 };
    if (word === forced.up) return { is: "up", availability: 256 };
    if (columns.blocked[endpoint] === 1) return { is: "down", availability: 0 };
    if (columns.quarantined[endpoint] === 1) return { is: "unknown", availability: 0 };
    const said = columns.verdict[endpoint];
    if (said === verdict.disabled) return { is: "up", availability: 256 };
    if (said === verdict.unknown) return { is: "unknown", availability: 0 };
    if (said === verdict.down) return { is: "down", availability: 0 };
    const availability = columns.availability[endpoint] ?? 0;
    return availability > 0 ? { is: "up", availability } : { is: "held", availability: 0 };
  }

  count(ordinal: number, ...conditions: Condition[]): number {
    return this.endpoints(ordinal).filter((e) => conditions.includes(this.condition(e).is)).length;
  }

  isLastGood(endpoint: number): boolean {
    return this.world.endpoints.lastGood[endpoint] === 1 && this.condition(endpoint).is !== "out";
  }

  /** Step 4. 0: cannot carry. */
  carries(ordinal: number, level: 0 | 1 | 2 | 3 | 4): number {
    if (!this.isEligible(ordinal)) return 0;
    const min = this.pool(ordinal).minimum;
    const enough = (n: number) => n >= min && n > 0;
    if (level === 0) {
      if (!enough(this.count(ordinal, "up"))) return 0;
      return Math.max(
        ...this.endpoints(ordinal)
          .map((e) => this.condition(e))
          .filter((c) => c.is === "up")
          .map((c) => c.availability),
      );
    }
    if (level === 1) return enough(this.count(ordinal, "up", "unknown")) ? 256 : 0;
    if (level === 2) return enough(this.count(ordinal, "up", "unknown", "held")) ? 256 : 0;
    if (level === 3) return this.endpoints(ordinal).some((e) => this.isLastGood(e)) ? 256 : 0;
    return this.endpoints(ordinal).some((e) => this.condition(e).is !== "out") ? 256 : 0;
  }

  /** Step 4, the two counts of a service that opted in. */
  counts(ordinal: number): { n: number; all: number } {
    if (!this.isEligible(ordinal)) return { n: 0, all: 0 };
    const n = this.carries(ordinal, 0) > 0 ? this.count(ordinal, "up") : 0;
    return { n, all: this.endpoints(ordinal).length };
  }

  /** Step 5, "Panic". */
  panic(): { n: number; all: number } | undefined {
    const panic = this.service.health?.panic;
    if (panic === undefined) return undefined;
    const classes = this.policy.ruleSets[this.service.ruleSet]?.classes ?? [];
    let [n, all] = [0, 0];
    for (let ordinal = 0; ordinal < this.service.poolCount; ordinal++) {
      const mayServe = classes.some(
        ({ plan, allowed }) =>
          allowed[ordinal] === true && weighted(plan).some((way) => way.pool === ordinal),
      );
      if (!mayServe || this.pool(ordinal).fixed || !this.isActive(ordinal)) continue;
      n += this.count(ordinal, "up", "unknown");
      all += this.endpoints(ordinal).length;
    }
    return n > 0 && n * 10_000 < panic.hundredths * all ? { n, all } : undefined;
  }

  /** Step 5, "Health". */
  health(node: Plan, level: Level): Fraction {
    if (this.shares(node, level).availability === 0) return zero;
    if (node.kind === "first") {
      return atMostOne(sum(node.children.map((child) => this.health(child, level))));
    }
    const asked = level === "by tier" ? (this.shares(node, 0).availability > 0 ? 0 : 1) : level;
    if (asked !== 0) return one;
    const counts = weighted(node).map((way) => this.counts(way.pool));
    const n = counts.reduce((total, each) => total + each.n, 0);
    const all = counts.reduce((total, each) => total + each.all, 0);
    const percent = this.service.health?.overprovisioningPercent ?? 0;
    return atMostOne(times(fraction(percent, 100), fraction(n, all)));
  }

  /** Step 5, "Spill". */
  load(node: Plan, level: Level): Fraction {
    if (node.kind === "first") {
      return atMostOne(sum(node.children.map((child) => this.load(child, level))));
    }
    const { availability } = this.shares(node, level);
    return times(this.health(node, level), fraction(availability, 256));
  }

  first(node: Extract<Plan, { kind: "first" }>, level: Level): Outcome {
    const children = node.children.map((child) => this.shares(child, level));
    if (this.service.health?.spill !== true) return first(children);
    const best = Math.max(...children.map((child) => child.availability));
    if (best === 0) return nothing;
    const loads = node.children.map((child) => this.load(child, level));
    const total = atMostOne(sum(loads));
    const shares = new Map<number, Fraction>();
    let left = one;
    children.forEach((child, i) => {
      const wanted = divided(loads[i] ?? zero, total);
      const part = compare(wanted, left) < 0 ? wanted : left;
      left = minus(left, part);
      if (isPositive(part)) spread(shares, child, part);
    });
    return { shares, availability: best };
  }

  split(node: Extract<Plan, { kind: "split" }>, level: Level): Outcome {
    const children = node.children.map((child) => this.shares(child, level));
    const weights = node.weights.map((weight) => fraction(weight));
    if (this.service.health?.locality !== true) return split(children, weights);
    return split(
      children,
      weights.map((weight, i) => {
        const child = node.children[i];
        return child === undefined ? weight : times(weight, this.health(child, level));
      }),
    );
  }

  /** Step 5. */
  shares(node: Plan, level: Level): Outcome {
    if (level === "by tier") {
      if (node.kind === "first") {
        return this.first(node, "by tier");
      }
      const known = this.shares(node, 0);
      const made = known.availability > 0 ? known : this.shares(node, 1);
      if (this.panic() === undefined || made.availability === 0) return made;
      return { shares: this.shares(node, 4).shares, availability: made.availability };
    }
    if (node.kind === "pool") {
      const availability = this.carries(node.pool, level);
      if (availability === 0) return nothing;
      return { shares: new Map([[node.pool as number, one]]), availability };
    }
    return node.kind === "first" ? this.first(node, level) : this.split(node, level);
  }

  /** Step 7: candidates with their exact shares. */
  row(ordinal: number): { endpoint: number; share: Fraction }[] {
    const inOrder = this.endpoints(ordinal);
    const by = (...conditions: Condition[]) =>
      inOrder.filter((e) => conditions.includes(this.condition(e).is));
    if (this.panic() !== undefined) {
      const all = by("up", "unknown", "held", "down");
      const parts = split(
        all.map((e) => ({ shares: new Map([[e, one]]), availability: 256 })),
        all.map((e) => fraction(this.weight(e))),
      );
      return all.map((endpoint) => ({ endpoint, share: parts.shares.get(endpoint) ?? zero }));
    }
    const choices: number[][] = [by("up"), by("unknown"), by("held")];
    if (this.service.fallback === "last-good") {
      choices.push(inOrder.filter((e) => this.isLastGood(e)));
    }
    if (this.service.fallback === "serve-all") choices.push(by("up", "unknown", "held", "down"));
    const chosen = choices.find((set) => set.length > 0) ?? [];
    const areUp = chosen.length > 0 && chosen === choices[0];
    const best = Math.max(...chosen.map((e) => this.condition(e).availability));
    const outcome = split(
      chosen.map((e) => ({
        shares: new Map([[e, one]]),
        availability: areUp ? Math.floor((this.condition(e).availability * 256) / best) : 256,
      })),
      chosen.map((e) => fraction(this.weight(e))),
    );
    return chosen.map((endpoint) => ({ endpoint, share: outcome.shares.get(endpoint) ?? zero }));
  }
}

/** Multiplies `share` into a child's pools and adds them to `into`. */
function spread(into: Map<number, Fraction>, child: Outcome, share: Fraction): void {
  for (const [pool, part] of child.shares) {
    into.set(pool, plus(into.get(pool) ?? zero, times(part, share)));
  }
}

function first(children: readonly Outcome[]): Outcome {
  const able = children.filter((child) => child.availability > 0);
  const best = Math.max(0, ...able.map((child) => child.availability));
  const whoGetsRest = able.find((child) => child.availability === best);
  if (whoGetsRest === undefined) return nothing;
  const shares = new Map<number, Fraction>();
  let remainder = one;
  for (const child of able) {
    const part = times(remainder, fraction(child.availability, 256));
    spread(shares, child, part);
    remainder = minus(remainder, part);
    if (!isPositive(remainder)) break;
  }
  if (isPositive(remainder)) spread(shares, whoGetsRest, remainder);
  return { shares, availability: best };
}

const atMostOne = (part: Fraction): Fraction => (compare(part, one) > 0 ? one : part);

function split(children: readonly Outcome[], weights: readonly Fraction[]): Outcome {
  const able = children
    .map((child, i) => ({ child, weight: weights[i] ?? zero }))
    .filter(({ child, weight }) => isPositive(weight) && child.availability > 0);
  if (able.length === 0) return nothing;
  const total = sum(able.map(({ weight }) => weight));
  const parts = able.map(({ child, weight }) =>
    times(divided(weight, total), fraction(child.availability, 256)),
  );
  const given = sum(parts);
  const wholeWeight = sum(
    able.filter(({ child }) => child.availability === 256).map(({ weight }) => weight),
  );
  const shares = new Map<number, Fraction>();
  able.forEach(({ child, weight }, i) => {
    let part = parts[i] ?? zero;
    if (!isPositive(wholeWeight)) part = divided(part, given);
    else if (child.availability === 256) {
      part = plus(part, times(minus(one, given), divided(weight, wholeWeight)));
    }
    spread(shares, child, part);
  });
  return { shares, availability: Math.max(...able.map(({ child }) => child.availability)) };
}

/** "Latency": the plan with the measured regions in the cell's order; undefined without any. */
function byLatency(
  policy: Policy,
  world: World,
  { plan, measured }: Policy["ruleSets"][number]["classes"][number],
): { readonly plan: Plan; readonly cell: string } | undefined {
  if (measured === undefined) return undefined;
  const standby = measured.standby && plan.kind === "first" ? plan.children.slice(1) : undefined;
  const ranked = standby !== undefined && plan.kind === "first" ? plan.children[0] : plan;
  if (ranked?.kind !== "first") return undefined;
  const tiers = ranked.children.map((child, i) => {
    const region = measured.regions[i] ?? 0;
    const place = world.latency.rank[measured.cell * policy.regions.length + region] ?? 0;
    return { child, place };
  });
  const queue = tiers.filter(({ place }) => place > 0).sort((a, b) => a.place - b.place);
  if (queue.length === 0) return undefined;
  const children = tiers.map(({ child, place }) =>
    place === 0 ? child : (queue.shift()?.child ?? child),
  );
  const whole: Plan = { kind: "first", children };
  return {
    plan: standby === undefined ? whole : { kind: "first", children: [whole, ...standby] },
    cell: policy.latency?.cells[measured.cell]?.name ?? "",
  };
}

export type Attempt = "tiers" | "held" | "last-good" | "serve-all" | "fixed" | "refuse";

/** "Capacity": the tiers of the plan, in order. */
export function capacityTiers(node: Plan): Plan[] {
  return node.kind === "first" ? node.children.flatMap(capacityTiers) : [node];
}
