/**
 * The supervisor: starts the four parts, each a process of its own, in the order of the flow, and
 * does nothing but watch them, start them again and end them in order. Called by cli/serve.ts and
 * demo/. It reads no configuration and opens no socket: what can crash, hang or be attacked is a
 * part.
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { formatProblem, type Problem } from "./errors.ts";
import type { Entropy } from "./lib/entropy.ts";
import { logLine, logSink } from "./lib/log.ts";
import { limits } from "./limits.ts";
import { type Lock, takeLock } from "./link/lock.ts";
import { type PartName, partNames, partSocket, statePaths } from "./link/paths.ts";
import { socketPathFault } from "./link/server.ts";
import { spawnPart } from "./link/spawn-part.ts";
import { SupervisedPart } from "./link/supervised-part.ts";

export interface ServeOptions {
  /** File or folder of the configuration. */
  readonly source: string;
  readonly stateDir: string;
  /** This node's name. */
  readonly node: string;
  readonly entropy: Entropy;
  /** Lines of the log (JSON, without their end); left out, they go to standard error. */
  readonly onLine?: (line: string) => void;
  /** Ends the server like SIGTERM. */
  readonly stop?: AbortSignal;
  /** Take SIGTERM, SIGINT and SIGHUP; default true. */
  readonly signals?: boolean;
}

/** What `serve` returns, and `rhumb serve` exits with. */
export const serveStatus = { drained: 0, failed: 1 } as const;

/**
 * The parts in the order of the flow. They end the other way round: what faces clients first, then
 * what it listens to; parts of one `end` go together. What clients or origins wait for has a spare.
 */
const table: Readonly<
  Record<PartName, { readonly end: number; readonly drainMs: number; readonly spare: boolean }>
> = {
  control: { end: 3, drainMs: limits.drainMs, spare: false },
  observer: { end: 2, drainMs: limits.drainMs, spare: true },
  dns: { end: 1, drainMs: limits.drainFrontsMs, spare: true },
  redirect: { end: 1, drainMs: limits.drainFrontsMs, spare: true },
};

/** After control is ready; by then fronts have its revision. */
const settleMs = limits.bindRetryMs / 2;

type Say = (level: "info" | "warn" | "error", message: string) => void;

/** Runs until it is told to stop, or cannot start. Never rejects for what an operator can cause. */
export async function serve(options: ServeOptions): Promise<number> {
  const stateDir = resolve(options.stateDir);
  const say = sayer(options);
  const lock = prepare(stateDir, say);
  if (lock === undefined) return serveStatus.failed;
  const parts = new Map<PartName, SupervisedPart>();
  const orders = createOrders(options, parts, say);
  for (const name of partNames) {
    parts.set(name, createPart(name, { options, stateDir, parts, orders, say }));
  }
  say("info", `starts ${partNames.join(", ")} in ${stateDir}`);
  for (const part of parts.values()) part.start();
  let status = await orders.ended;
  for (const part of parts.values()) part.retire();
  await drainInOrder(parts, say);
  if (orders.impatient()) status = serveStatus.failed;
  orders.close();
  rmSync(pidFile(stateDir), { force: true });
  lock.release();
  say("info", status === serveStatus.drained ? "ends: all parts have finished" : "ends");
  return status;
}

interface Orders {
  /** Resolves with the status to end with. */
  readonly ended: Promise<number>;
  end(status: number): void;
  /** Asked twice: parts were killed in the middle of what they did. */
  impatient(): boolean;
  close(): void;
}

/** Signals: the first that ends drains, the second kills. SIGHUP asks control to read again. */
function createOrders(
  options: ServeOptions,
  parts: ReadonlyMap<PartName, SupervisedPart>,
  say: Say,
): Orders {
  const { promise, resolve: end } = Promise.withResolvers<number>();
  let asked = 0;
  const stop = (why: string): void => {
    asked += 1;
    say("info", asked === 1 ? `${why}: drains` : `${why} again: ends at once`);
    if (asked > 1) for (const part of parts.values()) part.kill();
    end(serveStatus.drained);
  };
  const handlers = {
    SIGTERM: () => stop("SIGTERM"),
    SIGINT: () => stop("SIGINT"),
    SIGHUP: () => parts.get("control")?.send({ type: "reload" }),
  } as const;
  const signals = options.signals === false ? [] : (["SIGTERM", "SIGINT", "SIGHUP"] as const);
  for (const signal of signals) process.on(signal, handlers[signal]);
  const abort = (): void => stop("stop");
  options.stop?.addEventListener("abort", abort);
  if (options.stop?.aborted) abort();
  return {
    ended: promise,
    end,
    impatient: () => asked > 1,
    close() {
      for (const signal of signals) process.off(signal, handlers[signal]);
      options.stop?.removeEventListener("abort", abort);
    },
  };
}

