/**
 * Lines on standard error that never make their writer wait. A log reader may stop (a pager, a
 * stuck collector, ^S on a terminal) and must not stop a part with it: a line goes out at once if
 * the system takes it, else it waits in a bounded queue; what has no room there is dropped and
 * counted, and the count is a line of its own once there is room. Called by lib/log.ts in the parts
 * and by the supervisor.
 */
import { closeSync, constants, fstatSync, openSync, type Stats, writeSync } from "node:fs";
import { limits } from "../limits.ts";
import type { Entropy, Timer } from "./entropy.ts";

export interface LineSink {
  /** Without its end. Never throws, never waits. */
  readonly write: (line: string) => void;
  /** For the end of the process: waits a little for what has not gone out yet. */
  readonly flush: () => void;
}

/** How many of `bytes` the system took; 0 when it takes none now. Throws when it never will. */
export type WriteSome = (bytes: Uint8Array) => number;

export interface LineSinkOptions {
  readonly entropy: Entropy;
  readonly writeSome: WriteSome;
  /** The line that says how many were dropped. */
  readonly dropped: (count: number) => string;
}

const retryMs = 50;

export function createLineSink(options: LineSinkOptions): LineSink {
  const { entropy, writeSome, dropped } = options;
  /** What the system did not take yet, in order. */
  const queue: Buffer[] = [];
  let queuedBytes = 0;
  let lost = 0;
  let retry: Timer | undefined;

  const enqueue = (bytes: Buffer): void => {
    queue.push(bytes);
    queuedBytes += bytes.length;
  };
  /** False when the system takes nothing more now. */
  const pushFirst = (): boolean => {
    const [first] = queue;
    if (first === undefined) return false;
    let taken: number;
    try {
      taken = writeSome(first);
    } catch {
      // Closed or full: what waits is lost, and so may be what comes; neither is worth an end.
      lost += queue.length;
      queue.length = 0;
      queuedBytes = 0;
      return false;
    }
    queuedBytes -= taken;
    if (taken === first.length) queue.shift();
    else queue[0] = first.subarray(taken);
    return taken > 0;
  };
  const drain = (): void => {
    while (pushFirst()) {
      if (queue.length > 0 || lost === 0) continue;
      const line = dropped(lost);
      lost = 0;
      enqueue(Buffer.from(`${line}\n`));
    }
    if (queue.length > 0) {
      retry ??= entropy.after(retryMs, () => {
        retry = undefined;
        drain();
      });
    }
  };
  return {
    write(line) {
      const bytes = Buffer.from(`${line}\n`);
      if (queuedBytes + bytes.length > limits.logWaitingBytesMax) {
        lost++;
        return;
      }
      enqueue(bytes);
      if (retry === undefined) drain();
    },
    flush() {
      const until = entropy.monotonic() + limits.logFlushMs;
      const gate = new Int32Array(new SharedArrayBuffer(4));
      for (;;) {
        drain();
        if (queue.length === 0 || entropy.monotonic() >= until) return;
        Atomics.wait(gate, 0, 0, 10);
      }
    },
  };
}

/** This process's standard error; flushed when the process ends. */
export function standardErrorSink(options: Omit<LineSinkOptions, "writeSome">): LineSink {
  const sink = createLineSink({ ...options, writeSome: standardErrorWriter() });
  process.on("exit", () => sink.flush());
  return sink;
}

/**
 * A pipe or a terminal is opened again for writes that do not wait: the flag belongs to the
 * opening, and setting it on the one we were given would set it for every program that shares it.
 * A socket cannot be opened again, so there it is set after all. A file makes no writer wait.
 */
function standardErrorWriter(): WriteSome {
  const status = statusOf(2);
  // Node sets the flag when it makes a stream of it; the stream is not used.
  if (status?.isSocket() === true) void process.stderr;
  const again = status?.isFile() === true ? undefined : reopen();
  const fd = again ?? 2;
  return (bytes) => {
    try {
      return writeSync(fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw error;
    }
  };
}

function statusOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}

/** Only where there is /proc, and we may open what we were given. */
function reopen(): number | undefined {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    const fd = openSync("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
    if (fd !== 2) return fd;
    closeSync(fd);
    return undefined;
  } catch {
    return undefined;
  }
}
