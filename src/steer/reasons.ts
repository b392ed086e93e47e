/**
 * Reason codes: stable words for why an answer is what it is. The same code stands in `explain`, in
 * the API, on the wire and in response headers, so a code is never renamed or reused.
 * docs/reasons.md is generated from this table.
 */
export const reasonCodes = {
  "class.rule": "A rule matched the client's location.",
  "class.default": "No rule before the last, unconditional one matched.",
  "class.cohort": "The client is in a cohort.",
  "class.unknown": "The client's location is not known.",
  "class.span": "The client's prefix covers several classes; the largest decided.",
  "residency.excluded": "The pool is outside the jurisdictions this service or client may use.",
  "override.forced-up": "The operator forced the target up.",
  "override.forced-down": "The operator forced the target down.",
  "override.drain": "The operator drains the target: no new work.",
  "override.freeze": "The operator froze the target: no automatic change.",
  "safety.removal-held": "Its check fails, and it is kept: too much was taken out of use just now.",
  "health.down": "The monitor's verdict is down.",
  "health.unknown-unused": "Not known to be up, and others serve.",
  "health.unknown-used": "Not known to be up, and used because nothing in its tier is.",
  "health.quarantined": "Probing the endpoint crashed the prober; its health is not known.",
  "dependency.down": "A service that this one depends on cannot serve, so the pool counts as down.",
  "health.minimum": "Fewer endpoints of the pool are usable than its minimum.",
  "standby.inactive": "A manual standby that nobody has activated.",
  "standby.unmet": "A standby whose required check does not pass.",
  "standby.active": "A standby that may serve.",
  "tier.preferred": "In the first tier of the plan.",
  "tier.failover": "In a later tier: those before it cannot carry, or not all of it.",
  "spill.health": "Fewer endpoints are up than overprovisioning makes good; the rest spills.",
  "panic.on": "So few endpoints are usable that those that serve are not chosen by health.",
  "capacity.no-demand":
    "Capacity is declared, but neither demand nor load is known: it does not count.",
  "capacity.demand": "Spread over capacity by the declared demand.",
  "capacity.feedback": "Spread over capacity by the reported load.",
  "capacity.full": "The pool is filled: it keeps a part of what comes to it, the rest goes on.",
  "nearest.ranked": "Tiers are ordered by distance from the client.",
  "latency.ranked": "Tiers are ordered by measured round trips from where the client is.",
  "locality.health": "Weighs less in its tier: too few of its endpoints are up.",
  "weight.zero": "Weight 0: no new work.",
  "weight.share": "Shared by weight.",
  "hold.waiting": "Back up, held before it is used again.",
  "hold.manual": "Back up, and waits for the operator's `rhumb resume`.",
  "hold.overridden": "Used although held, because nothing else is left.",
  "ramp.partial": "Returning: it has a part of its share, the rest stays where it was.",
  "fallback.serve-all":
    "Nothing is left: every endpoint that may serve is used, whatever its health.",
  "fallback.last-good": "Nothing is left: the endpoints that were last good are used.",
  "fallback.fixed": "Nothing is left: the fixed answer is used.",
  "fallback.refuse": "Nothing is left: the query is refused.",
} as const;
export type ReasonCode = keyof typeof reasonCodes;

/** `subject` says what the reason is about, by index of its kind. */
export interface Reason {
  readonly code: ReasonCode;
  readonly subject:
    | { readonly kind: "service" }
    | { readonly kind: "pool"; readonly pool: number }
    | { readonly kind: "endpoint"; readonly endpoint: number };
  /** Figures or names that complete the sentence; empty if none. */
  readonly detail: string;
}
