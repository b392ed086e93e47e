/**
 * Decision: what decide.ts says of one (service, class): a distribution over answers, not a draw.
 * So it can be explained, summed over demand, enumerated over failures and put in a table.
 */
import type { EndpointIndex, PoolOrdinal } from "../policy/policy.ts";
import type { Reason } from "./reasons.ts";

export interface Answer {
  /** 1 .. service.answers endpoints of one pool: DNS returns all, a proxy tries them in order. */
  readonly endpoints: readonly EndpointIndex[];
  /** Of limits.shareTotal. */
  readonly share: number;
}

export interface Decision {
  readonly outcome: "answer" | "refuse";
  /** Shares sum to limits.shareTotal; no share is 0; empty when refused. By pool, then endpoint. */
  readonly answers: readonly Answer[];
  /** The first level alone, by pool ordinal; what a shape tabulates. Empty when refused. */
  readonly pools: readonly { readonly pool: PoolOrdinal; readonly share: number }[];
  /** In the normative order of evaluation. */
  readonly reasons: readonly Reason[];
}

/**
 * What the front saw of the client: one location, none it knows, or a prefix over several classes.
 */
export type Seen = "location" | "unknown" | "span";
