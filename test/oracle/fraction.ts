/** Exact fractions for the oracle: slow, obvious, never rounded. */
export interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b));

export function fraction(over: number | bigint, under: number | bigint = 1): Fraction {
  const n = BigInt(over);
  const d = BigInt(under);
  const common = gcd(n < 0n ? -n : n, d) || 1n;
  return { over: n / common, under: d / common };
}

export const zero = fraction(0);
export const one = fraction(1);
export const plus = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.over * b.under + b.over * a.under, a.under * b.under);
export const minus = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.over * b.under - b.over * a.under, a.under * b.under);
export const times = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.over * b.over, a.under * b.under);
export const divided = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.over * b.under, a.under * b.over);
export const isPositive = (a: Fraction): boolean => a.over > 0n;
export const compare = (a: Fraction, b: Fraction): number => {
  const difference = a.over * b.under - b.over * a.under;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
};
export const sum = (list: readonly Fraction[]): Fraction => list.reduce(plus, zero);

/** docs/steering.md step 9, `round`: shares that sum to 1 -> integers that sum to `total`. */
export function roundShares(shares: readonly Fraction[], total = 65_536): number[] {
  const scaled = shares.map((share) => times(share, fraction(total)));
  const whole = scaled.map((share) => Number(share.over / share.under));
  const rest = scaled.map((share, i) => minus(share, fraction(whole[i] ?? 0)));
  let missing = total - whole.reduce((a, b) => a + b, 0);
  const order = shares
    .map((_, i) => i)
    .sort((a, b) => compare(rest[b] ?? zero, rest[a] ?? zero) || a - b);
  for (const i of order) {
    if (missing === 0) break;
    whole[i] = (whole[i] ?? 0) + 1;
    missing -= 1;
  }
  shares.forEach((share, i) => {
    if (!isPositive(share) || whole[i] !== 0) return;
    const greatest = whole.indexOf(Math.max(...whole));
    whole[greatest] = (whole[greatest] ?? 0) - 1;
    whole[i] = 1;
  });
  return whole;
}
