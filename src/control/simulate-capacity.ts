/**
 * Load against capacity in a simulation: what each pool with a limit carries second by second, and
 * the fullest that each limit was. Used by simulate.ts, which reports the loads to World as fronts
 * would.
 */
import type { Policy, PoolIndex } from "../policy/policy.ts";
import { capacityRow } from "../steer/capacity-index.ts";

/** Of one limit. */
export interface LimitPeak {
  /** `region fra`, or `shop/fra`. */
  readonly limit: string;
  readonly unit: string;
  readonly capacity: number;
  readonly load: number;
  readonly atMs: number;
}

export class LoadMeter {
  readonly #policy: Policy;
  readonly #loads: Float64Array;
  readonly #peaks: { load: number; atMs: number }[];

  constructor(policy: Policy) {
    this.#policy = policy;
    this.#loads = new Float64Array(policy.capacity?.pools.length ?? 0);
    this.#peaks = policy.capacity?.limits.map(() => ({ load: 0, atMs: 0 })) ?? [];
  }

  get isUsed(): boolean {
    return this.#peaks.length > 0;
  }

  begin(): void {
    this.#loads.fill(0);
  }

  add(pool: PoolIndex, load: number): void {
    const row = capacityRow(this.#policy.capacity, pool);
    if (row !== -1) this.#loads[row] = this.#loads[row]! + load;
  }

  /** All loads of a moment were added. */
  end(atMs: number): void {
    this.#policy.capacity?.limits.forEach(({ pools }, limit) => {
      const load = pools.reduce((sum, pool) => sum + this.of(pool), 0);
      const peak = this.#peaks[limit]!;
      if (load <= peak.load) return;
      peak.load = load;
      peak.atMs = atMs;
    });
  }

  of(pool: PoolIndex): number {
    return this.#loads[capacityRow(this.#policy.capacity, pool)] ?? 0;
  }

  peaks(): readonly LimitPeak[] {
    const { capacity } = this.#policy;
    return (capacity?.limits ?? []).map(({ name, unit, amount }, i) => ({
      limit: name,
      unit,
      capacity: amount / 1000,
      ...this.#peaks[i]!,
    }));
  }
}
