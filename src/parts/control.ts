/**
 * The control process: `node src/parts/control.ts --state DIR --config PATH`. Reads the operator's
 * files, puts what compiles in force as a snapshot, refuses what does not with every problem, keeps
 * records, and answers for the server as a whole. Nobody waits for it: with control dead, hanging
 * or unable to compile, fronts and observer go on with the last snapshot.
 */

import type { ZoneCache } from "../config/zone-source.ts";
import { listRevisions } from "../control/records.ts";
import {
  applyRevision,
  type CompiledRevision,
  compileRevision,
  type Occasion,
  recordRefusal,
  recordRevision,
  revisionOf,
  unrecordedRevision,
} from "../control/rollout.ts";
import { openSqliteStore } from "../control/sqlite.ts";
import type { Store } from "../control/store.ts";
import { type SourceWatch, watchSource } from "../control/watch-source.ts";
import { readSerials } from "../control/zone-serials.ts";
import { formatProblem, type Problem } from "../errors.ts";
import { version } from "../lib/version.ts";
import { limits } from "../limits.ts";
import type { CommandAnswer, PartReport, Revision } from "../link/messages.ts";
import { statePaths } from "../link/paths.ts";
import { type CommandHandlers, serveSocket } from "../link/server.ts";
import { readCurrent } from "../link/snapshot.ts";
import type { Policy } from "../policy/policy.ts";
import { controlMetrics } from "./control-metrics.ts";
import { createMetricsServer } from "./metrics-page.ts";
import { moveListen } from "./move-listen.ts";
import { type Part, type RunningPart, runPart } from "./part.ts";

type ReloadReply = CommandAnswer<"reload">;

class Control {
  readonly #part: Part;
  readonly #metrics;
  readonly #page;
  #store: Store | undefined;
  #revision: Revision | undefined;
  #warnings: readonly Problem[] = [];
  #refused: { readonly at: number; readonly problems: readonly Problem[] } | undefined;
  #parts: readonly PartReport[] = [];
  #pageHeld: readonly string[] = [];
  /** Reloads run one after the other: each reads what is on disk when its turn comes. */
  #turn: Promise<unknown> = Promise.resolve();
  #watch: SourceWatch | undefined;
  readonly #zones: ZoneCache = new Map();

