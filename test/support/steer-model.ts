/**
 * Many services over three regions with two endpoints each and a plan for each of their classes:
 * what the benchmarks in bench/steer/ steer, and the test of the table's size.
 */
import type { Plan, Policy, RuleSetIndex } from "../../src/policy/policy.ts";
import { first, policyOf, pool, type ServiceSketch, split } from "./steer-fixture.ts";

const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/** Every order of three pools, as tiers and as shares. */
const plans: readonly Plan[] = orders.flatMap(([a, b, c]) => [
  first(pool(a), pool(b), pool(c)),
  split([3, pool(a)], [2, pool(b)], [1, pool(c)]),
]);

export interface ModelSize {
  readonly services: number;
  readonly classes: number;
}

/** Services of one rule set, each with 3 pools of 2 endpoints. */
export function modelPolicy({ services, classes }: ModelSize): Policy {
  const sketch: ServiceSketch = {
    pools: [{ weights: [1, 1] }, { weights: [1, 1] }, { weights: [1, 1] }],
    classes: Array.from({ length: classes }, (_, i) => ({
      plan: plans[i % plans.length] ?? pool(0),
    })),
  };
  const policy = policyOf(Array.from({ length: services }, () => sketch));
  return {
    ...policy,
    ruleSets: policy.ruleSets.slice(0, 1),
    services: policy.services.map((service) => ({ ...service, ruleSet: 0 as RuleSetIndex })),
  };
}

/** The median time of a run, in milliseconds. */
export function medianMs(rounds: number, run: (round: number) => void): number {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    run(round);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return times[rounds >> 1] ?? 0;
}
