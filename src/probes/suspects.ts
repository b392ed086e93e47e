/**
 * Which origin crashes its prober? Those that were being probed when the observer died are
 * suspects: they are probed in a sandbox process from then on. When a sandbox crashes, those it was
 * probing are halved, each half to a sandbox of its own, until one origin is alone when it happens:
 * that one is guilty. Suspects that behave for limits.probationMs are cleared. Called by the
 * observer. Nobody else is kept waiting: probes a dying sandbox had are made again at once by the
 * next.
 */
import type { Entropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { ProbeHandle, ProbeHandlers, ProbeRequest } from "./probe.ts";
import {
  restartWaitMs,
  type Sandbox,
  type SandboxEnd,
  type SandboxOptions,
  type SandboxProbe,
} from "./sandbox.ts";

export interface SuspectsOptions {
  readonly entropy: Entropy;
  /** `new Sandbox` but for tests. */
  spawn(
    callbacks: Pick<SandboxOptions, "onEnd" | "onProbed">,
  ): Pick<Sandbox, "probe" | "stop" | "idle">;
  onGuilty(identity: string, how: string): void;
  onCleared(identity: string): void;
  /** A sandbox crashed, or could not be kept: for the log. */
  onEnd(end: SandboxEnd, members: number): void;
}

interface Member {
  readonly identity: string;
  /** When its sandbox last crashed, or it was first suspected; on the monotonic clock. */
  sinceMs: number;
  /** It has been probed to the end since then. */
  probed: boolean;
}

/** Members that share a sandbox; without one while they wait for it. */
interface Cell {
  readonly members: Map<string, Member>;
  sandbox: ReturnType<SuspectsOptions["spawn"]> | undefined;
  /** To be made as soon as the sandbox stands. */
  pending: SandboxProbe[];
  attempts: number;
  /** No member is left; whatever its sandbox still says is of no interest. */
  over: boolean;
}

export class Suspects {
  readonly #options: SuspectsOptions;
  readonly #cellOf = new Map<string, Cell>();
  #waiting: Cell[] = [];
  #running = 0;
  #stopped = false;

  constructor(options: SuspectsOptions) {
    this.#options = options;
  }

  get identities(): IterableIterator<string> {
    return this.#cellOf.keys();
  }

  has(identity: string): boolean {
    return this.#cellOf.has(identity);
  }

  /** Suspects them, as one group. */
  add(identities: Iterable<string>): void {
    const nowMs = this.#options.entropy.monotonic();
    const fresh = [...identities].filter((identity) => !this.#cellOf.has(identity));
    const members = fresh.map((identity): Member => ({ identity, sinceMs: nowMs, probed: false }));
    this.#form(members, []);
  }

  /** Probes a suspect. Without a sandbox for it just now there is no verdict. */
  probe(identity: string, request: ProbeRequest, handlers: ProbeHandlers): ProbeHandle {
    const cell = this.#cellOf.get(identity);
    const probe = { identity, request, handlers };
    if (cell?.sandbox === undefined) giveUp(probe, "waits for a sandbox");
    else if (!cell.sandbox.probe(probe)) cell.pending.push(probe);
    return { cancel: () => {} };
  }

  /** Forgets all others: a policy no longer has them. */
  retain(identities: ReadonlySet<string>): void {
    for (const identity of [...this.#cellOf.keys()]) {
      if (!identities.has(identity)) this.#remove(identity);
    }
    this.#startWaiting();
  }

  stop(): void {
    this.#stopped = true;
    for (const cell of new Set(this.#cellOf.values())) this.#dissolve(cell);
    this.#cellOf.clear();
  }

  #form(members: readonly Member[], pending: readonly SandboxProbe[]): void {
    if (members.length === 0 || this.#stopped) return;
    const cell: Cell = {
      members: new Map(members.map((member) => [member.identity, member])),
      sandbox: undefined,
      pending: pending.filter(({ identity }) => members.some((one) => one.identity === identity)),
      attempts: 0,
      over: false,
    };
    for (const { identity } of members) this.#cellOf.set(identity, cell);
    this.#waiting.push(cell);
    this.#startWaiting();
  }

  #startWaiting(): void {
    while (this.#waiting.length > 0 && !this.#stopped) {
      if (this.#running >= limits.sandboxesMax && !this.#mergeQuiet()) return;
      const cell = this.#waiting.shift();
      if (cell !== undefined && !cell.over) this.#start(cell);
    }
  }

  #start(cell: Cell): void {
    this.#running++;
    const sandbox = this.#options.spawn({
      onEnd: (end) => this.#ended(cell, sandbox, end),
      onProbed: (identity) => this.#probed(cell, identity),
    });
    cell.sandbox = sandbox;
    for (const probe of cell.pending.splice(0)) {
      if (!sandbox.probe(probe)) giveUp(probe, "its sandbox did not start");
    }
  }

  #ended(cell: Cell, sandbox: Cell["sandbox"], end: SandboxEnd): void {
    if (cell.over || cell.sandbox !== sandbox || this.#stopped) return;
    this.#options.onEnd(end, cell.members.size);
    this.#running--;
    cell.sandbox = undefined;
    const pending = [...end.outstanding, ...cell.pending.splice(0)];
    if (end.kind === "killed") {
      cell.pending = pending;
      const waitMs = restartWaitMs(cell.attempts++);
      this.#options.entropy.after(waitMs, () => {
        if (cell.over) return;
        this.#waiting.push(cell);
        this.#startWaiting();
      });
    } else this.#judge(cell, end, pending);
    this.#startWaiting();
  }

  /** A sandbox crashed: the only member is guilty; of several, those it was probing are halved. */
  #judge(cell: Cell, end: SandboxEnd, pending: readonly SandboxProbe[]): void {
    cell.over = true;
    const members = [...cell.members.values()];
    const only = members[0];
    if (only !== undefined && members.length === 1) {
      this.#cellOf.delete(only.identity);
      for (const probe of pending) giveUp(probe, "quarantined");
      this.#options.onGuilty(only.identity, end.how);
      return;
    }
    const asked = new Set(end.outstanding.map(({ identity }) => identity));
    const accusedOnes = members.filter(({ identity }) => asked.has(identity));
    // Nobody was being probed: it may have been any of them.
    const accused = accusedOnes.length === 0 ? members : accusedOnes;
    const rest = members.filter((member) => !accused.includes(member));
    for (const member of members) member.sinceMs = this.#options.entropy.monotonic();
    for (const member of accused) member.probed = false;
    const half = Math.ceil(accused.length / 2);
    this.#form(accused.slice(0, half), pending);
    this.#form(accused.slice(half), pending);
    this.#form(rest, pending);
    for (const probe of pending) {
      if (!cell.members.has(probe.identity)) giveUp(probe, "no longer probed");
    }
  }

  #probed(cell: Cell, identity: string): void {
    const member = cell.members.get(identity);
    if (member === undefined || cell.over) return;
    member.probed = true;
    cell.attempts = 0;
    if (this.#options.entropy.monotonic() - member.sinceMs >= limits.probationMs) {
      this.#remove(identity);
      this.#options.onCleared(identity);
    }
    this.#startWaiting();
  }

  #remove(identity: string): void {
    const cell = this.#cellOf.get(identity);
    if (cell === undefined) return;
    this.#cellOf.delete(identity);
    cell.members.delete(identity);
    if (cell.members.size === 0) this.#dissolve(cell);
  }

  #dissolve(cell: Cell): void {
    cell.over = true;
    for (const probe of cell.pending.splice(0)) giveUp(probe, "no longer probed");
    if (cell.sandbox === undefined) return;
    cell.sandbox.stop();
    cell.sandbox = undefined;
    this.#running--;
  }

  /**
   * Makes room: two groups whose members have all been probed without harm share one sandbox from
   * now on. Every group either comes to that or crashes, so none waits for ever.
   */
  #mergeQuiet(): boolean {
    const quiet = [...new Set(this.#cellOf.values())].filter(
      (cell) =>
        cell.sandbox?.idle === true && [...cell.members.values()].every((one) => one.probed),
    );
    const [into, from] = quiet;
    if (into === undefined || from === undefined) return false;
    for (const member of from.members.values()) {
      into.members.set(member.identity, member);
      this.#cellOf.set(member.identity, into);
    }
    this.#dissolve(from);
    return true;
  }
}

function giveUp(probe: SandboxProbe, detail: string): void {
  probe.handlers.result({ outcome: "void", failure: "none", latencyMs: 0, detail });
  probe.handlers.closed();
}
