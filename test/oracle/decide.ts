/**
 * The oracle: a naive decide, written from docs/steering.md alone, with exact fractions and no
 * thought for speed. It shares no code with src/steer; decide.test.ts holds the two against each
 * other on random policies and worlds. Here steps 6, 8 and 9; scene.ts has those before,
 * reasons.ts has step 10.
 */
import type { Policy, ServiceIndex } from "../../src/policy/policy.ts";
import type { World } from "../../src/world/world.ts";
import { type Fraction, fraction, isPositive, one, roundShares, zero } from "./fraction.ts";
import { reasons } from "./reasons.ts";
import { type Attempt, capacityTiers, type OracleDecision, Scene, type Seen } from "./scene.ts";

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

/** "Capacity": what is left of every tier's offer goes on; undefined: the walks say nothing. */
function overCapacity(scene: Scene): ReadonlyMap<number, Fraction> | undefined {
  const allocation = scene.world.services.allocation[scene.index];
  if (allocation !== 2 && allocation !== 3) return undefined;
  const tiers = capacityTiers(scene.plan.plan).slice(0, 8);
  const kept = new Map<number, number>();
  let left = 2 ** 32;
  for (const walk of [0, 1]) {
    for (const [place, tier] of tiers.entries()) {
      const { shares, availability } = scene.shares(tier, "by tier");
      if (availability === 0) continue;
      const offer = Math.floor((left * availability) / 256);
      const pools = [...shares.keys()].sort((a, b) => a - b);
      const parts = roundShares(pools.map((pool) => shares.get(pool) ?? zero));
      for (const [i, pool] of pools.entries()) {
        const mine = Math.floor((offer * (parts[i] ?? 0)) / 65_536);
        const keeps = Math.floor((mine * scene.keeps(pool, walk, place)) / 4096);
        kept.set(pool, (kept.get(pool) ?? 0) + keeps);
        left -= keeps;
      }
    }
  }
  const all = [...kept.values()].reduce((sum, each) => sum + each, 0);
  if (all === 0) return undefined;
  return new Map([...kept].map(([pool, each]) => [pool, fraction(each, all)]));
}

export function oracleDecide(
  policy: Policy,
  world: World,
  options: { readonly service: ServiceIndex; readonly class: number; readonly seen?: Seen },
): OracleDecision {
  const scene = new Scene(policy, world, options);
  const first = attempt(scene);
  const { by } = first;
  const shares = by === "tiers" ? (overCapacity(scene) ?? first.shares) : first.shares;
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
