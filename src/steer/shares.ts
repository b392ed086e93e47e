/**
 * Exact shares: the arithmetic of docs/steering.md steps 5, 7 and 9. Called by decide.ts and by
 * table.ts. Everything is an integer or a quotient of two, so every node of a cluster gets the same
 * number; the common case (all children whole) stays in plain integers below 2^53.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";

/** numerators[i] / denominator is the share of child i; together they are 1. */
export interface Quotients {
  readonly numerators: readonly bigint[];
  readonly denominator: bigint;
}

const full = BigInt(limits.availabilityFull);

/**
 * What the children of a `split` get. A child of weight 0 or availability 0 takes no part; at least
 * one must take part. Let W be the weights of those that do, V of those that are whole, G = sum(w
 * a):
 *
 * | child    | some child is whole (V > 0)                         | none is       |
 * |----------|-----------------------------------------------------|---------------|
 * | whole    | w / W + w / V * (256 W - G) / (256 W)               |               |
 * | partial  | w a / (256 W)                                       | w a / G       |
 */
export function splitQuotients(
  weights: readonly (number | bigint)[],
  availabilities: readonly number[],
): Quotients {
  let total = 0n;
  let whole = 0n;
  let given = 0n;
  for (let i = 0; i < weights.length; i++) {
    const weight = BigInt(weights[i] ?? 0);
    const availability = availabilities[i] ?? 0;
    if (availability === 0) continue;
    total += weight;
    if (availability === limits.availabilityFull) whole += weight;
    given += weight * BigInt(availability);
  }
  assert(given > 0n, "a split that is asked for shares has a child that can carry");
  const rest = full * total - given;
  const numerators = weights.map((plain, i) => {
    const weight = BigInt(plain);
    const availability = availabilities[i] ?? 0;
    if (whole === 0n) return weight * BigInt(availability);
    if (availability === limits.availabilityFull) return weight * (full * whole + rest);
    return weight * BigInt(availability) * whole;
  });
  return { numerators, denominator: whole === 0n ? given : full * total * whole };
}

/**
 * Step 9 over quotients with one denominator: floor, then the greatest fractions one each with ties
 * to the lower position, then at least 1 for every positive one. Numbers must stay below 2^53 when
 * multiplied by the total; `roundQuotients` is the same for any size.
 */
export function roundIntegers(numerators: readonly number[], denominator: number): number[] {
  const total = limits.shareTotal;
  const shares: number[] = new Array<number>(numerators.length);
  const fractions: number[] = new Array<number>(numerators.length);
  let sum = 0;
  for (let i = 0; i < numerators.length; i++) {
    const scaled = (numerators[i] ?? 0) * total;
    assert(Number.isSafeInteger(scaled), "shares fit in 53 bits");
    const fraction = scaled % denominator;
    const share = (scaled - fraction) / denominator;
    shares[i] = share;
    fractions[i] = fraction;
    sum += share;
  }
  topUp(shares, total - sum, (a, b) => (fractions[b] ?? 0) - (fractions[a] ?? 0));
  atLeastOne(shares, (i) => (numerators[i] ?? 0) > 0);
  return shares;
}

/** Step 9 over quotients of any size, each with its own denominator. */
export function roundQuotients(
  numerators: readonly bigint[],
  denominators: readonly bigint[],
): number[] {
  const total = BigInt(limits.shareTotal);
  const fractions: bigint[] = [];
  let sum = 0;
  const shares = numerators.map((numerator, i) => {
    const scaled = numerator * total;
    const denominator = denominators[i] ?? 1n;
    fractions.push(scaled % denominator);
    const share = Number(scaled / denominator);
    sum += share;
    return share;
  });
  topUp(shares, limits.shareTotal - sum, (a, b) => {
    const left = (fractions[a] ?? 0n) * (denominators[b] ?? 1n);
    const right = (fractions[b] ?? 0n) * (denominators[a] ?? 1n);
    return left > right ? -1 : left < right ? 1 : 0;
  });
  atLeastOne(shares, (i) => (numerators[i] ?? 0n) > 0n);
  return shares;
}

/** The shares of a `split`, as integers. */
export function roundSplit(
  weights: readonly number[],
  availabilities: readonly number[],
): readonly number[] {
  let total = 0;
  let whole = true;
  for (let i = 0; i < weights.length; i++) {
    const availability = availabilities[i] ?? 0;
    if (availability !== 0) total += weights[i] ?? 0;
    if (availability !== 0 && availability !== limits.availabilityFull) whole = false;
  }
  if (whole && total <= Number.MAX_SAFE_INTEGER / limits.shareTotal) {
    const taking = weights.map((weight, i) => (availabilities[i] === 0 ? 0 : weight));
    return roundIntegers(taking, total);
  }
  const { numerators, denominator } = splitQuotients(weights, availabilities);
  return roundQuotients(numerators, new Array<bigint>(numerators.length).fill(denominator));
}

/** Gives one more each to the first `missing` positions in the order of `greater`. */
function topUp(shares: number[], missing: number, greater: (a: number, b: number) => number): void {
  if (missing === 0) return;
  assert(missing > 0 && missing < shares.length, "shares are parts of 1");
  const order = shares.map((_, i) => i).sort((a, b) => greater(a, b) || a - b);
  for (let i = 0; i < missing; i++) {
    const position = order[i] ?? 0;
    shares[position] = (shares[position] ?? 0) + 1;
  }
}

/** Every positive share that was rounded to 0 takes 1 from the greatest, the first of equals. */
function atLeastOne(shares: number[], positive: (position: number) => boolean): void {
  for (let i = 0; i < shares.length; i++) {
    if (shares[i] !== 0 || !positive(i)) continue;
    let greatest = 0;
    for (let k = 1; k < shares.length; k++) {
      if ((shares[k] ?? 0) > (shares[greatest] ?? 0)) greatest = k;
    }
    shares[greatest] = (shares[greatest] ?? 0) - 1;
    shares[i] = 1;
  }
}
