/**
 * Records that come as data (of a zone's file, a transfer or UPDATE) -> the draft. Called by
 * names.ts once the zones are known, before the records of the configuration. Data may hold what
 * other name servers accept too: records outside the zone are left out with a warning, records
 * below a delegation or a DNAME are kept and never answered.
 */
import { limits } from "../limits.ts";
import { formatType, types } from "../wire/dns-constants.ts";
import { equalNames, formatName, isAtOrBelow, lowerName } from "../wire/dns-name.ts";
import { canonicalRdata } from "../wire/dns-rdata.ts";
import { decodeSoa, type Soa } from "../wire/zone.ts";
import type { ZoneFileRecord } from "../wire/zone-file.ts";
import type { Written, ZoneInput } from "./name-table.ts";
import {
  alsoAt,
  type Draft,
  type DraftZone,
  ensureNode,
  homeOf,
  newRrset,
  report,
} from "./zone-draft.ts";
import { signingTypes } from "./zone-records.ts";

const writtenAt = (input: ZoneInput, record: ZoneFileRecord): Written => ({
  path: `${input.path}.file`,
  place: record.at ?? input.place,
});

/** The zone's own SOA; undefined after having reported that there is none, or are several. */
export function dataSoa(
  draft: Draft,
  input: ZoneInput,
  apex: Uint8Array,
): { readonly soa: Soa; readonly ttlSeconds: number } | undefined {
  const found = (input.data?.records ?? []).filter(
    ({ name, type }) => type === types.soa && equalNames(name, apex),
  );
  const [first, ...others] = found;
  const soa = first === undefined ? undefined : decodeSoa(first.rdata);
  if (first === undefined || soa === undefined) {
    const message = `the file of ${formatName(apex)} has no SOA record at its apex`;
    const hint = "is it the file of this zone?";
    report(
      draft,
      { ...input, path: `${input.path}.file` },
      { code: "zone.invalid", message, hint },
    );
    return undefined;
  }
  const other = others.find(({ rdata }) => !equalRdata(types.soa, rdata, first.rdata));
  if (other !== undefined) {
    const message = `a second SOA, beside that ${alsoAt(writtenAt(input, first))}`;
    const hint = "a zone has one";
    report(draft, writtenAt(input, other), { code: "zone.invalid", message, hint });
  }
  return { soa, ttlSeconds: first.ttl };
}

function equalRdata(type: number, a: Uint8Array, b: Uint8Array): boolean {
  return canonicalRdata(type, a).toHex() === canonicalRdata(type, b).toHex();
}

export function draftData(draft: Draft, zone: DraftZone): void {
  const { input } = zone;
  if (input.data === undefined) return;
  if (input.data.records.length > limits.dnsRecordsMax) {
    const message = `over ${limits.dnsRecordsMax} records`;
    report(draft, input, { code: "config.limit", message, hint: "split the zone" });
    return;
  }
  // Of a kind that is refused, the first place is enough.
  const refused = new Set<number>();
  for (const record of input.data.records) draftDataRecord(draft, zone, { record, refused });
}

function draftDataRecord(
  draft: Draft,
  zone: DraftZone,
  given: { readonly record: ZoneFileRecord; readonly refused: Set<number> },
): void {
  const { record, refused } = given;
  const { type } = record;
  const written = writtenAt(zone.input, record);
  const name = lowerName(record.name);
  if (!isAtOrBelow(name, zone.apex)) {
    const message = `${formatName(record.name)} is outside of the zone, and left out`;
    const hint = "is a final dot missing, or one too many?";
    report(draft, written, { code: "zone.invalid", severity: "warning", message, hint });
    return;
  }
  const isApex = equalNames(name, zone.apex);
  if (type === types.soa) {
    if (isApex) return;
    const message = `a SOA record at ${formatName(record.name)}, below the zone's apex`;
    report(draft, written, { code: "zone.invalid", message, hint: "a zone has one, at its apex" });
    return;
  }
  if (type === types.zonemd && isApex) {
    zone.zonemdTtlSeconds = record.ttl;
    return;
  }
  if (signingTypes.has(type)) {
    if (refused.has(type)) return;
    refused.add(type);
    const message = `records of type ${formatType(type)} are not supported yet`;
    report(draft, written, {
      code: "config.unsupported",
      message,
      hint: "zones are not signed yet",
    });
    return;
  }
  addData(draft, zone, { name, record, written });
}

/** Where a zone of ours lies inside this one, NS and DS at its apex are the parent's side. */
function addData(
  draft: Draft,
  zone: DraftZone,
  given: { readonly name: Uint8Array; readonly record: ZoneFileRecord; readonly written: Written },
): void {
  const { name, record, written } = given;
  const { type } = record;
  const home = homeOf(draft, name) ?? zone;
  const atCut = equalNames(name, home.apex) && (type === types.ns || type === types.ds);
  // Addresses there are glue, which the inner zone has itself.
  if (home !== zone && !atCut) return;
  const node = ensureNode(draft, name, home);
  const rrsets = home === zone ? node.rrsets : node.parentSide;
  const known = rrsets.get(type);
  if (known !== undefined && !known.isData) {
    const message = `${formatType(type)} records of ${formatName(name)}, which stand ${alsoAt(known.written)} as well`;
    const hint = "write all records of one name and type in one place";
    report(draft, written, { code: "config.conflict", message, hint });
    return;
  }
  const rrset = known ?? newRrset(type, record.ttl, { written, isData: true });
  rrsets.set(type, rrset);
  if (rrset.ttlSeconds !== record.ttl) {
    const message = `TTL ${record.ttl} where the set of ${formatType(type)} records has ${rrset.ttlSeconds}, which is taken`;
    const hint = `the first is ${alsoAt(rrset.written)} (RFC 2181 section 5.2)`;
    report(draft, written, { code: "zone.invalid", severity: "warning", message, hint });
  }
  const key = canonicalRdata(type, record.rdata).toHex();
  if (rrset.seen.has(key)) return;
  rrset.seen.add(key);
  rrset.records.push(record.rdata);
}
