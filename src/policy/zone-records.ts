/**
 * Static records -> the draft: owner, type, TTL and data read and checked one by one. Called by
 * names.ts after the zones are known.
 */
import { limits } from "../limits.ts";
import { isMetaType, parseType, types } from "../wire/dns-constants.ts";
import { equalNames, formatName, isAtOrBelow, lowerName } from "../wire/dns-name.ts";
import { compressibleNamesAt, parseRdata, parseTextWhole } from "../wire/dns-rdata.ts";
import type { Parsed } from "../wire/parsed.ts";
import type { RecordInput, Written } from "./name-table.ts";
import {
  absoluteName,
  alsoAt,
  checkTtl,
  type Draft,
  type DraftRrset,
  type DraftZone,
  ensureNode,
  newRrset,
  report,
  reportOutside,
  zoneOf,
} from "./zone-draft.ts";

export function draftRecords(draft: Draft, records: readonly RecordInput[]): void {
  let count = 0;
  for (const record of records) {
    count += record.data.length;
    if (count > limits.dnsRecordsMax) {
      const message = `over ${limits.dnsRecordsMax} records`;
      const hint = "split the zones over several servers";
      report(draft, record, { code: "config.limit", message, hint });
      return;
    }
    draftRecord(draft, record);
  }
}

function draftRecord(draft: Draft, input: RecordInput): void {
  const origin = absoluteName(draft, input.origin, { written: input, what: "the origin" });
  if (origin === undefined) return;
  const owner = absoluteName(draft, input.owner, { written: input, what: "the owner", origin });
  const type = recordType(draft, input);
  const ttlOk = checkTtl(draft, input, { what: "the TTL", seconds: input.ttlSeconds });
  if (owner === undefined || type === undefined || !ttlOk) return;
  const name = lowerName(owner);
  const zone = zoneOf(draft, name);
  if (zone === undefined) {
    reportOutside(draft, input, owner);
    return;
  }
  warnDoubled(draft, input, { text: input.owner, name, origin });
  const records = recordData(draft, input, { type, origin });
  const rrsets = recordHome(draft, input, { name, type, zone, origin });
  if (rrsets !== undefined && records.length > 0)
    addRecords(draft, input, { rrsets, type, records });
}

/** Made by a signer, not written. */
export const signingTypes: ReadonlySet<number> = new Set([
  types.rrsig,
  types.nsec,
  types.dnskey,
  types.nsec3,
  types.nsec3param,
]);

function recordType(draft: Draft, input: RecordInput): number | undefined {
  const type = parseType(input.type);
  if (type === undefined) {
    const message = `${JSON.stringify(input.type)} is no record type`;
    const hint = /^(ALIAS|ANAME)$/i.test(input.type)
      ? "steer the name: a service with it in `names`, and the host name as its endpoint"
      : "write a type such as MX, or TYPEn";
    report(draft, input, { code: "config.invalid", message, hint });
    return undefined;
  }
  if (type === types.soa || isMetaType(type)) {
    const hint = type === types.soa ? "write it as the zone's `soa`" : "no zone holds such records";
    const message = `a record of type ${input.type}`;
    report(draft, input, { code: "config.conflict", message, hint });
    return undefined;
  }
  if (type === types.zonemd) {
    const hint = "write `zonemd: true` in the zone, and it is computed";
    report(draft, input, { code: "config.conflict", message: "a record of type ZONEMD", hint });
    return undefined;
  }
  if (signingTypes.has(type)) {
    const hint = "zones are not signed yet";
    const message = `records of type ${input.type} are not supported yet`;
    report(draft, input, { code: "config.unsupported", message, hint });
    return undefined;
  }
  return type;
}

function recordData(
  draft: Draft,
  input: RecordInput,
  { type, origin }: { readonly type: number; readonly origin: Uint8Array },
): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (const text of input.data) {
    const rdata = readData(type, text, origin);
    if (!rdata.ok) {
      const message = `the data ${JSON.stringify(text.slice(0, 80))} of type ${input.type}: ${rdata.message}`;
      report(draft, input, { code: "config.invalid", message, hint: "write it as in a zone file" });
      continue;
    }
    const namesAt = compressibleNamesAt(type);
    if (namesAt >= 0) {
      warnDoubled(draft, input, { text, name: lowerName(rdata.value.subarray(namesAt)), origin });
    }
    records.push(rdata.value);
  }
  return records;
}

