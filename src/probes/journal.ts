/**
 * Which origins were being probed when this process died? A native crash leaves no time to say, so
 * each probe leaves its trace in a file at its start and takes it away at its end: eight bytes at a
 * fixed place, which the kernel keeps whatever becomes of the process. A second part of the file
 * holds the origins still under suspicion. Called by the observer; an orderly end clears the
 * traces. A disk that refuses costs the traces, never a probe.
 */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { xxh32 } from "../lib/xxh32.ts";
import { limits } from "../limits.ts";

const entryBytes = 8;
const slotsEnd = limits.journalSlots * entryBytes;
const fileBytes = slotsEnd + limits.suspectsMax * entryBytes;
const noTrace = new Uint8Array(entryBytes);
const encoder = new TextEncoder();

/** What stands for an origin in the file: 64 bits of its identity's hash, never all zero. */
export interface TraceKey {
  readonly text: string;
  readonly bytes: Uint8Array;
}

export function traceKey(identity: string): TraceKey {
  const text = encoder.encode(identity);
  const bytes = new Uint8Array(entryBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, xxh32(text, 0, text.length, 1));
  view.setUint32(4, xxh32(text, 0, text.length, 2) | 1);
  return { text: bytes.toHex(), bytes };
}

export class ProbeJournal {
  /** Origins of the run before, if it did not end in order: `TraceKey.text`. */
  readonly suspects: ReadonlySet<string>;
  /** Why traces are no longer written; empty while they are. */
  fault = "";
  #file: number | undefined;
  readonly #free: number[] = [];

  constructor(path: string) {
    let before: Buffer = Buffer.alloc(0);
    try {
      before = readFileSync(path);
    } catch {
      // The first run in this folder.
    }
    this.suspects = readKeys(before);
    for (let slot = limits.journalSlots - 1; slot >= 0; slot--) this.#free.push(slot);
    this.#try(() => {
      // Written over in place and whole: a disk that fills up later has room for every trace.
      this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
      ftruncateSync(this.#file, fileBytes);
      writeSync(this.#file, new Uint8Array(slotsEnd), 0, slotsEnd, 0);
    });
    this.setSuspects(this.suspects);
  }

  /** Leaves a trace; what comes back is to be given to `end`. */
  begin(key: TraceKey): number {
    const file = this.#file;
    const slot = this.#free.pop();
    if (slot === undefined || file === undefined) return slot ?? -1;
    this.#write(file, key.bytes, slot * entryBytes);
    return slot;
  }

  end(slot: number): void {
    if (slot < 0) return;
    this.#free.push(slot);
    if (this.#file !== undefined) this.#write(this.#file, noTrace, slot * entryBytes);
  }

  /**
   * Those to be suspected again at the next start, should this process die before they are clear.
   */
  setSuspects(keys: Iterable<string>): void {
    const file = this.#file;
    if (file === undefined) return;
    const bytes = new Uint8Array(limits.suspectsMax * entryBytes);
    let at = 0;
    for (const key of keys) {
      if (at === bytes.length) break;
      bytes.set(Uint8Array.fromHex(key), at);
      at += entryBytes;
    }
    this.#write(file, bytes, slotsEnd);
  }

  /** An orderly end: probes under way are no suspects. */
  close(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#write(file, new Uint8Array(slotsEnd), 0);
    this.#file = undefined;
    this.#try(() => closeSync(file));
  }

  #write(file: number, bytes: Uint8Array, position: number): void {
    try {
      writeSync(file, bytes, 0, bytes.length, position);
    } catch (error) {
      this.#fail(error);
    }
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.fault = error instanceof Error ? error.message : String(error);
    this.#file = undefined;
  }
}

function readKeys(bytes: Buffer): ReadonlySet<string> {
  const keys = new Set<string>();
  for (let at = 0; at + entryBytes <= Math.min(bytes.length, fileBytes); at += entryBytes) {
    const entry = bytes.subarray(at, at + entryBytes);
    if (!entry.every((byte) => byte === 0)) keys.add(entry.toString("hex"));
  }
  return keys;
}
