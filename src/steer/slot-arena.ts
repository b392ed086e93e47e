/**
 * Records of limits.slots cells in chunks of one size, with a count of who uses each: the memory of
 * a table's shapes and rows. Records are interned by a key, so equal ones stand once; one that
 * nobody uses is filled anew. Written by table.ts, read by pick.ts through `chunks`, by other
 * threads too (shared-table.ts): a record that may be read there is never filled anew. Who owns the
 * slots when all is well is remembered for members in trouble, whose records change often.
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type { SlotFill, Slots } from "./slot-bounds.ts";
import { fillSlots } from "./slots.ts";

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
  /** Of a record whose shares are the base: what `owners` knows it by; else "". */
  readonly whole: string[];
  readonly users: number[];
  readonly free: number[];
  readonly byKey: Map<string, number>;
  /** By ids and base, the longest unused first: what is written where the shares are the base. */
  readonly owners: Map<string, Slots>;
  /** Where records go that nobody uses; while there are readers in other threads, not to `free`. */
  unused: number[];
}

/** `wide`: members counted beyond 256. */
export function createArena(wide: boolean): SlotArena {
  const free: number[] = [];
  return {
    wide,
    chunks: [],
    keys: [],
    whole: [],
    users: [],
    free,
    byKey: new Map(),
    owners: new Map(),
    unused: free,
  };
}

/** The record of these slots, with one user more. */
export function useRecord(arena: SlotArena, fill: SlotFill): number {
  const members = `${fill.ids.join()}|${fill.base.join()}`;
  const key = `${members}|${fill.shares.join()}`;
  const found = arena.byKey.get(key);
  if (found !== undefined) {
    arena.users[found] = (arena.users[found] ?? 0) + 1;
    return found;
  }
  const record = arena.free.pop() ?? newRecord(arena);
  const isWhole = fill.shares.every((share, i) => share === fill.base[i]);
  const owners = isWhole ? arena.owners.get(members) : ownersOf(arena, fill, members);
  fillSlots(fill, recordSlots(arena, record), owners);
  arena.keys[record] = key;
  arena.whole[record] = isWhole ? members : "";
  arena.users[record] = 1;
  arena.byKey.set(key, record);
  return record;
}

function ownersOf(arena: SlotArena, fill: SlotFill, members: string): Slots {
  const known = arena.owners.get(members);
  if (known !== undefined) return remember(arena, members, known);
  const slots = arena.wide ? new Uint16Array(limits.slots) : new Uint8Array(limits.slots);
  fillSlots({ ...fill, shares: fill.base }, slots);
  return remember(arena, members, slots);
}

function remember({ owners }: SlotArena, members: string, slots: Slots): Slots {
  owners.delete(members);
  owners.set(members, slots);
  const [oldest] = owners.keys();
  if (owners.size > limits.slotOwnersMax && oldest !== undefined) owners.delete(oldest);
  return slots;
}

/** One user less. */
export function releaseRecord(arena: SlotArena, record: number): void {
  const users = (arena.users[record] ?? 0) - 1;
  assert(users >= 0, "a record is released as often as it is used");
  arena.users[record] = users;
  if (users > 0) return;
  const members = arena.whole[record] ?? "";
  if (members !== "") remember(arena, members, recordSlots(arena, record).slice());
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