/** A text without quotes is one TXT value however many blanks it holds: this is not a zone file. */
function readData(type: number, text: string, origin: Uint8Array): Parsed<Uint8Array> {
  if (type === types.txt && !text.includes('"') && !text.startsWith("\\#")) {
    return parseTextWhole(text);
  }
  return parseRdata(type, text, origin);
}

/** `www.example.com` without its final dot in the zone example.com: seldom what was meant. */
function warnDoubled(
  draft: Draft,
  written: Written,
  {
    text,
    name,
    origin,
  }: { readonly text: string; readonly name: Uint8Array; readonly origin: Uint8Array },
): void {
  if (origin.length === 1 || text.endsWith(".") || !isAtOrBelow(name, origin)) return;
  const relative = Uint8Array.from([...name.subarray(0, name.length - origin.length), 0]);
  if (!isAtOrBelow(relative, origin)) return;
  report(draft, written, {
    code: "config.invalid",
    severity: "warning",
    message: `${JSON.stringify(text)} is read as ${formatName(name)}`,
    hint: `end it with a dot if ${formatName(relative)} is meant`,
  });
}

/** Where the record goes: its node, or the parent's side of a cut between two zones of ours. */
function recordHome(
  draft: Draft,
  input: RecordInput,
  at: {
    readonly name: Uint8Array;
    readonly type: number;
    readonly zone: DraftZone;
    readonly origin: Uint8Array;
  },
): Map<number, DraftRrset> | undefined {
  const { name, type, zone } = at;
  const isApex = equalNames(name, zone.apex);
  if (isApex && (type === types.ns || type === types.ds)) {
    const parent = zoneOf(draft, name, true);
    const fromParent = parent !== undefined && !isAtOrBelow(at.origin, zone.apex);
    if (fromParent) return ensureNode(draft, name, zone).parentSide;
    const hint =
      type === types.ns
        ? "write them as the zone's `ns`"
        : "DS records belong into the parent zone";
    const message = `${input.type} records at the apex ${formatName(name)}`;
    report(draft, input, { code: "config.conflict", message, hint });
    return undefined;
  }
  return ensureNode(draft, name, zone).rrsets;
}

/** A TTL that is not known (NaN) differs from none. */
const differ = (a: number, b: number): boolean => a < b || a > b;

function addRecords(
  draft: Draft,
  input: RecordInput,
  added: {
    readonly rrsets: Map<number, DraftRrset>;
    readonly type: number;
    readonly records: readonly Uint8Array[];
  },
): void {
  const { rrsets, type, records } = added;
  const known = rrsets.get(type);
  if (known?.isData) {
    const message = `${input.type} records, which stand in the zone's file ${alsoAt(known.written)} as well`;
    const hint = "write all records of one name and type in one place";
    report(draft, input, { code: "config.conflict", message, hint });
    return;
  }
  // One RRset has one TTL (RFC 2181 section 5.2).
  if (known !== undefined && differ(known.ttlSeconds, input.ttlSeconds)) {
    const message = `TTL ${input.ttlSeconds} here, ${known.ttlSeconds} at ${known.written.path}, in one set of ${input.type} records`;
    report(draft, input, { code: "config.conflict", message, hint: "give both the same TTL" });
    return;
  }
  const rrset = known ?? newRrset(type, input.ttlSeconds, { written: input });
  rrsets.set(type, rrset);
  for (const record of records) {
    const key = record.toHex();
    if (rrset.seen.has(key)) {
      const message = `the same ${input.type} record twice`;
      report(draft, input, { code: "config.duplicate", message, hint: "write it once" });
    } else {
      rrset.seen.add(key);
      rrset.records.push(record);
    }
  }
}
