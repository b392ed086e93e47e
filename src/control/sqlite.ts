/**
 * The embedded store: the contract of store.ts on node:sqlite. One file, WAL, every commit synced.
 * Several processes may open the file: SQLite has one writer at a time, and revisions are given
 * inside its transactions, so the order of revisions is the order of commits. Watchers are woken by
 * writes of this process and look for those of others every limits.storePollMs.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { assert } from "../errors.ts";
import type { Entropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import {
  type FileOptions,
  type FileResult,
  messageOf,
  openFile,
  rowCrc,
  sqliteCode,
} from "./sqlite-file.ts";
import {
  type Lease,
  type PutResult,
  type Store,
  type StoreChange,
  type StoredValue,
  StoreError,
} from "./store.ts";

export type OpenResult =
  | { readonly ok: true; readonly store: Store; readonly movedTo: string }
  | Extract<FileResult, { ok: false }>;

export interface SqliteOptions extends Pick<FileOptions, "damaged"> {
  readonly entropy: Entropy;
  /** Bounds of the history, for tests. */
  readonly historyMax?: number;
  readonly historyBytesMax?: number;
}

export async function openSqliteStore(file: string, options: SqliteOptions): Promise<OpenResult> {
  const opened = openFile(file, { ...options, nowMs: options.entropy.now() });
  if (!opened.ok) return opened;
  return { ok: true, store: new SqliteStore(opened.database, options), movedTo: opened.movedTo };
}

interface EntryRow {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
  readonly lease: string | null;
  readonly crc: number;
}
interface ChangeRow {
  readonly revision: number;
  readonly key: string;
  readonly value: string | null;
  readonly bytes: number;
  readonly crc: number;
}
interface StateRow {
  readonly revision: number;
  readonly history_from: number;
  readonly history_bytes: number;
}

