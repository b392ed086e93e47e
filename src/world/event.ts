/**
 * What goes into step.ts and what comes out of it. Events carry the time at which they happened;
 * those about an endpoint carry the digest of the policy whose index they use, so that a result of
 * a probe started before a revision is not counted for another endpoint after it.
 */
import type {
  CellIndex,
  EndpointIndex,
  PoolIndex,
  RegionIndex,
  ServiceIndex,
} from "../policy/policy.ts";
import type { FailureCode } from "./failures.ts";
import type { Override, Resolved, World } from "./world.ts";

export interface ProbeResult {
  readonly kind: "result";
  readonly policyDigest: string;
  readonly endpoint: EndpointIndex;
  readonly at: number;
  readonly ok: boolean;
  /** Read when `ok`. */
  readonly latencyMs: number;
  /** `none` when `ok`. */
  readonly failure: FailureCode;
}

/** The columns that an allocation replaces, whole. */
export interface Allocation {
  /** Of CapacityColumns. */
  readonly keep: Uint16Array;
  readonly fedAt: Float64Array;
  /** ServiceColumns.allocation. */
  readonly mode: Uint8Array;
}

export type WorldEvent =
  | ProbeResult
  | {
      readonly kind: "resolved";
      readonly policyDigest: string;
      readonly endpoint: EndpointIndex;
      readonly at: number;
      readonly resolved: Resolved;
    }
  | {
      readonly kind: "quarantine";
      readonly policyDigest: string;
      readonly endpoint: EndpointIndex;
      readonly at: number;
      readonly on: boolean;
    }
  /** A round trip from clients of a cell to a region. */
  | {
      readonly kind: "latency";
      readonly policyDigest: string;
      readonly cell: CellIndex;
      readonly region: RegionIndex;
      readonly at: number;
      readonly microseconds: number;
    }
  /** What a pool carries now, in the unit of its capacity. */
  | {
      readonly kind: "load";
      readonly policyDigest: string;
      readonly pool: PoolIndex;
      readonly at: number;
      readonly load: number;
    }
  /** What steer/allocate.ts made of this World. */
  | {
      readonly kind: "allocation";
      readonly policyDigest: string;
      readonly at: number;
      readonly allocation: Allocation;
    }
  /** An override of the same id is replaced. */
  | { readonly kind: "override"; readonly at: number; readonly override: Override }
  | { readonly kind: "lift"; readonly at: number; readonly id: string }
  /** What waits for the operator in a target (its stored form) may return. */
  | { readonly kind: "resume"; readonly at: number; readonly target: string }
  /** Nothing happened but time; the same as no event. */
  | { readonly kind: "tick"; readonly at: number };

/** What people call the state of an endpoint; `held` and `ramping` are kinds of up. */
export type EndpointState = "unknown" | "up" | "held" | "ramping" | "down" | "disabled";

export type TransitionReason =
  | "first result"
  | "failures"
  | "successes"
  | "hold over"
  | "ramp over"
  | "silence"
  | "results are back"
  | "check"
  | "freeze over";

/** One line of the log. */
export interface Transition {
  readonly endpoint: EndpointIndex;
  readonly from: EndpointState;
  readonly to: EndpointState;
  readonly reason: TransitionReason;
  readonly at: number;
}

/** Health wants the endpoint out of use, and the bound on removals keeps it in. */
export interface Alarm {
  readonly endpoint: EndpointIndex;
  readonly at: number;
}

export interface OverrideChange {
  readonly override: Override;
  readonly change: "added" | "lifted" | "expired";
  readonly at: number;
}

/** An event about overrides that cannot be carried out; World is as if it had not come. */
export interface RefusedEvent {
  /** Position in the events given. */
  readonly event: number;
  readonly message: string;
}

export interface StepResult {
  readonly world: World;
  /** Rows of which a column that decides reads changed, ascending. */
  readonly changed: readonly EndpointIndex[];
  readonly changedPools: readonly PoolIndex[];
  readonly changedServices: readonly ServiceIndex[];
  /** The order of some cell's regions. */
  readonly changedLatency: boolean;
  /** What some pool keeps of what comes to it. */
  readonly changedCapacity: boolean;
  /** In order of time. */
  readonly transitions: readonly Transition[];
  readonly alarms: readonly Alarm[];
  readonly overrideChanges: readonly OverrideChange[];
  readonly refused: readonly RefusedEvent[];
  /** Events about another policy's endpoints, or about endpoints that are not probed. */
  readonly ignored: number;
  /** Nothing changes by itself before this moment; Infinity when nothing is under way. */
  readonly nextAt: number;
}
