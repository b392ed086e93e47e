/**
 * A checked draft of zones -> the typed columns of a NameTable. Nodes stand in canonical order
 * (RFC 4034 section 6.1), RRsets by type, records as written, so that equal drafts give equal
 * bytes.
 */
import { assert } from "../errors.ts";
import { types } from "../wire/dns-constants.ts";
import { nameOrderKey } from "../wire/dns-name.ts";
import { hashName, hashSlot } from "./name-lookup.ts";
import { type NameTable, type NameTableInput, nodeFlags, type Zone } from "./name-table.ts";
import {
  type Draft,
  type DraftNode,
  type DraftRrset,
  type DraftZone,
  nameKey,
} from "./zone-draft.ts";
import { headZones, type ZoneHead } from "./zone-head.ts";

interface PackNode {
  readonly draft: DraftNode;
  readonly name: Uint8Array;
  readonly rrsets: readonly DraftRrset[];
  readonly cut: number;
  readonly parentSide: number;
}

export function packTable(draft: Draft, serialOf: NameTableInput["serialOf"]): NameTable {
  const ordered = [...draft.nodes.values()]
    .map((node) => ({ node, key: nameOrderKey(node.name) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ node }) => node);
  const indexOf = new Map(ordered.map((node, index) => [node, index]));
  const heads = headZones(draft, ordered, serialOf);
  const packed: PackNode[] = [];
  const shadows: PackNode[] = [];
  for (const node of ordered) {
    const rrsets = [...node.rrsets.values()];
    if (isApex(node)) rrsets.push(...(heads.get(node.zone)?.rrsets ?? []));
    const parentSide = node.parentSide.size === 0 ? -1 : ordered.length + shadows.length;
    const cut = node.cut === undefined ? -1 : (indexOf.get(node.cut) ?? -1);
    packed.push({ draft: node, name: node.name, rrsets: byType(rrsets), cut, parentSide });
    if (parentSide >= 0) {
      const sets = byType([...node.parentSide.values()]);
      shadows.push({ draft: node, name: node.name, rrsets: sets, cut: parentSide, parentSide: -1 });
    }
  }
  const columns = packColumns(draft, [...packed, ...shadows], indexOf);
  const zones = draft.zones.map((zone) => packZone(draft, zone, { columns, indexOf, heads }));
  return { zones, ...packSlots(columns.nodes.hash, ordered.length), ...columns };
}

const byType = (rrsets: readonly DraftRrset[]): readonly DraftRrset[] =>
  rrsets.toSorted((a, b) => a.type - b.type);

function isApex(node: DraftNode): boolean {
  return node.name.length === node.zone.apex.length;
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
    const reached = wildcard !== undefined && !from.rrsets.has(types.dname);
    nodes.wildcard[index] = reached ? (indexOf.get(wildcard) ?? -1) : -1;
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
    (node.steered?.cname ? nodeFlags.cname : 0) |
    (node.rrsets.has(types.dname) ? nodeFlags.dname : 0)
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
    readonly heads: ReadonlyMap<DraftZone, ZoneHead>;
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
    negativeTtlSeconds: Math.min(zone.soaTtlSeconds, zone.soa.minimumSeconds),
    serial: packed.heads.get(zone)?.serial ?? 0,
    digest: packed.heads.get(zone)?.digest ?? "",
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
