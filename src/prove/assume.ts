/**
 * What if: writes an assumed state to a World, for `rhumb explain` and for whoever checks a
 * counter-example. The words are those of `explain`'s options, which counter-examples are made of.
 */
import type { Policy } from "../policy/policy.ts";
import { isGated } from "../policy/pool-kinds.ts";
import { endpointsOfTarget, parseTarget, poolsOfTarget } from "../world/target.ts";
import { verdict, type World } from "../world/world.ts";
import { type EndpointState, type StateKind, setEndpointState } from "./endpoint-state.ts";

/** Option -> what it says of its target. */
export const assumptionNames = {
  down: "as if a region, pool or endpoint were down (again)",
  drain: "as if it were drained (again)",
  unknown: "as if it were not known whether it is up (again)",
  held: "as if it were back up, but held (again)",
  ramp: "TARGET=N: as if it were returning at N of 256 (again)",
  "force-up": "as if it were forced up (again)",
  "force-down": "as if it were forced down (again)",
  "not-last-good": "as if it had not been good when the last ones were (again)",
  activate: "as if a standby were activated (again)",
} as const;
export type AssumptionName = keyof typeof assumptionNames;

const kinds: Readonly<Record<Exclude<AssumptionName, "not-last-good" | "activate">, StateKind>> = {
  down: "down",
  drain: "drained",
  unknown: "unknown",
  held: "held",
  ramp: "ramping",
  "force-up": "forced-up",
  "force-down": "forced-down",
};

export type AssumeResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly message: string; readonly hint: string };

export function assume(
  policy: Policy,
  world: World,
  assumption: { readonly name: AssumptionName; readonly target: string },
): AssumeResult {
  const { name } = assumption;
  const [text, availability] = name === "ramp" ? splitRamp(assumption.target) : [assumption.target];
  if (availability !== undefined && !(availability >= 1 && availability <= 255)) {
    const hint = "write a target, =, and a number from 1 to 255";
    return { ok: false, message: `${JSON.stringify(assumption.target)} is no ramp`, hint };
  }
  const found = parseTarget(policy, text);
  if (!found.ok) return found;
  if (name === "activate") {
    for (const pool of poolsOfTarget(policy, found.target)) {
      const each = policy.pools[pool];
      if (each !== undefined && isGated(each)) world.pools.active[pool] = 1;
    }
    return { ok: true };
  }
  for (const endpoint of endpointsOfTarget(policy, found.target)) {
    const lastGood = name !== "not-last-good" && world.endpoints.lastGood[endpoint] === 1;
    if (name === "not-last-good") world.endpoints.lastGood[endpoint] = 0;
    else write(policy, world, { endpoint, kind: kinds[name], lastGood, availability });
  }
  return { ok: true };
}

function splitRamp(text: string): readonly [string, number] {
  const at = text.lastIndexOf("=");
  const digits = text.slice(at + 1);
  return [text.slice(0, Math.max(0, at)), /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN];
}

function write(
  policy: Policy,
  world: World,
  at: {
    readonly endpoint: number;
    readonly kind: StateKind;
    readonly lastGood: boolean;
    readonly availability: number | undefined;
  },
): void {
  const { endpoint, kind, lastGood, availability } = at;
  const state: EndpointState =
    availability === undefined ? { kind, lastGood } : { kind, lastGood, availability };
  setEndpointState(policy, world, { endpoint, state });
  // Who asks for it by name may have an endpoint down or unknown that no monitor looks at.
  if (kind === "down") world.endpoints.verdict[endpoint] = verdict.down;
  if (kind === "unknown") world.endpoints.verdict[endpoint] = verdict.unknown;
}
