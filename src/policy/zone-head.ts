/**
 * What stands at the apex of a zone and follows from all the rest of it: its digest, from that its
 * serial and SOA, and from all of these its ZONEMD. Called by name-pack.ts.
 */
import { sha256 } from "../lib/sha256.ts";
import { types } from "../wire/dns-constants.ts";
import type { ResourceRecord } from "../wire/dns-message.ts";
import { formatName, isAtOrBelow, lowerName } from "../wire/dns-name.ts";
import { joinBytes, numberBytes } from "../wire/rdata-tokens.ts";
import { encodeSoa, zoneContents } from "../wire/zone.ts";
import { zonemdRdata } from "../wire/zonemd.ts";
import type { NameTableInput } from "./name-table.ts";
import {
  type Draft,
  type DraftNode,
  type DraftRrset,
  type DraftZone,
  nameKey,
  newRrset,
  report,
  zoneOf,
} from "./zone-draft.ts";

export interface ZoneHead {
  readonly digest: string;
  readonly serial: number;
  /** SOA, and ZONEMD where the zone has one. */
  readonly rrsets: readonly DraftRrset[];
}

/** `ordered`: all nodes in canonical order. */
export function headZones(
  draft: Draft,
  ordered: readonly DraftNode[],
  serialOf: NameTableInput["serialOf"],
): ReadonlyMap<DraftZone, ZoneHead> {
  const partsOf = new Map<DraftZone, Part[]>(draft.zones.map((zone) => [zone, []]));
  for (const node of ordered) {
    const steered = node.steered !== undefined;
    partsOf.get(node.zone)?.push({ name: node.name, steered, rrsets: byType(node.rrsets) });
    if (node.parentSide.size === 0) continue;
    const parent = zoneOf(draft, node.name, true);
    if (parent !== undefined) partsOf.get(parent)?.push(...parentParts(draft, node));
  }
  const heads = new Map<DraftZone, ZoneHead>();
  for (const [zone, parts] of partsOf) heads.set(zone, headZone(draft, { zone, parts, serialOf }));
  return heads;
}

/** What stands in a zone at one name. */
interface Part {
  readonly name: Uint8Array;
  readonly steered: boolean;
  readonly rrsets: readonly DraftRrset[];
}

/** A zone's side of the cut to another of ours: NS, DS and the addresses of its name servers. */
function parentParts(draft: Draft, child: DraftNode): readonly Part[] {
  const cut = { name: child.name, steered: false, rrsets: byType(child.parentSide) };
  const servers = child.parentSide.get(types.ns)?.records ?? [];
  const glue = servers.flatMap((server): Part[] => {
    const name = lowerName(server);
    const node = draft.nodes.get(nameKey(name));
    if (node === undefined || !isAtOrBelow(name, child.name)) return [];
    const rrsets = byType(node.rrsets).filter(
      ({ type }) => type === types.a || type === types.aaaa,
    );
    return [{ name, steered: false, rrsets }];
  });
  return [cut, ...glue];
}

function headZone(
  draft: Draft,
  given: {
    readonly zone: DraftZone;
    readonly parts: readonly Part[];
    readonly serialOf: NameTableInput["serialOf"];
  },
): ZoneHead {
  const { zone, parts, serialOf } = given;
  const digest = digestZone(zone, parts);
  const { serial: written, input } = zone;
  const apex = formatName(zone.apex).replace(/(.)\.$/, "$1");
  // Without memory the content is the serial: equal zones have equal ones.
  const serial =
    serialOf?.({ apex, digest, written, keep: input.soa.keepSerial === true }) ??
    written ??
    (Number.parseInt(digest.slice(0, 8), 16) >>> 1 || 1);
  const soa = newRrset(types.soa, zone.soaTtlSeconds, { written: input });
  soa.records.push(encodeSoa({ ...zone.soa, serial }));
  const zonemd = headZonemd(draft, { zone, parts, soa });
  return { digest, serial, rrsets: zonemd === undefined ? [soa] : [soa, zonemd] };
}

function byType(rrsets: DraftNode["rrsets"]): readonly DraftRrset[] {
  return [...rrsets.values()].sort((a, b) => a.type - b.type);
}

/** SHA-256 (hex) of everything in the zone but its serial and ZONEMD, steered names included. */
function digestZone(zone: DraftZone, parts: readonly Part[]): string {
  const octets: Uint8Array[] = [encodeSoa({ ...zone.soa, serial: 0 })];
  octets.push(numberBytes(zone.soaTtlSeconds, 4), numberBytes(zone.zonemdTtlSeconds ?? 0, 4));
  for (const { name, steered, rrsets } of parts) {
    octets.push(name, Uint8Array.of(steered ? 1 : 0));
    for (const { type, ttlSeconds, records } of rrsets) {
      octets.push(numberBytes(type, 2), numberBytes(ttlSeconds, 4));
      for (const record of records) octets.push(numberBytes(record.length, 2), record);
    }
  }
  return sha256(joinBytes(octets));
}

/** Only of a zone that is the same for everybody: steered names are not. */
function headZonemd(
  draft: Draft,
  given: {
    readonly zone: DraftZone;
    readonly parts: readonly Part[];
    readonly soa: DraftRrset;
  },
): DraftRrset | undefined {
  const { zone, parts, soa } = given;
  if (zone.zonemdTtlSeconds === undefined) return undefined;
  if (parts.some(({ steered }) => steered)) {
    report(draft, zone.input, {
      code: "config.conflict",
      severity: "warning",
      message: `${formatName(zone.apex)} has no ZONEMD record: it holds steered names`,
      hint: "leave `zonemd` out, or steer names in a zone of their own",
    });
    return undefined;
  }
  const contents = zoneContents(zone.apex, [
    ...recordsOf(zone.apex, soa),
    ...parts.flatMap(({ name, rrsets }) => rrsets.flatMap((rrset) => recordsOf(name, rrset))),
  ]);
  const rdata = zonemdRdata(contents);
  if (rdata === undefined) return undefined;
  const rrset = newRrset(types.zonemd, zone.zonemdTtlSeconds, { written: zone.input });
  rrset.records.push(rdata);
  return rrset;
}

function recordsOf(name: Uint8Array, rrset: DraftRrset): readonly ResourceRecord[] {
  const { type, ttlSeconds: ttl, records } = rrset;
  return records.map((rdata) => ({ name, type, class: 1, ttl, rdata }));
}
