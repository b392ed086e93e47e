/**
 * One TCP client (RFC 7766): frames of two octets of length and a message, answered in order, as
 * many as come. Made by tcp.ts, which also ends those that are idle. Bounded on both sides: input
 * is kept only up to one frame and one read, and once too much output waits for a client that does
 * not read, neither its frames nor its octets are taken until the output is gone; nor while it
 * waits for its turn (tcp-turns.ts), so that nobody's frames keep the others waiting.
 */
import type { Socket } from "node:net";
import { limits } from "../../limits.ts";
import { headerBytes } from "../../wire/dns-constants.ts";
import { answer } from "./answer.ts";
import type { AnswerContext } from "./context.ts";
import { tcpClosings } from "./counters.ts";
import type { Exchange } from "./exchange.ts";
import { FrameBuffer } from "./frame-buffer.ts";
import type { TcpTurns, TurnTaker } from "./tcp-turns.ts";

const { dnsTcpFramesAtOnceMax } = limits;

const lengthBytes = 2;

export class TcpConnection implements TurnTaker {
  readonly #socket: Socket;
  readonly #context: AnswerContext;
  readonly #exchange: Exchange;
  readonly #turns: TcpTurns;
  readonly #monotonic: () => number;
  readonly #tick: () => void;
  readonly #words: Uint32Array;
  readonly #family: 4 | 6;
  readonly #inbox = new FrameBuffer();
  /** When the last whole frame came or, while output waits, when the client last took some. */
  #activeAt: number;
  #taken = 0;
  /** Output waits for the client. */
  #blocked = false;
  /** There may be whole frames left, for the next turn. */
  #waiting = false;
  /** The client has sent its last octet, or will not be listened to any more. */
  #ending = false;

  constructor(
    socket: Socket,
    options: {
      readonly context: AnswerContext;
      readonly exchange: Exchange;
      readonly turns: TcpTurns;
      readonly monotonic: () => number;
      /** Sets the clock of the context. */
      readonly tick: () => void;
      readonly family: 4 | 6;
      readonly words: Uint32Array;
    },
  ) {
    this.#socket = socket;
    this.#context = options.context;
    this.#exchange = options.exchange;
    this.#turns = options.turns;
    this.#monotonic = options.monotonic;
    this.#tick = options.tick;
    this.#family = options.family;
    this.#words = options.words;
    this.#activeAt = options.monotonic();
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("end", () => {
      this.#ending = true;
      this.#answerFrames();
    });
    socket.on("drain", () => {
      this.#blocked = false;
      this.#answerFrames();
    });
    socket.on("close", () => this.#turns.forget(this));
    // A reset or a broken pipe is the client's good right; 'close' follows.
    socket.on("error", () => socket.destroy());
  }

  /** Ends the connection when nothing has moved for too long. */
  sweep(now: number, idleMs: number): void {
    if (this.#socket.destroyed) return;
    // It is we who are slow.
    if (this.#waiting) this.#activeAt = now;
    if (this.#blocked) {
      const taken = this.#socket.bytesWritten - this.#socket.writableLength;
      if (taken !== this.#taken) this.#activeAt = now;
      this.#taken = taken;
    }
    if (now - this.#activeAt < idleMs) return;
    this.#count(this.#blocked ? tcpClosings.notReading : tcpClosings.idle);
    this.#socket.destroy();
  }

  /** No more frames; what has come whole is answered, and goes out. */
  stop(): void {
    if (this.#ending) return;
    this.#count(tcpClosings.stopped);
    if (this.#waiting) this.#ending = true;
    else this.#finish();
  }

  takeTurn(): void {
    this.#waiting = false;
    if (!this.#socket.destroyed) this.#answerFrames();
  }

  #count(reason: number): void {
    this.#context.counters.tcpClosed.add(reason, 1);
  }

  #take(chunk: Buffer): void {
    if (this.#ending) return;
    this.#inbox.append(chunk);
    this.#answerFrames();
  }

  #answerFrames(): void {
    const socket = this.#socket;
    const turns = this.#turns;
    let frames = 0;
    let more = !this.#waiting;
    socket.cork();
    while (more && !this.#blocked && turns.open && frames < dnsTcpFramesAtOnceMax) {
      more = this.#answerFrame();
      frames++;
    }
    socket.uncork();
    if (more && !this.#blocked) {
      this.#waiting = true;
      turns.wait(this);
    }
    if (this.#blocked || this.#waiting) socket.pause();
    else {
      socket.resume();
      if (this.#ending) socket.end();
    }
  }

  /** False when there is no whole frame, or there shall be no more. */
  #answerFrame(): boolean {
    const inbox = this.#inbox;
    if (inbox.length < lengthBytes) return false;
    const length = inbox.peek16();
    if (length < headerBytes) return this.#malformed();
    if (inbox.length < lengthBytes + length) return false;
    this.#activeAt = this.#monotonic();
    this.#turns.spend(length);
    const exchange = this.#exchange;
    exchange.request = inbox.take(lengthBytes, length);
    exchange.requestLength = length;
    exchange.client = this.#words;
    exchange.clientFamily = this.#family;
    this.#tick();
    const size = answer(this.#context, exchange);
    // What deserves silence on UDP is not worth a connection either.
    if (size === 0) return this.#malformed();
    const frame = Buffer.allocUnsafe(lengthBytes + size);
    frame.writeUInt16BE(size, 0);
    frame.set(exchange.response.subarray(0, size), lengthBytes);
    this.#socket.write(frame);
    this.#blocked = this.#socket.writableLength > limits.dnsTcpPendingBytesMax;
    return true;
  }

  #malformed(): false {
    this.#count(tcpClosings.malformed);
    this.#finish();
    return false;
  }

  #finish(): void {
    this.#ending = true;
    this.#inbox.clear();
    this.#socket.end();
  }
}
