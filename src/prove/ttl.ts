/**
 * Assertions on the lifetime of answers. Called by prove.ts. A service's TTL is clamped to its
 * bounds, and both are reached: the greatest while nothing moves, as when every endpoint is frozen,
 * the least in the last moment of an override.
 */
import type { Claim } from "../config/assertions.ts";
import type { Service } from "../policy/policy.ts";

export type TtlClaim = Extract<Claim, { readonly kind: "ttl" }>;

export function ttlHolds(service: Service, claim: TtlClaim): boolean {
  const seconds = claim.ms / 1000;
  return claim.bound === "at most"
    ? service.ttlSecondsMax <= seconds
    : service.ttlSecondsMin >= seconds;
}

export function ttlSentence(service: Service, claim: TtlClaim): string {
  return claim.bound === "at most"
    ? `while nothing moves an answer lives ${service.ttlSecondsMax}s`
    : `in the last moment of an override an answer lives ${service.ttlSecondsMin}s`;
}
