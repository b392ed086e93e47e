/**
 * How a front keeps its view: a policy, the World that belongs to it, and their table. It starts
 * from the disk without waiting for anybody, then follows observer; a World of another policy is
 * taken only when that policy's snapshot has been read, so the three always belong together.
 * Whatever fails on the way is logged and tried again, and the front goes on with the view it has.
 */
import type { Entropy, Timer } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import { limits } from "../limits.ts";
import { type ChangeMessage, subscribeWorld, type WorldSubscription } from "../link/client.ts";
import { type PartName, partSocket } from "../link/paths.ts";
import {
  readCurrent,
  readPointer,
  readPolicy,
  readWorld,
  type SnapshotFailure,
} from "../link/snapshot.ts";
import type { EndpointIndex, Policy } from "../policy/policy.ts";
import { buildTable, type Table, updateTable } from "../steer/table.ts";
import { endpointColumns } from "../world/columns.ts";
import { applyChanges, decodeWorld, fitsPolicy, type WorldChange } from "../world/frame.ts";
import { initialWorld } from "../world/initial.ts";
import { verdict, type World } from "../world/world.ts";

/** An update of more rows is announced: it may take longer than a part may be silent. */
const longUpdateRows = 64;

/** One view is of one moment; `table` is shared by the views of one policy and kept up to date. */
export interface View {
  readonly policy: Policy;
  readonly world: World;
  readonly table: Table;
}

export interface FollowOptions {
  readonly name: PartName;
  readonly stateDir: string;
  readonly entropy: Entropy;
  readonly log: Logger;
  /** One long piece of work begins; 0: it is over. */
  readonly onBusy: (graceMs: number) => void;
  /** `policyChanged`: also for the first. */
  readonly onView: (view: View, policyChanged: boolean) => void;
  readonly onConnected?: (connected: boolean) => void;
}

