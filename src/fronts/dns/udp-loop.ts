/**
 * The plain loop of a DNS worker, one turn at a time: wait for datagrams, take a batch of each
 * socket, answer each in place, send the batch. Called by udp-worker.ts until it says to stop, and
 * by tests. Allocates nothing a query; waits in the kernel only, at most limits.dnsWorkerWaitMs.
 *
 * Under load it lets datagrams gather for some microseconds, so that a wake-up and two calls serve
 * several; below limits.dnsGatherRateMin it never does.
 */
import type { Libc } from "../../lib/libc.ts";
import { limits } from "../../limits.ts";
import { answer } from "./answer.ts";
import { type BatchSocket, createBatchSocket, type UdpSocket } from "./batch-socket.ts";
import { beatClock, sinceBeat } from "./beat-clock.ts";
import type { AnswerContext } from "./context.ts";
import { createExchange, type Exchange, transports } from "./exchange.ts";
import {
  countFast,
  createFastAnswers,
  type FastAnswers,
  fastAnswer,
  refreshFast,
} from "./fast-answer.ts";

// Read once: limits has more keys than V8 gives fast properties to.
const { dnsGatherRateMin, dnsWorkerSilentMs, dnsWorkerWaitMs } = limits;

/** By worker: counters that the part reads. */
export const loopCounters = { dropped: 0, unsent: 1, batches: 2, gathered: 3, helped: 4 } as const;
export const loopCounterCount = 5;

const pollIn = 1;
const prTimerSlack = 29;
const pollBytes = 8;

export interface UdpLoopOptions {
  readonly libc: Libc;
  readonly context: AnswerContext;
  readonly batch: number;
  readonly gatherMicroseconds: number;
  /** A word a worker: the microsecond, below a thousand seconds, of its last turn; 0 at first. */
  readonly beats: Int32Array;
  readonly self: number;
  readonly counters: Float64Array;
  /** Of the epoch. */
  readonly seconds: () => number;
  /** Before a wait: the thread reads no shared memory until `enter`. */
  readonly leave: () => void;
  /** After it, before answers. */
  readonly enter: () => void;
}

interface Served {
  readonly socket: BatchSocket;
  readonly exchanges: readonly Exchange[];
  dropped: number;
}

export class UdpLoop {
  readonly #options: UdpLoopOptions;
  readonly #clock: () => number;
  readonly #callPoll: (count: number, timeoutMs: number) => number;
  readonly #words: Int32Array;
  readonly #halves: Int16Array;
  readonly #neighbour: number;
  readonly #fast: FastAnswers;
  #own: readonly Served[] = [];
  #neighbours: readonly UdpSocket[] = [];
  #help: readonly Served[] | undefined;
  #before = 0;
  #rate = 0;
  #last = 0;

  constructor(options: UdpLoopOptions) {
    const { libc, beats, self } = options;
    this.#options = options;
    this.#fast = createFastAnswers(options.context);
    this.#neighbour = (self + beats.length - 1) % beats.length;
    const scratch = libc.mapMemory(2 * limits.dnsUdpAddressesMax * pollBytes);
    this.#words = new Int32Array(scratch.memory);
    this.#halves = new Int16Array(scratch.memory);
    const descriptors = scratch.address;
    this.#clock = beatClock(libc);
    this.#tick(this.#clock());
    this.#callPoll = (count, timeoutMs) => libc.poll(descriptors, count, timeoutMs);
    // Sleeps of microseconds are meant as such; the default rounds them up by fifty.
    libc.prctl(prTimerSlack, 1);
  }

