/**
 * One part under supervision: started, watched, started again. Used by serve.ts for each part
 * alike. Whatever a part does - ends, crashes, hangs, cannot start - touches this part only: it
 * comes back after 50 ms, a wait that doubles to one second while it keeps dying. Time comes from
 * an Entropy and processes from `spawn`, so every rule here is tested on a simulated clock.
 */
import type { Problem } from "../errors.ts";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Child, ChildEvents, FromPart, ToPart } from "./ipc.ts";
import type { PartReport } from "./messages.ts";
import type { PartName } from "./paths.ts";
import { SparePart } from "./spare-part.ts";

export interface SupervisedPartOptions {
  readonly name: PartName;
  readonly entropy: Entropy;
  /** Its events come after it has returned. */
  readonly spawn: (events: ChildEvents) => Child;
  /** Like `spawn`, of a process that waits for `begin`; without it there is no spare. */
  readonly spawnSpare?: ((events: ChildEvents) => Child) | undefined;
  /** Something of `report()` changed. */
  readonly onChange: () => void;
  /** It said that it cannot do its work; its end may follow. */
  readonly onFatal: (problems: readonly Problem[]) => void;
  readonly onLog: (level: "info" | "warn" | "error", message: string) => void;
}

/** How often silence is looked at. In ticks, not in time: a stopped supervisor must kill nobody. */
const tickMs = 250;

/**
 * A part that is kept waiting for a processor is not hanging, and killing it makes a busy machine
 * busier. But a part in an endless loop waits as well, so its patience grows at most so many times.
 */
const starvedFactor = 2;

export class SupervisedPart {
  readonly #options: SupervisedPartOptions;
  #child: Child | undefined;
  #state: PartReport["state"] = "ended";
  #starts = 0;
  #startedAt = 0;
  #startedMonotonic = 0;
  #readySince = 0;
  #deaths = 0;
  #lastEnd = "";
  #listening: readonly string[] = [];
  #problems: readonly Problem[] = [];
  #silentTicks = 0;
  #ticksAllowed = 0;
  /** Ticks of this silence that it spent waiting for a processor. */
  #starvedTicks = 0;
  #waitedMs: number | undefined;
  #ending = false;
  #restart: Timer | undefined;
  #watch: Timer | undefined;
  readonly #gone: (() => void)[] = [];
  readonly #spare: SparePart | undefined;

  constructor(options: SupervisedPartOptions) {
    this.#options = options;
    const { spawnSpare: spawn, entropy, onChange } = options;
    this.#spare = spawn && new SparePart({ spawn, entropy, onChange });
  }

