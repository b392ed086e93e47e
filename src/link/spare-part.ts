/**
 * A second process of a part that has loaded its modules and waits to be told to begin. Kept by
 * supervised-part.ts: when the part crashes its spare takes over in a fraction of the time a new
 * process needs, above all on a busy machine. A spare holds no state and no address, so whatever
 * happens to it costs nothing but the time of the next start.
 */
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Child, ChildEvents, FromPart } from "./ipc.ts";

export interface SparePartOptions {
  readonly spawn: (events: ChildEvents) => Child;
  readonly entropy: Entropy;
  /** `loaded` changed. */
  readonly onChange: () => void;
}

interface Waiting {
  child?: Child;
  /** Whose process it is once it was taken. */
  owner?: ChildEvents;
  loaded: boolean;
  /** When it last gave a sign of life. */
  heardAt: number;
}

export class SparePart {
  readonly #options: SparePartOptions;
  #waiting: Waiting | undefined;
  #timer: Timer | undefined;
  #retired = false;
  readonly #gone: (() => void)[] = [];

  constructor(options: SparePartOptions) {
    this.#options = options;
  }

  get loaded(): boolean {
    return this.#waiting?.loaded ?? false;
  }

  /** Sees to it that there is one soon; not at once, since the part itself has just begun. */
  prepare(): void {
    if (this.#retired || this.#waiting !== undefined || this.#timer !== undefined) return;
    this.#timer = this.#options.entropy.after(limits.spareAfterMs, () => {
      this.#timer = undefined;
      this.#begin();
    });
  }

  /** The process, told to begin; undefined when there is none that is loaded and alive. */
  take(owner: ChildEvents): Child | undefined {
    const waiting = this.#waiting;
    if (waiting?.child === undefined || this.#retired) return undefined;
    const silentMs = this.#options.entropy.monotonic() - waiting.heardAt;
    if (!waiting.loaded || silentMs > limits.spareSilentMs) {
      waiting.child.kill("SIGKILL");
      return undefined;
    }
    waiting.owner = owner;
    this.#waiting = undefined;
    waiting.child.send({ type: "begin" });
    return waiting.child;
  }

  /** There will be none any more; done when the last is gone. */
  async retire(): Promise<void> {
    this.#retired = true;
    this.#timer?.cancel();
    if (this.#waiting?.child === undefined) return;
    const over = new Promise<void>((resolve) => this.#gone.push(resolve));
    this.#waiting.child.kill("SIGKILL");
    await over;
  }

  #begin(): void {
    if (this.#retired) return;
    const waiting: Waiting = { loaded: false, heardAt: 0 };
    this.#waiting = waiting;
    waiting.child = this.#options.spawn({
      onMessage: (message) => {
        if (waiting.owner !== undefined) waiting.owner.onMessage(message);
        else this.#hear(waiting, message);
      },
      onEnd: (how) => {
        if (waiting.owner !== undefined) waiting.owner.onEnd(how);
        else this.#lost();
      },
    });
  }

  #hear(waiting: Waiting, message: FromPart): void {
    waiting.heardAt = this.#options.entropy.monotonic();
    if (message.type !== "loaded") return;
    waiting.loaded = true;
    this.#options.onChange();
  }

  #lost(): void {
    this.#waiting = undefined;
    for (const resolve of this.#gone.splice(0)) resolve();
    this.#options.onChange();
    this.prepare();
  }
}
