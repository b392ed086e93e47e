/**
 * Notices which policy control accepted last. Called by parts/observer.ts. The pointer file is
 * looked at when its folder changes and every limits.observerBeatMs, since watching is not reliable
 * on every file system. A policy that cannot be read is reported once, and the one in use stays.
 */
import { type FSWatcher, watch } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { statePaths } from "../link/paths.ts";
import { readCurrent, readPointer, readPolicy, type SnapshotFailure } from "../link/snapshot.ts";
import type { Policy } from "../policy/policy.ts";

export interface PolicyWatchOptions {
  readonly stateDir: string;
  readonly entropy: Entropy;
  /** A file is about to be read, which may keep the loop for long. */
  onRead(): void;
  onPolicy(policy: Policy): void;
  onFailure(failure: SnapshotFailure): void;
}

export class PolicyWatch {
  readonly #options: PolicyWatchOptions;
  /** Digest that `current` named last, whether or not it could be read. */
  #seen = "";
  #loaded = false;
  #looking = false;
  #again = false;
  #stopped = false;
  #timer: Timer | undefined;
  #watcher: FSWatcher | undefined;
  #reported = "";

  constructor(options: PolicyWatchOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { snapshots } = statePaths(this.#options.stateDir);
    try {
      await mkdir(snapshots, { recursive: true, mode: 0o700 });
      this.#watcher = watch(snapshots, { persistent: false }, () => void this.#look());
      this.#watcher.on("error", () => this.#watcher?.close());
    } catch {
      // Looking regularly is enough.
    }
    await this.#look();
    this.#beat();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#watcher?.close();
  }

  #beat(): void {
    this.#timer = this.#options.entropy.after(limits.observerBeatMs, () => {
      void this.#look();
      this.#beat();
    });
  }

  /** One look at a time; a change during a look is seen by one more. */
  async #look(): Promise<void> {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    do {
      this.#again = false;
      await this.#lookOnce();
    } while (this.#again && !this.#stopped);
    this.#looking = false;
  }

  async #lookOnce(): Promise<void> {
    const { stateDir } = this.#options;
    const pointer = await readPointer(stateDir);
    if (this.#stopped) return;
    if (!pointer.ok) {
      // With nothing in use yet, an older policy is better than none.
      if (pointer.reason !== "missing" && !this.#loaded) await this.#loadOlder();
      this.#report(pointer);
      return;
    }
    const { digest } = pointer.value;
    if (digest === this.#seen) return;
    this.#options.onRead();
    const read = await readPolicy(stateDir, digest);
    if (this.#stopped) return;
    this.#seen = digest;
    if (read.ok) this.#take(read.value);
    else {
      if (!this.#loaded) await this.#loadOlder();
      this.#report(read);
    }
  }

  async #loadOlder(): Promise<void> {
    const current = await readCurrent(this.#options.stateDir);
    if (current.ok && !this.#stopped) this.#take(current.value.policy);
  }

  #take(policy: Policy): void {
    this.#loaded = true;
    this.#reported = "";
    this.#options.onPolicy(policy);
  }

  #report(failure: SnapshotFailure): void {
    const text = `${failure.reason} ${failure.file}`;
    if (failure.reason === "missing" || text === this.#reported) return;
    this.#reported = text;
    this.#options.onFailure(failure);
  }
}
