/**
 * The lock on a state directory: two servers must not write the same snapshots. The lock belongs to
 * an open file, which the system closes with its process, so it cannot be left behind by a crash as
 * a file with a process number can. SQLite is the one portable way to such a lock that Node has.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

export interface Lock {
  release(): void;
}

export type LockResult =
  | { readonly ok: true; readonly lock: Lock }
  | { readonly ok: false; readonly reason: "held" | "failed"; readonly message: string };

const sqliteBusy = 5;

export function takeLock(file: string): LockResult {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    database = new DatabaseSync(file);
    // Nothing is ever written: an exclusive transaction is open for as long as the server lives.
    database.exec("PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE");
    const held = database;
    return { ok: true, lock: { release: () => held.close() } };
  } catch (error) {
    const { errcode, message } = error as Error & { readonly errcode?: number };
    if (database?.isOpen) database.close();
    return { ok: false, reason: errcode === sqliteBusy ? "held" : "failed", message };
  }
}
