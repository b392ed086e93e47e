/** A plan as the oracle reads it: its pools, and the way to each. Called by the oracle's parts. */
import type { Plan } from "../../src/policy/policy.ts";

/** Every pool of the plan, with the nodes on the way to it. */
export interface Way {
  readonly pool: number;
  readonly steps: readonly { readonly node: Plan; readonly child: number }[];
}
export function ways(node: Plan, steps: Way["steps"] = []): Way[] {
  if (node.kind === "pool") return [{ pool: node.pool, steps }];
  return node.children.flatMap((child, i) => ways(child, [...steps, { node, child: i }]));
}

/** Those not below a weight of 0. */
export function weighted(node: Plan): Way[] {
  return ways(node).filter(
    ({ steps }) =>
      !steps.some((step) => step.node.kind === "split" && step.node.weights[step.child] === 0),
  );
}