function createPart(
  name: PartName,
  server: {
    readonly options: ServeOptions;
    readonly stateDir: string;
    readonly parts: ReadonlyMap<PartName, SupervisedPart>;
    readonly orders: Orders;
    readonly say: Say;
  },
): SupervisedPart {
  const { options, stateDir, parts, orders, say } = server;
  const inParts = (file: string): string =>
    fileURLToPath(new URL(`parts/${file}.ts`, import.meta.url));
  const run = { preload: inParts("compile-cache"), script: inParts(name) };
  const args = ["--state", stateDir, "--node", options.node, "--config", resolve(options.source)];
  const { onLine } = options;
  let wasReady = false;
  const part = new SupervisedPart({
    name,
    entropy: options.entropy,
    spawn: (events) => spawnPart({ ...run, args, onLine }, events),
    spawnSpare: table[name].spare
      ? (events) => spawnPart({ ...run, args: [...args, "--spare"], onLine }, events)
      : undefined,
    onLog: say,
    onChange() {
      wasReady ||= part.report().state === "ready";
      tellControl(parts);
    },
    onFatal(problems) {
      // The part has logged each of them.
      const codes = [...new Set(problems.map((problem) => problem.code))].join(", ");
      say("error", `${name} cannot do its work: ${codes}`);
      // A part that has served comes back by itself; one that never could is the operator's to
      // cure. Till control has read the files it may have failed by an old snapshot's addresses,
      // which the operator has cured already: then it is started again, on what control says.
      const isCurrent = name === "control" || parts.get("control")?.isReadyFor(settleMs) === true;
      if (!wasReady && isCurrent) orders.end(serveStatus.failed);
    },
  });
  return part;
}

/** control shows and counts the parts; it is told whole, so one message lost is no harm. */
function tellControl(parts: ReadonlyMap<PartName, SupervisedPart>): void {
  const reports = [...parts.values()].map((part) => part.report());
  parts.get("control")?.send({ type: "parts", parts: reports });
}

async function drainInOrder(parts: ReadonlyMap<PartName, SupervisedPart>, say: Say): Promise<void> {
  const last = Math.max(...partNames.map((name) => table[name].end));
  for (let turn = 1; turn <= last; turn++) {
    const now = partNames.filter((name) => table[name].end === turn);
    await Promise.all(now.map(async (name) => parts.get(name)?.drain(table[name].drainMs)));
    say("info", `${now.join(" and ")} finished`);
  }
}

/** The directory, its lock and its paths; undefined when this server cannot have them. */
function prepare(stateDir: string, say: Say): Lock | undefined {
  const refuse = (problem: Omit<Problem, "severity" | "path">): undefined => {
    say("error", formatProblem({ severity: "error", path: "", ...problem }));
    return undefined;
  };
  const faults = partNames.map((name) => socketPathFault(partSocket(stateDir, name)));
  const fault = faults.find((text) => text !== undefined);
  if (fault !== undefined) {
    return refuse({ code: "state.unusable", message: fault, hint: "use a shorter --state" });
  }
  // What is in it is believed: policies, overrides, compiled modules.
  process.umask(0o077);
  if (isOpenToAll(stateDir)) {
    const message = `anybody may write to ${stateDir}`;
    return refuse({ code: "state.unusable", message, hint: `chmod go-w ${stateDir}` });
  }
  const paths = statePaths(stateDir);
  const taken = takeLock(paths.lock);
  if (!taken.ok && taken.reason === "held") {
    const message = `another server uses ${stateDir}`;
    return refuse({ code: "state.in-use", message, hint: "stop it, or use another --state" });
  }
  if (!taken.ok) {
    const message = `${stateDir} cannot be used: ${taken.message}`;
    return refuse({ code: "state.unusable", message, hint: "use a folder this user may write" });
  }
  try {
    mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  } catch (error) {
    taken.lock.release();
    const message = `${stateDir} cannot be written: ${String(error)}`;
    return refuse({ code: "state.unusable", message, hint: "make room, or use another --state" });
  }
  try {
    writeFileSync(pidFile(stateDir), `${process.pid}\n`);
  } catch (error) {
    // A full disk must not keep a server from starting on what is on it.
    say("warn", `no ${pidFile(stateDir)}: ${String(error)}`);
  }
  return taken.lock;
}

function isOpenToAll(folder: string): boolean {
  try {
    return (statSync(folder).mode & 0o002) !== 0;
  } catch {
    // There is none yet; or there is trouble, which the lock will meet too.
    return false;
  }
}

/** For `kill -HUP $(cat ...)`; nothing reads it. */
function pidFile(stateDir: string): string {
  return join(statePaths(stateDir).run, "pid");
}

/** The supervisor's own lines of the log, in the form of the parts' (lib/log.ts). */
function sayer(options: ServeOptions): Say {
  const { entropy, onLine } = options;
  const part = "supervisor";
  const write = onLine ?? logSink(part, entropy).write;
  return (level, msg) => write(logLine({ level, part, msg }, entropy));
}
