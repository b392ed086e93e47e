/**
 * DNS over UDP by worker threads: one socket a worker at each address (SO_REUSEPORT), among which
 * the kernel spreads the clients. Used by server.ts where the C library can be called; udp.ts
 * serves elsewhere with the same answers. The part's thread opens the sockets, publishes views and
 * sums up counters; it answers nothing here. A worker that ends, or is silent for
 * limits.dnsWorkerHungMs, ends the process, which its supervisor starts again; until then its
 * neighbour drains its sockets.
 */
import { getSystemErrorName } from "node:util";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { assert } from "../../errors.ts";
import type { Entropy, Timer } from "../../lib/entropy.ts";
import { bytesOfWords, parseAddress } from "../../lib/ip.ts";
import type { Libc } from "../../lib/libc.ts";
import { shareArrays } from "../../lib/share-arrays.ts";
import type { Registry } from "../../lib/telemetry.ts";
import { limits } from "../../limits.ts";
import type { ClassColumns } from "../../steer/classify.ts";
import { createControl, TablePublisher } from "../../steer/shared-table.ts";
import type { Table } from "../../steer/table.ts";
import type { Resolved } from "../../world/world.ts";
import { openUdpSocket, type UdpSocket, type UdpSocketOptions } from "./batch-socket.ts";
import { beatClock, sinceBeat } from "./beat-clock.ts";
import type { AnswerPolicy, Snapshot } from "./context.ts";
import type { DnsCounters } from "./counters.ts";
import { createEndpointTable } from "./endpoint-table.ts";
import type { IdentityOptions } from "./identity.ts";
import type { ListenAddress } from "./listen-address.ts";
import { createFlowCells } from "./rate-limit.ts";
import { createSteeredIndex } from "./steered-index.ts";
import type { UdpListener } from "./udp.ts";
import { loopCounterCount, loopCounters } from "./udp-loop.ts";
import type { FromWorker, ToWorker, ViewMessage, WorkerStart } from "./udp-messages.ts";
import { createWorkerCells, sumWorkerCounters } from "./worker-counters.ts";

export interface UdpWorkersOptions {
  readonly libc: Libc;
  readonly workers: number;
  readonly gatherMicroseconds: number;
  readonly snapshot: SharedSnapshot;
  readonly identity: IdentityOptions;
  readonly registry: Registry;
  readonly counters: DnsCounters;
  readonly entropy: Entropy;
}

/** The part's own table, which its follower keeps up to date. */
export interface SharedSnapshot extends Snapshot {
  readonly table: Table;
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly stopped: Promise<void>;
}

export class UdpWorkers {
  readonly #options: UdpWorkersOptions;
  readonly #words: Pick<WorkerStart, "control" | "beats" | "orders">;
  readonly #publisher: TablePublisher;
  readonly #flows: { readonly cells: Int32Array; readonly seed: number };
  readonly #threads: readonly Thread[];
  /** By address, a socket for each worker. */
  readonly #addresses = new Set<readonly UdpSocket[]>();
  /** Called when every worker has taken the sockets of this number. */
  readonly #takers = new Map<number, { left: number; readonly done: () => void }>();
  #ids = 0;
  #policy: AnswerPolicy | undefined;
  #resolved: ReadonlyMap<number, Resolved> = new Map();
  readonly #clock: () => number;
  #watch: Timer | undefined;
  #stopping = false;

  constructor(options: UdpWorkersOptions) {
    const { workers, registry, counters } = options;
    assert(workers > 0 && workers <= limits.dnsWorkersMax, "a number of workers");
    this.#options = options;
    const words = (): Int32Array => new Int32Array(new SharedArrayBuffer(workers * 4));
    this.#words = { control: createControl(workers), beats: words(), orders: words() };
    this.#publisher = new TablePublisher(this.#words.control);
    const cells = Array.from({ length: workers }, createWorkerCells);
    const loopCells = cells.map(
      () => new Float64Array(new SharedArrayBuffer(loopCounterCount * 8)),
    );
    this.#flows = { cells: createFlowCells(), seed: options.entropy.draw32() };
    this.#threads = cells.map((own, self) => this.#start(self, own, loopCells[self]!));
    sumWorkerCounters(registry, counters, cells);
    sumLoopCounters(registry, loopCells);
    this.publish(options.snapshot);
    this.#clock = beatClock(options.libc);
    this.#watch = this.#look(0);
  }

