/**
 * Sine, cosine and arctangent from + - * / and square root alone, which IEEE 754 rounds in one way
 * only. Math.sin and its kin may differ in the last bit between versions of V8, and a distance that
 * decides which region is nearest must be the same on every node (docs/architecture.md, digests).
 * Accurate to about 1e-15; meant for angles within a few turns.
 */

/** pi/2 as two parts: the first has 33 significant bits, so that its small multiples are exact. */
const halfPiHigh = 1.5707963267341256;
const halfPiLow = 6.077100506506192e-11;
/** The double next to pi, by the language's own definition. */
export const pi = Math.PI;

/** Taylor's series, Horner's scheme; |x| <= pi/4 leaves an error of x^19/19!, under 1e-19. */
function sinSeries(x: number): number {
  const q = x * x;
  let sum = 1 / 355_687_428_096_000;
  sum = sum * q - 1 / 1_307_674_368_000;
  sum = sum * q + 1 / 6_227_020_800;
  sum = sum * q - 1 / 39_916_800;
  sum = sum * q + 1 / 362_880;
  sum = sum * q - 1 / 5040;
  sum = sum * q + 1 / 120;
  sum = sum * q - 1 / 6;
  return x + x * q * sum;
}

function cosSeries(x: number): number {
  const q = x * x;
  let sum = 1 / 20_922_789_888_000;
  sum = sum * q - 1 / 87_178_291_200;
  sum = sum * q + 1 / 479_001_600;
  sum = sum * q - 1 / 3_628_800;
  sum = sum * q + 1 / 40_320;
  sum = sum * q - 1 / 720;
  sum = sum * q + 1 / 24;
  sum = sum * q - 1 / 2;
  return 1 + q * sum;
}

/** sin(x + quarters * pi/2), after taking whole quarter turns off x. */
function sinShifted(x: number, quarters: number): number {
  const turns = Math.round(x / (halfPiHigh + halfPiLow));
  const rest = x - turns * halfPiHigh - turns * halfPiLow;
  const quadrant = (((turns + quarters) % 4) + 4) % 4;
  const value = quadrant % 2 === 0 ? sinSeries(rest) : cosSeries(rest);
  return quadrant < 2 ? value : -value;
}

export function exactSin(x: number): number {
  return sinShifted(x, 0);
}

export function exactCos(x: number): number {
  return sinShifted(x, 1);
}

/** atan of 0, 1/4, 1/2, 3/4, 1. */
const atanQuarters = [
  0, 0.24497866312686414, 0.4636476090008061, 0.6435011087932844, 0.7853981633974483,
] as const;

/** 0 <= x <= 1: atan(x) = atan(c) + atan((x - c) / (1 + x c)), c the nearest quarter. */
function atanUnit(x: number): number {
  const quarter = Math.round(x * 4);
  const c = quarter / 4;
  const t = (x - c) / (1 + x * c);
  const q = t * t;
  let sum = 1 / 17;
  sum = 1 / 15 - q * sum;
  sum = 1 / 13 - q * sum;
  sum = 1 / 11 - q * sum;
  sum = 1 / 9 - q * sum;
  sum = 1 / 7 - q * sum;
  sum = 1 / 5 - q * sum;
  sum = 1 / 3 - q * sum;
  return (atanQuarters[quarter] ?? Number.NaN) + (t - t * q * sum);
}

/** The angle of the point (x, y) with x, y >= 0, from 0 to pi/2; 0 for (0, 0). */
export function exactAtan2(y: number, x: number): number {
  if (y === 0) return 0;
  return y <= x ? atanUnit(y / x) : pi / 2 - atanUnit(x / y);
}