  /** The sockets served from now on. Those no longer named are drained, then left alone. */
  setSockets(own: readonly UdpSocket[], neighbours: readonly UdpSocket[]): void {
    const fds = new Set(own.map(({ fd }) => fd));
    for (const served of this.#own) {
      if (!fds.has(served.socket.socket.fd)) this.#drain(served);
    }
    this.#own = own.map(
      (socket) =>
        this.#own.find((each) => each.socket.socket.fd === socket.fd) ?? this.#serve(socket),
    );
    this.#neighbours = neighbours;
    this.#help = undefined;
  }

  #serve(socket: UdpSocket): Served {
    const { libc, batch } = this.#options;
    const batched = createBatchSocket(libc, socket, batch);
    const exchanges = batched.requests.map((request, slot): Exchange => {
      return {
        ...createExchange(transports.udp),
        request,
        client: batched.clients.subarray(slot * 4, slot * 4 + 4),
        clientFamily: socket.family,
        response: batched.responses[slot]!,
      };
    });
    return { socket: batched, exchanges, dropped: 0 };
  }

  #drain(served: Served): void {
    this.#options.enter();
    for (let i = 0; i < limits.dnsDrainBatchesMax && this.#answerBatch(served, false) > 0; i++);
    this.#options.leave();
  }

  /** Answers what has come to every socket: before the end. */
  drainAll(): void {
    for (const served of this.#own) this.#drain(served);
  }

  turn(): void {
    const { beats, self, enter, leave } = this.#options;
    leave();
    const help = this.#neighbourIsSilent() ? this.#helping() : undefined;
    const gathered = this.#gather();
    let got = 0;
    if (help !== undefined) got = this.#pollAndAnswer(help);
    else if (gathered) {
      // Something has come, as a rule: no need to ask where first.
      enter();
      for (let i = 0; i < this.#own.length; i++) got += this.#answerBatch(this.#own[i]!, false);
    } else if (this.#own.length === 1) got = this.#waitAndAnswer(this.#own[0]!);
    else got = this.#pollAndAnswer(undefined);
    const now = this.#clock();
    this.#measure(got, now);
    this.#tick(now);
    Atomics.store(beats, self, now);
  }

  #pollAndAnswer(help: readonly Served[] | undefined): number {
    const ready = this.#poll(help);
    this.#options.enter();
    let got = 0;
    if (ready <= 0) return got;
    for (let i = 0; i < this.#own.length; i++) got += this.#answerReady(this.#own[i]!, i);
    for (let i = 0; i < (help?.length ?? 0); i++) {
      const taken = this.#answerReady(help![i]!, this.#own.length + i);
      this.#count(loopCounters.helped, taken);
      got += taken;
    }
    return got;
  }

  /** Once a turn, which is often enough for rates and ages. */
  #tick(now: number): void {
    const { clock } = this.#options.context;
    clock[0] = now;
    clock[1] = this.#options.seconds();
  }

  #waitAndAnswer(served: Served): number {
    const got = served.socket.receive(true);
    this.#options.enter();
    if (got > 0) this.#answerReceived(served, got);
    return got;
  }

  #answerReady(served: Served, place: number): number {
    const at = place * pollBytes;
    return (this.#halves[(at + 6) >> 1]! & pollIn) === 0 ? 0 : this.#answerBatch(served, false);
  }

  #answerBatch(served: Served, wait: boolean): number {
    const got = served.socket.receive(wait);
    if (got > 0) this.#answerReceived(served, got);
    return got;
  }

  #answerReceived(served: Served, got: number): void {
    const { socket } = served;
    const fast = this.#fast;
    refreshFast(fast);
    for (let slot = 0; slot < got; slot++) {
      const received = socket.lengths[slot]!;
      const short = fastAnswer(fast, socket, slot, received);
      const length = short > 0 ? short : this.#answerSlot(served, slot, received);
      if (length > 0) socket.queue(slot, length);
    }
    countFast(fast);
    const unsent = socket.flush();
    this.#count(loopCounters.batches, 1);
    if (unsent > 0) this.#count(loopCounters.unsent, unsent);
    const dropped = socket.dropped();
    if (dropped !== served.dropped) {
      this.#count(loopCounters.dropped, (dropped - served.dropped) >>> 0);
      served.dropped = dropped;
    }
  }

  #answerSlot({ exchanges }: Served, slot: number, received: number): number {
    const exchange = exchanges[slot]!;
    exchange.requestLength = received;
    return answer(this.#options.context, exchange);
  }

  #count(counter: number, amount: number): void {
    this.#options.counters[counter]! += amount;
  }

  /** Descriptors of own sockets, then of those helped with. */
  #poll(help: readonly Served[] | undefined): number {
    let count = 0;
    for (const served of this.#own) this.#watch(served, count++);
    if (help !== undefined) for (const served of help) this.#watch(served, count++);
    return this.#callPoll(count, dnsWorkerWaitMs);
  }

  #watch(served: Served, place: number): void {
    const at = place * pollBytes;
    this.#words[at >> 2] = served.socket.socket.fd;
    this.#words[(at + 4) >> 2] = pollIn;
  }

  #neighbourIsSilent(): boolean {
    const { beats, self } = this.#options;
    if (this.#neighbour === self || this.#before === 0) return false;
    const beat = Atomics.load(beats, this.#neighbour);
    return beat !== 0 && sinceBeat(beat, this.#before) > dnsWorkerSilentMs * 1000;
  }

  #helping(): readonly Served[] {
    this.#help ??= this.#neighbours.map((socket) => this.#serve(socket));
    return this.#help;
  }

  /** Did it wait? */
  #gather(): boolean {
    const { gatherMicroseconds, batch, libc } = this.#options;
    if (gatherMicroseconds === 0 || this.#rate < dnsGatherRateMin) return false;
    if (this.#last >= batch) return false;
    libc.usleep(gatherMicroseconds);
    this.#count(loopCounters.gathered, 1);
    return true;
  }

  /** Queries a second, over about sixteen turns; a turn without any is the end of a load. */
  #measure(got: number, now: number): void {
    const isFirst = this.#before === 0;
    const elapsed = Math.max(sinceBeat(this.#before, now), 1);
    this.#before = now;
    this.#last = got;
    if (got === 0 || isFirst) this.#rate = 0;
    else this.#rate += (((got * 1_000_000) / elapsed - this.#rate) / 16) | 0;
  }
}
