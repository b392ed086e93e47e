/**
 * Rdata: presentation form <-> wire form for the types below, and RFC 3597's `\# LENGTH HEX` for
 * every type. Each known type is a row of fields in `layouts`; reading, printing, checking and the
 * canonical form all follow that row. Wire forms here hold uncompressed names, case kept.
 */
import { types } from "./dns-constants.ts";
import { lowerName, rootName } from "./dns-name.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { type Field, fieldCodecs } from "./rdata-fields.ts";
import {
  byteString,
  joinBytes,
  type Token,
  type TokenReader,
  tokenize,
  unescapeText,
  withLength,
} from "./rdata-tokens.ts";

const digest: readonly Field[] = ["u16", "algorithm", "u8", "hex"];
const key: readonly Field[] = ["u16", "u8", "algorithm", "base64"];
const certificate: readonly Field[] = ["u8", "u8", "u8", "hex"];
const binding: readonly Field[] = ["u16", "casedName", "svcParams"];

const layouts: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [types.a, ["ipv4"]],
  [types.ns, ["name"]],
  [types.cname, ["name"]],
  [types.soa, ["name", "name", "u32", "period", "period", "period", "period"]],
  [types.ptr, ["name"]],
  [types.hinfo, ["string", "string"]],
  [types.mx, ["u16", "name"]],
  [types.txt, ["strings"]],
  [types.rp, ["name", "name"]],
  [types.afsdb, ["u16", "name"]],
  [types.aaaa, ["ipv6"]],
  [types.loc, ["loc"]],
  [types.srv, ["u16", "u16", "u16", "name"]],
  [types.naptr, ["u16", "u16", "string", "string", "string", "name"]],
  [types.dname, ["name"]],
  [types.ds, digest],
  [types.sshfp, ["u8", "u8", "hex"]],
  [types.rrsig, ["type", "algorithm", "u8", "u32", "time", "time", "u16", "name", "base64"]],
  [types.nsec, ["casedName", "typeList"]],
  [types.dnskey, key],
  [types.nsec3, ["u8", "u8", "u16", "salt", "hash32", "typeList"]],
  [types.nsec3param, ["u8", "u8", "u16", "salt"]],
  [types.tlsa, certificate],
  [types.smimea, certificate],
  [types.cds, digest],
  [types.cdnskey, key],
  [types.openpgpkey, ["base64"]],
  [types.csync, ["u32", "u16", "typeList"]],
  [types.zonemd, ["u32", "u8", "u8", "hex"]],
  [types.svcb, binding],
  [types.https, binding],
  [types.spf, ["strings"]],
  [types.uri, ["u16", "u16", "octets"]],
  [types.caa, ["u8", "tag", "octets"]],
]);

const rdataBytesMax = 0xffff;

/**
 * Octets of rdata before its names, where names may be compressed in a message: the types of RFC
 * 1035 only (RFC 3597 section 4). -1 when the type has none.
 */
export function compressibleNamesAt(type: number): -1 | 0 | 2 {
  if (type === types.ns || type === types.cname || type === types.ptr || type === types.soa) {
    return 0;
  }
  return type === types.mx ? 2 : -1;
}

/**
 * Octets of rdata before the name whose addresses a client will ask for next, for the additional
 * section (RFC 1035 section 3.3, RFC 2782, RFC 9460 section 4.1); -1 when the type has none.
 */
export function targetNameAt(type: number): -1 | 0 | 2 | 6 {
  if (type === types.ns) return 0;
  if (type === types.mx || type === types.svcb || type === types.https) return 2;
  return type === types.srv ? 6 : -1;
}

/** `text` is one record's data, as in a zone file; relative names end at `origin`. */
export function parseRdata(
  type: number,
  text: string,
  origin: Uint8Array = rootName,
): Parsed<Uint8Array> {
  const tokens = tokenize(text);
  if (!tokens.ok) return tokens;
  return parseRdataTokens(type, { tokens: tokens.value, at: 0 }, origin);
}

