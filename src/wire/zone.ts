/**
 * The content of a zone as a value: what zone files, transfers, UPDATE and signing exchange. RRsets
 * stand in canonical order (RFC 4034 section 6.1), the apex first, each with its records in
 * canonical order and once; owners are in lower case. Immutable: every function gives a new one. A
 * zone of ours as it is served is made by policy/zone-contents.ts; answers of steered names are not
 * in it.
 */
import { sha256 } from "../lib/sha256.ts";
import { classes, types } from "./dns-constants.ts";
import type { ResourceRecord } from "./dns-message.ts";
import { lowerName, nameBytes, nameOrderKey } from "./dns-name.ts";
import { canonicalRdata, checkRdata, compareRdata } from "./dns-rdata.ts";
import { bytesNumber, joinBytes, numberBytes } from "./rdata-tokens.ts";

export interface Rrset {
  /** In lower case. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly ttlSeconds: number;
  /** In canonical order, the case of names kept as it was written. */
  readonly rdatas: readonly Uint8Array[];
}

export interface ZoneContents {
  /** In lower case. */
  readonly apex: Uint8Array;
  readonly rrsets: readonly Rrset[];
}

export interface Soa {
  readonly mname: Uint8Array;
  readonly rname: Uint8Array;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  readonly minimumSeconds: number;
}

/** One key for an owner and a type; sorting the keys sorts RRsets as a zone has them. */
export function rrsetKey(name: Uint8Array, type: number): string {
  // U+0000 ends before any label of a name below.
  return `${nameOrderKey(name)}\0${String.fromCharCode(type)}`;
}

/**
 * Any records of class IN -> the zone of them. Of one RRset the first TTL counts (RFC 2181 section
 * 5.2); a record written twice, its names compared without case, is one.
 */
export function zoneContents(apex: Uint8Array, records: Iterable<ResourceRecord>): ZoneContents {
  const sets = new Map<string, { first: ResourceRecord; byRdata: Map<string, Uint8Array> }>();
  for (const record of records) {
    const key = rrsetKey(record.name, record.type);
    const set = sets.get(key) ?? { first: record, byRdata: new Map<string, Uint8Array>() };
    sets.set(key, set);
    const canonical = canonicalRdata(record.type, record.rdata).toHex();
    if (!set.byRdata.has(canonical)) set.byRdata.set(canonical, record.rdata);
  }
  const rrsets = [...sets]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { first, byRdata }]): Rrset => {
      const rdatas = [...byRdata].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rdata]) => rdata);
      return { name: lowerName(first.name), type: first.type, ttlSeconds: first.ttl, rdatas };
    });
  return { apex: lowerName(apex), rrsets };
}

/** As a transfer or a file has them: the SOA, then the others in canonical order. */
export function* zoneRecords(zone: ZoneContents): Iterable<ResourceRecord> {
  const soa = findRrset(zone, zone.apex, types.soa);
  if (soa !== undefined) yield* rrsetRecords(soa);
  for (const rrset of zone.rrsets) if (rrset !== soa) yield* rrsetRecords(rrset);
}

export function rrsetRecords({ name, type, ttlSeconds, rdatas }: Rrset): ResourceRecord[] {
  return rdatas.map((rdata) => ({ name, type, class: classes.in, ttl: ttlSeconds, rdata }));
}

/** By bisection. */
export function findRrset(zone: ZoneContents, name: Uint8Array, type: number): Rrset | undefined {
  const key = rrsetKey(name, type);
  let low = 0;
  let high = zone.rrsets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const rrset = zone.rrsets[middle]!;
    const at = rrsetKey(rrset.name, rrset.type);
    if (at === key) return rrset;
    if (at < key) low = middle + 1;
    else high = middle;
  }
  return undefined;
}

/** undefined when the zone has no SOA, or more than one. */
export function soaOf(zone: ZoneContents): Soa | undefined {
  const rrset = findRrset(zone, zone.apex, types.soa);
  return rrset?.rdatas.length === 1 ? decodeSoa(rrset.rdatas[0]!) : undefined;
}

