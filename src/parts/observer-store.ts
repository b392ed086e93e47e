/**
 * What the observer records in the store: the operator's overrides, who gave them, and verdicts by
 * service. Best effort: steering needs none of it, so a store that is slow, broken or gone costs
 * records and nothing else - they are written by a thread, so many wait and the rest is left out.
 * Called by parts/observer.ts. The one thing read back are overrides, when World on disk is lost.
 */
import { Worker } from "node:worker_threads";
import type { Entropy, Timer } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import type { StepResult } from "../world/event.ts";
import { stateOf } from "../world/health.ts";
import type { Override, World } from "../world/world.ts";
import type { StoreOrder, StoreReply } from "./observer-store-worker.ts";

export interface ObserverStoreOptions {
  readonly file: string;
  readonly entropy: Entropy;
  readonly log: Logger;
}

export class ObserverStore {
  readonly #options: ObserverStoreOptions;
  #worker: Worker | undefined;
  /** Who waits for each reply, in the order of the orders. */
  readonly #waiting: ((reply: StoreReply) => void)[] = [];
  /** Services whose verdicts changed since they were written last. */
  readonly #changed = new Set<number>();
  #timer: Timer | undefined;
  #faulty = false;
  #leftOut = 0;

  constructor(options: ObserverStoreOptions) {
    this.#options = options;
  }

  /** The overrides on record; none if the store does not answer in time. */
  async overrides(): Promise<readonly Override[]> {
    const reply = await this.#withinTime(this.#ask({ kind: "list-overrides" }));
    return reply.ok ? reply.overrides : [];
  }

  /** The operator's word, or its end; `author` is who did that. */
  noteOverride(change: "added" | "lifted" | "expired", override: Override, author: string): void {
    const { id, kind, target, reason } = override;
    void this.#ask(
      change === "added" ? { kind: "override", override } : { kind: "drop-override", id },
    );
    const action = change === "added" ? "override" : change === "lifted" ? "lift" : "expire";
    const at = this.#options.entropy.now();
    const detail = `${kind} ${id}: ${reason}`;
    const record = { at, author, action, target, outcome: "done", detail } as const;
    void this.#ask({ kind: "audit", record });
  }

  /** Verdicts are written once a second at most, whole for each service in which one changed. */
  noteStep(
    result: StepResult,
    now: () => { readonly policy: Policy; readonly world: World },
  ): void {
    if (result.transitions.length === 0) return;
    const { policy } = now();
    for (const { endpoint } of result.transitions) {
      this.#changed.add(policy.pools[policy.endpoints[endpoint]!.pool]!.service);
    }
    this.#recordVerdictsSoon(now);
  }

  /** No more at a time than leaves the store room for the operator's word. */
  #recordVerdictsSoon(now: () => { readonly policy: Policy; readonly world: World }): void {
    this.#timer ??= this.#options.entropy.after(limits.verdictRecordMs, () => {
      this.#timer = undefined;
      const { policy, world } = now();
      for (const service of this.#changed) {
        if (this.#waiting.length * 2 > limits.recordsWaitingMax) break;
        this.#changed.delete(service);
        const record = verdictsOf(policy, world, service);
        if (record !== undefined) void this.#ask({ kind: "verdicts", record });
      }
      if (this.#changed.size > 0) this.#recordVerdictsSoon(now);
    });
  }

  /** After a new policy: indices of services mean something else. */
  forgetChanges(): void {
    this.#changed.clear();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    if (this.#worker === undefined) return;
    await this.#withinTime(this.#ask({ kind: "end" }));
    await this.#worker?.terminate();
  }

  #ask(order: StoreOrder): Promise<StoreReply> {
    return new Promise((resolve) => {
      if (this.#waiting.length >= limits.recordsWaitingMax) {
        this.#leftOut++;
        resolve({ ok: false, message: "too many records wait" });
        return;
      }
      this.#waiting.push(resolve);
      this.#worker ??= this.#start();
      this.#worker.postMessage(order);
    });
  }

  #start(): Worker {
    const worker = new Worker(workerUrl, { workerData: this.#options.file, execArgv: [] });
    worker.unref();
    worker.on("message", (reply: StoreReply) => {
      this.#waiting.shift()?.(reply);
      if (!reply.ok) this.#fault(reply.message);
      else if (reply.wrote && this.#faulty && this.#waiting.length === 0) this.#mended();
    });
    worker.on("error", (error: unknown) => this.#fault(String(error)));
    worker.on("exit", () => {
      this.#worker = undefined;
      const lost = { ok: false, message: "the store's thread ended" } as const;
      for (const resolve of this.#waiting.splice(0)) resolve(lost);
    });
    return worker;
  }

  #fault(message: string): void {
    if (!this.#faulty) this.#options.log.warn({ message }, "records do not reach the store");
    this.#faulty = true;
  }

  #mended(): void {
    this.#options.log.info({ leftOut: this.#leftOut }, "records reach the store again");
    this.#faulty = false;
    this.#leftOut = 0;
  }

  #withinTime(reply: Promise<StoreReply>): Promise<StoreReply> {
    return new Promise((resolve) => {
      const timer = this.#options.entropy.after(limits.storeWaitMs, () =>
        resolve({ ok: false, message: "the store does not answer in time" }),
      );
      void reply.then((answer) => {
        timer.cancel();
        resolve(answer);
      });
    });
  }
}

const workerUrl = new URL("observer-store-worker.ts", import.meta.url);

function verdictsOf(policy: Policy, world: World, index: number) {
  const service = policy.services[index];
  if (service === undefined) return undefined;
  const pools = policy.pools.slice(service.firstPool, service.firstPool + service.poolCount);
  const endpoints = pools.flatMap((pool) =>
    Array.from({ length: pool.endpointCount }, (_, i) => {
      const row = pool.firstEndpoint + i;
      return {
        pool: pool.name,
        endpoint: policy.endpoints[row]!.name,
        state: stateOf(world.endpoints, row),
        changedAt: world.endpoints.changedAt[row]!,
      };
    }),
  );
  return { service: service.name, at: world.at, endpoints };
}
