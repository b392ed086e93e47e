/**
 * The operator's word: overrides -> the columns `forced`, `frozen` and `active`. The list is the
 * truth and the columns are painted from it, whole, whenever it changes: at an event, at an expiry,
 * at a revision. Per endpoint the most specific target wins, of equals the newest; a region and a
 * service are equals, since neither is inside the other. Freeze and activate have no opposite: any
 * that covers a row holds.
 */
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import { noteServing } from "./dependencies.ts";
import type { Draft } from "./draft.ts";
import { requirementMet, settle, thaw } from "./health.ts";
import { endpointsOfTarget, findTarget, poolsOfTarget, type Target } from "./target.ts";
import { recountUsable } from "./usable.ts";
import { activity, type Forced, forced, type Override, type OverrideKind } from "./world.ts";

const forcedByKind: Readonly<Record<OverrideKind, Forced | undefined>> = {
  drain: forced.drain,
  "force-up": forced.up,
  "force-down": forced.down,
  freeze: undefined,
  activate: undefined,
};
export const overrideKinds = Object.keys(forcedByKind) as readonly OverrideKind[];
const rankOfKind = { region: 0, service: 0, pool: 1, endpoint: 2 } as const;
const hourMs = 3_600_000;

/** Why an override cannot be taken at `nowMs`; undefined if it can. Any value may come in. */
export function refuseOverride(
  override: Override,
  options: { readonly existing: readonly Override[]; readonly nowMs: number },
): string | undefined {
  const { existing, nowMs } = options;
  if (!overrideKinds.includes(override.kind)) return "unknown kind of override";
  for (const name of ["id", "target", "reason", "author"] as const) {
    const text: unknown = override[name];
    if (typeof text !== "string") return `${name} is not a text`;
    if (text.length > limits.overrideTextCharsMax) {
      return `${name} is longer than ${limits.overrideTextCharsMax} characters`;
    }
  }
  if (override.id === "") return "an override needs an id";
  if (!/^(region|service|pool|endpoint):./.test(override.target)) {
    return "the target is not region:, service:, pool: or endpoint: and a name";
  }
  if (override.kind === "activate" && override.target.startsWith("endpoint:")) {
    return "a standby is activated as a pool, a service or a region, not by endpoint";
  }
  if (!Number.isFinite(override.createdAt) || !Number.isFinite(override.expiresAt)) {
    return "times are not numbers";
  }
  if (override.expiresAt <= nowMs) return "it has already expired";
  if (override.expiresAt - nowMs > limits.overrideHoursMax * hourMs) {
    return `it would last longer than ${limits.overrideHoursMax} hours`;
  }
  const replaces = existing.some((other) => other.id === override.id);
  if (!replaces && existing.length >= limits.overridesMax) {
    return `there are already ${limits.overridesMax} overrides`;
  }
  return undefined;
}

/** The list with this one in it, in the order of creation (ties: of arrival). */
export function withOverride(list: readonly Override[], override: Override): readonly Override[] {
  const others = list.filter((other) => other.id !== override.id);
  const after = others.findIndex((other) => other.createdAt > override.createdAt);
  return others.toSpliced(after === -1 ? others.length : after, 0, override);
}

export interface Painted {
  readonly forced: Uint8Array;
  readonly frozen: Uint8Array;
  readonly active: Uint8Array;
}

/** What a list of overrides says of each endpoint and pool. The list is in order of creation. */
export function paintOverrides(policy: Policy, overrides: readonly Override[]): Painted {
  const painted = {
    forced: new Uint8Array(policy.endpoints.length),
    frozen: new Uint8Array(policy.endpoints.length),
    active: Uint8Array.from(policy.pools, (pool) =>
      pool.standby === "manual" ? activity.no : activity.yes,
    ),
  };
  const found: { readonly override: Override; readonly target: Target }[] = [];
  for (const override of overrides) {
    const target = findTarget(policy, override.target);
    if (target !== undefined) found.push({ override, target });
  }
  // Stable: of equal rank the newest is painted last, over the others.
  found.sort((a, b) => rankOfKind[a.target.kind] - rankOfKind[b.target.kind]);
  for (const { override, target } of found) {
    if (override.kind === "activate") {
      if (target.kind === "endpoint") continue;
      for (const pool of poolsOfTarget(policy, target)) painted.active[pool] = activity.yes;
      continue;
    }
    const word = forcedByKind[override.kind];
    for (const row of endpointsOfTarget(policy, target)) {
      if (word === undefined) painted.frozen[row] = 1;
      else painted.forced[row] = word;
    }
  }
  return painted;
}

/**
 * Makes the columns say what the draft's list of overrides says, at `draft.at`, at one stroke.
 * Returns the rows whose freeze ended: time goes on for them.
 */
export function applyOverrides(draft: Draft): readonly number[] {
  const painted = paintOverrides(draft.policy, draft.overrides);
  const services = new Set<number>();
  const thawed: number[] = [];
  draft.grouped = true;
  for (let pool = 0; pool < painted.active.length; pool++) {
    const wanted = painted.active[pool]!;
    const unmet = wanted === activity.yes && !requirementMet(draft, pool);
    const active = unmet ? activity.unmet : wanted;
    if (draft.pools.active[pool] === active) continue;
    draft.ownPools("active")[pool] = active;
    draft.touchedPools.add(pool);
    services.add(draft.facts.serviceOfPool[pool]!);
  }
  for (let row = 0; row < painted.forced.length; row++) {
    const wasFrozen = draft.endpoints.frozen[row] === 1;
    if (!applyToEndpoint(draft, row, painted)) continue;
    services.add(draft.facts.serviceOfEndpoint[row]!);
    if (wasFrozen && painted.frozen[row] === 0) thawed.push(row);
  }
  draft.grouped = false;
  for (const service of services) {
    recountUsable(draft, service);
    draft.staleTtl.add(service);
  }
  for (const service of services) noteServing(draft, service);
  return thawed;
}

function applyToEndpoint(draft: Draft, row: number, painted: Painted): boolean {
  const word = painted.forced[row]!;
  const frozen = painted.frozen[row]!;
  const wasFrozen = draft.endpoints.frozen[row]!;
  if (draft.endpoints.forced[row] === word && wasFrozen === frozen) return false;
  draft.touchedEndpoints.add(row);
  if (draft.endpoints.forced[row] !== word) draft.own("forced")[row] = word;
  if (wasFrozen === frozen) return true;
  // Time up to now still counts; from now on it stands still, or goes on.
  if (frozen === 1) settle(draft, row, draft.at);
  draft.own("frozen")[row] = frozen;
  if (frozen === 0) thaw(draft, row);
  return true;
}
