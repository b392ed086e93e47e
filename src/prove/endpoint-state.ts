/**
 * The states an endpoint can be in, as the prover counts them and as `explain` can be told of them:
 * one word each, and whether the endpoint was last good. Written into a World of the caller's own.
 */
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import { isMonitored } from "../policy/pool-kinds.ts";
import { forced, verdict, type World } from "../world/world.ts";

/** Of an endpoint without a monitor only the operator's word can change. */
export const monitoredKinds = [
  "up",
  "ramping",
  "held",
  "unknown",
  "down",
  "drained",
  "forced-up",
  "forced-down",
] as const;
export const unmonitoredKinds = ["up", "drained", "forced-up", "forced-down"] as const;
export type StateKind = (typeof monitoredKinds)[number];

export interface EndpointState {
  readonly kind: StateKind;
  readonly lastGood: boolean;
  /** Of 256, for `ramping`: from 1 to 255. */
  readonly availability?: number;
}

/** What an endpoint is on a good day: any other state counts as one failure or intervention. */
export const goodDay: EndpointState = { kind: "up", lastGood: true };

export function isGoodDay(state: EndpointState): boolean {
  return state.kind === "up" && state.lastGood;
}

const verdicts: Readonly<Record<StateKind, number>> = {
  up: verdict.up,
  ramping: verdict.up,
  held: verdict.up,
  unknown: verdict.unknown,
  down: verdict.down,
  drained: verdict.up,
  "forced-up": verdict.down,
  "forced-down": verdict.up,
};
const words: Readonly<Record<StateKind, number>> = {
  up: forced.none,
  ramping: forced.none,
  held: forced.none,
  unknown: forced.none,
  down: forced.none,
  drained: forced.drain,
  "forced-up": forced.up,
  "forced-down": forced.down,
};

export function setEndpointState(
  policy: Policy,
  world: World,
  at: { readonly endpoint: number; readonly state: EndpointState },
): void {
  const { endpoint, state } = at;
  const columns = world.endpoints;
  const found = policy.endpoints[endpoint];
  const monitored = found !== undefined && isMonitored(found);
  columns.verdict[endpoint] = monitored ? verdicts[state.kind] : verdict.disabled;
  columns.forced[endpoint] = words[state.kind];
  columns.lastGood[endpoint] = state.lastGood ? 1 : 0;
  columns.quarantined[endpoint] = 0;
  columns.blocked[endpoint] = 0;
  columns.waits[endpoint] = 0;
  columns.retained[endpoint] = 0;
  columns.availability[endpoint] =
    state.kind === "held"
      ? 0
      : state.kind === "ramping"
        ? (state.availability ?? limits.availabilityFull / 2)
        : limits.availabilityFull;
}
