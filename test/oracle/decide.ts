/**
 * The oracle: a naive decide, written from docs/steering.md alone, with exact fractions and no
 * thought for speed. It shares no code with src/steer; decide.test.ts holds the two against each
 * other on random policies and worlds.
 */
import type { Plan, Policy, ServiceIndex } from "../../src/policy/policy.ts";
import { forced, verdict, type World } from "../../src/world/world.ts";
import {
  divided,
  type Fraction,
  fraction,
  isPositive,
  minus,
  one,
  plus,
  roundShares,
  sum,
  times,
  zero,
} from "./fraction.ts";

export interface OracleDecision {
  readonly outcome: "answer" | "refuse";
  readonly answers: readonly { readonly endpoints: readonly number[]; readonly share: number }[];
  readonly pools: readonly { readonly pool: number; readonly share: number }[];
  /** `code subject detail`, in order. */
  readonly reasons: readonly string[];
}

type Condition = "out" | "up" | "held" | "unknown" | "down";
type Level = 0 | 1 | 2 | 3 | 4 | "by tier";

/** What a node gives: shares of its pools, in all 1, and its availability of 256; 0 = nothing. */
interface Outcome {
  readonly shares: ReadonlyMap<number, Fraction>;
  readonly availability: number;
}
const nothing: Outcome = { shares: new Map(), availability: 0 };

/** The service as the steps see it: everything by pool ordinal and endpoint index. */
class Scene {
  readonly policy: Policy;
  readonly world: World;
  readonly service;
  readonly plan;
  readonly allowed: readonly boolean[];
  readonly rule: number;
  /** The cell by whose order the plan stands. */
  readonly cell: string | undefined;

