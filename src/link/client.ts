/**
 * The other end of a local socket: `request` for one command, `subscribeWorld` for the stream of
 * World. A subscription never gives up: it comes back after 50 ms to 1 s, with chance in the wait,
 * and asks for a whole World whenever a change does not follow the one before.
 */
import { connect, type Socket } from "node:net";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { lineReader } from "./lines.ts";
import {
  type CommandInput,
  type CommandName,
  type CommandReply,
  commands,
  decodeFrame,
  encodeFrame,
  frameBytesMax,
  protocolVersion,
  type Refusal,
  type Response,
  responseSchema,
} from "./messages.ts";

export type WorldMessage = Extract<Response, { type: "world" }>;
export type ChangeMessage = Extract<Response, { type: "change" }>;

export type RequestResult<Name extends CommandName> =
  | { readonly ok: true; readonly value: CommandReply<Name> }
  | { readonly ok: false; readonly reason: "refused"; readonly refusal: Refusal }
  /** absent: nobody listens. timeout, broken: somebody does, and did not answer as agreed. */
  | {
      readonly ok: false;
      readonly reason: "absent" | "timeout" | "broken";
      readonly message: string;
    };

/** One command and its reply. Never rejects. */
export function request<Name extends CommandName>(
  path: string,
  command: { readonly name: Name; readonly input: CommandInput<Name> },
  options: { readonly timeoutMs: number; readonly entropy: Entropy },
): Promise<RequestResult<Name>> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (result: RequestResult<Name>): void => {
      timer.cancel();
      socket.destroy();
      resolve(result);
    };
    const fail = (reason: "absent" | "timeout" | "broken", message: string): void =>
      finish({ ok: false, reason, message });
    const timer = options.entropy.after(options.timeoutMs, () =>
      fail("timeout", `no reply within ${options.timeoutMs} ms`),
    );
    socket.on("connect", () => {
      socket.write(hello("request", false));
      socket.write(encodeFrame({ type: "command", id: 1, ...command }));
    });
    receiveFrames(socket, {
      onFrame(frame) {
        if (frame.type === "refusal") {
          finish({ ok: false, reason: "refused", refusal: frame.refusal });
        } else if (frame.type === "reply") {
          const parsed = commands[command.name].reply.safeParse(frame.value);
          if (parsed.success) finish({ ok: true, value: parsed.data as CommandReply<Name> });
          else fail("broken", `a reply to ${command.name} of another shape`);
        } else if (frame.type === "bye") fail("broken", frame.message);
      },
      onBroken: (message) => fail("broken", message),
    });
    socket.on("error", (error) => fail(absentCode(error) ? "absent" : "broken", error.message));
    socket.on("close", () => fail("broken", "closed without a reply"));
  });
}

export interface WorldHandlers {
  onWorld(frame: WorldMessage): void;
  /** Follows the frame before it without a gap. */
  onChange(frame: ChangeMessage): void;
  /** The stream stands, or is lost and why; each once per turn. */
  onState?(connected: boolean, message: string): void;
}

export interface WorldSubscription {
  /** Asks for a whole World; changes until it comes are dropped. */
  resync(): void;
  close(): void;
}

export function subscribeWorld(
  path: string,
  handlers: WorldHandlers,
  options: { readonly entropy: Entropy; readonly name: string },
): WorldSubscription {
  const subscription = new Subscription(path, handlers, options);
  subscription.open();
  return subscription;
}

class Subscription implements WorldSubscription {
  readonly #path: string;
  readonly #handlers: WorldHandlers;
  readonly #entropy: Entropy;
  readonly #hello: string;
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #attempts = 0;
  #connected = false;
  #closed = false;
  /** Where the reader stands; undefined while a whole World is due. */
  #at: { readonly policyDigest: string; readonly generation: number } | undefined;

  constructor(
    path: string,
    handlers: WorldHandlers,
    options: { readonly entropy: Entropy; readonly name: string },
  ) {
    this.#path = path;
    this.#handlers = handlers;
    this.#entropy = options.entropy;
    this.#hello = hello(options.name, true);
  }

  open(): void {
    const socket = connect(this.#path);
    this.#socket = socket;
    let message = "closed by the other side";
    socket.on("connect", () => socket.write(this.#hello));
    receiveFrames(socket, {
      onFrame: (frame) => {
        if (frame.type === "bye") message = frame.message;
        else if (!this.#closed) this.#receive(frame);
      },
      onBroken: (why) => {
        message = why;
        socket.destroy();
      },
    });
    socket.on("error", (error) => {
      message = error.message;
    });
    socket.on("close", () => this.#lost(message));
  }

  resync(): void {
    this.#at = undefined;
    if (this.#socket?.writable) this.#socket.write(this.#hello);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#socket?.destroy();
  }

  #receive(frame: Response): void {
    if (frame.type === "world") {
      this.#attempts = 0;
      if (!this.#connected) this.#handlers.onState?.(true, "");
      this.#connected = true;
      this.#at = frame;
      this.#handlers.onWorld(frame);
      return;
    }
    const at = this.#at;
    if (frame.type !== "change" || at === undefined) return;
    const same = frame.policyDigest === at.policyDigest;
    // A World sent between a step and its publication holds the change already.
    if (same && frame.generation <= at.generation) return;
    if (same && frame.after === at.generation) {
      this.#at = frame;
      this.#handlers.onChange(frame);
    } else this.resync();
  }

  #lost(message: string): void {
    if (this.#closed) return;
    this.#at = undefined;
    if (this.#connected) this.#handlers.onState?.(false, message);
    this.#connected = false;
    const waitMs = reconnectMs(this.#attempts++, this.#entropy);
    this.#timer = this.#entropy.after(waitMs, () => this.open());
  }
}

/** Doubles from the shortest wait to the longest; the upper half of it is chance. */
export function reconnectMs(attempts: number, entropy: Entropy): number {
  const doubled = limits.linkReconnectMsMin * 2 ** Math.min(attempts, 16);
  const whole = Math.min(limits.linkReconnectMsMax, doubled);
  return whole / 2 + (whole / 2) * (entropy.draw32() / 2 ** 32);
}

function receiveFrames(
  socket: Socket,
  on: { readonly onFrame: (frame: Response) => void; readonly onBroken: (why: string) => void },
): void {
  const reader = lineReader(frameBytesMax.response, (line) => {
    if (socket.destroyed) return;
    const decoded = decodeFrame(line, responseSchema);
    if (decoded.ok) on.onFrame(decoded.frame);
    else on.onBroken(decoded.message);
  });
  socket.on("data", (chunk) => {
    if (!socket.destroyed && !reader.push(chunk)) on.onBroken("a frame over the limit");
  });
}

function hello(name: string, subscribe: boolean): string {
  return encodeFrame({ type: "hello", protocol: protocolVersion, name, subscribe });
}

function absentCode(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ENOENT" || code === "ECONNREFUSED";
}
