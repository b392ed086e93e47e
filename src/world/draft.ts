/**
 * Draft: the next World while step.ts or carry.ts makes it. Columns are those of the World before
 * until the first write, then a copy, so a column nobody writes is shared by both. A draft also
 * notes what it touched; `finish` compares those rows and says which changed. A draft is used once.
 */
import type { EndpointIndex, Policy, PoolIndex, ServiceIndex } from "../policy/policy.ts";
import {
  type Column,
  type ColumnSpec,
  endpointColumns,
  poolColumns,
  serviceColumns,
} from "./columns.ts";
import type { Alarm, Transition } from "./event.ts";
import { type Facts, factsOf } from "./facts.ts";
import type {
  CapacityColumns,
  EndpointColumns,
  LatencyColumns,
  Override,
  PoolColumns,
  Resolved,
  ServiceColumns,
  World,
} from "./world.ts";

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

export interface Changes {
  readonly endpoints: readonly EndpointIndex[];
  readonly pools: readonly PoolIndex[];
  readonly services: readonly ServiceIndex[];
  /** The order of some cell. */
  readonly latency: boolean;
  /** What some pool keeps. */
  readonly capacity: boolean;
}

export class Draft {
  readonly policy: Policy;
  readonly facts: Facts;
  readonly base: World;
  /** The time being lived through; never goes back. */
  at: number;
  /** Current columns: read freely, write only to what an `own...` method returned. */
  readonly endpoints: Writable<EndpointColumns>;
  readonly pools: Writable<PoolColumns>;
  readonly services: Writable<ServiceColumns>;
  readonly latency: Writable<LatencyColumns>;
  readonly capacity: Writable<CapacityColumns>;
  overrides: readonly Override[];
  watchedSince: number;
  /** Many rows change at one moment: usability is counted after, not one by one. */
  grouped = false;
  readonly transitions: Transition[] = [];
  readonly alarms: Alarm[] = [];
  /** Rows written to: those that may have changed, and whose next moment may have moved. */
  readonly touchedEndpoints = new Set<number>();
  readonly touchedPools = new Set<number>();
  readonly touchedServices = new Set<number>();
  /** Cells with new samples of latency. */
  readonly touchedCells = new Set<number>();
  /** Services whose TTL must be looked at again. */
  readonly staleTtl = new Set<number>();
  readonly #newAddresses = new Set<number>();
  #resolved: Map<number, Resolved> | undefined;

  constructor(policy: Policy, base: World) {
    this.policy = policy;
    this.facts = factsOf(policy);
    this.base = base;
    this.at = base.at;
    this.endpoints = { ...base.endpoints };
    this.pools = { ...base.pools };
    this.services = { ...base.services };
    this.latency = { ...base.latency };
    this.capacity = { ...base.capacity };
    this.overrides = base.overrides;
    this.watchedSince = base.watchedSince;
  }

  own<Name extends keyof EndpointColumns>(name: Name): EndpointColumns[Name] {
    if (this.endpoints[name] === this.base.endpoints[name]) {
      this.endpoints[name] = this.base.endpoints[name].slice() as EndpointColumns[Name];
    }
    return this.endpoints[name];
  }

  ownPools<Name extends keyof PoolColumns>(name: Name): PoolColumns[Name] {
    if (this.pools[name] === this.base.pools[name]) {
      this.pools[name] = this.base.pools[name].slice() as PoolColumns[Name];
    }
    return this.pools[name];
  }

  ownServices<Name extends keyof ServiceColumns>(name: Name): ServiceColumns[Name] {
    if (this.services[name] === this.base.services[name]) {
      this.services[name] = this.base.services[name].slice() as ServiceColumns[Name];
    }
    return this.services[name];
  }

  ownLatency<Name extends keyof LatencyColumns>(name: Name): LatencyColumns[Name] {
    if (this.latency[name] === this.base.latency[name]) {
      this.latency[name] = this.base.latency[name].slice() as LatencyColumns[Name];
    }
    return this.latency[name];
  }

  ownCapacity<Name extends keyof CapacityColumns>(name: Name): CapacityColumns[Name] {
    if (this.capacity[name] === this.base.capacity[name]) {
      this.capacity[name] = this.base.capacity[name].slice() as CapacityColumns[Name];
    }
    return this.capacity[name];
  }

  get resolved(): ReadonlyMap<number, Resolved> {
    return this.#resolved ?? this.base.resolved;
  }

  /** Addresses of a host-name endpoint; `changed` when a front would answer otherwise. */
  setResolved(endpoint: number, resolved: Resolved, options: { readonly changed: boolean }): void {
    this.#resolved ??= new Map(this.base.resolved);
    this.#resolved.set(endpoint, resolved);
    if (options.changed) this.#newAddresses.add(endpoint);
  }

  /** Rows of which a column that decides differs from the World before, ascending. */
  changes(): Changes {
    const endpoints = changedRows(this.touchedEndpoints, {
      specs: endpointColumns,
      before: this.base.endpoints,
      after: this.endpoints,
    });
    for (const row of this.#newAddresses) endpoints.add(row);
    return {
      endpoints: ascending<EndpointIndex>(endpoints),
      pools: ascending<PoolIndex>(
        changedRows(this.touchedPools, {
          specs: poolColumns,
          before: this.base.pools,
          after: this.pools,
        }),
      ),
      services: ascending<ServiceIndex>(
        changedRows(this.touchedServices, {
          specs: serviceColumns,
          before: this.base.services,
          after: this.services,
        }),
      ),
      latency: differs(this.base.latency.rank, this.latency.rank),
      capacity: differs(this.base.capacity.keep, this.capacity.keep),
    };
  }

  world(options: { readonly nextAt: number; readonly published: boolean }): World {
    return {
      policyDigest: this.policy.digest,
      generation: this.base.generation + (options.published ? 1 : 0),
      at: this.at,
      nextAt: options.nextAt,
      watchedSince: this.watchedSince,
      endpoints: this.endpoints,
      pools: this.pools,
      services: this.services,
      latency: this.latency,
      capacity: this.capacity,
      resolved: this.resolved,
      overrides: this.overrides,
    };
  }
}

function changedRows<Columns extends { readonly [Name in keyof Columns]: Column }>(
  touched: ReadonlySet<number>,
  options: {
    readonly specs: { readonly [Name in keyof Columns]: ColumnSpec };
    readonly before: Columns;
    readonly after: Columns;
  },
): Set<number> {
  const changed = new Set<number>();
  for (const name of Object.keys(options.specs) as (keyof Columns)[]) {
    const before = options.before[name];
    const after = options.after[name];
    if (!options.specs[name].decides || before === after) continue;
    // Columns that decide have one element a row.
    for (const row of touched) if (before[row] !== after[row]) changed.add(row);
  }
  return changed;
}

function differs(before: Column, after: Column): boolean {
  return before !== after && after.some((element, i) => element !== before[i]);
}

function ascending<Index extends number>(rows: ReadonlySet<number>): Index[] {
  return [...rows].sort((a, b) => a - b) as Index[];
}
