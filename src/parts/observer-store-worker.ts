/**
 * The thread that writes the observer's records: the store is synchronous and may wait for another
 * process's lock or for a disk, and the observer must wait for neither. Started by
 * observer-store.ts.
 */
import { parentPort, workerData } from "node:worker_threads";
import {
  type AuditRecord,
  addAudit,
  dropOverride,
  listOverrides,
  putOverride,
  putVerdicts,
  type VerdictRecord,
} from "../control/records.ts";
import { openSqliteStore } from "../control/sqlite.ts";
import type { Store } from "../control/store.ts";
import { assert } from "../errors.ts";
import { systemEntropy } from "../lib/entropy.ts";
import type { Override } from "../world/world.ts";

export type StoreOrder =
  | { readonly kind: "override"; readonly override: Override }
  | { readonly kind: "drop-override"; readonly id: string }
  | { readonly kind: "verdicts"; readonly record: VerdictRecord }
  | { readonly kind: "audit"; readonly record: Omit<AuditRecord, "number"> }
  | { readonly kind: "list-overrides" }
  | { readonly kind: "end" };

/** One for each order. */
export type StoreReply =
  | { readonly ok: true; readonly wrote: boolean; readonly overrides: readonly Override[] }
  | { readonly ok: false; readonly message: string };

const entropy = systemEntropy();
let store: Store | undefined;

async function open(): Promise<Store> {
  if (store !== undefined) return store;
  const opened = await openSqliteStore(String(workerData), { entropy });
  if (!opened.ok) throw new Error(opened.message);
  store = opened.store;
  // Those that expired while nobody was there to note it.
  const nowMs = entropy.now();
  for (const { id, expiresAt } of await listOverrides(store)) {
    if (expiresAt <= nowMs) await dropOverride(store, id);
  }
  return store;
}

async function carryOut(order: StoreOrder): Promise<readonly Override[]> {
  if (order.kind === "end") {
    await store?.close();
    return [];
  }
  const opened = await open();
  if (order.kind === "list-overrides") return listOverrides(opened);
  if (order.kind === "override") await putOverride(opened, order.override);
  else if (order.kind === "drop-override") await dropOverride(opened, order.id);
  else if (order.kind === "verdicts") await putVerdicts(opened, order.record);
  else await addAudit(opened, order.record);
  return [];
}

assert(parentPort !== null, "this file runs as a thread of the observer");
const port = parentPort;
let last: Promise<void> = Promise.resolve();
port.on("message", (order: StoreOrder) => {
  // In order: an override that comes and goes must not be written after it went.
  last = last.then(async () => {
    let reply: StoreReply;
    try {
      const overrides = await carryOut(order);
      const wrote = order.kind !== "list-overrides" && order.kind !== "end";
      reply = { ok: true, wrote, overrides };
    } catch (error) {
      reply = { ok: false, message: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage(reply);
    if (order.kind === "end") port.close();
  });
});