  #start(self: number, cells: Float64Array, loopCells: Float64Array): Thread {
    const { entropy, identity, gatherMicroseconds } = this.#options;
    const { port1, port2 } = new MessageChannel();
    const start: WorkerStart = {
      ...this.#words,
      self,
      batch: limits.dnsBatch,
      gatherMicroseconds,
      identity,
      chance: [...Array.from({ length: 4 }, () => entropy.draw32()), this.#flows.seed],
      flowCells: this.#flows.cells,
      cells,
      loopCells,
    };
    const worker = new Worker(new URL("udp-worker.ts", import.meta.url), {
      name: `dns-${self}`,
      workerData: { start, port: port2 },
      transferList: [port2],
    });
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    worker.on("error", (error) => {
      throw error;
    });
    worker.on("exit", () => {
      assert(this.#stopping, `DNS worker ${self} serves until it is told to stop`);
      resolve();
    });
    port1.on("message", (message: FromWorker) => {
      if (message.type === "took") this.#took(message.id);
    });
    return { worker, port: port1, stopped };
  }

  #took(id: number): void {
    const taker = this.#takers.get(id);
    if (taker === undefined || --taker.left > 0) return;
    this.#takers.delete(id);
    taker.done();
  }

  #send(self: number, message: ToWorker): void {
    this.#threads[self]!.port.postMessage(message);
    Atomics.add(this.#words.orders, self, 1);
  }

  /** Of cookies, for every worker. */
  setSecrets(secrets: readonly Uint8Array[]): void {
    for (let self = 0; self < this.#threads.length; self++) {
      this.#send(self, { type: "secrets", secrets });
    }
  }