  start(): void {
    if (this.#ending) return;
    const { entropy, spawn, onChange } = this.#options;
    this.#starts += 1;
    this.#startedAt = entropy.now();
    this.#startedMonotonic = entropy.monotonic();
    this.#state = "starting";
    this.#problems = [];
    let over = false;
    const events: ChildEvents = {
      onMessage: (message) => {
        if (!over) this.#receive(message);
      },
      onEnd: (how) => {
        if (!over) this.#ended(how);
        over = true;
      },
    };
    const spare = this.#spare?.take(events);
    // A spare is up and says so at once; a new process has everything to load before its first
    // beat.
    this.#allow(spare === undefined ? limits.graceMsMax : 0);
    this.#child = spare ?? spawn(events);
    this.#waitedMs = undefined;
    this.#watch = entropy.after(tickMs, () => this.#lookForSilence());
    onChange();
  }

  send(message: ToPart): void {
    this.#child?.send(message);
  }

  report(): PartReport {
    return {
      name: this.#options.name,
      pid: this.#child?.pid ?? 0,
      state: this.#state,
      restarts: Math.max(0, this.#starts - 1),
      startedAt: this.#startedAt,
      lastEnd: this.#lastEnd,
      spare: this.#spare?.loaded ?? false,
      listening: [...this.#listening],
      problems: [...this.#problems],
    };
  }

  isReadyFor(ms: number): boolean {
    const { entropy } = this.#options;
    return this.#state === "ready" && entropy.monotonic() - this.#readySince >= ms;
  }

  /** From now on an end is the end. */
  retire(): void {
    this.#ending = true;
    this.#restart?.cancel();
    void this.#spare?.retire();
  }

  /**
   * Asks it to finish, kills it after `withinMs`; done when it is gone. It is not started again.
   */
  async drain(withinMs: number): Promise<void> {
    this.retire();
    await Promise.all([this.#drainChild(withinMs), this.#spare?.retire()]);
  }

  async #drainChild(withinMs: number): Promise<void> {
    if (this.#child === undefined) return;
    const { name, entropy, onChange, onLog } = this.#options;
    this.#state = "draining";
    onChange();
    const over = new Promise<void>((resolve) => this.#gone.push(resolve));
    const timer = entropy.after(withinMs, () => {
      onLog("warn", `${name} did not finish within ${withinMs / 1000} s; killed`);
      this.#child?.kill("SIGKILL");
    });
    this.#child.send({ type: "drain" });
    await over;
    timer.cancel();
  }

  /** Kills it now; `drain` is then done at once. */
  kill(): void {
    this.retire();
    this.#child?.kill("SIGKILL");
  }

  #receive(message: FromPart): void {
    if (message.type === "beat") {
      this.#allow(message.graceMs);
      return;
    }
    if (message.type === "fatal") this.#options.onFatal(message.problems);
    else if (message.type === "problems") this.#problems = message.problems;
    else if (message.type === "state") {
      if (message.state === "ready" && this.#state !== "ready") {
        this.#readySince = this.#options.entropy.monotonic();
      }
      if (this.#state !== "draining") this.#state = message.state;
      this.#listening = message.listening;
      if (message.state === "ready") this.#spare?.prepare();
    }
    this.#options.onChange();
  }

  #ended(how: string): void {
    const { name, entropy, onChange, onLog } = this.#options;
    this.#watch?.cancel();
    this.#child = undefined;
    this.#lastEnd = how;
    this.#listening = [];
    this.#state = "ended";
    const livedMs = entropy.monotonic() - this.#startedMonotonic;
    if (livedMs >= limits.restartStableMs) this.#deaths = 0;
    if (this.#ending) {
      for (const resolve of this.#gone.splice(0)) resolve();
    } else {
      const doubled = limits.restartMsMin * 2 ** Math.min(this.#deaths, 16);
      const waitMs = Math.min(limits.restartMsMax, doubled);
      this.#deaths += 1;
      onLog("error", `${name} ended (${how}); starts again in ${waitMs} ms`);
      this.#restart = entropy.after(waitMs, () => this.start());
    }
    onChange();
  }

  #allow(graceMs: number): void {
    const allowedMs = Math.max(limits.hungMs, Math.min(graceMs, limits.graceMsMax));
    this.#silentTicks = 0;
    this.#starvedTicks = 0;
    this.#ticksAllowed = Math.ceil(allowedMs / tickMs);
  }

  #lookForSilence(): void {
    const { name, entropy, onLog } = this.#options;
    this.#watch = entropy.after(tickMs, () => this.#lookForSilence());
    if (this.#isStarved() && this.#starvedTicks < this.#ticksAllowed * starvedFactor) {
      this.#starvedTicks += 1;
      return;
    }
    if (++this.#silentTicks <= this.#ticksAllowed) return;
    const seconds = ((this.#silentTicks + this.#starvedTicks) * tickMs) / 1000;
    onLog("error", `${name} hangs: no sign of life for ${seconds} s; killed`);
    this.#allow(0);
    this.#child?.kill("SIGKILL");
  }

  /** Did it spend most of the last tick waiting for a processor? */
  #isStarved(): boolean {
    const before = this.#waitedMs;
    this.#waitedMs = this.#child?.waitedMs?.();
    if (before === undefined || this.#waitedMs === undefined) return false;
    return this.#waitedMs - before > tickMs / 2;
  }
}