/** A key whose lease is over is not there, even before it is swept. */
const live = `(lease IS NULL OR lease IN (SELECT id FROM lease WHERE expires_at > :now))`;
const queries = {
  state: "SELECT revision, history_from, history_bytes FROM state",
  setState: `UPDATE state SET revision = :revision, history_from = :history_from,
    history_bytes = :history_bytes`,
  get: `SELECT * FROM entry WHERE key = :key AND ${live}`,
  list: `SELECT * FROM entry WHERE key >= :from AND key > :after AND key < :until AND ${live}
    ORDER BY key LIMIT :limit`,
  put: `INSERT INTO entry (key, value, revision, lease, crc)
    VALUES (:key, :value, :revision, :lease, :crc) ON CONFLICT (key) DO UPDATE
    SET value = excluded.value, revision = excluded.revision, lease = excluded.lease,
      crc = excluded.crc`,
  remove: "DELETE FROM entry WHERE key = :key",
  addChange: "INSERT INTO change VALUES (:revision, :key, :value, :bytes, :crc)",
  changes: `SELECT * FROM change WHERE revision > :after AND key >= :from AND key < :until
    ORDER BY revision LIMIT 256`,
  oldestChange: "SELECT revision, bytes FROM change ORDER BY revision LIMIT 1",
  dropChange: "DELETE FROM change WHERE revision = :revision",
  addLease: "INSERT INTO lease VALUES (:id, :expires_at)",
  renewLease: "UPDATE lease SET expires_at = :expires_at WHERE id = :id AND expires_at > :now",
  hasLease: "SELECT 1 AS found FROM lease WHERE id = :id AND expires_at > :now",
  expired: "SELECT id FROM lease WHERE expires_at <= :now ORDER BY expires_at, id LIMIT 256",
  leased: "SELECT key FROM entry WHERE lease = :id ORDER BY key",
  dropLease: "DELETE FROM lease WHERE id = :id",
} as const;

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #entropy: Entropy;
  readonly #statements: Readonly<Record<keyof typeof queries, StatementSync>>;
  readonly #historyMax: number;
  readonly #historyBytesMax: number;
  /** Resolvers of watchers that wait. */
  readonly #waiting = new Set<() => void>();
  /** Counts wakings, so that a watcher busy with its reader does not sleep through one. */
  #wakings = 0;
  #closed = false;

  constructor(database: DatabaseSync, options: SqliteOptions) {
    this.#database = database;
    this.#entropy = options.entropy;
    this.#historyMax = options.historyMax ?? limits.storeHistoryMax;
    this.#historyBytesMax = options.historyBytesMax ?? limits.storeHistoryBytesMax;
    const prepared = Object.entries(queries).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#statements = Object.fromEntries(prepared) as Record<keyof typeof queries, StatementSync>;
  }

  async revision(): Promise<number> {
    return this.#guard(() => this.#state().revision);
  }

  async get(key: string): Promise<StoredValue | undefined> {
    checkKey(key);
    return this.#guard(() => {
      const row = this.#entry(key);
      return row === undefined ? undefined : storedOf(row);
    });
  }

  async list(
    prefix: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<readonly StoredValue[]> {
    const limit = Math.min(options.limit ?? 1000, limits.storeListMax);
    return this.#guard(() => {
      const page: StoredValue[] = [];
      let bytes = 0;
      const range = { ...rangeOf(prefix), after: options.after ?? "", limit, now: this.#now() };
      for (const found of this.#statements.list.iterate(range)) {
        const row = found as unknown as EntryRow;
        bytes += row.value.length;
        if (bytes > limits.storeListBytesMax && page.length > 0) break;
        page.push(storedOf(row));
      }
      return page;
    });
  }

  async putIf(
    key: string,
    value: string | undefined,
    options: { readonly ifRevision: number; readonly lease?: Lease },
  ): Promise<PutResult> {
    checkKey(key);
    if (value !== undefined) checkValue(value);
    const result = this.#write((): PutResult => {
      this.#sweep();
      const id = options.lease?.id;
      if (id !== undefined) {
        const found = this.#statements.hasLease.get({ id, now: this.#now() });
        if (found === undefined) return { ok: false, reason: "lease-expired" };
      }
      const row = this.#entry(key);
      if ((row?.revision ?? 0) !== options.ifRevision) {
        const current = row === undefined ? undefined : storedOf(row);
        return { ok: false, reason: "conflict", current };
      }
      if (value === undefined) {
        if (row === undefined) return { ok: true, revision: this.#state().revision };
        this.#statements.remove.run({ key });
        return { ok: true, revision: this.#record(key, null) };
      }
      const revision = this.#record(key, value);
      const crc = rowCrc(key, value);
      this.#statements.put.run({ key, value, revision, lease: id ?? null, crc });
      return { ok: true, revision };
    });
    this.#wake();
    return result;
  }

  async *watch(
    prefix: string,
    options: { readonly fromRevision: number; readonly signal: AbortSignal },
  ): AsyncGenerator<StoreChange, void, undefined> {
    const { signal } = options;
    let seen = options.fromRevision;
    while (!signal.aborted && !this.#closed) {
      const wakings = this.#wakings;
      const batch = this.#changesAfter(prefix, seen);
      for (const change of batch.changes) {
        assert(change.revision > seen, "a watch never steps back");
        seen = change.revision;
        yield change;
        if (signal.aborted) return;
      }
      if (!batch.complete) continue;
      seen = batch.revision;
      if (wakings === this.#wakings) await this.#pause(signal);
    }
  }

  async lease(ttlMs: number): Promise<Lease> {
    const fits = ttlMs >= limits.leaseMsMin && ttlMs <= limits.leaseMsMax;
    if (!fits) {
      const bounds = `${limits.leaseMsMin} to ${limits.leaseMsMax} ms`;
      throw new StoreError("invalid", `a lease lasts ${bounds}, not ${ttlMs}`);
    }
    const words = Array.from({ length: 4 }, () => this.#entropy.draw32());
    const id = words.map((word) => word.toString(16).padStart(8, "0")).join("");
    this.#write(() => {
      this.#sweep();
      this.#statements.addLease.run({ id, expires_at: this.#now() + Math.ceil(ttlMs) });
    });
    return {
      id,
      renew: async () => {
        const now = this.#now();
        const expires_at = now + Math.ceil(ttlMs);
        const { changes } = this.#write(() =>
          this.#statements.renewLease.run({ id, now, expires_at }),
        );
        return changes === 1;
      },
      release: async () => {
        this.#write(() => this.#dropLease(id));
        this.#wake();
      },
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    this.#database.close();
  }

  #now(): number {
    return Math.floor(this.#entropy.now());
  }

  #state(): StateRow {
    return this.#statements.state.get() as unknown as StateRow;
  }

  #entry(key: string): EntryRow | undefined {
    return this.#statements.get.get({ key, now: this.#now() }) as EntryRow | undefined;
  }

  /** Gives the next revision to a change and keeps the history within its bounds. */
  #record(key: string, value: string | null): number {
    const state = this.#state();
    const revision = state.revision + 1;
    const bytes = key.length + (value === null ? 0 : Buffer.byteLength(value));
    this.#statements.addChange.run({ revision, key, value, bytes, crc: rowCrc(key, value) });
    let from = state.history_from;
    let total = state.history_bytes + bytes;
    while (revision - from > this.#historyMax || total > this.#historyBytesMax) {
      const oldest = this.#statements.oldestChange.get() as unknown as ChangeRow | undefined;
      if (oldest === undefined || oldest.revision === revision) break;
      this.#statements.dropChange.run({ revision: oldest.revision });
      from = oldest.revision;
      total -= oldest.bytes;
    }
    this.#statements.setState.run({ revision, history_from: from, history_bytes: total });
    return revision;
  }

  /** Deletes the keys of leases that are over, each as a change of its own. */
  #sweep(): void {
    for (const row of this.#statements.expired.all({ now: this.#now() })) {
      this.#dropLease((row as unknown as { readonly id: string }).id);
    }
  }

  #dropLease(id: string): void {
    for (const row of this.#statements.leased.all({ id })) {
      const { key } = row as unknown as { readonly key: string };
      this.#statements.remove.run({ key });
      this.#record(key, null);
    }
    this.#statements.dropLease.run({ id });
  }

  #changesAfter(
    prefix: string,
    after: number,
  ): {
    readonly changes: readonly StoreChange[];
    readonly revision: number;
    readonly complete: boolean;
  } {
    this.#sweepIfNeeded();
    return this.#transaction("BEGIN", () => {
      const state = this.#state();
      if (after < state.history_from || after > state.revision) {
        const kept = `${state.history_from} to ${state.revision}`;
        throw new StoreError("history", `history goes from ${kept}, asked for ${after}`);
      }
      const changes: StoreChange[] = [];
      let bytes = 0;
      let complete = true;
      for (const found of this.#statements.changes.iterate({ ...rangeOf(prefix), after })) {
        const row = found as unknown as ChangeRow;
        bytes += row.bytes;
        if (bytes > limits.storeListBytesMax && changes.length > 0) {
          complete = false;
          break;
        }
        if (rowCrc(row.key, row.value) !== row.crc) throw changedRow(row.key);
        changes.push({ key: row.key, value: row.value ?? undefined, revision: row.revision });
      }
      if (changes.length >= 256) complete = false;
      return { changes, revision: state.revision, complete };
    });
  }

  /** Reading must not need to write: a store that cannot write hides expired keys all the same. */
  #sweepIfNeeded(): void {
    try {
      const due = this.#guard(() => this.#statements.expired.get({ now: this.#now() }));
      if (due !== undefined) this.#write(() => this.#sweep());
    } catch (error) {
      if (error instanceof StoreError && (error.code === "full" || error.code === "busy")) return;
      throw error;
    }
  }

  #write<T>(action: () => T): T {
    return this.#transaction("BEGIN IMMEDIATE", action);
  }

  #transaction<T>(begin: string, action: () => T): T {
    return this.#guard(() => {
      this.#database.exec(begin);
      try {
        const made = action();
        this.#database.exec("COMMIT");
        return made;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  #guard<T>(action: () => T): T {
    if (this.#closed) throw new StoreError("closed", "the store is closed");
    try {
      return action();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      if ((error as { readonly errcode?: unknown }).errcode === undefined) throw error;
      throw new StoreError(sqliteCode(error).code, messageOf(error));
    }
  }

  #wake(): void {
    this.#wakings++;
    for (const resume of [...this.#waiting]) resume();
  }

  /** Until a write of this process, the next poll, the end of the store or the abort. */
  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const resume = (): void => {
        this.#waiting.delete(resume);
        signal.removeEventListener("abort", resume);
        timer.cancel();
        resolve();
      };
      const timer = this.#entropy.after(limits.storePollMs, resume);
      this.#waiting.add(resume);
      signal.addEventListener("abort", resume, { once: true });
      if (signal.aborted) resume();
    });
  }
}

function storedOf(row: EntryRow): StoredValue {
  if (rowCrc(row.key, row.value) !== row.crc) throw changedRow(row.key);
  return { key: row.key, value: row.value, revision: row.revision };
}

const changedRow = (key: string): StoreError =>
  new StoreError("damaged", `the value of ${key} is not what was written`);

/** All keys are of the characters `!` to `~`, so DEL is after any that has the prefix. */
const rangeOf = (prefix: string): { readonly from: string; readonly until: string } => ({
  from: prefix,
  until: `${prefix}\x7f`,
});

function checkKey(key: string): void {
  const fits = key.length <= limits.storeKeyCharsMax && /^[!-~]+$/.test(key);
  if (!fits) throw new StoreError("invalid", `not a key: ${JSON.stringify(key.slice(0, 100))}`);
}

function checkValue(value: string): void {
  // SQLite would store a lone surrogate as another character: that is not what was written.
  if (!value.isWellFormed()) throw new StoreError("invalid", "a value that is not Unicode");
  if (Buffer.byteLength(value) > limits.storeValueBytesMax) {
    throw new StoreError("invalid", `a value of more than ${limits.storeValueBytesMax} bytes`);
  }
}