/** From `reader.at` to the end; after a refusal `reader.at` is behind the word at fault. */
export function parseRdataTokens(
  type: number,
  reader: TokenReader,
  origin: Uint8Array,
): Parsed<Uint8Array> {
  const first = reader.tokens[reader.at];
  if (first !== undefined && first.text === "\\#" && !first.quoted) {
    return parseGeneric(type, reader.tokens.slice(reader.at + 1));
  }
  const layout = layouts.get(type);
  if (layout === undefined) {
    return refused("only the generic form, `\\# LENGTH HEX` (RFC 3597), is known for this type");
  }
  const parts: Uint8Array[] = [];
  for (const field of layout) {
    const part = fieldCodecs[field].parse(reader, origin);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  const extra = reader.tokens[reader.at];
  if (extra !== undefined) {
    reader.at++;
    return refused(`nothing may follow: ${extra.text}`);
  }
  return whole(joinBytes(parts));
}

function whole(rdata: Uint8Array): Parsed<Uint8Array> {
  return rdata.length > rdataBytesMax ? refused("more than 65,535 octets") : parsed(rdata);
}

/** TXT rdata of one text however long, blanks included: cut into strings of 255 octets. */
export function parseTextWhole(text: string): Parsed<Uint8Array> {
  const octets = unescapeText(byteString(text));
  if (!octets.ok) return octets;
  const strings: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < octets.value.length; at += 255) {
    strings.push(withLength(octets.value.subarray(at, at + 255)));
  }
  return whole(joinBytes(strings));
}

function parseGeneric(type: number, tokens: readonly Token[]): Parsed<Uint8Array> {
  const [length, ...rest] = tokens.map((token) => token.text);
  const hex = rest.join("");
  if (length === undefined || !/^\d{1,5}$/.test(length)) return refused("`\\#` needs a length");
  if (!/^([0-9a-fA-F]{2})*$/.test(hex)) return refused("pairs of hexadecimal digits must follow");
  if (hex.length / 2 !== Number(length)) return refused(`${hex.length / 2} octets, not ${length}`);
  const rdata = Uint8Array.fromHex(hex);
  if (rdata.length > rdataBytesMax) return refused("more than 65,535 octets");
  if (!checkRdata(type, rdata)) return refused("these octets are not valid data of this type");
  return parsed(rdata);
}

/** Is it well-formed for its type? Unknown types hold anything. */
export function checkRdata(type: number, rdata: Uint8Array): boolean {
  const layout = layouts.get(type);
  if (layout === undefined) return true;
  let at = 0;
  for (const field of layout) {
    const length = fieldCodecs[field].bytes(rdata, at);
    if (length < 0) return false;
    at += length;
  }
  return at === rdata.length;
}

/** One record's data as zone files and dig write it; `\#` for unknown types and broken data. */
export function formatRdata(type: number, rdata: Uint8Array): string {
  const layout = layouts.get(type);
  if (layout === undefined || !checkRdata(type, rdata)) {
    return `\\# ${rdata.length}${rdata.length === 0 ? "" : ` ${rdata.toHex().toUpperCase()}`}`;
  }
  const words: string[] = [];
  let at = 0;
  for (const field of layout) {
    const length = fieldCodecs[field].bytes(rdata, at);
    words.push(...fieldCodecs[field].format(rdata.subarray(at, at + length)));
    at += length;
  }
  return words.join(" ");
}

/**
 * RFC 4034 section 6.2, with RFC 6840 section 5.1 and RFC 9460 section 7: names in lower case, but
 * not those of NSEC, SVCB and HTTPS. The rdata itself when nothing changes.
 */
export function canonicalRdata(type: number, rdata: Uint8Array): Uint8Array {
  const layout = layouts.get(type);
  if (layout === undefined || !layout.includes("name") || !checkRdata(type, rdata)) return rdata;
  const canonical = Uint8Array.from(rdata);
  let at = 0;
  for (const field of layout) {
    const length = fieldCodecs[field].bytes(rdata, at);
    if (field === "name") canonical.set(lowerName(rdata.subarray(at, at + length)), at);
    at += length;
  }
  return canonical;
}

/** The order of records in an RRset, of canonical rdata (RFC 4034 section 6.3). */
export function compareRdata(a: Uint8Array, b: Uint8Array): number {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}