  constructor(policy: Policy, world: World, where: { service: number; class: number }) {
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

  pool(ordinal: number) {
    const pool = this.policy.pools[this.service.firstPool + ordinal];
    if (pool === undefined) throw new Error("no such pool");
    return pool;
  }

  /** Step 2. */
  isEligible(ordinal: number): boolean {
    const pool = this.pool(ordinal);
    if (this.allowed[ordinal] !== true || pool.fixed) return false;
    const index = this.service.firstPool + ordinal;
    return pool.standby !== "manual" || this.world.pools.active[index] === 1;
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

  /** Step 5. */
  shares(node: Plan, level: Level): Outcome {
    if (level === "by tier") {
      if (node.kind === "first") {
        return first(node.children.map((child) => this.shares(child, "by tier")));
      }
      const known = this.shares(node, 0);
      return known.availability > 0 ? known : this.shares(node, 1);
    }
    if (node.kind === "pool") {
      const availability = this.carries(node.pool, level);
      if (availability === 0) return nothing;
      return { shares: new Map([[node.pool as number, one]]), availability };
    }
    const children = node.children.map((child) => this.shares(child, level));
    return node.kind === "first" ? first(children) : split(children, node.weights);
  }

  /** Step 7: candidates with their exact shares. */
  row(ordinal: number): { endpoint: number; share: Fraction }[] {
    const inOrder = this.endpoints(ordinal);
    const by = (...conditions: Condition[]) =>
      inOrder.filter((e) => conditions.includes(this.condition(e).is));
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
      chosen.map((e) => this.weight(e)),
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

function split(children: readonly Outcome[], weights: readonly number[]): Outcome {
  const able = children
    .map((child, i) => ({ child, weight: weights[i] ?? 0 }))
    .filter(({ child, weight }) => weight > 0 && child.availability > 0);
  if (able.length === 0) return nothing;
  const total = able.reduce((all, { weight }) => all + weight, 0);
  const parts = able.map(({ child, weight }) =>
    times(fraction(weight, total), fraction(child.availability, 256)),
  );
  const given = sum(parts);
  const wholeWeight = able
    .filter(({ child }) => child.availability === 256)
    .reduce((all, { weight }) => all + weight, 0);
  const shares = new Map<number, Fraction>();
  able.forEach(({ child, weight }, i) => {
    let part = parts[i] ?? zero;
    if (wholeWeight === 0) part = divided(part, given);
    else if (child.availability === 256) {
      part = plus(part, times(minus(one, given), fraction(weight, wholeWeight)));
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

/** Every pool of the plan, with the nodes on the way to it. */
interface Way {
  readonly pool: number;
  readonly steps: readonly { readonly node: Plan; readonly child: number }[];
}
function ways(node: Plan, steps: Way["steps"] = []): Way[] {
  if (node.kind === "pool") return [{ pool: node.pool, steps }];
  return node.children.flatMap((child, i) => ways(child, [...steps, { node, child: i }]));
}

type Attempt = "tiers" | "held" | "last-good" | "serve-all" | "fixed" | "refuse";

/** Step 6. */
function attempt(scene: Scene): { by: Attempt; shares: ReadonlyMap<number, Fraction> } {
  const root = scene.plan.plan;
  const ordinary = scene.shares(root, "by tier");
  if (ordinary.availability > 0) return { by: "tiers", shares: ordinary.shares };
  const held = scene.shares(root, 2);
  if (held.availability > 0) return { by: "held", shares: held.shares };
  const { fallback, fixedPool } = scene.service;
  if (fallback === "last-good" || fallback === "serve-all") {
    const rest = scene.shares(root, fallback === "last-good" ? 3 : 4);
    if (rest.availability > 0) return { by: fallback, shares: rest.shares };
  }
  if (fallback === "fixed" && fixedPool !== -1 && scene.allowed[fixedPool] === true) {
    const lives = scene.endpoints(fixedPool).some((e) => scene.condition(e).is !== "out");
    if (lives) return { by: "fixed", shares: new Map([[fixedPool as number, one]]) };
  }
  return { by: "refuse", shares: new Map() };
}

export type Seen = "location" | "unknown" | "span";

export function oracleDecide(
  policy: Policy,
  world: World,
  options: { readonly service: ServiceIndex; readonly class: number; readonly seen?: Seen },
): OracleDecision {
  const scene = new Scene(policy, world, options);
  const { by, shares } = attempt(scene);
  const ordinals = [...shares.keys()]
    .filter((pool) => isPositive(shares.get(pool) ?? zero))
    .sort((a, b) => a - b);
  const rounded = roundShares(ordinals.map((pool) => shares.get(pool) ?? zero));
  const pools = ordinals.map((pool, i) => ({ pool, share: rounded[i] ?? 0 }));
  const drafts = pools.flatMap(({ pool, share }) => {
    const row = scene.row(pool).filter((entry) => isPositive(entry.share));
    const all = scene.row(pool).map((entry) => entry.endpoint);
    const endpointShares = roundShares(row.map((entry) => entry.share));
    return row.map(({ endpoint }, i) => {
      const from = all.indexOf(endpoint);
      const list = [...all.slice(from), ...all.slice(0, from)].slice(0, scene.service.answers);
      return {
        endpoints: list,
        exact: fraction(share * (endpointShares[i] ?? 0), 65_536 * 65_536),
      };
    });
  });
  const answerShares = roundShares(drafts.map((draft) => draft.exact));
  const answers = drafts.map(({ endpoints }, i) => ({ endpoints, share: answerShares[i] ?? 0 }));
  const outcome = by === "refuse" ? "refuse" : "answer";
  const seen = options.seen ?? "location";
  return { outcome, answers, pools, reasons: reasons(scene, { by, shares, answers, seen }) };
}

/** Step 10, a row of the table a line. */
function reasons(
  scene: Scene,
  said: {
    by: Attempt;
    shares: ReadonlyMap<number, Fraction>;
    answers: OracleDecision["answers"];
    seen: Seen;
  },
): string[] {
  const { service, world } = scene;
  const out: string[] = [];
  const add = (code: string, subject: string, detail = "") =>
    out.push(`${code} ${subject} ${detail}`.trimEnd());
  const allWays = ways(scene.plan.plan);
  const planned = allWays.map((way) => way.pool).sort((a, b) => a - b);
  const asked = planned.filter((pool) => scene.isEligible(pool));
  const fixedAsked =
    !["tiers", "held"].includes(said.by) &&
    service.fallback === "fixed" &&
    service.fixedPool !== -1 &&
    scene.allowed[service.fixedPool] === true;
  const poolsAsked = [...asked, ...(fixedAsked ? [service.fixedPool as number] : [])].sort(
    (a, b) => a - b,
  );
  const everyEndpoint = poolsAsked.flatMap((pool) => scene.allEndpoints(pool));
  const endpoints = everyEndpoint.filter((e) => scene.weight(e) > 0);
  const served = new Set(said.answers.map((answer) => answer.endpoints[0]));
  const withShare = (pool: number) => isPositive(said.shares.get(pool) ?? zero);
  const byPlan = said.by !== "fixed" && said.by !== "refuse";
  const name = (pool: number) => `pool:${service.firstPool + pool}`;
  const eachEndpoint = (code: string, when: (e: number) => boolean) => {
    for (const e of endpoints) if (when(e)) add(code, `endpoint:${e}`);
  };
  const is = (e: number, condition: Condition) => scene.condition(e).is === condition;

  const when = scene.policy.ruleSets[service.ruleSet]?.rules[scene.rule]?.when ?? "";
  if (when !== "") add("class.rule", "service", when);
  else add("class.default", "service");
  if (said.seen !== "location") add(`class.${said.seen}`, "service");
  for (let pool = 0; pool < service.poolCount; pool++) {
    if (scene.allowed[pool] !== true) add("residency.excluded", name(pool));
  }
  eachEndpoint("override.forced-up", (e) => world.endpoints.forced[e] === forced.up);
  eachEndpoint("override.forced-down", (e) => world.endpoints.forced[e] === forced.down);
  eachEndpoint("override.drain", (e) => world.endpoints.forced[e] === forced.drain);
  eachEndpoint("override.freeze", (e) => world.endpoints.frozen[e] === 1);
  eachEndpoint("health.down", (e) => is(e, "down"));
  if (said.by !== "refuse") {
    eachEndpoint("health.unknown-unused", (e) => is(e, "unknown") && !served.has(e));
  }
  eachEndpoint("health.unknown-used", (e) => is(e, "unknown") && served.has(e));
  eachEndpoint(
    "health.quarantined",
    (e) => is(e, "unknown") && world.endpoints.quarantined[e] === 1,
  );
  for (const pool of poolsAsked) {
    const n = scene.count(pool, "up", "unknown");
    const min = scene.pool(pool).minimum;
    if (n > 0 && n < min) add("health.minimum", name(pool), `${n} of ${min}`);
  }
  const isStandby = (pool: number) => scene.pool(pool).standby !== "no";
  for (const pool of planned) {
    if (scene.allowed[pool] === true && isStandby(pool) && !scene.isEligible(pool)) {
      add("standby.inactive", name(pool));
    }
  }
  for (const pool of planned) {
    if (isStandby(pool) && scene.isEligible(pool)) add("standby.active", name(pool));
  }
  const sortedWays = [...allWays].sort((a, b) => a.pool - b.pool);
  const tierOf = (way: Way) => way.steps.filter((step) => step.node.kind === "first");
  for (const way of sortedWays) {
    const tiers = tierOf(way);
    if (!byPlan || !withShare(way.pool) || tiers.length === 0) continue;
    if (tiers.every((step) => step.child === 0)) add("tier.preferred", name(way.pool));
  }
  for (const way of sortedWays) {
    if (byPlan && withShare(way.pool) && tierOf(way).some((step) => step.child > 0)) {
      add("tier.failover", name(way.pool));
    }
  }
  if (scene.plan.ranking.length > 0 && scene.cell === undefined) add("nearest.ranked", "service");
  if (scene.cell !== undefined) add("latency.ranked", "service", scene.cell);
  for (const way of sortedWays) {
    const zeroAbove = way.steps.some(
      ({ node, child }) => node.kind === "split" && node.weights[child] === 0,
    );
    if (zeroAbove && asked.includes(way.pool)) add("weight.zero", name(way.pool));
  }
  for (const e of everyEndpoint) if (scene.weight(e) === 0) add("weight.zero", `endpoint:${e}`);
  const splitAbove = (pool: number) =>
    (allWays.find((way) => way.pool === pool)?.steps ?? []).some(
      ({ node }) =>
        node.kind === "split" &&
        node.children.filter((child) => ways(child).some((way) => withShare(way.pool))).length > 1,
    );
  for (let pool = 0; pool < service.poolCount; pool++) {
    if (!withShare(pool)) continue;
    const several = scene.endpoints(pool).filter((e) => served.has(e)).length > 1;
    if (several || (byPlan && splitAbove(pool))) add("weight.share", name(pool));
  }
  eachEndpoint("hold.waiting", (e) => is(e, "held") && !served.has(e));
  eachEndpoint("hold.overridden", (e) => is(e, "held") && served.has(e));
  for (const e of endpoints) {
    const { is: condition, availability } = scene.condition(e);
    const ramps = world.endpoints.verdict[e] === verdict.up && world.endpoints.forced[e] === 0;
    if (condition === "up" && ramps && availability < 256 && served.has(e)) {
      add("ramp.partial", `endpoint:${e}`, `${availability}/256`);
    }
  }
  if (["last-good", "serve-all", "fixed", "refuse"].includes(said.by)) {
    add(`fallback.${said.by}`, "service");
  }
  return out;
}
