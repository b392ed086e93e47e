/**
 * A checked draft of zones -> the typed columns of a NameTable. Nodes stand in canonical order
 * (RFC 4034 section 6.1), RRsets by type, records as written, so that equal drafts give equal
 * bytes.
 */
import { assert } from "../errors.ts";
import { types } from "../wire/dns-constants.ts";
import { labelOffsets } from "../wire/dns-name.ts";
import { hashName, hashSlot } from "./name-lookup.ts";
import { type NameTable, nodeFlags, type Zone } from "./name-table.ts";
import {
  type Draft,
  type DraftNode,
  type DraftRrset,
  type DraftZone,
  nameKey,
} from "./zone-draft.ts";

interface PackNode {
  readonly draft: DraftNode;
  readonly name: Uint8Array;
  readonly rrsets: readonly DraftRrset[];
  readonly cut: number;
  readonly parentSide: number;
}

export function packTable(draft: Draft): NameTable {
  const ordered = [...draft.nodes.values()]
    .map((node) => ({ node, key: orderKey(node.name) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ node }) => node);
  const indexOf = new Map(ordered.map((node, index) => [node, index]));
  const serials = new Map(draft.zones.map((zone) => [zone, zoneSerial(zone, ordered)]));
  const packed: PackNode[] = [];
  const shadows: PackNode[] = [];
  for (const node of ordered) {
    const rrsets = [...node.rrsets.values()];
    if (isApex(node)) rrsets.push(soaRrset(node.zone, serials.get(node.zone) ?? 0));
    const parentSide = node.parentSide.size === 0 ? -1 : ordered.length + shadows.length;
    const cut = node.cut === undefined ? -1 : (indexOf.get(node.cut) ?? -1);
    packed.push({ draft: node, name: node.name, rrsets: byType(rrsets), cut, parentSide });
    if (parentSide >= 0) {
      const sets = byType([...node.parentSide.values()]);
      shadows.push({ draft: node, name: node.name, rrsets: sets, cut: parentSide, parentSide: -1 });
    }
  }
  const columns = packColumns(draft, [...packed, ...shadows], indexOf);
  const zones = draft.zones.map((zone) => packZone(draft, zone, { columns, indexOf, serials }));
  return { zones, ...packSlots(columns.nodes.hash, ordered.length), ...columns };
}

const byType = (rrsets: readonly DraftRrset[]): readonly DraftRrset[] =>
  rrsets.toSorted((a, b) => a.type - b.type);

function isApex(node: DraftNode): boolean {
  return node.name.length === node.zone.apex.length;
}

/** Sorting these texts sorts the names canonically: labels from the root, each ended by U+0000. */
function orderKey(name: Uint8Array): string {
  const labels = labelOffsets(name).map((at) => {
    const label = name.subarray(at + 1, at + 1 + name[at]!);
    return `${Array.from(label, (octet) => String.fromCharCode(octet + 1)).join("")}\0`;
  });
  return labels.reverse().join("");
}

