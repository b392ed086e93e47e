/**
 * The lock on a state directory: two servers must not write the same snapshots. The lock belongs to
 * an open file, which the system closes with its process, so it cannot be left behind by a crash as
 * a file with a process number can. SQLite is the one portable way to such a lock that Node has.
 */
import { mkdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface Lock {
  release(): void;
}

export type LockResult =
  | { readonly ok: true; readonly lock: Lock }
  | { readonly ok: false; readonly reason: "held" | "failed"; readonly message: string };

const sqlite = { busy: 5, corrupt: 11, notDatabase: 26 } as const;

export function takeLock(file: string): LockResult {
  const result = tryLock(file);
  if (result.ok || !result.damaged) return result;
  // What a power failure left is nobody's lock: one that is held can be read.
  rmSync(file, { force: true });
  return tryLock(file);
}

type Tried =
  | Extract<LockResult, { ok: true }>
  | (Extract<LockResult, { ok: false }> & { readonly damaged: boolean });

function tryLock(file: string): Tried {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    database = new DatabaseSync(file);
    // A page is written once, so that later a full disk cannot keep a lock from being taken. Then
    // nothing is: an exclusive transaction is open for as long as the server lives.
    if (statSync(file).size === 0) writePage(database);
    database.exec("PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE");
    const held = database;
    return { ok: true, lock: { release: () => held.close() } };
  } catch (error) {
    const { errcode, message } = error as Error & { readonly errcode?: number };
    if (database?.isOpen) database.close();
    const damaged = errcode === sqlite.corrupt || errcode === sqlite.notDatabase;
    return { ok: false, reason: errcode === sqlite.busy ? "held" : "failed", message, damaged };
  }
}

function writePage(database: DatabaseSync): void {
  try {
    database.exec("PRAGMA journal_mode = OFF; PRAGMA user_version = 1");
  } catch {
    // Taking the lock says what is wrong.
  }
}
