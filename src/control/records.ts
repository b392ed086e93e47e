/**
 * What the store holds: revisions of the configuration, overrides, verdicts and the audit trail, as
 * JSON under a fixed layout of keys, each kind with its schema. Called by control. A record that
 * does not parse (an older or a damaged one) is skipped by readers, never half read. Numbered kinds
 * are bounded: writing one more drops the oldest.
 *
 * | key | value |
 * |---|---|
 * | `revision/N` | an accepted revision, newest first in key order |
 * | `audit/N` | who did what, newest first in key order |
 * | `override/ID` | the operator's word, until it expires |
 * | `verdict/SERVICE` | verdicts of a service's endpoints at some moment |
 */
import { gunzipSync, gzipSync } from "node:zlib";
import { z } from "zod";
import { limits } from "../limits.ts";
import type { Override } from "../world/world.ts";
import type { Store, StoredValue } from "./store.ts";

const time = z.number().min(0);
const words = z.string().max(limits.overrideTextCharsMax);

const sourceFile = z.object({
  path: z.string().max(4096),
  /** gzip, base64: a configuration is long, and compresses to a twentieth. */
  gzip: z.string(),
});

const revisionRecord = z.object({
  /** Counts accepted revisions from 1. */
  number: z.int().min(1),
  digest: z.string(),
  configDigest: z.string(),
  geographyDigest: z.string(),
  at: time,
  author: words,
  source: z.string().max(4096),
  /** The text as loaded; empty when it was too long to keep. */
  files: z.array(sourceFile).max(limits.configFilesMax),
  /** Bytes of text left out because they were too long to keep. */
  omittedBytes: z.int().min(0),
});
export type RevisionRecord = z.infer<typeof revisionRecord>;

const auditRecord = z.object({
  number: z.int().min(1),
  at: time,
  author: words,
  /** Such as `override`, `lift`, `apply`, `reload`. */
  action: z.string().max(64),
  target: words,
  outcome: z.enum(["done", "refused", "failed"]),
  detail: z.string().max(4096),
});
export type AuditRecord = z.infer<typeof auditRecord>;

const overrideRecord: z.ZodType<Override> = z.object({
  id: words.min(1),
  kind: z.enum(["drain", "force-up", "force-down", "freeze", "activate"]),
  target: words,
  reason: words,
  author: words,
  createdAt: time,
  expiresAt: time,
});

const verdictRecord = z.object({
  service: z.string(),
  at: time,
  endpoints: z
    .array(
      z.object({
        pool: z.string(),
        endpoint: z.string(),
        state: z.enum(["unknown", "up", "held", "ramping", "down", "disabled"]),
        changedAt: time,
      }),
    )
    .max(limits.endpointsPerServiceMax),
});
export type VerdictRecord = z.infer<typeof verdictRecord>;

const numberDigits = 12;
const numberTop = 10 ** numberDigits - 1;
/** Times a write is tried again because another process took the number, or changed the record. */
const triesMax = 64;

/** Counted down, so that key order is newest first. */
const numberedKey = (kind: "revision" | "audit", number: number): string =>
  `${kind}/${String(numberTop - number).padStart(numberDigits, "0")}`;

export const overrideKey = (id: string): string => `override/${encodeURIComponent(id)}`;
export const verdictKey = (service: string): string => `verdict/${service}`;

/** The record of a stored value; undefined when it is not one of this kind. */
function parse<T>(schema: z.ZodType<T>, stored: StoredValue): T | undefined {
  try {
    return schema.safeParse(JSON.parse(stored.value)).data;
  } catch {
    return undefined;
  }
}

/** Files of a configuration, packed for a revision record, or left out when too long. */
export function packFiles(
  files: readonly { readonly path: string; readonly text: string }[],
): Pick<RevisionRecord, "files" | "omittedBytes"> {
  const packed = files.map(({ path, text }) => ({
    path,
    gzip: gzipSync(text).toString("base64"),
  }));
  const chars = packed.reduce((sum, file) => sum + file.path.length + file.gzip.length + 64, 0);
  // Room for the rest of the record; a path may double in JSON.
  const fits = 2 * chars <= limits.storeValueBytesMax && files.length <= limits.configFilesMax;
  if (fits) return { files: packed, omittedBytes: 0 };
  const omittedBytes = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  return { files: [], omittedBytes };
}

/** The text of a packed file; undefined when it is damaged or longer than a file may be. */
export function unpackFile(file: RevisionRecord["files"][number]): string | undefined {
  try {
    const bytes = Buffer.from(file.gzip, "base64");
    return gunzipSync(bytes, { maxOutputLength: limits.configFileBytesMax }).toString("utf8");
  } catch {
    return undefined;
  }
}