function soaRrset(zone: DraftZone, serial: number): DraftRrset {
  const { soa, ttlSeconds } = zone.input;
  const numbers = [
    serial,
    soa.refreshSeconds,
    soa.retrySeconds,
    soa.expireSeconds,
    soa.minimumSeconds,
  ].flatMap((value) => [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
  const rdata = Uint8Array.from([...zone.mname, ...zone.rname, ...numbers]);
  return { type: types.soa, ttlSeconds, records: [rdata], seen: new Set(), written: zone.input };
}

/** FNV-1a. */
function hashBytes(start: number, bytes: Uint8Array): number {
  let hash = start;
  for (const octet of bytes) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash;
}

/**
 * The serial written, or one that follows from the zone's content: another serial for other
 * content, though not a greater one. Nobody transfers our zones yet, so order does not matter.
 */
function zoneSerial(zone: DraftZone, ordered: readonly DraftNode[]): number {
  if (zone.input.soa.serial !== undefined) return zone.input.soa.serial;
  let hash = hashBytes(0x811c9dc5 | 0, soaRrset(zone, 0).records[0] ?? zone.apex);
  for (const node of ordered) {
    if (node.zone !== zone) continue;
    hash = hashBytes(hash, node.name);
    hash = Math.imul(hash ^ (node.steered === undefined ? 0 : 1), 0x01000193);
    for (const rrset of byType([...node.rrsets.values()])) {
      hash = Math.imul(hash ^ rrset.type, 0x01000193) ^ rrset.ttlSeconds;
      for (const record of rrset.records) hash = hashBytes(hash, record);
    }
  }
  return hash >>> 1 || 1;
}

interface Columns {
  readonly nodes: NameTable["nodes"];
  readonly rrsets: NameTable["rrsets"];
  readonly bytes: Uint8Array;
}

function packColumns(
  draft: Draft,
  packed: readonly PackNode[],
  indexOf: ReadonlyMap<DraftNode, number>,
): Columns {
  const nodes = emptyNodes(packed.length);
  const bytes = packBytes(packed, nodes.nameOffset);
  const rrsetCount = packed.reduce((sum, node) => sum + node.rrsets.length, 0);
  const rrsets = {
    type: new Uint16Array(rrsetCount),
    ttlSeconds: new Uint32Array(rrsetCount),
    recordCount: new Uint16Array(rrsetCount),
    offset: bytes.rrsetOffsets,
  };
  const zoneIndex = new Map(draft.zones.map((zone, index) => [zone, index]));
  let rrset = 0;
  packed.forEach((node, index) => {
    const { draft: from } = node;
    nodes.nameLength[index] = node.name.length;
    nodes.hash[index] = hashName(node.name);
    nodes.zone[index] = zoneIndex.get(from.zone) ?? 0;
    nodes.flags[index] = flagsOf(from);
    nodes.cut[index] = node.cut;
    const wildcard = draft.nodes.get(nameKey(Uint8Array.from([1, 0x2a, ...node.name])));
    nodes.wildcard[index] = wildcard === undefined ? -1 : (indexOf.get(wildcard) ?? -1);
    nodes.service[index] = from.steered?.service ?? -1;
    nodes.parentSide[index] = node.parentSide;
    nodes.firstRrset[index] = rrset;
    nodes.rrsetCount[index] = node.rrsets.length;
    for (const set of node.rrsets) {
      rrsets.type[rrset] = set.type;
      rrsets.ttlSeconds[rrset] = set.ttlSeconds;
      rrsets.recordCount[rrset] = set.records.length;
      rrset++;
    }
  });
  return { nodes, rrsets, bytes: bytes.bytes };
}

function flagsOf(node: DraftNode): number {
  const wildcard = node.name[0] === 1 && node.name[1] === 0x2a;
  return (
    (isApex(node) ? nodeFlags.apex : 0) |
    (wildcard ? nodeFlags.wildcard : 0) |
    (node.steered?.cname ? nodeFlags.cname : 0)
  );
}

function emptyNodes(count: number): NameTable["nodes"] {
  return {
    nameOffset: new Uint32Array(count),
    nameLength: new Uint8Array(count),
    hash: new Int32Array(count),
    zone: new Uint16Array(count),
    flags: new Uint8Array(count),
    cut: new Int32Array(count),
    wildcard: new Int32Array(count),
    service: new Int32Array(count),
    parentSide: new Int32Array(count),
    firstRrset: new Uint32Array(count),
    rrsetCount: new Uint16Array(count),
  };
}

/** All names, then all records with their lengths before them. */
function packBytes(
  packed: readonly PackNode[],
  nameOffset: Uint32Array,
): { readonly bytes: Uint8Array; readonly rrsetOffsets: Uint32Array } {
  const rrsets = packed.flatMap((node) => node.rrsets);
  let length = packed.reduce((sum, node) => sum + node.name.length, 0);
  for (const rrset of rrsets) {
    for (const record of rrset.records) length += 2 + record.length;
  }
  const bytes = new Uint8Array(length);
  const rrsetOffsets = new Uint32Array(rrsets.length);
  let at = 0;
  packed.forEach((node, index) => {
    nameOffset[index] = at;
    bytes.set(node.name, at);
    at += node.name.length;
  });
  rrsets.forEach((rrset, index) => {
    rrsetOffsets[index] = at;
    for (const record of rrset.records) {
      bytes[at] = record.length >> 8;
      bytes[at + 1] = record.length & 0xff;
      bytes.set(record, at + 2);
      at += 2 + record.length;
    }
  });
  assert(at === length, "the arena of names and records is full");
  return { bytes, rrsetOffsets };
}

function packZone(
  draft: Draft,
  zone: DraftZone,
  packed: {
    readonly columns: Columns;
    readonly indexOf: ReadonlyMap<DraftNode, number>;
    readonly serials: ReadonlyMap<DraftZone, number>;
  },
): Zone {
  const { nodes, rrsets } = packed.columns;
  const apex = draft.nodes.get(nameKey(zone.apex));
  const apexNode = apex === undefined ? -1 : (packed.indexOf.get(apex) ?? -1);
  let soa = nodes.firstRrset[apexNode] ?? 0;
  while (rrsets.type[soa] !== types.soa) soa++;
  const text = zone.input.apex;
  return {
    apex: text === "." ? text : text.replace(/\.$/, ""),
    apexNode,
    soaRrset: soa,
    negativeTtlSeconds: Math.min(zone.input.ttlSeconds, zone.input.soa.minimumSeconds),
    serial: packed.serials.get(zone) ?? 0,
  };
}

/** Half full at most. Rows from `count` on are the parents' sides of cuts, found by index only. */
function packSlots(
  hashes: Int32Array,
  count: number,
): { readonly slots: Uint32Array; readonly probesMax: number } {
  let size = 8;
  while (size < count * 2) size *= 2;
  const slots = new Uint32Array(size);
  let probesMax = 1;
  for (let node = 0; node < count; node++) {
    let slot = hashSlot(hashes[node]!, size - 1);
    while (slots[slot] !== 0) slot = (slot + 1) & (size - 1);
    slots[slot] = node + 1;
  }
  for (let slot = 0; slot < size; slot++) {
    let run = 1;
    while (slots[(slot + run - 1) & (size - 1)] !== 0) run++;
    probesMax = Math.max(probesMax, run);
  }
  return { slots, probesMax };
}