  /** In force for each worker from its next batch on. */
  publish(snapshot: SharedSnapshot): void {
    const { policy, world, table } = snapshot;
    const isNew = this.#policy !== policy;
    this.#policy = policy;
    const before = isNew ? new Map<number, Resolved>() : this.#resolved;
    this.#resolved = world.resolved;
    const resolved =
      before === world.resolved
        ? []
        : [...world.resolved].filter(([endpoint, addresses]) => before.get(endpoint) !== addresses);
    const shared = isNew ? sharedPolicy(snapshot) : undefined;
    this.#publisher.publish(table, ({ sequence, parts }) => {
      if (shared === undefined && resolved.length === 0 && parts === undefined) return;
      const message: ViewMessage = { type: "view", sequence, parts, policy: shared, resolved };
      for (let self = 0; self < this.#threads.length; self++) this.#send(self, message);
    });
  }

  /** The system's error code, such as EADDRINUSE, when the address cannot be had. */
  async open(at: ListenAddress): Promise<UdpListener | { readonly code: string }> {
    const { libc } = this.#options;
    const address = parseAddress(at.host);
    assert(address !== undefined, "a listen address has been read");
    const sockets: UdpSocket[] = [];
    const fail = (errno: number): { readonly code: string } => {
      for (const { fd } of sockets) libc.close(fd);
      return { code: getSystemErrorName(-errno) };
    };
    const wanted = {
      family: at.family,
      address: bytesOfWords(at.family, address.words),
      receiveBufferBytes: limits.dnsUdpBufferBytes,
      sendBufferBytes: limits.dnsUdpBufferBytes,
      waitMs: limits.dnsWorkerWaitMs,
    } satisfies Partial<UdpSocketOptions>;
    // Another program could share the port; alone, it is seen that there is none.
    const alone = openUdpSocket(libc, { ...wanted, port: at.port, shared: false });
    if (!alone.ok) return fail(alone.errno);
    libc.close(alone.socket.fd);
    for (let self = 0; self < this.#threads.length; self++) {
      const port = sockets[0]?.port ?? at.port;
      const opened = openUdpSocket(libc, { ...wanted, port, shared: true });
      if (!opened.ok) return fail(opened.errno);
      sockets.push(opened.socket);
    }
    this.#addresses.add(sockets);
    await this.#tellSockets();
    return { port: sockets[0]!.port, close: () => this.#close(sockets) };
  }

  async #close(sockets: readonly UdpSocket[]): Promise<void> {
    if (!this.#addresses.delete(sockets)) return;
    await this.#tellSockets();
    for (const { fd } of sockets) this.#options.libc.close(fd);
  }

  /** Done when every worker has drained what it no longer serves. */
  #tellSockets(): Promise<void> {
    const id = ++this.#ids;
    const count = this.#threads.length;
    const of = (self: number) => [...this.#addresses].map((sockets) => sockets[self]!);
    return new Promise((done) => {
      this.#takers.set(id, { left: count, done });
      for (let self = 0; self < count; self++) {
        const neighbours = of((self + count - 1) % count);
        this.#send(self, { type: "sockets", id, own: of(self), neighbours });
      }
    });
  }

  /**
   * Ends the process when a worker that has begun is silent for too long, by the clock it beats by;
   * seen several times in a row, since after a pause of the whole process all seem to be.
   */
  #look(rounds: number): Timer {
    return this.#options.entropy.after(limits.dnsWorkerHungMs / 10, () => {
      const now = this.#clock();
      const silent = this.#words.beats.findIndex((_, self) => {
        const beat = Atomics.load(this.#words.beats, self);
        return beat !== 0 && sinceBeat(beat, now) > limits.dnsWorkerHungMs * 1000;
      });
      assert(silent < 0 || rounds < 3, `DNS worker ${silent} turns its loop`);
      this.#watch = this.#look(silent < 0 ? 0 : rounds + 1);
    });
  }

  /** After every listener is closed. Waits for workers at most limits.dnsTcpDrainMs. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watch?.cancel();
    for (let self = 0; self < this.#threads.length; self++) this.#send(self, { type: "stop" });
    const all = Promise.all(this.#threads.map(({ stopped }) => stopped));
    const late = this.#options.entropy.after(limits.dnsTcpDrainMs, () => {
      for (const { worker } of this.#threads) void worker.terminate();
    });
    await all;
    late.cancel();
    for (const { port } of this.#threads) port.close();
  }
}

/** What workers read of a policy: columns in shared memory, and a small object a service. */
function sharedPolicy({ policy, endpoints }: SharedSnapshot): NonNullable<ViewMessage["policy"]> {
  const { digest, names, v4, v6, listen } = policy;
  const { dnsTcp, dnsCookies, dnsRateLimit, dnsExplain, dnsProxies } = listen;
  const services = policy.services.map(
    ({ ruleSet, withoutEcs, answers, key, seed, affinityMask4, affinityMask6, https }) => {
      return { ruleSet, withoutEcs, answers, key, seed, affinityMask4, affinityMask6, https };
    },
  );
  const ruleSets = policy.ruleSets.map(
    ({ classOfLocation, scope4, scope6, residency, classes }): ClassColumns => {
      const { length } = classes;
      return { classOfLocation, scope4, scope6, residency, classes: { length } };
    },
  );
  const shared = shareArrays({ names, v4, v6, ruleSets });
  return {
    policy: {
      digest,
      ...shared,
      services,
      endpoints: [],
      listen: { dnsTcp, dnsCookies, dnsRateLimit, dnsExplain, dnsProxies },
    },
    endpoints: endpoints ?? createEndpointTable(policy.endpoints),
    steered: createSteeredIndex(policy),
  };
}

function sumLoopCounters(registry: Registry, cells: readonly Float64Array[]): void {
  const declared = [
    [loopCounters.dropped, "rhumb_dns_udp_dropped_total", "Datagrams the kernel had no room for."],
    [loopCounters.unsent, "rhumb_dns_udp_unsent_total", "Responses the kernel did not take."],
    [loopCounters.batches, "rhumb_dns_udp_batches_total", "Batches of datagrams answered."],
    [loopCounters.gathered, "rhumb_dns_udp_gathered_total", "Waits in which datagrams gathered."],
    [loopCounters.helped, "rhumb_dns_udp_helped_total", "Datagrams answered for a silent worker."],
  ] as const;
  const workers = registry.gauge("rhumb_dns_udp_workers", "Threads that answer DNS over UDP.");
  workers.set(0, cells.length);
  for (const [at, name, help] of declared) {
    const counter = registry.counter(name, help);
    registry.collect(() => {
      const total = cells.reduce((sum, own) => sum + own[at]!, 0);
      counter.add(0, total - counter.read(0));
    });
  }
}
