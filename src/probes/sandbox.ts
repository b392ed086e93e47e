/**
 * One child process that probes for its parent: starts it, hands it probes, hears how it ended, and
 * ends it when it hangs. Called by suspects.ts, which decides who is probed in which. A probe is
 * the child's until its socket is closed; those it had when it died are handed back, not lost.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { ProbeHandlers, ProbeRequest } from "./probe.ts";
import type { SandboxCommand, SandboxReport } from "./sandbox-child.ts";

export interface SandboxProbe {
  readonly identity: string;
  readonly request: ProbeRequest;
  readonly handlers: ProbeHandlers;
}

/**
 * `crash`: by a signal of the processor's or the runtime's own, by an exception, or it hung.
 * `killed`: somebody ended it, or it never came up; that accuses nobody.
 */
export interface SandboxEnd {
  readonly kind: "crash" | "killed";
  /** `SIGSEGV`, `exit 1`, `hung`. */
  readonly how: string;
  /** Probes it had not closed. */
  readonly outstanding: readonly SandboxProbe[];
}

export interface SandboxOptions {
  readonly entropy: Entropy;
  /** The module that calls `serveSandbox`. */
  readonly entry: string;
  onEnd(end: SandboxEnd): void;
  /** A probe is over and its socket closed. */
  onProbed(identity: string): void;
}

interface Outstanding extends SandboxProbe {
  answered: boolean;
  guard: Timer;
}

const crashSignals: ReadonlySet<string> = new Set([
  ...["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"],
]);
/** A probe may be late by this before its process counts as hung. */
const graceMs = 2000;

export class Sandbox {
  readonly #options: SandboxOptions;
  readonly #child: ChildProcess;
  readonly #outstanding = new Map<number, Outstanding>();
  #ready = false;
  #hung = false;
  #over = false;
  #nextId = 0;

  constructor(options: SandboxOptions) {
    this.#options = options;
    const child = fork(options.entry, [], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child = child;
    child.on("message", (report: SandboxReport) => this.#take(report));
    child.on("error", (error) => this.#end("killed", error.message));
    child.on("exit", (code, signal) => {
      const crashed = signal === null ? code !== 0 : crashSignals.has(signal);
      const how = this.#hung ? "hung" : (signal ?? `exit ${code}`);
      this.#end(this.#ready && (crashed || this.#hung) ? "crash" : "killed", how);
    });
    child.unref();
    child.channel?.unref();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get idle(): boolean {
    return this.#outstanding.size === 0;
  }

  /** False when the child is gone; `onEnd` has been or will be called. */
  probe(probe: SandboxProbe): boolean {
    if (this.#over || !this.#child.connected) return false;
    const id = this.#nextId++;
    const guard = this.#options.entropy.after(probe.request.timeoutMs + graceMs, () => {
      // Before it is ready it is slow to start, not hung on an origin.
      if (this.#ready) this.#hung = true;
      this.#child.kill("SIGKILL");
    });
    this.#outstanding.set(id, { ...probe, answered: false, guard });
    const command: SandboxCommand = { id, request: probe.request };
    this.#child.send(command, () => {});
    return true;
  }

  /** Ends the child without a report. Its probes end without a result. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#child.kill("SIGKILL");
    for (const { guard, handlers } of this.#takeOutstanding()) {
      guard.cancel();
      handlers.closed();
    }
  }

  #take(report: SandboxReport): void {
    if (this.#over) return;
    if (report.kind === "ready") {
      this.#ready = true;
      return;
    }
    const probe = this.#outstanding.get(report.id);
    if (probe === undefined) return;
    if (report.kind === "result") {
      probe.answered = true;
      probe.handlers.result(report.result);
      return;
    }
    this.#outstanding.delete(report.id);
    probe.guard.cancel();
    probe.handlers.closed();
    this.#options.onProbed(probe.identity);
  }

  #end(kind: SandboxEnd["kind"], how: string): void {
    if (this.#over) return;
    this.#over = true;
    const outstanding = this.#takeOutstanding().map((probe): SandboxProbe => {
      probe.guard.cancel();
      // One that has had its result must not get another when it is asked again elsewhere.
      const handlers = probe.answered ? silence : probe.handlers;
      if (probe.answered) probe.handlers.closed();
      return { identity: probe.identity, request: probe.request, handlers };
    });
    this.#options.onEnd({ kind, how, outstanding });
  }

  #takeOutstanding(): readonly Outstanding[] {
    const all = [...this.#outstanding.values()];
    this.#outstanding.clear();
    return all;
  }
}

const silence: ProbeHandlers = { result: () => {}, closed: () => {} };

/** How long to wait before a child that somebody ended, or that did not start, is started again. */
export function restartWaitMs(attempts: number): number {
  return Math.min(limits.restartMsMax, limits.restartMsMin * 2 ** attempts);
}
