/**
 * World: what is true now. Typed columns indexed by the endpoints, pools and services of one policy
 * revision; written only by step.ts in the observer, published to the fronts, read by steer/.
 * All history lives here (flap counters, hold, ramp, overrides, last-good), so that a decision
 * needs nothing but (Policy, World). Times are milliseconds since the epoch; 0 means never.
 */

import { limits } from "../limits.ts";

/** Verdict of the monitors on an endpoint. `disabled` means it has no monitor and counts as up. */
export const verdict = { unknown: 0, up: 1, down: 2, disabled: 3 } as const;
export type Verdict = (typeof verdict)[keyof typeof verdict];

/** The operator's word on an endpoint, resolved from `overrides`: the most specific target wins. */
export const forced = { none: 0, up: 1, down: 2, drain: 3 } as const;
export type Forced = (typeof forced)[keyof typeof forced];

/** Enough moments to tell how often an endpoint went down: the longest hold is 2^4 holds. */
export const downTimesKept = 5;

/** One column per fact; row i is endpoint i. */
export interface EndpointColumns {
  readonly verdict: Uint8Array;
  readonly forced: Uint8Array;
  /** 1: the verdict and the ramp of this endpoint do not change by themselves. */
  readonly frozen: Uint8Array;
  /** 1: a service that its own depends on cannot serve, so it counts as down. */
  readonly blocked: Uint8Array;
  /** 1: held until the operator resumes it, however long ago its hold ended. */
  readonly waits: Uint8Array;
  /** 1: its counter is full, but too much was taken out of use just now: it keeps its verdict. */
  readonly retained: Uint8Array;
  /** 0 while held after a return, then the ramp step, `limits.availabilityFull` when whole. */
  readonly availability: Uint16Array;
  /** 1: was usable the last time its service had anything usable. */
  readonly lastGood: Uint8Array;
  /** 1: probing it crashed the observer; it is not probed and counts as unknown. */
  readonly quarantined: Uint8Array;
  /** The verdict before silence or quarantine made it unknown: restored when results return. */
  readonly kept: Uint8Array;
  /** Failures since the counter was last cleared (verdict up); gdnsd's anti-flap counter. */
  readonly failures: Uint16Array;
  /** Successes in a row. */
  readonly successes: Uint16Array;
  /** Times it went down within the flap window; lengthens the next hold. */
  readonly flaps: Uint16Array;
  /** Position of the last failure in `failureCodes` (failures.ts). */
  readonly failure: Uint16Array;
  readonly lastResultAt: Float64Array;
  readonly changedAt: Float64Array;
  /** The last `downTimesKept` moments it went down, newest first: row i starts at i * that. */
  readonly downTimes: Float64Array;
  readonly holdUntil: Float64Array;
  readonly rampFrom: Float64Array;
  /** When a retained one may go. */
  readonly retryAt: Float64Array;
  /** 1: it returns on its region's ramp, not on its service's. */
  readonly regional: Uint8Array;
  /** Milliseconds of the last successful probe; NaN if none. */
  readonly latencyMs: Float32Array;
}

/**
 * May a pool serve? `no`: a manual standby nobody has activated. `unmet`: a standby that would, but
 * what it requires does not pass.
 */
export const activity = { no: 0, yes: 1, unmet: 2 } as const;

export interface PoolColumns {
  /** One of `activity`; `yes` for every pool that is no standby. */
  readonly active: Uint8Array;
}

export interface ServiceColumns {
  /** Soonest moment the answer could change, clamped to the service's minimum and maximum. */
  readonly ttlSeconds: Uint32Array;
  /** Endpoints usable now; while it is not 0, `lastGood` marks exactly those. */
  readonly usable: Uint32Array;
  /** Endpoints that health took out of use since `removalsFrom`, for the bound on that. */
  readonly removals: Uint32Array;
  readonly removalsFrom: Float64Array;
  /** How traffic is spread over capacity: a position of `allocations`. */
  readonly allocation: Uint8Array;
}

/** `demand` and `feedback` have something in the column `keep`. */
export const allocations = { none: 0, noDemand: 1, demand: 2, feedback: 3 } as const;

/** Walks of an allocation, docs/steering.md "Capacity". */
export const capacityWalks = 2;
export const keepsPerPool = capacityWalks * limits.capacityTiersMax;

/** Row i is the pool `Policy.capacity.pools[i]`. */
export interface CapacityColumns {
  /** By walk, then by place of the tier: what the pool keeps, of limits.keepFull. */
  readonly keep: Uint16Array;
  /** The last report, in the unit of its capacity; NaN if none. */
  readonly load: Float64Array;
  readonly loadAt: Float64Array;
  /** Between the last two reports; 0 if there are no two. */
  readonly loadEveryMs: Float64Array;
  /** When feedback last changed `keep`. */
  readonly fedAt: Float64Array;
}

/** Row cell * regions + region of `Policy.latency`; no rows when nothing is steered by latency. */
export interface LatencyColumns {
  /** Place in the cell's order, from 1; 0 while it is not measured. */
  readonly rank: Uint8Array;
  /** The average. */
  readonly microseconds: Uint32Array;
  readonly sampledAt: Float64Array;
}

/** What a host-name endpoint resolves to, kept through failures of the resolver. */
export interface Resolved {
  /** 4 bytes an address. */
  readonly ipv4: readonly Uint8Array[];
  readonly ipv6: readonly Uint8Array[];
  readonly resolvedAt: number;
  /** Empty while the last look-up succeeded, else why the addresses are old. */
  readonly staleReason: string;
}

export type OverrideKind = "drain" | "force-up" | "force-down" | "freeze" | "activate";

export interface Override {
  readonly id: string;
  readonly kind: OverrideKind;
  /**
   * `region:NAME`, `service:NAME`, `pool:SERVICE/POOL` or `endpoint:SERVICE/POOL/ENDPOINT`:
   * names, so that it survives a revision.
   */
  readonly target: string;
  readonly reason: string;
  readonly author: string;
  readonly createdAt: number;
  readonly expiresAt: number;
}

export interface World {
  /** Digest of the policy whose indices the columns use. */
  readonly policyDigest: string;
  /** Counts published changes; never goes back on one node. */
  readonly generation: number;
  readonly at: number;
  /** Nothing changes by itself before this moment: a lower bound, so that step need not look. */
  readonly nextAt: number;
  /** Probing runs without a pause since then: silence is counted from here at the earliest. */
  readonly watchedSince: number;
  readonly endpoints: EndpointColumns;
  readonly pools: PoolColumns;
  readonly services: ServiceColumns;
  readonly latency: LatencyColumns;
  readonly capacity: CapacityColumns;
  /** Sparse: only host-name endpoints have an entry. */
  readonly resolved: ReadonlyMap<number, Resolved>;
  readonly overrides: readonly Override[];
}
