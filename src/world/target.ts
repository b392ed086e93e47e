/**
 * Targets of overrides: text -> the endpoints and pools it means under one policy. The stored form
 * is `region:fra`, `service:shop`, `pool:shop/fra`, `endpoint:shop/fra/192.0.2.1`; people may leave
 * the kind out where that is not ambiguous. A name the policy does not have is no error of a stored
 * override (a revision may bring it back) but is one of a command.
 */
import { nearestOf } from "../lib/did-you-mean.ts";
import type { Policy } from "../policy/policy.ts";
import { factsOf } from "./facts.ts";

export type TargetKind = "region" | "service" | "pool" | "endpoint";

export interface Target {
  readonly kind: TargetKind;
  /** Index of the region, service, pool or endpoint. */
  readonly index: number;
  /** The stored form. */
  readonly text: string;
}

export type TargetResult =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly message: string; readonly hint: string };

type NameIndex = Readonly<Record<TargetKind, ReadonlyMap<string, number>>>;

const known = new WeakMap<Policy, NameIndex>();

function namesOf(policy: Policy): NameIndex {
  const found = known.get(policy);
  if (found !== undefined) return found;
  const poolNames = policy.pools.map(
    (pool) => `${policy.services[pool.service]!.name}/${pool.name}`,
  );
  // Parts of checks are nobody's endpoints: a word on one would change nothing.
  const isPart = (index: number): boolean => policy.pools[index]!.checks === true;
  const made: NameIndex = {
    region: new Map(policy.regions.map((region, index) => [region.name, index])),
    service: new Map(policy.services.map((service, index) => [service.name, index])),
    pool: new Map(
      poolNames.flatMap((name, index) => (isPart(index) ? [] : [[name, index] as const])),
    ),
    endpoint: new Map(
      policy.endpoints.flatMap(({ pool, name }, index) =>
        isPart(pool) ? [] : [[`${poolNames[pool]}/${name}`, index] as const],
      ),
    ),
  };
  known.set(policy, made);
  return made;
}

/** The stored form -> what it means; undefined if this policy has no such thing. */
export function findTarget(policy: Policy, text: string): Target | undefined {
  const colon = text.indexOf(":");
  const kind = text.slice(0, colon);
  if (colon === -1 || !isKind(kind)) return undefined;
  const index = namesOf(policy)[kind].get(text.slice(colon + 1));
  return index === undefined ? undefined : { kind, index, text };
}

const kinds = ["region", "service", "pool", "endpoint"] as const;
const isKind = (word: string): word is TargetKind => (kinds as readonly string[]).includes(word);

/** What a person wrote -> one target, or why not and what was perhaps meant. */
export function parseTarget(policy: Policy, text: string): TargetResult {
  const wanted = text.trim();
  const colon = wanted.indexOf(":");
  const prefix = wanted.slice(0, Math.max(0, colon));
  const names = namesOf(policy);
  if (isKind(prefix)) {
    const name = wanted.slice(colon + 1);
    const index = names[prefix].get(name);
    if (index !== undefined) {
      return { ok: true, target: { kind: prefix, index, text: `${prefix}:${name}` } };
    }
    return unknown(names, {
      what: `${prefix} named ${quote(name)}`,
      wanted: name,
      kinds: [prefix],
    });
  }
  const found: Target[] = [];
  for (const kind of kinds) {
    const index = names[kind].get(wanted);
    if (index !== undefined) found.push({ kind, index, text: `${kind}:${wanted}` });
  }
  const [only, other] = found;
  if (only === undefined) {
    const depth = wanted.split("/").length;
    const likely = depth === 1 ? (["region", "service"] as const) : (["pool", "endpoint"] as const);
    const what = `region, service, pool or endpoint named ${quote(wanted)}`;
    return unknown(names, { what, wanted, kinds: likely });
  }
  if (other !== undefined) {
    return {
      ok: false,
      message: `${quote(wanted)} is both a ${found.map((target) => target.kind).join(" and a ")}`,
      hint: `write ${found.map((target) => target.text).join(" or ")}`,
    };
  }
  return { ok: true, target: only };
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 100));

function unknown(
  names: NameIndex,
  options: {
    readonly what: string;
    readonly wanted: string;
    readonly kinds: readonly TargetKind[];
  },
): TargetResult {
  const candidates = options.kinds.flatMap((kind) => [...names[kind].keys()]);
  const near = nearestOf(options.wanted, candidates);
  return {
    ok: false,
    message: `there is no ${options.what}`,
    hint:
      near === undefined
        ? `write ${kinds.map((kind) => `${kind}:...`).join(", ")}, or a name alone`
        : `did you mean ${near}?`,
  };
}

/** The pools a target covers; of an endpoint, the pool it is in. */
export function poolsOfTarget(policy: Policy, target: Target): readonly number[] {
  if (target.kind === "pool") return [target.index];
  if (target.kind === "endpoint") return [policy.endpoints[target.index]!.pool];
  if (target.kind === "service") {
    const { firstPool, poolCount } = policy.services[target.index]!;
    return Array.from({ length: poolCount }, (_, ordinal) => firstPool + ordinal);
  }
  return factsOf(policy).poolsOfRegion[target.index]!;
}

/** Rows of the endpoints a target covers. */
export function endpointsOfTarget(policy: Policy, target: Target): readonly number[] {
  if (target.kind === "endpoint") return [target.index];
  const rows: number[] = [];
  for (const poolIndex of poolsOfTarget(policy, target)) {
    const { firstEndpoint, endpointCount } = policy.pools[poolIndex]!;
    for (let row = firstEndpoint as number; row < firstEndpoint + endpointCount; row++)
      rows.push(row);
  }
  return rows;
}
