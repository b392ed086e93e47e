/**
 * The file under sqlite.ts: how it is made, opened and judged. A store that was lost must never
 * look like a new one: the file appears whole, under its name, with its tables already in it; one
 * that is empty, cut short, of another program or with a changed byte is refused with its name and
 * the cure, and set aside only when the caller says so. Every value carries a CRC, since SQLite
 * checks its pages' structure but not their contents.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { limits } from "../limits.ts";

/** "rhmb": SQLite's application_id says whose file it is. */
const applicationId = 0x72686d62;
/** Grows when the tables change. */
const formatVersion = 1;

const tables = `
  CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    history_from INTEGER NOT NULL,
    history_bytes INTEGER NOT NULL
  ) STRICT;
  INSERT INTO state VALUES (1, 0, 0, 0);
  CREATE TABLE lease (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
  CREATE INDEX lease_expires ON lease (expires_at);
  CREATE TABLE entry (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    revision INTEGER NOT NULL,
    lease TEXT,
    crc INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX entry_lease ON entry (lease) WHERE lease IS NOT NULL;
  CREATE TABLE change (
    revision INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    value TEXT,
    bytes INTEGER NOT NULL,
    crc INTEGER NOT NULL
  ) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${formatVersion};
`;

export type FileResult =
  | { readonly ok: true; readonly database: DatabaseSync; readonly movedTo: string }
  | {
      readonly ok: false;
      /** newer: made by a later version of Rhumb. foreign: another program's database. */
      readonly reason: "damaged" | "foreign" | "newer" | "unreadable";
      readonly message: string;
    };

export interface FileOptions {
  /** What to do with a damaged file: refuse (the default), or rename it and begin anew. */
  readonly damaged?: "refuse" | "move-aside";
  /** Stamped into the name of a file set aside. */
  readonly nowMs: number;
}

export function rowCrc(key: string, value: string | null): number {
  return crc32(value ?? "", crc32(`${key}\0${value === null ? "-" : "+"}`));
}

export function openFile(file: string, options: FileOptions): FileResult {
  const opened = tryOpen(file);
  const setAside = !opened.ok && opened.reason === "damaged" && options.damaged === "move-aside";
  if (!setAside) return opened;
  const movedTo = `${file}.damaged-${options.nowMs}`;
  try {
    for (const suffix of ["", "-wal", "-shm"]) {
      if (existsSync(file + suffix)) renameSync(file + suffix, movedTo + suffix);
    }
  } catch (error) {
    return { ok: false, reason: "unreadable", message: `${file}: ${messageOf(error)}` };
  }
  const fresh = tryOpen(file);
  return fresh.ok ? { ...fresh, movedTo } : fresh;
}

function tryOpen(file: string): FileResult {
  try {
    if (!existsSync(file)) {
      if (existsSync(`${file}-wal`)) {
        return damaged(file, "the file is gone, but its write-ahead log is still there");
      }
      createFile(file);
    }
    if (statSync(file).size === 0) return damaged(file, "the file is empty");
  } catch (error) {
    return { ok: false, reason: "unreadable", message: `${file}: ${messageOf(error)}` };
  }
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: limits.storeBusyMs });
    const verdict = judge(file, database);
    if (verdict !== undefined) {
      database.close();
      return verdict;
    }
    // FULL: a commit is on the disk before it is acknowledged. A checkpoint after each commit keeps
    // nearly everything in the main file, so that losing the log loses little; writes are rare.
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    database.exec("PRAGMA wal_autocheckpoint = 1; PRAGMA journal_size_limit = 67108864;");
    return { ok: true, database, movedTo: "" };
  } catch (error) {
    database?.close();
    const { code } = sqliteCode(error);
    if (code === "damaged") return damaged(file, messageOf(error));
    return { ok: false, reason: "unreadable", message: `${file}: ${messageOf(error)}` };
  }
}

/** Makes the file under another name, whole and synced, then gives it its name if that is free. */
function createFile(file: string): void {
  const made = `${file}.new-${process.pid}`;
  rmSync(made, { force: true });
  closeSync(openSync(made, "wx", 0o600));
  try {
    const database = new DatabaseSync(made, { timeout: limits.storeBusyMs });
    try {
      database.exec(`PRAGMA synchronous = FULL; BEGIN; ${tables} COMMIT;`);
    } finally {
      database.close();
    }
    try {
      linkSync(made, file);
    } catch (error) {
      // Another process made it first: then that one is the store.
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  } finally {
    rmSync(made, { force: true });
  }
  const folder = openSync(dirname(file), "r");
  fsyncSync(folder);
  closeSync(folder);
}

function judge(file: string, database: DatabaseSync): FileResult | undefined {
  const pragma = (name: string): unknown =>
    Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  const owner = pragma("application_id");
  if (owner !== applicationId) {
    const message = `${file}: not a store of Rhumb (application_id ${String(owner)})`;
    return { ok: false, reason: "foreign", message };
  }
  const version = Number(pragma("user_version"));
  if (version !== formatVersion) {
    const message = `${file}: store format ${version}, this version reads ${formatVersion}`;
    return { ok: false, reason: "newer", message };
  }
  const integrity = pragma("integrity_check(1)");
  if (integrity !== "ok") return damaged(file, String(integrity));
  for (const table of ["entry", "change"]) {
    const rows = database.prepare(`SELECT key, value, crc FROM ${table}`).iterate();
    for (const row of rows) {
      const { key, value, crc } = row as { key: string; value: string | null; crc: number };
      if (rowCrc(key, value) !== crc) return damaged(file, `the value of ${key} was changed`);
    }
  }
  if (database.prepare("SELECT 1 FROM state").get() === undefined) {
    return damaged(file, "the row of its state is gone");
  }
  return undefined;
}

function damaged(file: string, what: string): FileResult {
  return {
    ok: false,
    reason: "damaged",
    message: `${file}: the store is damaged: ${what}. Put a backup in its place, or have it set aside to begin with an empty one`,
  };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** SQLite's primary result codes that callers tell apart (sqlite.org/rescode.html). */
export function sqliteCode(error: unknown): {
  readonly code: "busy" | "full" | "damaged" | "failed";
} {
  const errcode = (error as { readonly errcode?: unknown }).errcode;
  const primary = typeof errcode === "number" ? errcode & 0xff : -1;
  if (primary === 5 || primary === 6) return { code: "busy" };
  if (primary === 13) return { code: "full" };
  if (primary === 11 || primary === 26) return { code: "damaged" };
  return { code: "failed" };
}