export function decodeSoa(rdata: Uint8Array): Soa | undefined {
  if (!checkRdata(types.soa, rdata)) return undefined;
  const mnameEnd = nameBytes(rdata, 0, rdata.length);
  const rnameEnd = mnameEnd + nameBytes(rdata, mnameEnd, rdata.length);
  const number = (i: number) => bytesNumber(rdata.subarray(rnameEnd + 4 * i, rnameEnd + 4 * i + 4));
  return {
    mname: rdata.slice(0, mnameEnd),
    rname: rdata.slice(mnameEnd, rnameEnd),
    serial: number(0),
    refreshSeconds: number(1),
    retrySeconds: number(2),
    expireSeconds: number(3),
    minimumSeconds: number(4),
  };
}

export function encodeSoa(soa: Soa): Uint8Array {
  const { serial, refreshSeconds, retrySeconds, expireSeconds, minimumSeconds } = soa;
  const numbers = [serial, refreshSeconds, retrySeconds, expireSeconds, minimumSeconds];
  return joinBytes([soa.mname, soa.rname, ...numbers.map((value) => numberBytes(value, 4))]);
}

/** The same zone under another serial. A zone without one SOA stays as it is. */
export function withSerial(zone: ZoneContents, serial: number): ZoneContents {
  const soa = soaOf(zone);
  const at = findRrset(zone, zone.apex, types.soa);
  if (soa === undefined || at === undefined) return zone;
  const rdatas = [encodeSoa({ ...soa, serial })];
  return {
    ...zone,
    rrsets: zone.rrsets.map((rrset) => (rrset === at ? { ...at, rdatas } : rrset)),
  };
}

/** RFC 1982 section 3.2: is `a` after `b`? Of two half a circle apart neither is. */
export function isSerialAfter(a: number, b: number): boolean {
  const ahead = (a - b) >>> 0;
  return ahead > 0 && ahead < 0x8000_0000;
}

/** What must go and what must come to make one zone of the other, as IXFR says it (RFC 1995). */
export interface ZoneDifference {
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

/** A TTL that changes takes the whole RRset out and in again. The SOA is among the others. */
export function diffZones(before: ZoneContents, after: ZoneContents): ZoneDifference {
  const removed: ResourceRecord[] = [];
  const added: ResourceRecord[] = [];
  const old = new Map(before.rrsets.map((rrset) => [rrsetKey(rrset.name, rrset.type), rrset]));
  for (const rrset of after.rrsets) {
    const key = rrsetKey(rrset.name, rrset.type);
    const was = old.get(key);
    old.delete(key);
    if (was === undefined || was.ttlSeconds !== rrset.ttlSeconds) {
      if (was !== undefined) removed.push(...rrsetRecords(was));
      added.push(...rrsetRecords(rrset));
      continue;
    }
    const [from, to] = [rdataKeys(was), rdataKeys(rrset)];
    removed.push(...rrsetRecords(was).filter((_, i) => !to.has(from.list[i]!)));
    added.push(...rrsetRecords(rrset).filter((_, i) => !from.has(to.list[i]!)));
  }
  for (const rrset of old.values()) removed.push(...rrsetRecords(rrset));
  return { removed, added };
}

function rdataKeys({ type, rdatas }: Rrset) {
  const list = rdatas.map((rdata) => canonicalRdata(type, rdata).toHex());
  const set = new Set(list);
  return { list, has: (key: string) => set.has(key) };
}

/** RFC 4034 section 6.2: the octets that signatures and digests are taken over. */
export function canonicalRecord(record: ResourceRecord): Uint8Array {
  const rdata = canonicalRdata(record.type, record.rdata);
  return joinBytes([
    lowerName(record.name),
    numberBytes(record.type, 2),
    numberBytes(record.class, 2),
    numberBytes(record.ttl, 4),
    numberBytes(rdata.length, 2),
    rdata,
  ]);
}

/** Records of an RRset in canonical order (RFC 4034 section 6.3). */
export function canonicalRrset(rrset: Rrset): Uint8Array[] {
  return rrsetRecords(rrset)
    .map((record) => ({ record, rdata: canonicalRdata(record.type, record.rdata) }))
    .sort((a, b) => compareRdata(a.rdata, b.rdata))
    .map(({ record }) => canonicalRecord(record));
}

/** SHA-256 (hex) of all but the serial: equal for zones that differ in nothing else. */
export function zoneDigest(zone: ZoneContents): string {
  return sha256(joinBytes(withSerial(zone, 0).rrsets.flatMap(canonicalRrset)));
}
