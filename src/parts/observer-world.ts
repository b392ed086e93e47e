/**
 * The World of this node, and the only code that replaces it: events are gathered for
 * limits.observerBatchMs, then taken in by one step; when nothing happens, a step comes when time
 * itself changes something. Called by parts/observer.ts. When this process has stood still or the
 * clock was set, the silence of that time is not counted against the origins, and what World
 * remembers moves with the clock.
 */
import { assert } from "../errors.ts";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import { allocate } from "../steer/allocate.ts";
import { carry, resume } from "../world/carry.ts";
import type { StepResult, WorldEvent } from "../world/event.ts";
import { step } from "../world/step.ts";
import type { World } from "../world/world.ts";

export interface WorldKeeperOptions {
  readonly entropy: Entropy;
  readonly policy: Policy;
  readonly world: World;
  /** After every step; `keeper.world` is already the new World. */
  onStep(result: StepResult, tookMs: number): void;
  /** This process stood still for so long, or the clock was set by so much: for the log. */
  onStall(stall: { readonly stoodMs: number; readonly jumpedMs: number }): void;
}

export class WorldKeeper {
  #policy: Policy;
  #world: World;
  readonly #options: WorldKeeperOptions;
  readonly #entropy: Entropy;
  #pending: WorldEvent[] = [];
  #flushTimer: Timer | undefined;
  #beatTimer: Timer | undefined;
  #nextTimer: Timer | undefined;
  /** When time alone may change the allocation; it is made anew at once while this is 0. */
  #allocateAt = 0;
  #seenMonotonicMs: number;
  #seenNowMs: number;

  constructor(options: WorldKeeperOptions) {
    const { entropy } = options;
    this.#options = options;
    this.#entropy = entropy;
    this.#policy = options.policy;
    this.#world = resume(options.world, entropy.now());
    this.#seenMonotonicMs = entropy.monotonic();
    this.#seenNowMs = entropy.now();
    this.#beat();
    this.#flush();
  }

  get policy(): Policy {
    return this.#policy;
  }

  get world(): World {
    return this.#world;
  }

  /** Takes it in with the next batch. */
  push(event: WorldEvent): void {
    this.#pending.push(event);
    this.#flushTimer ??= this.#entropy.after(limits.observerBatchMs, () => this.#flush());
  }

  /** Takes it in now, after what waits: for a command, whose answer says what came of it. */
  apply(events: readonly WorldEvent[]): StepResult {
    this.#flush();
    return this.#step(events);
  }

  /** Goes on under another policy: what is known follows the identity of the endpoints. */
  adopt(policy: Policy): void {
    this.#flush();
    this.#world = carry(this.#policy, this.#world, policy, this.#entropy.now());
    this.#policy = policy;
    this.#allocateAt = 0;
    this.#flush();
  }

  stop(): void {
    this.#flush();
    for (const timer of [this.#flushTimer, this.#beatTimer, this.#nextTimer]) timer?.cancel();
  }

  #beat(): void {
    this.#checkClocks();
    this.#beatTimer = this.#entropy.after(limits.observerBeatMs, () => this.#beat());
  }

  #flush(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
    const events = this.#pending;
    this.#pending = [];
    this.#step(events);
  }

  #step(events: readonly WorldEvent[]): StepResult {
    this.#checkClocks();
    assert(this.#world.policyDigest === this.#policy.digest, "World and policy belong together");
    const startedMs = this.#entropy.monotonic();
    const result = step(this.#policy, this.#world, events, this.#entropy.now());
    const tookMs = this.#entropy.monotonic() - startedMs;
    this.#world = result.world;
    this.#options.onStep(result, tookMs);
    const loaded = events.some(({ kind }) => kind === "load");
    const nextAt = Math.min(this.#allocate(result, loaded).nextAt, this.#allocateAt);
    this.#nextTimer?.cancel();
    // A timer may come a little before its moment; a step that finds nothing to do costs nothing.
    const waitMs = Math.max(1, nextAt - this.#entropy.now());
    const most = Math.min(waitMs, limits.observerBeatMs * 100);
    this.#nextTimer = this.#entropy.after(most, () => this.#flush());
    return result;
  }

  /** Spreads over capacity anew where the last step changed what that follows from. */
  #allocate(last: StepResult, loaded: boolean): StepResult {
    const nowMs = this.#entropy.now();
    const { changed, changedPools, changedLatency } = last;
    const stale = loaded || changed.length + changedPools.length > 0 || changedLatency;
    if (!stale && nowMs < this.#allocateAt) return last;
    const startedMs = this.#entropy.monotonic();
    const made = allocate(this.#policy, this.#world, nowMs);
    this.#allocateAt = made?.nextAt ?? Number.POSITIVE_INFINITY;
    if (made?.changed !== true) return last;
    const { digest: policyDigest } = this.#policy;
    const { allocation } = made;
    const event = { kind: "allocation", policyDigest, at: nowMs, allocation } as const;
    const result = step(this.#policy, this.#world, [event], nowMs);
    this.#world = result.world;
    this.#options.onStep(result, this.#entropy.monotonic() - startedMs);
    return result;
  }

  /** Beats come twice a second: a long gap between them, or between the clocks, is ours. */
  #checkClocks(): void {
    const monotonicMs = this.#entropy.monotonic();
    const nowMs = this.#entropy.now();
    const passedMs = monotonicMs - this.#seenMonotonicMs;
    const jumpedMs = nowMs - this.#seenNowMs - passedMs;
    this.#seenMonotonicMs = monotonicMs;
    this.#seenNowMs = nowMs;
    const wasSet = Math.abs(jumpedMs) > limits.observerStallMs;
    if (!wasSet && passedMs <= limits.observerStallMs) return;
    this.#world = resume(this.#world, nowMs, wasSet ? Math.round(jumpedMs) : undefined);
    this.#allocateAt = 0;
    this.#options.onStall({ stoodMs: passedMs, jumpedMs: wasSet ? jumpedMs : 0 });
  }
}
