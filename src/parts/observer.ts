/**
 * The observer process: `node src/parts/observer.ts --state DIR`. It probes, it is the single
 * writer of World on this node, it publishes World on observer.sock and takes the operator's word
 * there. It needs nobody: without control it goes on with the last policy, and after a crash with
 * the World on disk. Called by the supervisor, and by tests as `runObserver`.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Entropy } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import type { Registry } from "../lib/telemetry.ts";
import { limits } from "../limits.ts";
import { partSocket, statePaths } from "../link/paths.ts";
import type { CommandHandlers } from "../link/server.ts";
import { publishWorld, type WorldPublisher } from "../link/world-server.ts";
import type { Policy } from "../policy/policy.ts";
import { createLookUp, type LookUp } from "../probes/look-up.ts";
import type { Probe } from "../probes/probe.ts";
import { createProber } from "../probes/prober.ts";
import type { StepResult } from "../world/event.ts";
import type { World } from "../world/world.ts";
import { observerCommands } from "./observer-commands.ts";
import { restoreWorld, WorldDisk } from "./observer-disk.ts";
import { logOverride, logStep, VoidLog } from "./observer-log.ts";
import { observerMeasures } from "./observer-measures.ts";
import { type ObserverMetrics, observerMetrics } from "./observer-metrics.ts";
import { PolicyWatch } from "./observer-policy.ts";
import { Origins } from "./observer-probes.ts";
import { ObserverStore } from "./observer-store.ts";
import { WorldKeeper } from "./observer-world.ts";
import { runPart } from "./part.ts";

export interface ObserverOptions {
  readonly stateDir: string;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly registry: Registry;
  /** Commands every part answers. */
  readonly handlers?: CommandHandlers;
  /** Once, when there is a policy and a World. */
  readonly onReady?: () => void;
  /** The loop may not turn for so long. */
  readonly onBusy?: (graceMs: number) => void;
  /** How one probe is made, here and, by a module's path, in a sandbox. */
  readonly probe?: Probe;
  readonly sandboxEntry?: string;
  readonly lookUp?: LookUp;
}

export interface RunningObserver {
  /** Persists and closes. Probes under way end without a result. */
  stop(): Promise<void>;
}

export async function runObserver(options: ObserverOptions): Promise<RunningObserver> {
  const observer = new Observer(options);
  await observer.start();
  return observer;
}

class Observer implements RunningObserver {
  readonly #options: ObserverOptions;
  readonly #disk: WorldDisk;
  readonly #metrics: ObserverMetrics;
  readonly #store: ObserverStore;
  readonly #watch: PolicyWatch;
  #publisher: WorldPublisher | undefined;
  /** Both undefined until there is a policy. */
  #keeper: WorldKeeper | undefined;
  #origins: Origins | undefined;
  /** Policies are taken one after the other. */
  #taken: Promise<void> = Promise.resolve();
  #generation = -1;
  #stopped = false;

