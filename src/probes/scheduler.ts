/**
 * Which origin is probed when. Called by the observer, which hands in what to probe and asks
 * nothing else. Each origin has a fixed place in its interval, from the hash of its identity, so
 * that starts are spread evenly, the same on every run, and stay where they are when a policy
 * changes. Starts never bunch: not after a stall of the process, not when a region fails (a token
 * bucket), and never more than limits.probesInFlightMax run at once, first come first served.
 */
import type { Entropy, Timer } from "../lib/entropy.ts";
import { xxh32 } from "../lib/xxh32.ts";
import { limits } from "../limits.ts";
import type { ProbeResult } from "./probe.ts";
import { type Queueable, StartQueue } from "./start-queue.ts";
import { TimingWheel, WheelEntry } from "./wheel.ts";

export interface ScheduledOrigin {
  /** Monitor definition and address: what the schedule follows across policies. */
  readonly identity: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** When its last result came, on the clock of `Entropy.now`; 0 for never. */
  readonly lastResultAt: number;
}

export interface SchedulerOptions {
  readonly entropy: Entropy;
  /** Starts one probe. `ended` is called once, with undefined if there will be no result. */
  start(identity: string, ended: (result: ProbeResult | undefined) => void): void;
  /** Is the origin up, with failures counted against it? Then it is probed at interval / 4. */
  needsFastProbe(identity: string): boolean;
  /** How many failures more would take the origin down; 0 when it is not up. */
  failuresLeft(identity: string): number;
  readonly inFlightMax?: number;
  readonly inFlightSlowMax?: number;
}

export interface SchedulerStatistics {
  readonly origins: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly started: number;
}

/** A result reaches World within this, and only then can `needsFastProbe` know of it. */
const settleMs = 60;
const idleWaitMs = 500;
const encoder = new TextEncoder();

class Origin extends WheelEntry implements Queueable {
  readonly identity: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** The interval's part at which it stands, 0 .. 1. */
  readonly part: number;
  /** Place in the schedule of the next regular probe, with its jitter. */
  dueMs = 0;
  startedMs = Number.NEGATIVE_INFINITY;
  inFlight = 0;
  /** A failure was seen; ask World at every quarter of the interval whether to probe again. */
  fast = false;
  /** Its last probe timed out. */
  slow = false;
  latencyMs = 0;
  queued = false;
  queuedSlow = false;
  queuedOrder = 0;
  removed = false;
  /** Not probed yet, and not known from before: part of a first round. */
  first = false;