  constructor(part: Part) {
    this.#part = part;
    this.#metrics = controlMetrics(part.registry, () => ({
      parts: this.#parts,
      refused: this.#refused !== undefined,
      revision: this.#revision,
    }));
    this.#page = createMetricsServer({
      stateDir: part.stateDir,
      entropy: part.entropy,
      own: { name: "control", dump: () => part.registry.dump() },
      parts: () => this.#parts,
    });
  }

  async start(): Promise<RunningPart> {
    const part = this.#part;
    await this.#openStore();
    const socket = await serveSocket(part.socket, {
      handlers: this.#handlers(),
      onError: (message) => part.log.warn({ message }, "socket"),
    });
    // Watched before it is read: a change in between is a change.
    const watch = await watchSource({
      path: part.source,
      entropy: part.entropy,
      onChange: () => void this.reload("file"),
    });
    this.#watch = watch;
    const first = await this.reload("start");
    if (first.outcome === "refused") await this.#fallBack(first.problems);
    part.ready(this.#page.listening());
    return {
      reload: () => void this.reload("SIGHUP"),
      parts: (reports) => {
        this.#parts = reports;
      },
      drain: async () => {
        watch.close();
        await this.#turn;
        await this.#page.stop();
        await socket.close();
        await this.#store?.close();
      },
    };
  }

  /** Never rejects. */
  reload(author: string): Promise<ReloadReply> {
    const turn = this.#turn.then(() => this.#reload(author));
    this.#turn = turn;
    return turn;
  }

  async #reload(author: string): Promise<ReloadReply> {
    const { source, stateDir, entropy } = this.#part;
    const occasion: Occasion = { author, at: entropy.now(), source };
    this.#part.busy(limits.graceMsMax);
    try {
      const compiled = await compileRevision(source, {
        stateDir,
        entropy,
        // An assertion never stops a start.
        assertions: author === "start" ? "warn" : "refuse",
        serials: await readSerials(stateDir),
        zoneCache: this.#zones,
      });
      // Of a refused revision too: its files are what will be put right.
      this.#watch?.alsoWatch(compiled.ok ? compiled.revision.files : compiled.files);
      if (!compiled.ok) return await this.#refuse(compiled.problems, occasion);
      const { revision } = compiled;
      const applied = await applyRevision(revision, { stateDir, at: occasion.at });
      if (!applied.ok) return await this.#refuse(applied.problems, occasion);
      await this.#accept(revision, occasion, applied.outcome);
      const { digest } = revision.policy;
      return { outcome: applied.outcome, digest, problems: revision.warnings };
    } finally {
      this.#part.busy(0);
    }
  }

  async #refuse(problems: readonly Problem[], occasion: Occasion): Promise<ReloadReply> {
    const { log } = this.#part;
    this.#refused = { at: occasion.at, problems };
    this.#metrics.reloaded("refused");
    for (const problem of problems) log.error(formatProblem(problem));
    log.error({ author: occasion.author, problems: problems.length }, "revision refused");
    await this.#record((store) => recordRefusal(store, problems, occasion));
    return { outcome: "refused", digest: this.#revision?.digest ?? "", problems };
  }

  async #accept(
    revision: CompiledRevision,
    occasion: Occasion,
    outcome: "applied" | "unchanged",
  ): Promise<void> {
    const { log } = this.#part;
    const { policy, warnings } = revision;
    for (const warning of warnings) log.warn(formatProblem(warning));
    this.#warnings = warnings;
    this.#refused = undefined;
    this.#metrics.reloaded(outcome);
    if (this.#revision?.digest !== policy.digest) {
      this.#revision = unrecordedRevision(policy, occasion);
      const recorded = await this.#record((store) => recordRevision(store, revision, occasion));
      this.#revision = recorded ?? this.#revision;
    }
    const { number, digest } = this.#revision;
    log.info({ author: occasion.author, number, digest }, `revision ${outcome}`);
    await this.#movePage(policy);
  }

  /**
   * A start with files that do not compile: the last good revision stays in force, if there is one.
   */
  async #fallBack(problems: readonly Problem[]): Promise<void> {
    const { stateDir, source, log } = this.#part;
    const current = await readCurrent(stateDir);
    if (!current.ok) await this.#part.fail(problems);
    else {
      const { policy } = current.value;
      const known = await this.#record((store) => listRevisions(store, 100));
      const record = known?.find((each) => each.digest === policy.digest);
      this.#revision = record ? revisionOf(record) : unrecordedRevision(policy, { at: 0, source });
      log.warn({ digest: policy.digest }, "goes on with the last good revision");
      await this.#movePage(policy);
    }
  }

  async #movePage(policy: Policy): Promise<void> {
    const { entropy, log } = this.#part;
    const wanted = policy.listen.metrics === "" ? [] : [policy.listen.metrics];
    const first = this.#pageHeld.length === 0;
    const move = { held: this.#pageHeld, wanted, patient: first, entropy };
    const problems = await moveListen(this.#page, move);
    for (const problem of problems) log.error(formatProblem(problem));
    if (problems.length === 0) this.#pageHeld = wanted;
    this.#part.problems(problems);
    // Once the server runs, a page nobody can ask is no reason to stop; `status` says it.
    if (first && problems.length > 0) this.#part.refuseStart(problems);
  }

  /** The store keeps records; without it the server works, and the log says what is missing. */
  async #record<T>(write: (store: Store) => Promise<T>): Promise<T | undefined> {
    if (this.#store === undefined) return undefined;
    try {
      return await write(this.#store);
    } catch (error) {
      this.#part.log.error({ err: error }, "the store took no record");
      return undefined;
    }
  }

  async #openStore(): Promise<void> {
    const { stateDir, entropy, log } = this.#part;
    const file = statePaths(stateDir).store;
    const opened = await openSqliteStore(file, { entropy, damaged: "move-aside" });
    if (!opened.ok) {
      log.error({ file, reason: opened.reason }, `goes on without a store: ${opened.message}`);
    } else {
      this.#store = opened.store;
      if (opened.movedTo !== "") log.error({ movedTo: opened.movedTo }, "a damaged store was kept");
    }
  }

  #handlers(): CommandHandlers {
    const { part, store } = { part: this.#part, store: () => this.#store };
    return {
      ...part.handlers,
      reload: async () => ({ ok: true, value: await this.reload("command") }),
      status: () => ({
        ok: true,
        value: {
          version,
          node: part.node,
          stateDir: part.stateDir,
          source: part.source,
          revision: this.#revision ?? null,
          warnings: this.#warnings,
          refused: this.#refused ?? null,
          parts: this.#parts,
        },
      }),
      revisions: async ({ limit }) => {
        const open = store();
        if (open === undefined) {
          return { ok: false, refusal: { code: "unavailable", message: "there is no store" } };
        }
        const records = await listRevisions(open, limit);
        return { ok: true, value: { revisions: records.map(revisionOf) } };
      },
    };
  }
}

await runPart("control", (part) => new Control(part).start());
