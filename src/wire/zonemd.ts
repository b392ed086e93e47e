/**
 * ZONEMD (RFC 8976): the digest of a whole zone, scheme SIMPLE with SHA-384. Made after everything
 * else that changes the zone, its serial included; a signer signs the ZONEMD RRset afterwards.
 * Called by policy/ for zones that are read and those that are served.
 */
import { sha384 } from "../lib/sha384.ts";
import { types } from "./dns-constants.ts";
import { equalNames, isAtOrBelow } from "./dns-name.ts";
import { bytesNumber, joinBytes, numberBytes } from "./rdata-tokens.ts";
import { canonicalRrset, findRrset, type Rrset, soaOf, type ZoneContents } from "./zone.ts";

const schemeSimple = 1;
const hashSha384 = 1;
const digestBytes = 48;

/** RFC 8976 section 3.3.1: not the apex's ZONEMD, nor the signature over it. */
function isLeftOut({ name, type, rdatas }: Rrset, apex: Uint8Array): boolean {
  if (!isAtOrBelow(name, apex)) return true;
  if (!equalNames(name, apex)) return false;
  const covered = () => bytesNumber((rdatas[0] ?? new Uint8Array(2)).subarray(0, 2));
  return type === types.zonemd || (type === types.rrsig && covered() === types.zonemd);
}

function digestZone(zone: ZoneContents): Uint8Array {
  const hash = sha384();
  for (const rrset of zone.rrsets) {
    if (rrset.type === types.rrsig && equalNames(rrset.name, zone.apex)) {
      const others = rrset.rdatas.filter(
        (rdata) => bytesNumber(rdata.subarray(0, 2)) !== types.zonemd,
      );
      for (const record of canonicalRrset({ ...rrset, rdatas: others })) hash.add(record);
    } else if (!isLeftOut(rrset, zone.apex)) {
      for (const record of canonicalRrset(rrset)) hash.add(record);
    }
  }
  return hash.digest();
}

/** The rdata of the zone's ZONEMD record; undefined for a zone without SOA. */
export function zonemdRdata(zone: ZoneContents): Uint8Array | undefined {
  const soa = soaOf(zone);
  if (soa === undefined) return undefined;
  const head = [numberBytes(soa.serial, 4), Uint8Array.of(schemeSimple, hashSha384)];
  return joinBytes([...head, digestZone(zone)]);
}

/** The zone with its ZONEMD record in place of any other. */
export function withZonemd(zone: ZoneContents, ttlSeconds: number): ZoneContents {
  const rdata = zonemdRdata(zone);
  if (rdata === undefined) return zone;
  const { apex } = zone;
  const rrset: Rrset = { name: apex, type: types.zonemd, ttlSeconds, rdatas: [rdata] };
  const others = zone.rrsets.filter(
    ({ name, type }) => type !== types.zonemd || !equalNames(name, apex),
  );
  // Behind the apex's types below it: canonical order.
  const at = others.findIndex(({ name, type }) => !equalNames(name, apex) || type > types.zonemd);
  const place = at < 0 ? others.length : at;
  return { apex, rrsets: [...others.slice(0, place), rrset, ...others.slice(place)] };
}

/**
 *   absent         no ZONEMD at the apex
 *   good           one that we can compute, and it is right
 *   unknown        none of a scheme and hash that we know
 *   serial, wrong  every one that we know is of another serial, or of other content
 *   twice          two of one scheme and hash: none of them counts (RFC 8976 section 2)
 */
export type ZonemdVerdict = "absent" | "good" | "unknown" | "serial" | "wrong" | "twice";

/** RFC 8976 section 4. */
export function verifyZonemd(zone: ZoneContents): ZonemdVerdict {
  const rrset = findRrset(zone, zone.apex, types.zonemd);
  const soa = soaOf(zone);
  if (rrset === undefined || soa === undefined) return "absent";
  const known = rrset.rdatas.filter(
    (rdata) =>
      rdata[4] === schemeSimple && rdata[5] === hashSha384 && rdata.length === 6 + digestBytes,
  );
  const [first] = known;
  if (first === undefined) return "unknown";
  if (known.length > 1) return "twice";
  if (bytesNumber(first.subarray(0, 4)) !== soa.serial) return "serial";
  const digest = digestZone(zone);
  return digest.every((octet, i) => octet === first[6 + i]) ? "good" : "wrong";
}
