/**
 * A zone of a NameTable as the value that transfers, signing and `rhumb zone print` work on. All
 * that the zone holds is in it, what is below its delegations and DNAMEs too; of a zone of ours
 * inside it, its NS, DS and the addresses of its name servers. Steered names are only named: which
 * answer stands for them in a transfer is for the caller to say.
 */
import { classes, types } from "../wire/dns-constants.ts";
import type { ResourceRecord } from "../wire/dns-message.ts";
import { isAtOrBelow, lowerName } from "../wire/dns-name.ts";
import { type ZoneContents, zoneContents } from "../wire/zone.ts";
import { createNameQuery, findNode, loadName } from "./name-lookup.ts";
import type { NameTable } from "./name-table.ts";
import type { ServiceIndex } from "./policy.ts";

export interface ServedZone {
  readonly contents: ZoneContents;
  /** Owners in lower case; A and AAAA there, or the CNAME, are not in `contents`. */
  readonly steered: readonly { readonly name: Uint8Array; readonly service: ServiceIndex }[];
}

/** The index of the zone with this apex, in lower case and wire form; -1 when there is none. */
export function findZone(table: NameTable, apex: Uint8Array): number {
  const query = createNameQuery();
  loadName(query, apex, 0);
  const node = findNode(table, query, 0);
  return table.zones.findIndex(({ apexNode }) => apexNode === node);
}

export function servedZone(table: NameTable, zoneIndex: number): ServedZone {
  const { nodes, zones } = table;
  const apex = nodeName(table, zones[zoneIndex]!.apexNode);
  const records: ResourceRecord[] = [];
  const steered: { name: Uint8Array; service: ServiceIndex }[] = [];
  // Rows behind the last name are the parents' sides of cuts.
  const sides = new Set(nodes.parentSide);
  for (let node = 0; node < nodes.zone.length; node++) {
    if (sides.has(node)) continue;
    const name = nodeName(table, node);
    if (nodes.zone[node] === zoneIndex) {
      records.push(...nodeRecords(table, node));
      const service = nodes.service[node]!;
      if (service >= 0) steered.push({ name, service: service as ServiceIndex });
    }
    const side = nodes.parentSide[node]!;
    if (side >= 0 && parentZone(table, name) === zoneIndex) {
      records.push(...sideRecords(table, side, name));
    }
  }
  return { contents: zoneContents(apex, records), steered };
}

function nodeName({ nodes, bytes }: NameTable, node: number): Uint8Array {
  const at = nodes.nameOffset[node]!;
  return bytes.slice(at, at + nodes.nameLength[node]!);
}

function nodeRecords(table: NameTable, node: number): ResourceRecord[] {
  const { nodes, rrsets, bytes } = table;
  const name = nodeName(table, node);
  const records: ResourceRecord[] = [];
  const first = nodes.firstRrset[node]!;
  for (let rrset = first; rrset < first + nodes.rrsetCount[node]!; rrset++) {
    let at = rrsets.offset[rrset]!;
    for (let i = rrsets.recordCount[rrset]!; i > 0; i--) {
      const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
      const [type, ttl] = [rrsets.type[rrset]!, rrsets.ttlSeconds[rrset]!];
      records.push({ name, type, class: classes.in, ttl, rdata: bytes.slice(at + 2, end) });
      at = end;
    }
  }
  return records;
}

/** The zone with the longest apex strictly above the name, or -1. */
function parentZone(table: NameTable, name: Uint8Array): number {
  const query = createNameQuery();
  loadName(query, name, 0);
  for (let label = 1; label <= query.labelCount; label++) {
    const node = findNode(table, query, label);
    if (node >= 0) return table.nodes.zone[node]!;
  }
  return -1;
}

function sideRecords(table: NameTable, side: number, child: Uint8Array): ResourceRecord[] {
  const records = nodeRecords(table, side);
  const glue = records.flatMap(({ type, rdata }): ResourceRecord[] => {
    if (type !== types.ns || !isAtOrBelow(lowerName(rdata), child)) return [];
    const query = createNameQuery();
    loadName(query, rdata, 0);
    const node = findNode(table, query, 0);
    const found = node < 0 ? [] : nodeRecords(table, node);
    return found.filter((record) => record.type === types.a || record.type === types.aaaa);
  });
  return [...records, ...glue];
}
