/**
 * One probe: what is asked (`ProbeRequest`), what comes back (`ProbeResult`), and `Attempt`, the
 * frame in which tcp.ts, http.ts and tls.ts each run theirs. The frame keeps the promises they
 * share: exactly one result, never later than the time-out; then the socket is torn down and
 * `closed` is called once, when the system has let go of it.
 */
import type { Socket } from "node:net";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { FailureCode } from "../world/failures.ts";

/** Everything a probe needs, with no reference to a policy: it may run in another process. */
export interface ProbeRequest {
  readonly kind: "http" | "https" | "tcp";
  readonly address: string;
  readonly family: 4 | 6;
  readonly port: number;
  /** Local address to probe from; "" for the system's choice. */
  readonly sourceAddress: string;
  readonly timeoutMs: number;
  /** The request as sent; empty for `tcp`. */
  readonly send: Uint8Array;
  /** TLS server name; "" when the origin is named by its address alone. */
  readonly serverName: string;
  readonly verifyTls: boolean;
  readonly expectStatus: readonly (readonly [number, number])[];
  /** Bytes that must stand in the body; empty for any body. */
  readonly expectBody: Uint8Array;
}

export interface ProbeResult {
  /**
   * `void` says nothing about the origin: this machine could not ask (no descriptor, no such source
   * address), or the name could not be looked up yet. It is counted, and moves no verdict.
   */
  readonly outcome: "ok" | "failed" | "void";
  readonly failure: FailureCode;
  /** From the start of the probe to its result. */
  readonly latencyMs: number;
  /** For people: an error code, a status. Never longer than `detailLengthMax`. */
  readonly detail: string;
}

export interface ProbeHandlers {
  result(result: ProbeResult): void;
  /** The probe holds nothing any more. Called once, after `result` if that was called. */
  closed(): void;
}

export interface ProbeHandle {
  /** Ends the probe without a result. */
  cancel(): void;
}

export type Probe = (request: ProbeRequest, handlers: ProbeHandlers) => ProbeHandle;

const detailLengthMax = 200;

/** What a time-out means depends on how far the probe had come. */
export type Phase = "connect" | "tls" | "http";
const timeoutFailures = {
  connect: "connect.timeout",
  tls: "tls.timeout",
  http: "http.timeout",
} as const satisfies Record<Phase, FailureCode>;

export class Attempt implements ProbeHandle {
  phase: Phase = "connect";
  #socket: Socket | undefined;
  #settled = false;
  #closed = false;
  readonly #startedAt: number;
  readonly #timer: Timer;
  readonly #entropy: Entropy;
  readonly #handlers: ProbeHandlers;

  constructor(request: ProbeRequest, handlers: ProbeHandlers, entropy: Entropy) {
    this.#entropy = entropy;
    this.#handlers = handlers;
    this.#startedAt = entropy.monotonic();
    this.#timer = entropy.after(request.timeoutMs, () => {
      // After a stall, timers come before what the origin sent meanwhile is read.
      const lateMs = entropy.monotonic() - this.#startedAt - request.timeoutMs;
      if (lateMs > limits.probeLateMs) this.abandon("the prober was stalled");
      else this.fail(timeoutFailures[this.phase], `${request.timeoutMs} ms`);
    });
  }

  get settled(): boolean {
    return this.#settled;
  }

  /**
   * The socket is the attempt's from here on: torn down with the result, and `closed` follows it.
   */
  own(socket: Socket): void {
    this.#socket = socket;
    socket.once("close", () => this.#close());
  }

  succeed(): void {
    this.#settle("ok", "none", "");
  }

  fail(failure: FailureCode, detail: string): void {
    this.#settle("failed", failure, detail);
  }

  /** The probe could not be made, through no fault of the origin's. */
  abandon(detail: string): void {
    this.#settle("void", "none", detail);
  }

  cancel(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#tearDown();
  }

  #settle(outcome: ProbeResult["outcome"], failure: FailureCode, detail: string): void {
    if (this.#settled) return;
    this.#settled = true;
    const latencyMs = this.#entropy.monotonic() - this.#startedAt;
    this.#handlers.result({
      outcome,
      failure,
      latencyMs,
      detail: detail.slice(0, detailLengthMax),
    });
    this.#tearDown();
  }

  #tearDown(): void {
    this.#timer.cancel();
    const socket = this.#socket;
    if (socket === undefined) this.#close();
    else destroySocket(socket);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A socket that closes by itself, without an error or an end, still owes its result.
    this.fail(this.phase === "http" ? "http.closed" : "connect.failed", "closed");
    this.#handlers.closed();
  }
}

/**
 * A reset instead of a FIN: a prober that opens thousands of connections a second must not leave
 * each in TIME_WAIT for a minute, or it runs out of ports. While connecting there is nothing to
 * reset, and Node would first wait for the connection. A TLS socket cannot be reset in place.
 */
function destroySocket(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.connecting || "encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
}
