/**
 * Finds names in a NameTable without allocation. names.ts places nodes by the same hash; the DNS
 * front keeps one `NameQuery` a worker and refills it for every name it looks up. A look-up reads
 * at most (labels + 1) x table.probesMax slots.
 */
import { limits } from "../limits.ts";
import { parseName } from "../wire/dns-name.ts";
import type { NameTable } from "./name-table.ts";
import type { ServiceIndex } from "./policy.ts";

/** Labels of the longest name, the root included. */
const labelsMax = 128;

export interface NameQuery {
  /** The name in lower case; bytes behind `length` are of earlier names. */
  readonly bytes: Uint8Array;
  length: number;
  /** Without the root. */
  labelCount: number;
  /** Where label i starts; [labelCount] is the root's octet. */
  readonly labelAt: Uint8Array;
  /** Hash of the suffix that starts at label i. */
  readonly hashes: Int32Array;
  /** Where the last `findEncloser` stopped. */
  encloserAt: number;
}

export function createNameQuery(): NameQuery {
  return {
    bytes: new Uint8Array(limits.dnsNameBytesMax),
    length: 0,
    labelCount: 0,
    labelAt: new Uint8Array(labelsMax),
    hashes: new Int32Array(labelsMax),
    encloserAt: 0,
  };
}

/**
 * The hash of a name is folded from its labels, the last first, and each label's is FNV-1a over its
 * octets: so one pass over a name and one over its labels give the hash of every suffix. Signed,
 * because a number of 32 bits without sign may not fit a small integer of V8's.
 */
const hashStart = 0x811c9dc5 | 0;
const hashPrime = 0x01000193;

/** The hash of a lower-cased wire name. */
export function hashName(name: Uint8Array): number {
  loadName(hashing, name, 0);
  return hashing.hashes[0]!;
}
const hashing = createNameQuery();

/** Where a hash starts looking, in a table of `mask` + 1 slots: FNV's low bits alone cluster. */
export function hashSlot(hash: number, mask: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  mixed ^= mixed >>> 15;
  return mixed & mask;
}

/** Lower case by table: in names of mixed case a branch would be guessed wrong every other time. */
const lowered = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet,
);

/**
 * Takes the uncompressed name at `offset`, in lower case, with its hashes. The caller has checked
 * that it is well-formed; returns the octets it takes.
 */
export function loadName(query: NameQuery, source: Uint8Array, offset: number): number {
  const { bytes, labelAt, hashes } = query;
  let at = 0;
  let labels = 0;
  for (let length = source[offset]!; length > 0; length = source[offset + at]!) {
    labelAt[labels] = at;
    bytes[at++] = length;
    let hash = hashStart ^ length;
    for (const end = at + length; at < end; at++) {
      const octet = lowered[source[offset + at]!]!;
      bytes[at] = octet;
      hash = Math.imul(hash ^ octet, hashPrime);
    }
    hashes[labels++] = hash;
  }
  labelAt[labels] = at;
  bytes[at] = 0;
  query.labelCount = labels;
  query.length = at + 1;
  hashes[labels] = hashStart;
  for (let label = labels - 1; label >= 0; label--) {
    hashes[label] =
      Math.imul(hashes[label + 1]! ^ (hashes[label + 1]! >>> 15), hashPrime) ^ hashes[label]!;
  }
  return at + 1;
}

/** The node whose name is the suffix that starts at `label`, or -1. */
export function findNode(table: NameTable, query: NameQuery, label: number): number {
  const { slots, nodes, bytes } = table;
  const hash = query.hashes[label]!;
  const start = query.labelAt[label]!;
  const length = query.length - start;
  const mask = slots.length - 1;
  for (let slot = hashSlot(hash, mask); ; slot = (slot + 1) & mask) {
    const node = slots[slot]! - 1;
    if (node < 0) return -1;
    if (nodes.hash[node] !== hash || nodes.nameLength[node] !== length) continue;
    const offset = nodes.nameOffset[node]!;
    let i = 0;
    while (i < length && bytes[offset + i] === query.bytes[start + i]) i++;
    if (i === length) return node;
  }
}

/**
 * The node of the longest existing suffix that starts at label `from` or later: the closest
 * encloser of RFC 4592 section 3.3.1, or the name itself. -1 when no zone here holds the name.
 * Which label it starts at stands in `query.encloserAt`.
 */
export function findEncloser(table: NameTable, query: NameQuery, from: number): number {
  for (let label = from; label <= query.labelCount; label++) {
    const node = findNode(table, query, label);
    query.encloserAt = label;
    if (node >= 0) return node;
  }
  return -1;
}

/**
 * The node that answers for the name: itself, or the wildcard below its closest encloser. -1 when
 * the name does not exist here or is delegated away.
 */
export function findAnswering(table: NameTable, query: NameQuery): number {
  const node = findEncloser(table, query, 0);
  if (node < 0 || table.nodes.cut[node]! >= 0) return -1;
  return query.encloserAt === 0 ? node : table.nodes.wildcard[node]!;
}

/** Does one of these zones hold the name, whether or not it exists there? */
export function holdsName(table: NameTable, host: string): boolean {
  const name = parseName(host);
  if (!name.ok) return false;
  const query = createNameQuery();
  loadName(query, name.value, 0);
  return findEncloser(table, query, 0) >= 0;
}

/** The service that a host name is steered by, for commands and for tests; undefined if none. */
export function findService(table: NameTable, host: string): ServiceIndex | undefined {
  const name = parseName(host);
  if (!name.ok) return undefined;
  const query = createNameQuery();
  loadName(query, name.value, 0);
  const node = findAnswering(table, query);
  const service = node < 0 ? -1 : table.nodes.service[node]!;
  return service < 0 ? undefined : (service as ServiceIndex);
}