  constructor(options: ObserverOptions) {
    const { entropy, stateDir, log } = options;
    this.#options = options;
    const getWorld = (): World | undefined => this.#keeper?.world;
    this.#disk = new WorldDisk({ stateDir, entropy, log, getWorld });
    this.#store = new ObserverStore({ file: statePaths(stateDir).store, entropy, log });
    this.#metrics = observerMetrics(options.registry, () => ({
      world: getWorld(),
      probing: this.#origins?.statistics,
    }));
    this.#watch = new PolicyWatch({
      stateDir,
      entropy,
      onRead: () => options.onBusy?.(limits.graceMsMax),
      onPolicy: (policy) => {
        this.#taken = this.#taken.then(() => this.#take(policy));
      },
      onFailure: ({ file, reason, message }) => {
        log.error({ file, reason }, `policy not read: ${message}`);
      },
    });
  }

  /** The socket first: whoever asks early is told that there is nothing yet. */
  async start(): Promise<void> {
    const { stateDir, entropy, log, handlers } = this.#options;
    const commands = observerCommands({
      entropy,
      getKeeper: () => this.#keeper,
      persist: () => this.#disk.write(),
      onResume: (target, author) => log.info({ target, author }, "resumed"),
      onOverride: (change, override, author) => {
        logOverride(log, { change, override, author });
        this.#store.noteOverride(change, override, author);
      },
    });
    const measures = observerMeasures({ entropy, getKeeper: () => this.#keeper });
    this.#publisher = await publishWorld({
      path: partSocket(stateDir, "observer"),
      getWorld: () => this.#keeper?.world,
      handlers: { ...handlers, ...commands, ...measures },
      onError: (message) => log.warn({ message }, "observer.sock"),
    });
    await this.#watch.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#watch.stop();
    await this.#taken;
    this.#origins?.stop();
    this.#keeper?.stop();
    await this.#disk.stop();
    await this.#store.stop();
    await this.#publisher?.close();
  }

  async #take(policy: Policy): Promise<void> {
    if (this.#stopped) return;
    const { stateDir, entropy, log } = this.#options;
    if (this.#keeper === undefined) {
      const overrides = () => this.#store.overrides();
      const world = await restoreWorld(policy, { stateDir, entropy, log, overrides });
      this.#begin(policy, world);
    } else {
      this.#store.forgetChanges();
      this.#keeper.adopt(policy);
      this.#origins?.setPolicy();
    }
    this.#publisher?.publishFull();
    log.info({ policy: policy.digest, endpoints: policy.endpoints.length }, "observing");
    await this.#disk.write();
  }

  #begin(policy: Policy, world: World): void {
    if (this.#stopped) return;
    const { entropy, log } = this.#options;
    const voids = new VoidLog({ entropy, log });
    const keeper = new WorldKeeper({
      entropy,
      policy,
      world,
      onStep: (result, tookMs) => this.#stepped(result, tookMs),
      onStall({ stoodMs, jumpedMs }) {
        if (jumpedMs === 0) log.warn({ ms: Math.round(stoodMs) }, "stood still");
        else log.warn({ ms: Math.round(jumpedMs) }, "the clock was set: World moves with it");
      },
    });
    this.#keeper = keeper;
    this.#origins = new Origins({
      entropy,
      keeper,
      log,
      probe: this.#options.probe ?? createProber({ entropy }),
      lookUp: this.#options.lookUp ?? createLookUp(),
      sandboxEntry: this.#options.sandboxEntry ?? sandboxEntry,
      journalPath: join(this.#options.stateDir, "probes.journal"),
      onResult: (result) => {
        this.#metrics.probed(result);
        voids.note(result);
      },
    });
    this.#options.onReady?.();
  }

  #stepped(result: StepResult, tookMs: number): void {
    this.#metrics.stepped(tookMs);
    const { world, changed } = result;
    const decides = world.generation !== this.#generation;
    this.#generation = world.generation;
    if (changed.length * 2 > world.endpoints.verdict.length) this.#publisher?.publishFull();
    else this.#publisher?.publish(world, result);
    this.#disk.changed(decides);
    const [keeper, origins] = [this.#keeper, this.#origins];
    if (keeper === undefined) return;
    logStep(this.#options.log, { result, keeper, origins });
    this.#store.noteStep(result, () => keeper);
    for (const { override, change } of result.overrideChanges) {
      if (change === "expired") this.#store.noteOverride(change, override, "the clock");
    }
  }
}

const sandboxEntry = fileURLToPath(new URL("../probes/sandbox-child.ts", import.meta.url));

if (import.meta.main) {
  await runPart("observer", async (part) => {
    part.waiting();
    const observer = await runObserver({
      stateDir: part.stateDir,
      entropy: part.entropy,
      log: part.log,
      registry: part.registry,
      handlers: part.handlers,
      onReady: () => part.ready([]),
      onBusy: (graceMs) => part.busy(graceMs),
    });
    return { drain: () => observer.stop() };
  });
}