  constructor(origin: ScheduledOrigin) {
    super();
    this.identity = origin.identity;
    this.intervalMs = origin.intervalMs;
    this.timeoutMs = origin.timeoutMs;
    const bytes = encoder.encode(origin.identity);
    this.part = xxh32(bytes, 0, bytes.length, 0) / 0x1_0000_0000;
  }
}

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #entropy: Entropy;
  readonly #origins = new Map<string, Origin>();
  readonly #wheel: TimingWheel;
  readonly #queue: StartQueue<Origin>;
  /** Adds to the monotonic clock so that places in the interval are the same after a restart. */
  readonly #wallOffsetMs: number;
  #timer: Timer | undefined;
  #wakeMs = Number.POSITIVE_INFINITY;
  #firstLeft = 0;
  #started = 0;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#entropy = options.entropy;
    const nowMs = options.entropy.monotonic();
    this.#wallOffsetMs = options.entropy.now() - nowMs;
    this.#wheel = new TimingWheel(nowMs);
    const { inFlightMax = limits.probesInFlightMax } = options;
    const slowPart = limits.probesInFlightSlowMax / limits.probesInFlightMax;
    const { inFlightSlowMax = Math.floor(inFlightMax * slowPart) } = options;
    this.#queue = new StartQueue(nowMs, { inFlightMax, inFlightSlowMax });
  }

  get statistics(): SchedulerStatistics {
    return {
      origins: this.#origins.size,
      inFlight: this.#queue.inFlight,
      queued: this.#queue.length,
      started: this.#started,
    };
  }

  /** Replaces what is probed. An origin that stays keeps its place; a new one is probed soon. */
  setOrigins(origins: Iterable<ScheduledOrigin>): void {
    const nowMs = this.#entropy.monotonic();
    const gone = new Set(this.#origins.keys());
    for (const wanted of origins) {
      gone.delete(wanted.identity);
      const old = this.#origins.get(wanted.identity);
      const same = old?.intervalMs === wanted.intervalMs && old.timeoutMs === wanted.timeoutMs;
      if (same) continue;
      if (old !== undefined) this.#drop(old);
      this.#add(wanted, nowMs);
    }
    for (const identity of gone) {
      const old = this.#origins.get(identity);
      if (old !== undefined) this.#drop(old);
    }
    let perSecond = 0;
    for (const origin of this.#origins.values()) perSecond += 1000 / origin.intervalMs;
    const firstRate = (this.#firstLeft / limits.probeFirstRoundMs) * 1000;
    this.#queue.setRates(perSecond, Math.min(limits.probeStartsPerSecondMax, firstRate));
    this.#arm(nowMs);
  }

  /** The origin can be asked only now, as when its name has just been resolved: do not wait. */
  probeSoon(identity: string): void {
    const origin = this.#origins.get(identity);
    if (origin === undefined || origin.queued || this.#stopped) return;
    const nowMs = this.#entropy.monotonic();
    origin.dueMs = Math.min(origin.dueMs, nowMs);
    this.#wheel.place(origin, nowMs);
    this.#arm(nowMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const origin of this.#origins.values()) this.#wheel.remove(origin);
  }

  #add(wanted: ScheduledOrigin, nowMs: number): void {
    const origin = new Origin(wanted);
    this.#origins.set(origin.identity, origin);
    this.#setNominal(origin, nowMs);
    const ageMs = this.#entropy.now() - wanted.lastResultAt;
    // A result younger than the interval is as good as one of ours: only the place counts.
    if (ageMs < 0 || ageMs >= wanted.intervalMs) {
      origin.first = true;
      this.#firstLeft++;
      const spreadMs = Math.min(wanted.intervalMs, limits.probeFirstRoundMs);
      origin.dueMs = Math.min(origin.dueMs, nowMs + origin.part * spreadMs);
    }
    this.#wheel.place(origin, origin.dueMs);
  }

  #drop(origin: Origin): void {
    origin.removed = true;
    this.#firstDone(origin);
    this.#origins.delete(origin.identity);
    this.#wheel.remove(origin);
  }

  /** The first place in the schedule at or after `fromMs`, and the moment drawn for it. */
  #setNominal(origin: Origin, fromMs: number): void {
    const { intervalMs } = origin;
    const placeMs = origin.part * intervalMs - this.#wallOffsetMs;
    const nominalMs = placeMs + Math.ceil((fromMs - placeMs) / intervalMs) * intervalMs;
    const jitterMs = Math.min(intervalMs / 16, limits.probeJitterMsMax);
    origin.dueMs = nominalMs + (this.#entropy.draw32() / 0x1_0000_0000) * jitterMs;
  }

  #arm(nowMs: number): void {
    if (this.#stopped) return;
    const queueMs = this.#queue.waitMs(nowMs);
    const waitMs = Math.min(queueMs, this.#wheel.waitMs(nowMs, idleWaitMs));
    const wakeMs = nowMs + waitMs;
    if (this.#timer !== undefined && this.#wakeMs <= wakeMs) return;
    this.#timer?.cancel();
    this.#wakeMs = wakeMs;
    this.#timer = this.#entropy.after(Math.ceil(waitMs), () => this.#wake());
  }

  #wake(): void {
    this.#timer = undefined;
    const nowMs = this.#entropy.monotonic();
    this.#wheel.advance(nowMs, (entry) => this.#fire(entry as Origin, nowMs));
    this.#startQueued(nowMs);
    this.#arm(nowMs);
  }

  /**
   * An origin's moment has come: that of its regular probe, or a quarter of its interval after its
   * last, to see whether a failure wants confirming.
   */
  #fire(origin: Origin, nowMs: number): void {
    const regular = nowMs >= origin.dueMs;
    if (regular) {
      if (origin.inFlight < limits.probesPerOriginMax) this.#enqueue(origin);
      else this.#skip(origin, nowMs);
    } else if (this.#wantsConfirming(origin)) this.#enqueue(origin);
    else this.#wheel.place(origin, origin.dueMs);
  }

  #wantsConfirming(origin: Origin): boolean {
    if (origin.inFlight > 0) {
      // Unanswered for a quarter of the interval. The next probes need not wait for its time-out:
      // all time-outs then fall within half an interval, as failures that come at once would.
      if (origin.inFlight >= limits.probesPerOriginMax) return false;
      return this.#options.failuresLeft(origin.identity) > origin.inFlight;
    }
    if (origin.fast) origin.fast = this.#options.needsFastProbe(origin.identity);
    return origin.fast;
  }

  /** From here until it starts it is not on the wheel. */
  #enqueue(origin: Origin): void {
    origin.queued = true;
    this.#queue.push(origin);
  }

  #skip(origin: Origin, nowMs: number): void {
    this.#setNominal(origin, nowMs);
    this.#wheel.place(origin, origin.dueMs);
  }

  #startQueued(nowMs: number): void {
    for (let next = this.#queue.take(nowMs); next !== undefined; next = this.#queue.take(nowMs)) {
      next.queued = false;
      if (!next.removed) this.#start(next, nowMs);
      else this.#queue.giveBack(next.queuedSlow);
    }
  }

  #start(origin: Origin, nowMs: number): void {
    this.#firstDone(origin);
    this.#started++;
    origin.inFlight++;
    origin.startedMs = nowMs;
    if (nowMs >= origin.dueMs) {
      // Missed places are left out, not made up for; so is one that would follow at once.
      this.#setNominal(origin, nowMs + origin.intervalMs / 4);
    }
    // A slow origin is one that takes longer than usual, for it.
    const patienceMs = Math.max(origin.intervalMs / 4, 2 * origin.latencyMs);
    const again = patienceMs < origin.timeoutMs ? nowMs + patienceMs : origin.dueMs;
    this.#wheel.place(origin, Math.min(origin.dueMs, again));
    const slow = origin.queuedSlow;
    let over = false;
    this.#options.start(origin.identity, (result) => {
      if (over) return;
      over = true;
      this.#queue.release(slow);
      this.#end(origin, result);
    });
  }

  #end(origin: Origin, result: ProbeResult | undefined): void {
    const nowMs = this.#entropy.monotonic();
    origin.inFlight--;
    if (result !== undefined && result.outcome !== "void") {
      origin.slow = result.failure.endsWith(".timeout");
      if (result.outcome === "ok") origin.latencyMs = result.latencyMs;
      else origin.fast = true;
    }
    if (!origin.removed && origin.fast && !origin.queued) {
      const againMs = Math.max(origin.startedMs + origin.intervalMs / 4, nowMs + settleMs);
      this.#wheel.place(origin, Math.min(origin.dueMs, againMs));
    }
    if (this.#stopped) return;
    if (this.#queue.length > 0) this.#startQueued(nowMs);
    this.#arm(nowMs);
  }

  #firstDone(origin: Origin): void {
    if (!origin.first) return;
    origin.first = false;
    this.#firstLeft--;
    if (this.#firstLeft === 0) this.#queue.endFirstRound();
  }
}
