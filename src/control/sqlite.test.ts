import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { simulatedEntropy } from "../lib/entropy.ts";
import { openSqliteStore, type SqliteOptions } from "./sqlite.ts";
import { type Store, StoreError } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-sqlite-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const entropy = simulatedEntropy(7);
let files = 0;
const newFile = (): string => join(folder, `${++files}.db`);

async function open(file: string, options: Partial<SqliteOptions> = {}): Promise<Store> {
  const opened = await openSqliteStore(file, { entropy, ...options });
  assert.ok(opened.ok, opened.ok ? "" : opened.message);
  return opened.store;
}

/** What a good file must give back. */
const contents: readonly (readonly [string, string])[] = Array.from({ length: 30 }, (_, i) => [
  `k/${String(i).padStart(2, "0")}`,
  `value ${i} `.repeat(10 * i),
]);

async function goodFile(): Promise<string> {
  const file = newFile();
  const store = await open(file);
  for (const [key, value] of contents) {
    assert.ok((await store.putIf(key, value, { ifRevision: 0 })).ok);
  }
  await store.close();
  assert.ok(!existsSync(`${file}-wal`), "a closed store is one file");
  return file;
}

/** Refused with a message that names the file, or whole: never less than what was written. */
async function refusedOrWhole(file: string, what: string): Promise<"refused" | "whole"> {
  const opened = await openSqliteStore(file, { entropy });
  if (!opened.ok) {
    assert.ok(opened.message.includes(file), `${what}: ${opened.message}`);
    return "refused";
  }
  const listed = await opened.store.list("");
  await opened.store.close();
  assert.deepEqual(
    listed.map(({ key, value }) => [key, value]),
    contents,
    what,
  );
  return "whole";
}

test("openSqliteStore() makes a file only its owner can read, and leaves nothing beside it", async () => {
  const place = join(folder, "fresh");
  mkdirSync(place);
  const store = await open(join(place, "store.db"));
  assert.equal(statSync(join(place, "store.db")).mode & 0o777, 0o600);
  await store.close();
  assert.deepEqual(readdirSync(place), ["store.db"]);
});

test("openSqliteStore() refuses a file with a changed byte, or gives back all that was written", async () => {
  const good = readFileSync(await goodFile());
  const file = newFile();
  const outcomes = { refused: 0, whole: 0 };
  for (let i = 0; i < 150; i++) {
    const at = i < 100 ? i : entropy.draw32() % good.length;
    const bad = Buffer.from(good);
    bad[at]! ^= 1 << (entropy.draw32() % 8);
    writeFileSync(file, bad);
    outcomes[await refusedOrWhole(file, `byte ${at}`)]++;
    rmSync(`${file}-wal`, { force: true });
    rmSync(`${file}-shm`, { force: true });
  }
  assert.ok(outcomes.refused > 30, JSON.stringify(outcomes));
});

test("openSqliteStore() refuses a changed byte of any value", async () => {
  const good = readFileSync(await goodFile());
  const file = newFile();
  let at = good.indexOf("value 2");
  let found = 0;
  for (; at !== -1; at = good.indexOf("value 2", at + 97)) {
    const bad = Buffer.from(good);
    bad[at]! ^= 0x20;
    writeFileSync(file, bad);
    // Whole where the byte was in a stale copy that SQLite left in free space.
    if ((await refusedOrWhole(file, `value at ${at}`)) === "refused") found++;
  }
  assert.ok(found >= 10, `${found} refused`);
});

test("openSqliteStore() refuses a truncated file at every page, and an empty one", async () => {
  const good = readFileSync(await goodFile());
  const file = newFile();
  for (let length = 0; length < good.length; length += 2048) {
    writeFileSync(file, good.subarray(0, length));
    assert.equal(await refusedOrWhole(file, `${length} bytes`), "refused", `${length} bytes`);
  }
});

test("openSqliteStore() loses at most the write under way when the log is cut or gone", async () => {
  const file = newFile();
  const store = await open(file);
  const copy = newFile();
  for (const [key, value] of contents) {
    await store.putIf(key, value, { ifRevision: 0 });
    for (const cut of [0, 100, 5000]) {
      copyFileSync(file, copy);
      copyFileSync(`${file}-wal`, `${copy}-wal`);
      truncateSync(`${copy}-wal`, Math.min(cut, statSync(`${copy}-wal`).size));
      const opened = await openSqliteStore(copy, { entropy });
      if (!opened.ok) continue;
      assert.equal((await opened.store.get(key))?.value, value, `${key}, log cut to ${cut}`);
      await opened.store.close();
    }
  }
  await store.close();
});

