/**
 * The weights by which the colours of a region's pool share. Called by compile-classes.ts for each
 * region of a service: as `shares` or `canary` say, else the sums of the endpoints' weights, so
 * that naming colours alone moves nobody.
 */
import type { ServiceConfig } from "../config/schema.ts";

export interface ColourPool {
  readonly colour: string;
  /** The sum of its endpoints' weights. */
  readonly weight: number;
}

/** Hundredths of a percent in the whole. */
const whole = 10_000;

export function colourWeights(
  config: Pick<ServiceConfig, "shares" | "canary">,
  region: string,
  pools: readonly ColourPool[],
): readonly number[] {
  const shares = new Map(Object.entries(config.shares ?? {})).get(region);
  if (shares !== undefined) {
    const written = new Map(Object.entries(shares));
    return pools.map(({ colour }) => written.get(colour) ?? 0);
  }
  const own = pools.map(({ weight }) => weight);
  const { canary } = config;
  if (canary?.region !== region) return own;
  const others = pools.reduce(
    (sum, { colour, weight }) => (colour === canary.colour ? sum : sum + weight),
    0,
  );
  // Of `whole` times the others: they keep their proportions, and the canary has its share exactly.
  const weights = pools.map(({ colour, weight }) =>
    colour === canary.colour ? canary.share * others : (whole - canary.share) * weight,
  );
  const common = weights.reduce(greatestCommonDivisor, 0);
  return weights.map((weight) => weight / common);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
