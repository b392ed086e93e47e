/**
 * Steered names by their exact spelling, as fast-answer.ts finds them: one row of 128 octets a name
 * with the name itself and all that an answer reads of its service, so that a look-up touches two
 * or three cache lines. Made once a policy from the name table; lies in shared memory. Names it
 * does not hold (longer ones, wildcards, delegated ones, answers of several) are resolve.ts's.
 */
import { createNameQuery, loadName, type NameQuery } from "../../policy/name-lookup.ts";
import { type NameTable, nodeFlags } from "../../policy/name-table.ts";
import type { Service } from "../../policy/policy.ts";

/** Words of a row, and of the longest name in it, padded with zeros. */
export const rowWords = 32;
export const nameWordsMax = 16;

/** Words of a row; the name's follow from `name` on. */
export const rowFields = {
  nameOctets: 0,
  service: 1,
  ruleSet: 2,
  /** 1: its key is the client. */
  byClient: 3,
  seed: 4,
  affinityMask4: 5,
  affinityMask6: 6,
  /** Of the name table. */
  node: 7,
  name: 16,
} as const;

export interface SteeredIndex {
  /** Open addressing, two words a slot: hash, row + 1 (0: empty). At most half are taken. */
  readonly slots: Int32Array;
  readonly rows: Int32Array;
}

/** Folds one word of a lower-cased name into the hash. */
export function mixName(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

const shared = (words: number): Int32Array => new Int32Array(new SharedArrayBuffer(words * 4));

/** What is read of a policy. */
interface Indexed {
  readonly names: NameTable;
  readonly services: readonly Pick<
    Service,
    "ruleSet" | "withoutEcs" | "answers" | "key" | "seed" | "affinityMask4" | "affinityMask6"
  >[];
}

export function createSteeredIndex({ names, services }: Indexed): SteeredIndex {
  const { nodes } = names;
  const query = createNameQuery();
  const found: number[] = [];
  nodes.service.forEach((service, node) => {
    const of = service < 0 ? undefined : services[service];
    if (of === undefined || of.answers !== 1 || of.withoutEcs !== "resolver") return;
    const isOdd = nodes.cut[node]! >= 0 || (nodes.flags[node]! & nodeFlags.cname) !== 0;
    if (!isOdd && nodes.nameLength[node]! <= nameWordsMax * 4) found.push(node);
  });
  let size = 16;
  while (size < 2 * found.length) size *= 2;
  const slots = shared(size * 2);
  const rows = shared(found.length * rowWords);
  found.forEach((node, row) => {
    const at = row * rowWords;
    const service = nodes.service[node]!;
    const of = services[service]!;
    loadName(query, names.bytes, nodes.nameOffset[node]!);
    rows[at + rowFields.nameOctets] = query.length;
    rows[at + rowFields.service] = service;
    rows[at + rowFields.node] = node;
    rows[at + rowFields.ruleSet] = of.ruleSet;
    rows[at + rowFields.byClient] = of.key === "client" ? 1 : 0;
    rows[at + rowFields.seed] = of.seed;
    rows[at + rowFields.affinityMask4] = of.affinityMask4;
    rows[at + rowFields.affinityMask6] = of.affinityMask6;
    const hash = placeName(rows, at + rowFields.name, query);
    let slot = hash & (size - 1);
    while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & (size - 1);
    slots[slot * 2] = hash;
    slots[slot * 2 + 1] = row + 1;
  });
  return { slots, rows };
}

/** Writes a name as little-endian words; returns its hash. */
function placeName(rows: Int32Array, at: number, { bytes, length }: NameQuery): number {
  let hash = 0;
  for (let word = 0; word * 4 < length; word++) {
    let value = 0;
    for (let i = 0; i < 4 && word * 4 + i < length; i++) value |= bytes[word * 4 + i]! << (i * 8);
    rows[at + word] = value;
    hash = mixName(hash, value);
  }
  return hash;
}
