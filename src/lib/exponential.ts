/**
 * A table of exponential deviates in a fixed shuffled order, for steer/slots.ts. `Math.log` may
 * differ in its last bit from one engine to the next, which would part two nodes' tables; this uses
 * only the four operations, which IEEE 754 defines to the bit.
 */

/** ln(x) for 0 < x <= 1, by halving into 1/2 .. 1 and the series of artanh. */
export function naturalLog(x: number): number {
  let mantissa = x;
  let halvings = 0;
  while (mantissa < 0.5) {
    mantissa *= 2;
    halvings++;
  }
  const ratio = (mantissa - 1) / (mantissa + 1);
  const square = ratio * ratio;
  let power = ratio;
  let sum = 0;
  // |ratio| <= 1/3: the 20th term is below 2^-64 of the first.
  for (let n = 1; n < 40; n += 2) {
    sum += power / n;
    power *= square;
  }
  return 2 * sum - halvings * Math.LN2;
}

/** -ln((i + 1/2) / count) for every i below count, shuffled by `seed` (mulberry32). */
export function exponentialDeviates(count: number, seed: number): Float32Array {
  const deviates = new Float32Array(count);
  for (let i = 0; i < count; i++) deviates[i] = -naturalLog((i + 0.5) / count);
  let state = seed >>> 0;
  for (let i = count - 1; i > 0; i--) {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    const other = ((t ^ (t >>> 14)) >>> 0) % (i + 1);
    const kept = deviates[i] ?? 0;
    deviates[i] = deviates[other] ?? 0;
    deviates[other] = kept;
  }
  return deviates;
}

/** x to the power of y, for 0 < x <= 1 and y > 0. */
export function naturalPower(x: number, y: number): number {
  return naturalExponential(y * naturalLog(x));
}

/** e to the power of x, for x <= 0: a series near 0, squared as often as x was halved. */
export function naturalExponential(x: number): number {
  let part = x;
  let halvings = 0;
  while (part < -0.125) {
    part /= 2;
    halvings++;
  }
  let term = 1;
  let sum = 1;
  for (let n = 1; n < 16; n++) {
    term *= part / n;
    sum += term;
  }
  for (; halvings > 0; halvings--) sum *= sum;
  return sum;
}
