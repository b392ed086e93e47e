/**
 * Origins that do as a scenario says, under the product's own probe schedule. Used by simulate.ts;
 * the scheduler is handed in (control/ does not reach into probes/). A probe sees its origin as it
 * is when the probe starts: well, refusing, mute or slow.
 */
import type { Entropy } from "../lib/entropy.ts";
import type { EndpointIndex, Policy } from "../policy/policy.ts";
import type { ProbeResult } from "../world/event.ts";
import { failingOnGoodDays, partsOf } from "../world/facts.ts";
import type { FailureCode } from "../world/failures.ts";
import { verdict, type World } from "../world/world.ts";

/** A result as the scheduler takes it. */
export interface SimulatedProbe {
  readonly outcome: "ok" | "failed";
  readonly failure: FailureCode;
  readonly latencyMs: number;
  readonly detail: string;
}

export interface ProbeScheduler {
  setOrigins(
    origins: Iterable<{
      readonly identity: string;
      readonly intervalMs: number;
      readonly timeoutMs: number;
      readonly lastResultAt: number;
    }>,
  ): void;
  stop(): void;
}

/** src/probes/scheduler.ts, for whoever may import it. */
export type MakeScheduler = (options: {
  readonly entropy: Entropy;
  readonly start: (identity: string, ended: (result: SimulatedProbe | undefined) => void) => void;
  readonly needsFastProbe: (identity: string) => boolean;
  readonly failuresLeft: (identity: string) => number;
}) => ProbeScheduler;

type Health = "well" | "refusing" | "mute";

interface Origin {
  readonly rows: EndpointIndex[];
  readonly timeoutMs: number;
  readonly downThreshold: number;
  health: Health;
  /** Of every answer, over the usual latency; 0 for none. */
  slowMs: number;
}

export interface OriginsOptions {
  readonly policy: Policy;
  readonly entropy: Entropy;
  readonly latencyMs: number;
  readonly jitterMs: number;
  readonly makeScheduler: MakeScheduler;
  world(): World;
  onResult(result: ProbeResult): void;
}

export class SimulatedOrigins {
  readonly #options: OriginsOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #scheduler: ProbeScheduler;
  #probes = 0;

  constructor(options: OriginsOptions) {
    this.#options = options;
    const { policy } = options;
    const failing = failingOnGoodDays(policy);
    policy.endpoints.forEach(({ identity, monitor }, index) => {
      const found = this.#origins.get(identity);
      const row = index as EndpointIndex;
      if (found !== undefined) {
        found.rows.push(row);
        return;
      }
      const { timeoutMs = 0, downThreshold = 0 } = policy.monitors[monitor] ?? {};
      const health = failing.has(row) ? "refusing" : "well";
      const made: Origin = { rows: [row], timeoutMs, downThreshold, health, slowMs: 0 };
      this.#origins.set(identity, made);
    });
    this.#scheduler = options.makeScheduler({
      entropy: options.entropy,
      start: (identity, ended) => this.#start(identity, ended),
      needsFastProbe: (identity) => this.#failuresCounted(identity) > 0,
      failuresLeft: (identity) => this.#failuresLeft(identity),
    });
    this.#schedule();
  }

  /** Probes that have ended. */
  get probes(): number {
    return this.#probes;
  }

  /** Would a request to this endpoint fail? */
  fails(row: EndpointIndex): boolean {
    return this.#originOf(row).health !== "well";
  }

  setHealth(rows: Iterable<EndpointIndex>, health: Health, slowMs = 0): void {
    for (const row of rows) {
      for (const each of [row, ...this.#ownParts(row)]) {
        const origin = this.#originOf(each);
        origin.health = health;
        origin.slowMs = slowMs;
      }
    }
  }

  /** The parts of its check that ask the endpoint itself. */
  #ownParts(row: EndpointIndex): readonly EndpointIndex[] {
    const { policy } = this.#options;
    const { check, name } = policy.endpoints[row]!;
    if (check === undefined) return [];
    return [...partsOf(check)].flatMap(([part, inverted]) =>
      policy.endpoints[part]!.name === name && !inverted ? [part as EndpointIndex] : [],
    );
  }

  stop(): void {
    this.#scheduler.stop();
  }

  #originOf(row: EndpointIndex): Origin {
    return this.#origins.get(this.#options.policy.endpoints[row]!.identity)!;
  }

  /** Every origin had a good result at the start: its next probe is at its usual place. */
  #schedule(): void {
    const { policy } = this.#options;
    const { lastResultAt } = this.#options.world().endpoints;
    const wanted = [...this.#origins].flatMap(([identity, { rows }]) => {
      const row = rows[0]!;
      const monitor = policy.monitors[policy.endpoints[row]!.monitor];
      if (monitor === undefined) return [];
      const { intervalMs, timeoutMs } = monitor;
      return [{ identity, intervalMs, timeoutMs, lastResultAt: lastResultAt[row] ?? 0 }];
    });
    this.#scheduler.setOrigins(wanted);
  }

  #start(identity: string, ended: (result: SimulatedProbe | undefined) => void): void {
    const { entropy, latencyMs, jitterMs } = this.#options;
    const origin = this.#origins.get(identity);
    if (origin === undefined) {
      ended(undefined);
      return;
    }
    const drawn = (entropy.draw32() / 0x1_0000_0000) * jitterMs;
    const wouldTakeMs = Math.round(Math.max(origin.slowMs, latencyMs) + drawn);
    const mute = origin.health === "mute" || wouldTakeMs >= origin.timeoutMs;
    const failure = mute
      ? "connect.timeout"
      : origin.health === "refusing"
        ? "connect.refused"
        : "none";
    const tookMs = mute ? origin.timeoutMs : wouldTakeMs;
    entropy.after(tookMs, () => {
      this.#probes++;
      const ok = failure === "none";
      const at = entropy.now();
      const policyDigest = this.#options.policy.digest;
      for (const endpoint of origin.rows) {
        const result = { endpoint, at, ok, latencyMs: tookMs, failure } as const;
        this.#options.onResult({ kind: "result", policyDigest, ...result });
      }
      ended({ outcome: ok ? "ok" : "failed", failure, latencyMs: tookMs, detail: "" });
    });
  }

  /** As the observer asks them of its World. */
  #failuresCounted(identity: string): number {
    const row = this.#origins.get(identity)?.rows[0];
    if (row === undefined || this.#failuresLeft(identity) === 0) return 0;
    return this.#options.world().endpoints.failures[row] ?? 0;
  }

  #failuresLeft(identity: string): number {
    const origin = this.#origins.get(identity);
    const row = origin?.rows[0];
    if (origin === undefined || row === undefined) return 0;
    const { endpoints } = this.#options.world();
    if (endpoints.verdict[row] !== verdict.up) return 0;
    return Math.max(0, origin.downThreshold - (endpoints.failures[row] ?? 0));
  }
}
