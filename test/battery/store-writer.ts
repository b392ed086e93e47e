/**
 * The other process of the store's battery: opens a place, writes keys one after the other and
 * prints `key revision` for each that was acknowledged.
 */
import { writeSync } from "node:fs";
import { openSqliteStore } from "../../src/control/sqlite.ts";
import type { Store } from "../../src/control/store.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";

const [, , kind = "", place = "", prefix = "", count = "0", bytes = "0"] = process.argv;

async function open(): Promise<Store> {
  if (kind !== "sqlite") throw new Error(`no store of kind ${kind}`);
  const opened = await openSqliteStore(place, { entropy: systemEntropy() });
  if (!opened.ok) throw new Error(opened.message);
  return opened.store;
}

const store = await open();
for (let i = 0; i < Number(count); i++) {
  const key = `${prefix}${String(i).padStart(7, "0")}`;
  const done = await store.putIf(key, "x".repeat(Number(bytes)), { ifRevision: 0 });
  if (!done.ok) throw new Error(`${key}: ${done.reason}`);
  writeSync(1, `${key} ${done.revision}\n`);
}
await store.close();
