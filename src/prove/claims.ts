/**
 * The assertions of a configuration and what they refer to, for the prover. Residency is read from
 * what the operator wrote, not from the policy, so that a mistake of the compiler is found as well.
 */
import { type Assertion, formatAssertion } from "../config/assertions.ts";
import type { Config } from "../config/schema.ts";
import type { Place } from "../errors.ts";

export interface PlacedAssertion {
  readonly assertion: Assertion;
  /** As a sentence. */
  readonly text: string;
  /** Such as `assert.0`. */
  readonly path: string;
  readonly place: Place | undefined;
}

export interface Claims {
  readonly assertions: readonly PlacedAssertion[];
  /** Service -> the jurisdictions it may be served from. */
  readonly residency: ReadonlyMap<string, readonly string[]>;
}

export function claimsOf(config: Config, placeOf: (path: string) => Place | undefined): Claims {
  const residency = Object.entries(config.services).flatMap(([name, service]) =>
    service.residency === undefined ? [] : [[name, service.residency.only] as const],
  );
  return {
    assertions: (config.assert ?? []).map((assertion, index) => {
      const path = `assert.${index}`;
      return { assertion, text: formatAssertion(assertion), path, place: placeOf(path) };
    }),
    residency: new Map(residency),
  };
}
