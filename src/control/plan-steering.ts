/**
 * Shares of one (policy, World) for whoever sums over demand: plan.ts and simulate.ts. decide() is
 * asked once for each class and *group*: services with the same rule set, the same settings and
 * pools in the same state are decided alike, so ten thousand services cost as much as their
 * different groups.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type {
  ClassIndex,
  EndpointIndex,
  Policy,
  RuleSet,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import { poolRow, serviceCarry } from "../steer/carry.ts";
import { decide } from "../steer/decide.ts";
import type { Decision } from "../steer/decision.ts";
import { keepText } from "../steer/walks.ts";
import type { World } from "../world/world.ts";

/** Where no endpoint serves. */
export const refusedRegion = "(refused)";

export interface RegionPart {
  readonly region: string;
  /** 0 .. 1. */
  readonly part: number;
}

/** Settings that do not change how a class is divided over pools. */
const namingOnly: ReadonlySet<string> = new Set([
  "name",
  "firstPool",
  "names",
  "seed",
  "affinityMask4",
  "affinityMask6",
  "redirect",
  "key",
]);

export class Steering {
  readonly policy: Policy;
  readonly world: World;
  readonly #groupOfService: Uint32Array;
  readonly #groups = new Map<string, number>();
  /** The first service of each group speaks for it. */
  readonly #speakers: ServiceIndex[] = [];
  readonly #decisions: (Decision["pools"] | undefined)[][] = [];
  readonly #regions: (readonly RegionPart[] | undefined)[][] = [];
  readonly #rows = new Map<number, readonly number[]>();
  #asked = 0;

  constructor(policy: Policy, world: World) {
    assert(world.policyDigest === policy.digest, "policy and world belong together");
    this.policy = policy;
    this.world = world;
    this.#groupOfService = Uint32Array.from(policy.services, (service, index) =>
      this.#groupFor(service, index as ServiceIndex),
    );
  }

  /** How often decide() was asked. */
  get asked(): number {
    return this.#asked;
  }

  groupOf(service: ServiceIndex): number {
    return this.#groupOfService[service]!;
  }

  ruleSetOf(service: ServiceIndex): RuleSet {
    const ruleSet = this.policy.ruleSets[this.policy.services[service]!.ruleSet];
    assert(ruleSet !== undefined, "rule sets of services exist");
    return ruleSet;
  }

  /** By pool ordinal; empty when refused. */
  poolsOf(service: ServiceIndex, classIndex: number): Decision["pools"] {
    const group = this.groupOf(service);
    const known = this.#decisions[group]![classIndex];
    if (known !== undefined) return known;
    this.#asked++;
    const speaker = this.#speakers[group]!;
    const { pools } = decide(this.policy, this.world, speaker, classIndex as ClassIndex);
    this.#decisions[group]![classIndex] = pools;
    return pools;
  }

  /** In the order of pools; colours of a region together. */
  regionsOf(service: ServiceIndex, classIndex: number): readonly RegionPart[] {
    const group = this.groupOf(service);
    const known = this.#regions[group]![classIndex];
    if (known !== undefined) return known;
    const { firstPool } = this.policy.services[service]!;
    const parts = new Map<string, number>();
    for (const { pool, share } of this.poolsOf(service, classIndex)) {
      const { region } = this.policy.pools[firstPool + pool]!;
      const { name } = this.policy.regions[region]!;
      parts.set(name, (parts.get(name) ?? 0) + share / limits.shareTotal);
    }
    if (parts.size === 0) parts.set(refusedRegion, 1);
    const made = [...parts].map(([region, part]) => ({ region, part }));
    this.#regions[group]![classIndex] = made;
    return made;
  }

  /** Shares of limits.shareTotal over the endpoints of a pool. */
  rowOf(pool: number): readonly number[] {
    const known = this.#rows.get(pool);
    if (known !== undefined) return known;
    const found = this.policy.pools[pool]!;
    const { fallback } = this.policy.services[found.service]!;
    const row = poolRow(this.policy, this.world, { pool: found, fallback });
    this.#rows.set(pool, row);
    return row;
  }

  /** Parts of all endpoints that serve a class, by index; empty when refused. */
  endpointsOf(service: ServiceIndex, classIndex: number): ReadonlyMap<EndpointIndex, number> {
    const parts = new Map<EndpointIndex, number>();
    const { firstPool } = this.policy.services[service]!;
    for (const { pool, share } of this.poolsOf(service, classIndex)) {
      const index = firstPool + pool;
      const { firstEndpoint } = this.policy.pools[index]!;
      this.rowOf(index).forEach((of, k) => {
        if (of === 0) return;
        const part = (share * of) / (limits.shareTotal * limits.shareTotal);
        parts.set((firstEndpoint + k) as EndpointIndex, part);
      });
    }
    return parts;
  }

  #groupFor(service: Service, index: ServiceIndex): number {
    const settings = Object.entries(service).filter(([key]) => !namingOnly.has(key));
    const carried = serviceCarry(this.policy, this.world, index);
    const kept = keepText(this.policy, this.world, index);
    const key = `${JSON.stringify(settings)} ${carried.join()}${kept}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = this.#groups.size;
    this.#groups.set(key, group);
    this.#speakers.push(index);
    this.#decisions.push([]);
    this.#regions.push([]);
    return group;
  }
}
