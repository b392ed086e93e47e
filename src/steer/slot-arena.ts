/**
 * Records of limits.slots cells in chunks of one size, with a count of who uses each: the memory of
 * a table's shapes and rows. Records are interned by a key, so equal ones stand once; one that
 * nobody uses is filled anew. Written by table.ts, read by pick.ts through `chunks`, by other
 * threads too (shared-table.ts): a record that may be read there is never filled anew.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import { fillSlots, type SlotFill, type Slots } from "./slots.ts";

export const arenaChunkRecords = 64;

/** What readers know of an arena. */
export interface ArenaView {
  /** Record r starts at (r % arenaChunkRecords) * limits.slots of chunk r / arenaChunkRecords. */
  readonly chunks: readonly Slots[];
}

export interface SlotArena extends ArenaView {
  readonly wide: boolean;
  readonly chunks: Slots[];
  readonly keys: string[];
  readonly users: number[];
  readonly free: number[];
  readonly byKey: Map<string, number>;
  /** Where records go that nobody uses; while there are readers in other threads, not to `free`. */
  unused: number[];
}

/** `wide`: members counted beyond 256. */
export function createArena(wide: boolean): SlotArena {
  const free: number[] = [];
  return { wide, chunks: [], keys: [], users: [], free, byKey: new Map(), unused: free };
}

/** The record of these slots, with one user more. */
export function useRecord(arena: SlotArena, fill: SlotFill): number {
  const key = `${fill.ids.join()}|${fill.base.join()}|${fill.shares.join()}`;
  const found = arena.byKey.get(key);
  if (found !== undefined) {
    arena.users[found] = (arena.users[found] ?? 0) + 1;
    return found;
  }
  const record = arena.free.pop() ?? newRecord(arena);
  fillSlots(fill, recordSlots(arena, record));
  arena.keys[record] = key;
  arena.users[record] = 1;
  arena.byKey.set(key, record);
  return record;
}

/** One user less. */
export function releaseRecord(arena: SlotArena, record: number): void {
  const users = (arena.users[record] ?? 0) - 1;
  assert(users >= 0, "a record is released as often as it is used");
  arena.users[record] = users;
  if (users > 0) return;
  arena.byKey.delete(arena.keys[record] ?? "");
  arena.keys[record] = "";
  arena.unused.push(record);
}

export function recordSlots(arena: SlotArena, record: number): Slots {
  const chunk = arena.chunks[Math.floor(record / arenaChunkRecords)];
  assert(chunk !== undefined, "record of this arena");
  const start = (record % arenaChunkRecords) * limits.slots;
  return chunk.subarray(start, start + limits.slots);
}

/** Bytes the arena holds. */
export function arenaBytes(arena: SlotArena): number {
  return arena.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

function newRecord(arena: SlotArena): number {
  const record = arena.users.length;
  if (record % arenaChunkRecords === 0) {
    const cells = arenaChunkRecords * limits.slots;
    const memory = new SharedArrayBuffer(cells * (arena.wide ? 2 : 1));
    arena.chunks.push(arena.wide ? new Uint16Array(memory) : new Uint8Array(memory));
  }
  return record;
}