test("openSqliteStore() refuses what is not its own, and does not touch it", async () => {
  const other = newFile();
  const database = new DatabaseSync(other);
  database.exec("CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
  database.close();
  const newer = await goodFile();
  const changed = new DatabaseSync(newer);
  changed.exec("PRAGMA user_version = 99");
  changed.close();
  const text = newFile();
  writeFileSync(text, "my diary\n".repeat(500));
  const cases = [
    [other, "foreign", /not a store of Rhumb/],
    [newer, "newer", /format 99/],
    [text, "damaged", /damaged: file is not a database/],
    [join(folder, "no", "such", "folder.db"), "unreadable", /no such file or directory/],
    [folder, "unreadable", /./],
  ] as const;
  for (const [file, reason, message] of cases) {
    const before = existsSync(file) && statSync(file).isFile() ? readFileSync(file) : undefined;
    const opened = await openSqliteStore(file, {
      entropy,
      ...(reason === "damaged" ? {} : { damaged: "move-aside" as const }),
    });
    assert.ok(!opened.ok, file);
    assert.equal(opened.reason, reason, opened.message);
    assert.match(opened.message, message);
    if (before !== undefined) assert.deepEqual(readFileSync(file), before);
  }
});

test("openSqliteStore() does not make an empty store beside an orphaned log", async () => {
  const file = newFile();
  writeFileSync(`${file}-wal`, "the rest of a store");
  const opened = await openSqliteStore(file, { entropy });
  assert.ok(!opened.ok && opened.reason === "damaged");
  assert.ok(!existsSync(file));
});

test("openSqliteStore() sets a damaged file aside only when told to, and keeps it", async () => {
  const file = await goodFile();
  truncateSync(file, 8192);
  const kept = readFileSync(file);
  const opened = await openSqliteStore(file, { entropy, damaged: "move-aside" });
  assert.ok(opened.ok);
  assert.equal(opened.movedTo, `${file}.damaged-${entropy.now()}`);
  assert.deepEqual(readFileSync(opened.movedTo), kept);
  assert.deepEqual(await opened.store.list(""), []);
  await opened.store.close();
});

test("get() and list() refuse a value changed under an open store", async () => {
  const file = newFile();
  const store = await open(file);
  await store.putIf("a", "right", { ifRevision: 0 });
  const other = new DatabaseSync(file);
  other.exec("UPDATE entry SET value = 'wrong'");
  other.close();
  const damaged = (error: unknown): boolean =>
    error instanceof StoreError && error.code === "damaged";
  await assert.rejects(store.get("a"), damaged);
  await assert.rejects(store.list(""), damaged);
  await store.close();
});

test("putIf() says busy when another process does not let go", { timeout: 20_000 }, async () => {
  const file = newFile();
  const store = await open(file);
  const other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE");
  const busy = (error: unknown): boolean => error instanceof StoreError && error.code === "busy";
  await assert.rejects(store.putIf("a", "1", { ifRevision: 0 }), busy);
  other.exec("ROLLBACK");
  other.close();
  assert.ok((await store.putIf("a", "1", { ifRevision: 0 })).ok, "and recovers by itself");
  await store.close();
});

test("watch() says when the bounded history does not reach back", async () => {
  const file = newFile();
  const store = await open(file, { historyMax: 10, historyBytesMax: 1000 });
  for (let i = 0; i < 25; i++) await store.putIf(`k/${i}`, "v", { ifRevision: 0 });
  const changesFrom = async (fromRevision: number): Promise<number> => {
    const stop = new AbortController();
    let count = 0;
    for await (const change of store.watch("", { fromRevision, signal: stop.signal })) {
      count++;
      if (change.revision === (await store.revision())) stop.abort();
    }
    return count;
  };
  assert.equal(await changesFrom(15), 10);
  const history = (error: unknown): boolean =>
    error instanceof StoreError && error.code === "history";
  await assert.rejects(changesFrom(14), history);
  await store.putIf("long", "x".repeat(900), { ifRevision: 0 });
  await assert.rejects(changesFrom(15), history);
  assert.ok((await changesFrom(25)) === 1, "the longest change is always kept");
  await store.putIf("longer", "x".repeat(2000), { ifRevision: 0 });
  assert.equal(await changesFrom(26), 1);
  await store.close();
  const again = await open(file);
  assert.equal((await again.list("")).length, 27, "history is bounded, keys are not");
  await again.close();
});