/** Writes an accepted revision under the next number. */
export function addRevision(
  store: Store,
  record: Omit<RevisionRecord, "number">,
): Promise<RevisionRecord> {
  return addNumbered(store, {
    kind: "revision",
    keep: limits.revisionRecordsMax,
    make: (number) => revisionRecord.parse({ ...record, number }),
  });
}

/** Newest first. */
export async function listRevisions(
  store: Store,
  limit: number,
): Promise<readonly RevisionRecord[]> {
  return readPages(store, { prefix: "revision/", limit, schema: revisionRecord });
}

export function addAudit(store: Store, record: Omit<AuditRecord, "number">): Promise<AuditRecord> {
  return addNumbered(store, {
    kind: "audit",
    keep: limits.auditRecordsMax,
    make: (number) => auditRecord.parse({ ...record, number }),
  });
}

/** Newest first. */
export async function listAudit(store: Store, limit: number): Promise<readonly AuditRecord[]> {
  return readPages(store, { prefix: "audit/", limit, schema: auditRecord });
}

async function addNumbered<T extends { readonly number: number }>(
  store: Store,
  options: {
    readonly kind: "revision" | "audit";
    readonly keep: number;
    readonly make: (number: number) => T;
  },
): Promise<T> {
  const { kind, keep, make } = options;
  for (let tries = 0; tries < triesMax; tries++) {
    const [newest] = await store.list(`${kind}/`, { limit: 1 });
    const number = newest === undefined ? 1 : numberOf(newest.key) + 1;
    const record = make(number);
    const key = numberedKey(kind, number);
    const put = await store.putIf(key, JSON.stringify(record), { ifRevision: 0 });
    if (!put.ok) continue;
    if (number > keep) await dropAfter(store, `${kind}/`, numberedKey(kind, number - keep + 1));
    return record;
  }
  throw new Error(`${kind}: ${triesMax} other writers took the number`);
}

/** The number of a key, which counts even when its value does not parse. */
const numberOf = (key: string): number => numberTop - Number(key.slice(key.indexOf("/") + 1));

/** Key order is newest first, so what stands after the oldest to keep is older. */
async function dropAfter(store: Store, prefix: string, oldestKept: string): Promise<void> {
  for (const old of await store.list(prefix, { after: oldestKept, limit: 100 })) {
    await store.putIf(old.key, undefined, { ifRevision: old.revision });
  }
}

/** Writes an override over whatever stands under its id. */
export async function putOverride(store: Store, override: Override): Promise<void> {
  const record = overrideRecord.parse(override);
  await overwrite(store, overrideKey(override.id), JSON.stringify(record));
}

export async function dropOverride(store: Store, id: string): Promise<void> {
  await overwrite(store, overrideKey(id), undefined);
}

/** In the order of their ids. */
export async function listOverrides(store: Store): Promise<readonly Override[]> {
  const limit = limits.overridesMax;
  return readPages(store, { prefix: "override/", limit, schema: overrideRecord });
}

export async function putVerdicts(store: Store, record: VerdictRecord): Promise<void> {
  const text = JSON.stringify(verdictRecord.parse(record));
  await overwrite(store, verdictKey(record.service), text);
}

export async function getVerdicts(
  store: Store,
  service: string,
): Promise<VerdictRecord | undefined> {
  const stored = await store.get(verdictKey(service));
  return stored === undefined ? undefined : parse(verdictRecord, stored);
}

async function overwrite(store: Store, key: string, value: string | undefined): Promise<void> {
  let ifRevision = (await store.get(key))?.revision ?? 0;
  for (let tries = 0; tries < triesMax; tries++) {
    const put = await store.putIf(key, value, { ifRevision });
    if (put.ok) return;
    ifRevision = put.reason === "conflict" ? (put.current?.revision ?? 0) : 0;
  }
  throw new Error(`${key}: ${triesMax} other writers were faster`);
}

async function readPages<T>(
  store: Store,
  options: { readonly prefix: string; readonly limit: number; readonly schema: z.ZodType<T> },
): Promise<readonly T[]> {
  const { prefix, limit, schema } = options;
  const records: T[] = [];
  let after = "";
  for (;;) {
    const page = await store.list(prefix, { after, limit: Math.min(limit, 1000) });
    for (const stored of page) {
      after = stored.key;
      const record = parse(schema, stored);
      if (record !== undefined) records.push(record);
      if (records.length === limit) return records;
    }
    if (page.length === 0) return records;
  }
}
