/**
 * Pick: a key to an endpoint, by the table alone. Called by every front once a query: two reads a
 * level, no name, no allocation, no throw. What it picks over all keys are the shares of decide.ts,
 * to within a slot.
 */
import { limits } from "../limits.ts";
import type { ClassIndex, EndpointIndex, PoolIndex, ServiceIndex } from "../policy/policy.ts";
import { rowKey } from "./key.ts";
import { arenaChunkRecords } from "./slot-arena.ts";
import { directRows, directShapes, narrowMembersMax, type TableView } from "./table.ts";

// Read once: limits has more keys than V8 gives fast properties to.
const { slots } = limits;

/** Filled by `pick`; one object a worker, used again and again. */
export interface Picked {
  pool: PoolIndex | -1;
  endpoint: EndpointIndex | -1;
}

export function createPicked(): Picked {
  return { pool: -1, endpoint: -1 };
}

/** Writes the endpoint of `key` to `out`. False, and both -1: the decision is a refusal. */
// Plain arguments, not an options object: called once a query, and must not allocate.
export function pick(
  table: TableView,
  service: ServiceIndex,
  classIndex: ClassIndex,
  key: number,
  out: Picked,
): boolean {
  out.pool = -1;
  out.endpoint = -1;
  const shape = table.columns[service]!.shapes[classIndex]!;
  if (shape === 0) return false;
  let ordinal = shape - 1;
  if (shape > directShapes) {
    const record = shape - directShapes - 1;
    const chunk = table.shapeArena.chunks[(record / arenaChunkRecords) | 0]!;
    ordinal = chunk[(record % arenaChunkRecords) * slots + ((key >>> 0) % slots)]!;
  }
  const pool = table.firstPool[service]! + ordinal;
  const row = table.rows[pool]!;
  if (row === 0) return false;
  let position = row - 1;
  if (row > directRows) {
    const record = row - directRows - 1;
    const wide = table.endpointCount[pool]! > narrowMembersMax;
    const arena = wide ? table.wideRowArena : table.rowArena;
    const chunk = arena.chunks[(record / arenaChunkRecords) | 0]!;
    position = chunk[(record % arenaChunkRecords) * slots + (rowKey(key) % slots)]!;
  }
  out.pool = pool as PoolIndex;
  out.endpoint = (table.firstEndpoint[pool]! + position) as EndpointIndex;
  return true;
}

/** Every key gets the same endpoint, or the same refusal: the answer does not depend on the key. */
export function isSingle(table: TableView, service: ServiceIndex, classIndex: ClassIndex): boolean {
  const shape = table.columns[service]!.shapes[classIndex]!;
  if (shape === 0) return true;
  if (shape > directShapes) return false;
  return table.rows[table.firstPool[service]! + shape - 1]! <= directRows;
}

/**
 * The endpoint that follows in an answer of several: the next in the pool's order, around the end,
 * that has a share. Comes back to where it began, so a caller stops when it sees the first again.
 */
export function nextEndpoint(
  table: TableView,
  pool: PoolIndex,
  endpoint: EndpointIndex,
): EndpointIndex {
  const from = table.firstEndpoint[pool]!;
  const count = table.endpointCount[pool]!;
  let position = endpoint - from;
  for (let k = 0; k < count; k++) {
    position = position + 1 === count ? 0 : position + 1;
    if (table.serving[from + position] === 1) break;
  }
  return (from + position) as EndpointIndex;
}
