/**
 * Snapshot files: how a compiled policy, and the last World, outlive the process that made them.
 * control writes policies, observer writes World, fronts read both and need nothing else to serve.
 * A file is written beside its name, synced and renamed, so it is whole or absent; its SHA-256 is
 * checked before a byte of it is deserialised; a damaged one is reported and an older one is used.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { deserialize, serialize } from "node:v8";
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import type { World } from "../world/world.ts";
import { policyFile, statePaths } from "./paths.ts";

/**
 * Grows when the shape of Policy or World changes: a front of one version then refuses the files of
 * another with `format` instead of reading fields that are not there, and waits for control.
 */
const snapshotFormat = 2;
/** magic (8), format (4), kind (4), length of the body (8); body; SHA-256 of all before it (32). */
const magic = Buffer.from("rhumbsnp", "latin1");
const headerBytes = 24;
const trailerBytes = 32;
const kinds = { policy: 1, world: 2 } as const;
type Kind = keyof typeof kinds;

export interface SnapshotFailure {
  readonly ok: false;
  /**
   * missing: no such file. unreadable, unwritable: the system refused. truncated: shorter than it
   * says. corrupt: the checksum differs. format: written by another version of Rhumb.
   */
  readonly reason: "missing" | "unreadable" | "unwritable" | "truncated" | "corrupt" | "format";
  readonly file: string;
  readonly message: string;
}
export type SnapshotResult<T> = { readonly ok: true; readonly value: T } | SnapshotFailure;

/** What the file `current` says: which policy control accepted last. */
export interface CurrentPointer {
  readonly digest: string;
  readonly configDigest: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Digests accepted before it, newest first; what a front falls back to. */
  readonly history: readonly string[];
}

/** A policy, and the failures of the newer files that could not be read. */
export interface CurrentPolicy {
  readonly policy: Policy;
  readonly skipped: readonly SnapshotFailure[];
}

const digestPattern = /^[0-9a-f]{64}$/;

/** Writes `snapshots/DIGEST.policy`, then points `current` at it, then drops all but the newest. */
export async function writePolicy(
  stateDir: string,
  policy: Policy,
  options: { readonly at: number },
): Promise<SnapshotResult<CurrentPointer>> {
  assert(digestPattern.test(policy.digest), "a policy digest is 64 hexadecimal digits");
  const paths = statePaths(stateDir);
  const written = await writeSnapshot(policyFile(stateDir, policy.digest), "policy", policy);
  if (!written.ok) return written;
  const before = await readPointer(stateDir);
  const previous = before.ok ? [before.value.digest, ...before.value.history] : [];
  const history = [...new Set(previous)].filter((digest) => digest !== policy.digest);
  const pointer: CurrentPointer = {
    digest: policy.digest,
    configDigest: policy.configDigest,
    at: options.at,
    history: history.slice(0, limits.policySnapshotsMax - 1),
  };
  const pointed = await writeAtomic(paths.current, [Buffer.from(`${JSON.stringify(pointer)}\n`)]);
  if (!pointed.ok) return pointed;
  await prunePolicies(paths.snapshots, new Set([pointer.digest, ...pointer.history]));
  return { ok: true, value: pointer };
}

export async function readPolicy(
  stateDir: string,
  digest: string,
): Promise<SnapshotResult<Policy>> {
  const file = policyFile(stateDir, digest);
  if (!digestPattern.test(digest)) {
    return failure("corrupt", file, `${JSON.stringify(digest)} is not the digest of a policy`);
  }
  const read = await readSnapshot(file, "policy");
  if (!read.ok) return read;
  const policy = read.value as Policy;
  if (policy.digest !== digest) return failure("corrupt", file, "the file holds another policy");
  return { ok: true, value: policy };
}

export async function readPointer(stateDir: string): Promise<SnapshotResult<CurrentPointer>> {
  const file = statePaths(stateDir).current;
  const bytes = await readBytes(file);
  if (!bytes.ok) return bytes;
  const pointer = parsePointer(bytes.value.toString("utf8"));
  if (pointer === undefined) return failure("corrupt", file, "not a pointer to a policy");
  return { ok: true, value: pointer };
}

/**
 * The policy `current` names or, when that file or the pointer is damaged, the newest older one
 * that can be read. Fails with the first failure when there is none.
 */
export async function readCurrent(stateDir: string): Promise<SnapshotResult<CurrentPolicy>> {
  const skipped: SnapshotFailure[] = [];
  const pointer = await readPointer(stateDir);
  if (!pointer.ok) skipped.push(pointer);
  const named = pointer.ok ? [pointer.value.digest, ...pointer.value.history] : [];
  const onDisk = await listPolicies(statePaths(stateDir).snapshots);
  for (const digest of new Set([...named, ...onDisk])) {
    const read = await readPolicy(stateDir, digest);
    if (read.ok) return { ok: true, value: { policy: read.value, skipped } };
    // A policy of the history that was pruned is no news; the one `current` names is.
    if (read.reason !== "missing" || digest === named[0]) skipped.push(read);
  }
  return (
    skipped[0] ?? failure("missing", statePaths(stateDir).current, "no policy was accepted yet")
  );
}

