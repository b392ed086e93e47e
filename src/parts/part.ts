/**
 * What all parts have in common: arguments, the log, the beat to the supervisor, orders from it,
 * and the end. Each composition root calls `runPart` once. A part ends by itself when its
 * supervisor is gone; it never reads a terminal's or a service manager's signals, because their
 * order is the supervisor's to give. Started by hand, without a supervisor, it drains on SIGTERM
 * and SIGINT.
 */
import { flushCompileCache } from "node:module";
import { parseArgs } from "node:util";
import { formatProblem, type Problem } from "../errors.ts";
import { type Entropy, systemEntropy } from "../lib/entropy.ts";
import { type Logger, logger } from "../lib/log.ts";
import { createRegistry, type FamilyDump, type Registry } from "../lib/telemetry.ts";
import { limits } from "../limits.ts";
import { type FromPart, type ToPart, toPartSchema } from "../link/ipc.ts";
import type { PartReport } from "../link/messages.ts";
import { type PartName, partSocket } from "../link/paths.ts";
import type { CommandHandlers } from "../link/server.ts";

export interface Part {
  readonly name: PartName;
  readonly stateDir: string;
  /** This node's name, as in NSID and the log. */
  readonly node: string;
  /** File or folder of the configuration; "" for parts that read none. */
  readonly source: string;
  readonly entropy: Entropy;
  readonly log: Logger;
  readonly registry: Registry;
  /** `run/NAME.sock`, where the part answers. */
  readonly socket: string;
  /** The commands every part answers. */
  readonly handlers: Required<Pick<CommandHandlers, "metrics">>;
  /** There is nothing to serve yet. */
  waiting(): void;
  /** It serves. */
  ready(listening: readonly string[]): void;
  /** One long piece of work begins, during which the loop may not turn. */
  busy(graceMs: number): void;
  /** What `rhumb status` shows; replaces what was said before. Logged by the caller. */
  problems(problems: readonly Problem[]): void;
  /** Says why and ends the process: at the first start of a server the server ends with it. */
  fail(problems: readonly Problem[]): Promise<never>;
  /** At the first start of a server, ends the server; later, the part goes on without. */
  refuseStart(problems: readonly Problem[]): void;
}

/** What a composition root gives back once it runs. */
export interface RunningPart {
  /** Stop accepting, finish, persist. The process ends when it is done. */
  drain(): Promise<void>;
  reload?(): void;
  /** All parts, after any change of one. */
  parts?(reports: readonly PartReport[]): void;
}

/** Status with which a part ends that could not do its work. */
const failedStatus = 1;

export async function runPart(
  name: PartName,
  start: (part: Part) => Promise<RunningPart>,
): Promise<void> {
  const part = createPart(name);
  const { log, entropy } = part;
  const begun = Promise.withResolvers<void>();
  let running: RunningPart | undefined;
  let draining = false;
  const drain = async (why: string): Promise<void> => {
    if (draining) return;
    draining = true;
    log.info(`drains: ${why}`);
    // The supervisor has its own bound; this one holds when there is none any more.
    entropy.after(limits.drainFrontsMs, () => process.exit(failedStatus));
    await running?.drain();
    process.exit(0);
  };
  endOnBugs(log);
  watchSupervisor({
    begin: begun.resolve,
    drain,
    reload: () => running?.reload?.(),
    parts: (reports) => running?.parts?.(reports),
  });
  beat(entropy);
  // Now and not at the end, which may be a crash: that is what the cache is for.
  entropy.after(limits.compiledFlushMs, flushCompileCache);
  if (isSpare()) {
    tell({ type: "loaded" });
    await begun.promise;
  }
  running = await start(part);
}

/** Started to take another's place later: everything is loaded by now. */
function isSpare(): boolean {
  return process.send !== undefined && process.argv.includes("--spare");
}

function createPart(name: PartName): Part {
  const { values } = parseArgs({
    options: {
      state: { type: "string" },
      node: { type: "string", default: "localhost" },
      config: { type: "string", default: "" },
      spare: { type: "boolean", default: false },
    },
  });
  const stateDir = values.state;
  if (stateDir === undefined) throw new Error(`${name} needs --state DIR`);
  const registry = createRegistry();
  countProcess(registry, name);
  const families = (): readonly FamilyDump[] => registry.dump();
  const entropy = systemEntropy();
  return {
    name,
    stateDir,
    node: values.node,
    source: values.config,
    entropy,
    log: logger(name, { entropy }),
    registry,
    socket: partSocket(stateDir, name),
    handlers: { metrics: () => ({ ok: true, value: { families: families() } }) },
    waiting: () => tell({ type: "state", state: "waiting", listening: [] }),
    ready: (listening) => tell({ type: "state", state: "ready", listening: [...listening] }),
    busy: (graceMs) => tell({ type: "beat", graceMs }),
    problems: (problems) => tell({ type: "problems", problems: [...problems] }),
    refuseStart: (problems) => tell({ type: "fatal", problems: [...problems] }),
    async fail(problems) {
      // Without a supervisor nobody else prints them.
      if (process.send === undefined) {
        for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
      }
      await new Promise<void>((resolve) => {
        tell({ type: "fatal", problems: [...problems] }, resolve);
      });
      process.exit(failedStatus);
    },
  };
}

/** Lost when there is no supervisor, or none any more. */
function tell(message: FromPart, sent: () => void = () => undefined): void {
  if (process.send === undefined || !process.connected) sent();
  else process.send(message, undefined, undefined, () => sent());
}

function beat(entropy: Entropy): void {
  if (process.send === undefined) return;
  tell({ type: "beat", graceMs: 0 });
  entropy.after(limits.beatMs, () => beat(entropy));
}

function watchSupervisor(on: {
  readonly begin: () => void;
  readonly drain: (why: string) => Promise<void>;
  readonly reload: () => void;
  readonly parts: (reports: readonly PartReport[]) => void;
}): void {
  if (process.send === undefined) {
    process.on("SIGTERM", () => void on.drain("SIGTERM"));
    process.on("SIGINT", () => void on.drain("SIGINT"));
    process.on("SIGHUP", on.reload);
    return;
  }
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => undefined);
  }
  process.on("disconnect", () => void on.drain("the supervisor is gone"));
  process.on("message", (message) => {
    const parsed = toPartSchema.safeParse(message);
    if (!parsed.success) return;
    const order: ToPart = parsed.data;
    if (order.type === "begin") on.begin();
    else if (order.type === "drain") void on.drain("ordered");
    else if (order.type === "reload") on.reload();
    else on.parts(order.parts);
  });
}

/** A broken invariant ends the process: what it would do next is not known. */
function endOnBugs(log: Logger): void {
  const end = (error: unknown): void => {
    log.fatal({ err: error }, "ends: a bug");
    process.exit(failedStatus);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

function countProcess(registry: Registry, name: PartName): void {
  const rows = { values: { part: [name] } };
  const resident = registry.gauge(
    "rhumb_process_resident_bytes",
    "Memory of a part's process in RAM.",
    rows,
  );
  const cpu = registry.counter(
    "rhumb_process_cpu_seconds_total",
    "Processor time of a part's process, user and system.",
    rows,
  );
  registry.collect(() => {
    const { user, system } = process.cpuUsage();
    resident.set(0, process.memoryUsage.rss());
    cpu.add(0, (user + system) / 1e6 - cpu.read(0));
  });
}
