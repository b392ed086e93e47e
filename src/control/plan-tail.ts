/**
 * The DNS tail of a plan: how long until most of what moves has moved. Pure arithmetic over a
 * stated model, called by plan.ts. The age of a cached answer is uniform between 0 and the TTL it
 * was given, so of what moves the part min(1, t / TTL) has moved t seconds after the fronts answer
 * by the new revision; services weigh by the demand they move.
 */
export interface Tail {
  /** Seconds until 95, 99 and 99.9 % of what moves has moved. */
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  /** The longest TTL: all has moved. */
  readonly all: number;
}

/** Said wherever the figures are shown. */
export const tailModel = [
  "caches hold an answer for its whole TTL and no longer, each at a random age;",
  "resolvers that keep answers longer, and clients that keep connections, are not covered",
] as const;

export interface Moving {
  readonly demand: number;
  /** Of the revision before: its answers are the ones in caches. */
  readonly ttlSeconds: number;
}

/** undefined when nothing moves. */
export function tailOf(moving: readonly Moving[]): Tail | undefined {
  const byTtl = new Map<number, number>();
  let total = 0;
  for (const { demand, ttlSeconds } of moving) {
    if (demand <= 0) continue;
    byTtl.set(ttlSeconds, (byTtl.get(ttlSeconds) ?? 0) + demand);
    total += demand;
  }
  if (total === 0) return undefined;
  const ttls = [...byTtl].sort(([a], [b]) => a - b);
  const at = (quantile: number): number => momentOf(ttls, quantile * total);
  return { p95: at(0.95), p99: at(0.99), p999: at(0.999), all: ttls.at(-1)?.[0] ?? 0 };
}

/** When `wanted` has moved: what has is a line that bends at each TTL. */
function momentOf(ttls: readonly (readonly [number, number])[], wanted: number): number {
  let done = 0;
  let from = 0;
  for (let i = 0; i < ttls.length; i++) {
    const end = ttls[i]![0];
    // Demand with this TTL or a longer one still moves, each at its own pace.
    const perSecond = ttls.slice(i).reduce((sum, [ttl, demand]) => sum + demand / ttl, 0);
    if (end === 0) {
      done += ttls[i]![1];
      continue;
    }
    const gain = perSecond * (end - from);
    if (done + gain >= wanted) return from + Math.max(0, wanted - done) / perSecond;
    done += gain;
    from = end;
  }
  return from;
}
