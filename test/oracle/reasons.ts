/** The oracle's reasons: docs/steering.md step 10 alone. Called by decide.ts. */
import { forced, verdict } from "../../src/world/world.ts";
import { isPositive, zero } from "./fraction.ts";
import { type Condition, capacityTiers, type Said, type Scene } from "./scene.ts";
import { type Way, ways } from "./ways.ts";

/** Step 10, a row of the table a line. */
export function reasons(scene: Scene, said: Said): string[] {
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
  const cohort = scene.policy.ruleSets[service.ruleSet]?.rules[scene.rule]?.cohort;
  if (cohort !== undefined) add("class.cohort", "service", cohort);
  if (said.seen !== "location") add(`class.${said.seen}`, "service");
  for (let pool = 0; pool < service.poolCount; pool++) {
    if (scene.allowed[pool] !== true) add("residency.excluded", name(pool));
  }
  eachEndpoint("override.forced-up", (e) => world.endpoints.forced[e] === forced.up);
  eachEndpoint("override.forced-down", (e) => world.endpoints.forced[e] === forced.down);
  eachEndpoint("override.drain", (e) => world.endpoints.forced[e] === forced.drain);
  eachEndpoint("override.freeze", (e) => world.endpoints.frozen[e] === 1);
  eachEndpoint(
    "safety.removal-held",
    (e) => world.endpoints.retained[e] === 1 && world.endpoints.verdict[e] === 1,
  );
  eachEndpoint("health.down", (e) => is(e, "down") && world.endpoints.blocked[e] === 0);
  if (said.by !== "refuse") {
    eachEndpoint("health.unknown-unused", (e) => is(e, "unknown") && !served.has(e));
  }
  eachEndpoint("health.unknown-used", (e) => is(e, "unknown") && served.has(e));
  eachEndpoint(
    "health.quarantined",
    (e) => is(e, "unknown") && world.endpoints.quarantined[e] === 1,
  );
  for (const pool of poolsAsked) {
    const blocked = scene
      .endpoints(pool)
      .some((e) => world.endpoints.forced[e] === 0 && world.endpoints.blocked[e] === 1);
    if (blocked) add("dependency.down", name(pool));
  }
  for (const pool of poolsAsked) {
    const n = scene.count(pool, "up", "unknown");
    const min = scene.pool(pool).minimum;
    if (n > 0 && n < min) add("health.minimum", name(pool), `${n} of ${min}`);
  }
  const isStandby = (pool: number) => scene.pool(pool).standby !== "no";
  for (const pool of planned) {
    const out = scene.allowed[pool] === true && isStandby(pool) && !scene.isEligible(pool);
    if (out && world.pools.active[service.firstPool + pool] === 0) {
      add("standby.inactive", name(pool));
    }
  }
  for (const pool of planned) {
    const out = scene.allowed[pool] === true && isStandby(pool) && !scene.isEligible(pool);
    if (out && world.pools.active[service.firstPool + pool] === 2) add("standby.unmet", name(pool));
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
  const lacking = (pool: number) => {
    const { n, all } = scene.counts(pool);
    const percent = service.health?.overprovisioningPercent ?? 0;
    const lacks = said.by === "tiers" && withShare(pool) && n > 0 && percent * n < 100 * all;
    return lacks ? `${n} of ${all}` : undefined;
  };
  for (const { pool } of sortedWays) {
    const detail = service.health?.spill === true ? lacking(pool) : undefined;
    if (detail !== undefined) add("spill.health", name(pool), detail);
  }
  const panic = scene.panic();
  if (panic !== undefined && byPlan) add("panic.on", "service", `${panic.n} of ${panic.all}`);
  const allocation = world.services.allocation[scene.index];
  if (allocation === 1) add("capacity.no-demand", "service");
  if (said.by === "tiers" && allocation === 2) add("capacity.demand", "service");
  if (said.by === "tiers" && allocation === 3) add("capacity.feedback", "service");
  if (said.by === "tiers" && (allocation === 2 || allocation === 3)) {
    const places = capacityTiers(scene.plan.plan).slice(0, 8);
    for (const pool of asked) {
      const place = places.findIndex((tier) => ways(tier).some((way) => way.pool === pool));
      const keeps = place === -1 ? 4096 : scene.keeps(pool, 0, place);
      if (keeps < 4096) add("capacity.full", name(pool), `${keeps}/4096`);
    }
  }
  if (scene.plan.ranking.length > 0 && scene.cell === undefined) add("nearest.ranked", "service");
  if (scene.cell !== undefined) add("latency.ranked", "service", scene.cell);
  for (const { pool, steps } of sortedWays) {
    const isBelowSplit = steps.some(({ node }) => node.kind === "split");
    const detail = service.health?.locality === true && isBelowSplit ? lacking(pool) : undefined;
    if (detail !== undefined) add("locality.health", name(pool), detail);
  }
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
  const waits = (e: number): boolean => world.endpoints.waits[e] === 1;
  eachEndpoint("hold.waiting", (e) => is(e, "held") && !served.has(e) && !waits(e));
  eachEndpoint("hold.manual", (e) => is(e, "held") && !served.has(e) && waits(e));
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
