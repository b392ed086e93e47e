/**
 * Starts a part as a process of its own, for supervised-part.ts: the channel between parent and
 * child carries ipc.ts's messages, standard error the log. Nothing of the parent is shared, so
 * nothing the child does to itself reaches the parent.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { pathToFileURL } from "node:url";
import { limits } from "../limits.ts";
import { type Child, type ChildEvents, fromPartSchema, type ToPart } from "./ipc.ts";
import { lineReader } from "./lines.ts";

export interface SpawnOptions {
  /** A module to load before everything else. */
  readonly preload: string;
  /** Of the part's composition root. */
  readonly script: string;
  readonly args: readonly string[];
  /** Lines of its standard error; undefined: it shares the parent's. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export function spawnPart(options: SpawnOptions, events: ChildEvents): Child {
  const { preload, script, args } = options;
  const command = ["--import", pathToFileURL(preload).href, script, ...args];
  const child = spawn(process.execPath, command, {
    stdio: ["ignore", "ignore", options.onLine === undefined ? "inherit" : "pipe", "ipc"],
  });
  if (options.onLine !== undefined && child.stderr !== null)
    readLines(child.stderr, options.onLine);
  let over = false;
  const end = (how: string): void => {
    if (!over) events.onEnd(how);
    over = true;
  };
  // What a part says is checked like any other input: a part of another version may be on the way.
  child.on("message", (message) => {
    const parsed = fromPartSchema.safeParse(message);
    if (parsed.success) events.onMessage(parsed.data);
  });
  child.on("error", (error: NodeJS.ErrnoException) => {
    // Also raised for a message that could not be sent; only without a process is it the end.
    if (child.pid === undefined) end(error.code ?? error.message);
  });
  child.on("exit", (code, signal) => end(signal ?? `exit ${code}`));
  return {
    pid: child.pid ?? 0,
    send: (message) => sendTo(child, message),
    kill: (signal) => void child.kill(signal),
    waitedMs: () => waitedMs(child.pid),
  };
}

/**
 * The second figure of /proc/PID/schedstat: nanoseconds that the process, which is its first
 * thread, was ready to run and did not (Linux, Documentation/scheduler/sched-stats).
 */
function waitedMs(pid: number | undefined): number | undefined {
  try {
    const [, nanoseconds] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ");
    return nanoseconds === undefined ? undefined : Number(nanoseconds) / 1_000_000;
  } catch {
    return undefined;
  }
}

function sendTo(child: ChildProcess, message: ToPart): void {
  if (child.connected) child.send(message, () => undefined);
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let reader = lineReader(limits.logLineBytesMax, onLine);
  stream.on("data", (chunk: Buffer) => {
    // A line over the bound is dropped with what came with it; the log goes on.
    if (!reader.push(chunk)) reader = lineReader(limits.logLineBytesMax, onLine);
  });
  stream.on("error", () => undefined);
}
