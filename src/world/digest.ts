/**
 * The digest of a World: equal policy, geography, engine and world digests mean an equal table on
 * every node. It covers what decisions and answers read and nothing else, so that two nodes whose
 * probes ran at other moments but saw the same agree.
 */
import { sha256 } from "../lib/sha256.ts";
import {
  type Column,
  type ColumnSpec,
  capacityColumns,
  endpointColumns,
  latencyColumns,
  poolColumns,
  serviceColumns,
} from "./columns.ts";
import type { World } from "./world.ts";

/** SHA-256 (hex) over the policy's digest, the columns that decide and the resolved addresses. */
export function worldDigest(world: World): string {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [encoder.encode(`${world.policyDigest}\n`)];
  const addColumns = (specs: Readonly<Record<string, ColumnSpec>>, columns: object): void => {
    for (const [name, spec] of Object.entries(specs)) {
      if (!spec.decides) continue;
      const column = (columns as Readonly<Record<string, Column>>)[name]!;
      parts.push(encoder.encode(`${name} ${column.length}\n`));
      parts.push(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
    }
  };
  addColumns(endpointColumns, world.endpoints);
  addColumns(poolColumns, world.pools);
  addColumns(serviceColumns, world.services);
  addColumns(latencyColumns, world.latency);
  addColumns(capacityColumns, world.capacity);
  for (const [row, { ipv4, ipv6 }] of [...world.resolved].sort((a, b) => a[0] - b[0])) {
    parts.push(encoder.encode(`resolved ${row} ${ipv4.length} ${ipv6.length}\n`), ...ipv4, ...ipv6);
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return sha256(bytes);
}
