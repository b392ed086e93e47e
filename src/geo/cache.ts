/**
 * Compiled geographies on disk, by digest. load.ts reads before it compiles and writes after. A
 * file is whole or not there: it is written beside, flushed and renamed, and opens with a checksum
 * of the rest; one that is damaged or of another version counts as missing and is written anew.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { limits } from "../limits.ts";
import type { Geography, Leaves } from "./geography.ts";

const magic = "rhumb geography 2\n";
const suffix = ".geography";
const checksumBytes = 32;

function checksum(payload: Uint8Array): Buffer {
  return createHash("sha256").update(payload).digest();
}

function isLeaves(value: unknown, words: 1 | 4): value is Leaves {
  if (typeof value !== "object" || value === null) return false;
  const leaves = value as Partial<Leaves>;
  return (
    leaves.words === words &&
    leaves.starts instanceof Uint32Array &&
    leaves.lengths instanceof Uint8Array &&
    leaves.locations instanceof Uint32Array &&
    leaves.index instanceof Uint32Array &&
    leaves.starts.length === leaves.lengths.length * words &&
    leaves.locations.length === leaves.lengths.length
  );
}

/** The checksum keeps damage out; this keeps a file of another shape out. */
function isGeography(value: unknown, digest: string): value is Geography {
  if (typeof value !== "object" || value === null) return false;
  const geography = value as Partial<Geography>;
  return (
    geography.digest === digest &&
    typeof geography.source?.builtAtSeconds === "number" &&
    Array.isArray(geography.locations) &&
    isLeaves(geography.v4, 1) &&
    isLeaves(geography.v6, 4)
  );
}

/** undefined when there is none, or none that can be trusted. */
export async function readCache(folder: string, digest: string): Promise<Geography | undefined> {
  try {
    const file = await readFile(join(folder, digest + suffix));
    const start = magic.length + checksumBytes;
    if (file.subarray(0, magic.length).toString("latin1") !== magic) return undefined;
    const payload = file.subarray(start);
    if (!checksum(payload).equals(file.subarray(magic.length, start))) return undefined;
    const value: unknown = deserialize(payload);
    return isGeography(value, digest) ? value : undefined;
  } catch {
    // Missing, unreadable or of a newer serialisation: all the same, it is compiled again.
    return undefined;
  }
}

/** Files beyond the limit go, the ones longest unused first. */
async function prune(folder: string, keep: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix) && name !== keep);
  const aged = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name))).mtimeMs })),
  );
  aged.sort((a, b) => b.at - a.at);
  for (const { name } of aged.slice(limits.geoCacheFilesMax - 1)) {
    await rm(join(folder, name), { force: true });
  }
}

/** Returns why it could not be written; empty when it was. A cache that fails is no error. */
export async function writeCache(folder: string, geography: Geography): Promise<string> {
  const name = geography.digest + suffix;
  // Two processes that write the same digest write the same bytes, each to a file of its own.
  const temporary = join(folder, `${name}.${process.pid}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    const payload = serialize(geography);
    const file = await open(temporary, "w", 0o644);
    try {
      await file.writev([Buffer.from(magic, "latin1"), checksum(payload), payload]);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(folder, name));
    await prune(folder, name);
    return "";
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    return error instanceof Error ? error.message : String(error);
  }
}