export async function writeWorld(stateDir: string, world: World): Promise<SnapshotResult<true>> {
  return writeSnapshot(statePaths(stateDir).worldSnapshot, "world", world);
}

/** The World observer persisted last. Its `policyDigest` names the policy its rows belong to. */
export async function readWorld(stateDir: string): Promise<SnapshotResult<World>> {
  const read = await readSnapshot(statePaths(stateDir).worldSnapshot, "world");
  return read.ok ? { ok: true, value: read.value as World } : read;
}

async function writeSnapshot(
  file: string,
  kind: Kind,
  value: unknown,
): Promise<SnapshotResult<true>> {
  const body = serialize(value);
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32LE(snapshotFormat, 8);
  header.writeUInt32LE(kinds[kind], 12);
  header.writeBigUInt64LE(BigInt(body.length), 16);
  const sum = createHash("sha256").update(header).update(body).digest();
  return writeAtomic(file, [header, body, sum]);
}

async function readSnapshot(file: string, kind: Kind): Promise<SnapshotResult<unknown>> {
  const read = await readBytes(file);
  if (!read.ok) return read;
  const bytes = read.value;
  if (bytes.length < headerBytes + trailerBytes) return failure("truncated", file, "cut short");
  if (!bytes.subarray(0, 8).equals(magic)) return failure("corrupt", file, "not a snapshot");
  const length = Number(bytes.readBigUInt64LE(16));
  if (bytes.length < headerBytes + length + trailerBytes) {
    return failure("truncated", file, `${bytes.length} bytes of ${length} and its frame`);
  }
  const end = bytes.length - trailerBytes;
  const sum = createHash("sha256").update(bytes.subarray(0, end)).digest();
  if (end !== headerBytes + length || !sum.equals(bytes.subarray(end))) {
    return failure("corrupt", file, "its SHA-256 differs");
  }
  const format = bytes.readUInt32LE(8);
  if (format !== snapshotFormat || bytes.readUInt32LE(12) !== kinds[kind]) {
    return failure("format", file, `format ${format}, this version reads ${snapshotFormat}`);
  }
  return { ok: true, value: deserialize(bytes.subarray(headerBytes, end)) };
}

/** Beside its name, synced, renamed, folder synced: whole or absent, whenever the power goes. */
export async function writeAtomic(
  file: string,
  chunks: readonly Uint8Array[],
): Promise<SnapshotResult<true>> {
  const folder = dirname(file);
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const handle = await open(temporary, "w", 0o600);
    try {
      for (const chunk of chunks) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await syncFolder(folder);
    return { ok: true, value: true };
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    return failure("unwritable", file, reasonOf(error));
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readBytes(file: string): Promise<SnapshotResult<Buffer>> {
  try {
    await using handle = await open(file, "r");
    const { size } = await handle.stat();
    // One read for all of it: readFile() takes half a megabyte at a time, ten times as slow.
    const bytes = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await handle.read(bytes, 0, size, 0);
    return { ok: true, value: bytes.subarray(0, bytesRead) };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return failure(missing ? "missing" : "unreadable", file, reasonOf(error));
  }
}

function parsePointer(text: string): CurrentPointer | undefined {
  try {
    const { digest, configDigest, at, history } = JSON.parse(text) as Partial<CurrentPointer>;
    if (typeof digest !== "string" || !digestPattern.test(digest)) return undefined;
    if (typeof configDigest !== "string" || typeof at !== "number") return undefined;
    if (!Array.isArray(history) || !history.every((old) => digestPattern.test(String(old)))) {
      return undefined;
    }
    return { digest, configDigest, at, history: history.map(String) };
  } catch {
    return undefined;
  }
}

/** Digests of the policy files in the folder, newest first. */
async function listPolicies(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  const found: { digest: string; at: number }[] = [];
  for (const name of names) {
    const digest = basename(name, ".policy");
    if (!name.endsWith(".policy") || !digestPattern.test(digest)) continue;
    const status = await stat(`${folder}/${name}`).catch(() => undefined);
    if (status !== undefined) found.push({ digest, at: status.mtimeMs });
  }
  return found.sort((a, b) => b.at - a.at).map((entry) => entry.digest);
}

/** Leaves what `keep` names; leftovers of writers that died go too. */
async function prunePolicies(folder: string, keep: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const stale = name.endsWith(".policy") && !keep.has(basename(name, ".policy"));
    const leftover = name.endsWith(".tmp");
    if (stale || leftover) await rm(`${folder}/${name}`, { force: true }).catch(() => undefined);
  }
}

function failure(
  reason: SnapshotFailure["reason"],
  file: string,
  message: string,
): SnapshotFailure {
  return { ok: false, reason, file, message };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