export class WorldFollower {
  readonly #options: FollowOptions;
  #subscription: WorldSubscription | undefined;
  #view: View | undefined;
  /** The last World of the stream; ahead of the view while its policy is read. */
  #streamed: World | undefined;
  #settling = false;
  /** Until then changes gather; `#rest` waits for it. */
  #restUntilMs = 0;
  #rest: Timer | undefined;
  #firstRoundOver = false;
  #firstRound: Timer | undefined;
  #diskRetry: Timer | undefined;
  #resyncRetry: Timer | undefined;
  #closed = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  get view(): View | undefined {
    return this.#view;
  }

  /** Done when the disk has been asked; the view may come later, from the stream. */
  async start(): Promise<void> {
    const { stateDir, name, entropy, onConnected, log } = this.#options;
    this.#subscription = subscribeWorld(
      partSocket(stateDir, "observer"),
      {
        onWorld: (message) => this.#receiveWorld(message.world),
        onChange: (message) => this.#receiveChange(message),
        onState: (connected, message) => {
          if (!connected) log.warn({ message }, "observer lost: goes on with the last World");
          onConnected?.(connected);
        },
      },
      { entropy, name },
    );
    // The stream waits for the disk: most often both speak of one policy, which is then read once.
    this.#settling = true;
    const found = await this.#startFromWorld();
    this.#settling = false;
    void this.#settle();
    if (!found) await this.#startFromCurrent();
  }

  close(): void {
    this.#closed = true;
    this.#subscription?.close();
    const timers = [this.#diskRetry, this.#resyncRetry, this.#firstRound, this.#rest];
    for (const timer of timers) timer?.cancel();
  }

  /** The persisted World and its policy; false when there is no such pair. */
  async #startFromWorld(): Promise<boolean> {
    const { stateDir } = this.#options;
    const world = await readWorld(stateDir);
    if (!world.ok) return this.#report(world);
    const policy = await readPolicy(stateDir, world.value.policyDigest);
    if (!policy.ok) return this.#report(policy);
    if (!fitsPolicy(world.value, policy.value)) return false;
    // What came over the socket meanwhile is newer.
    const newer = this.#streamed?.policyDigest === policy.value.digest ? this.#streamed : undefined;
    this.#firstRoundOver = true;
    if (!this.#closed) this.#take(policy.value, newer ?? world.value);
    return true;
  }

  /** The policy in force with nothing known of health, unless observer speaks first. */
  async #startFromCurrent(): Promise<void> {
    if (this.#closed || this.#view !== undefined) return;
    const { stateDir, entropy } = this.#options;
    if (this.#firstRoundOver) {
      const current = await readCurrent(stateDir);
      if (this.#closed || this.#view !== undefined) return;
      if (current.ok) {
        for (const skipped of current.value.skipped) this.#report(skipped);
        const { policy } = current.value;
        this.#take(policy, initialWorld(policy, entropy.now()));
        return;
      }
    } else if (this.#firstRound === undefined) {
      const pointer = await readPointer(stateDir);
      if (pointer.ok || pointer.reason !== "missing") this.#beginFirstRound();
    }
    this.#diskRetry = entropy.after(limits.snapshotRetryMs, () => void this.#startFromCurrent());
  }

  #receiveWorld(frame: unknown): void {
    const world = decodeWorld(frame);
    if (world === undefined) {
      this.#options.log.error("a World that cannot be read; asks again");
      this.#resyncLater();
      return;
    }
    this.#streamed = world;
    void this.#settle();
  }

  #receiveChange(message: ChangeMessage): void {
    const before = this.#streamed;
    const world = before && applyChanges(before, message.change);
    if (world === undefined) {
      this.#subscription?.resync();
      return;
    }
    this.#streamed = world;
    const view = this.#view;
    if (view !== undefined && view.world === before && this.#restMs() <= 0) {
      // applyChanges has checked the shape of the change.
      const { rows } = message.change as WorldChange;
      this.#update(view, world, changedRows(view.policy, rows));
    } else this.#settleSoon();
  }

  /**
   * After an update the part does something else for as long as that took. Changes that come
   * meanwhile are taken together: rows of a large pool take longer to write than to change, and a
   * queue of such changes would keep the part from serving, and from its next beat.
   */
  #restMs(): number {
    return this.#restUntilMs - this.#options.entropy.monotonic();
  }

  #settleSoon(): void {
    if (this.#rest !== undefined) return;
    const waitMs = this.#restMs();
    if (waitMs <= 0) {
      void this.#settle();
      return;
    }
    this.#rest = this.#options.entropy.after(waitMs, () => {
      this.#rest = undefined;
      void this.#settle();
    });
  }

  /** Brings the view to the last World of the stream. One run at a time. */
  async #settle(): Promise<void> {
    if (this.#settling) return;
    this.#settling = true;
    while (!this.#closed && this.#streamed !== undefined) {
      const streamed: World = this.#streamed;
      const view = this.#view;
      if (view?.world === streamed) break;
      const policy =
        view?.policy.digest === streamed.policyDigest
          ? view.policy
          : await this.#readPolicy(streamed.policyDigest);
      if (policy === undefined) break;
      // The stream may have moved on while the file was read.
      const latest: World = this.#streamed;
      if (latest.policyDigest !== policy.digest) continue;
      if (!fitsPolicy(latest, policy)) {
        this.#options.log.error("a World whose rows are not its policy's; asks again");
        this.#resyncLater();
        break;
      }
      // So may the view, from the disk.
      const now = this.#view;
      if (now?.policy.digest === policy.digest) {
        this.#update(now, latest, differingRows(now.world, latest, now.policy));
        continue;
      }
      if (now === undefined && !this.#roundIsOver(policy, latest)) break;
      this.#take(policy, latest);
    }
    this.#settling = false;
  }

  async #readPolicy(digest: string): Promise<Policy | undefined> {
    const policy = await readPolicy(this.#options.stateDir, digest);
    if (policy.ok) return policy.value;
    this.#report(policy);
    this.#resyncLater();
    return undefined;
  }

  /** Serving the unknown is for when there is nothing better: docs/steering.md, Health. */
  #roundIsOver(policy: Policy, world: World): boolean {
    const known = policy.endpoints.every(
      (_, endpoint) => world.endpoints.verdict[endpoint] !== verdict.unknown,
    );
    if (known || this.#firstRoundOver) return true;
    this.#beginFirstRound();
    return false;
  }

  #beginFirstRound(): void {
    this.#firstRound ??= this.#options.entropy.after(limits.firstRoundMs, () => {
      this.#firstRoundOver = true;
      void this.#settle();
    });
  }

  #take(policy: Policy, world: World): void {
    const { onBusy, onView, log } = this.#options;
    onBusy(limits.graceMsMax);
    const view = { policy, world, table: buildTable(policy, world) };
    this.#view = view;
    onView(view, true);
    onBusy(0);
    log.info({ policy: policy.digest, generation: world.generation }, "took a policy");
  }

  #update(view: View, world: World, rows: readonly EndpointIndex[]): void {
    const { policy, table } = view;
    const { entropy, onBusy, onView } = this.#options;
    const long = rows.length > longUpdateRows;
    if (long) onBusy(limits.graceMsMax);
    const startedMs = entropy.monotonic();
    updateTable(table, policy, world, rows);
    this.#view = { policy, world, table };
    onView(this.#view, false);
    const nowMs = entropy.monotonic();
    this.#restUntilMs = nowMs + Math.min(nowMs - startedMs, limits.frontRestMsMax);
    if (long) onBusy(0);
  }

  #resyncLater(): void {
    this.#resyncRetry?.cancel();
    this.#resyncRetry = this.#options.entropy.after(limits.snapshotRetryMs, () => {
      this.#subscription?.resync();
    });
  }

  #report(failure: SnapshotFailure): false {
    const { file, reason, message } = failure;
    if (reason !== "missing") this.#options.log.error({ file, reason }, message);
    return false;
  }
}

/** The endpoints a change touches: an activated pool is a change of each of its own. */
function changedRows(policy: Policy, rows: WorldChange["rows"]): readonly EndpointIndex[] {
  const [endpoints, pools] = rows;
  const changed = new Set(endpoints as readonly EndpointIndex[]);
  for (const index of pools) addPool(policy, index, changed);
  return [...changed];
}

/** The endpoints on which two Worlds of one policy differ, where a decision can see it. */
function differingRows(before: World, after: World, policy: Policy): readonly EndpointIndex[] {
  const changed = new Set<EndpointIndex>();
  const names = Object.keys(endpointColumns) as (keyof typeof endpointColumns)[];
  for (const name of names.filter((each) => endpointColumns[each].decides)) {
    const [old, now] = [before.endpoints[name], after.endpoints[name]];
    for (let row = 0; row < now.length; row++) {
      if (old[row] !== now[row]) changed.add(row as EndpointIndex);
    }
  }
  after.pools.active.forEach((active, index) => {
    if (active !== before.pools.active[index]) addPool(policy, index, changed);
  });
  return [...changed];
}

function addPool(policy: Policy, index: number, changed: Set<EndpointIndex>): void {
  const pool = policy.pools[index];
  if (pool === undefined) return;
  for (let k = 0; k < pool.endpointCount; k++) {
    changed.add((pool.firstEndpoint + k) as EndpointIndex);
  }
}
