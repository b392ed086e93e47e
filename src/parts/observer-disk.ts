/**
 * World on disk: read once at the start, written while it changes. Called by parts/observer.ts. A
 * change that decides is on disk within limits.worldWriteMs; times of results alone wait longer.
 * One write at a time; a disk that refuses is reported when it begins to and when it ends to, and
 * is tried again.
 */
import type { Entropy, Timer } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import { limits } from "../limits.ts";
import { readPolicy, readWorld, writeWorld } from "../link/snapshot.ts";
import type { Policy } from "../policy/policy.ts";
import { carry } from "../world/carry.ts";
import { fitsPolicy } from "../world/frame.ts";
import { initialWorld } from "../world/initial.ts";
import { step } from "../world/step.ts";
import type { Override, World } from "../world/world.ts";

/** The World persisted last, under `policy`; the first World when there is none that fits. */
export async function restoreWorld(
  policy: Policy,
  options: {
    readonly stateDir: string;
    readonly entropy: Entropy;
    readonly log: Logger;
    /** What the operator said, as the store has it; asked when there is no World on disk. */
    readonly overrides: () => Promise<readonly Override[]>;
  },
): Promise<World> {
  const { stateDir, log } = options;
  const nowMs = options.entropy.now();
  const read = await readWorld(stateDir);
  if (!read.ok) {
    if (read.reason !== "missing")
      log.warn({ file: read.file }, `no World restored: ${read.message}`);
    return firstWorld(policy, { overrides: await options.overrides(), nowMs });
  }
  const world = read.value;
  if (fitsPolicy(world, policy)) return world;
  const old = await readPolicy(stateDir, world.policyDigest);
  if (old.ok && fitsPolicy(world, old.value)) return carry(old.value, world, policy, nowMs);
  log.warn("no World restored: the policy it belongs to is gone");
  return firstWorld(policy, { overrides: world.overrides, nowMs });
}

/** What the operator said names its targets, so it needs no indices. */
function firstWorld(
  policy: Policy,
  options: { readonly overrides: readonly Override[]; readonly nowMs: number },
): World {
  const { overrides, nowMs } = options;
  const said = overrides.map((override) => ({ kind: "override", at: nowMs, override }) as const);
  return step(policy, initialWorld(policy, nowMs), said, nowMs).world;
}

export interface WorldDiskOptions {
  readonly stateDir: string;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly getWorld: () => World | undefined;
}

export class WorldDisk {
  readonly #options: WorldDiskOptions;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #writing: Promise<boolean> | undefined;
  #faulty = false;
  #stopped = false;

  constructor(options: WorldDiskOptions) {
    this.#options = options;
  }

  /** World is not what is on disk. `decides`: in something that a decision reads. */
  changed(decides: boolean): void {
    const { entropy } = this.#options;
    const nowMs = entropy.monotonic();
    const dueMs = nowMs + (decides ? limits.worldWriteMs : limits.worldWriteIdleMs);
    if (this.#stopped || dueMs >= this.#dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = entropy.after(dueMs - nowMs, () => void this.write());
  }

  /** Writes World as it is now, after a write under way. */
  async write(): Promise<boolean> {
    this.#timer?.cancel();
    this.#dueMs = Number.POSITIVE_INFINITY;
    while (this.#writing !== undefined) await this.#writing;
    const world = this.#options.getWorld();
    if (world === undefined) return false;
    this.#writing = this.#write(world);
    const written = await this.#writing;
    this.#writing = undefined;
    if (!written) this.changed(true);
    return written;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.write();
    this.#timer?.cancel();
  }

  async #write(world: World): Promise<boolean> {
    const { stateDir, log } = this.#options;
    const result = await writeWorld(stateDir, world);
    if (result.ok && this.#faulty) log.info("World is on disk again");
    if (!result.ok && !this.#faulty) {
      log.error({ file: result.file }, `World is not on disk: ${result.message}`);
    }
    this.#faulty = !result.ok;
    return result.ok;
  }
}
