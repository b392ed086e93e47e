/**
 * Reads a request into a reused `Query`. Every octet may be hostile: the reader allocates nothing,
 * never throws, follows no pointer, and takes at most one step an octet. What it finds wrong
 * becomes the rcode of the response; what deserves no response is `silence`.
 */
import { limits } from "../../limits.ts";
import { loadName } from "../../policy/name-lookup.ts";
import {
  ednsOptions,
  headerBytes,
  headerFlags,
  opcodes,
  rcodes,
  types,
} from "../../wire/dns-constants.ts";
import { nameBytes } from "../../wire/dns-name.ts";
import { readClientSubnet } from "./client-subnet.ts";
import { isCookieLength } from "./cookies.ts";
import { type Query, read16, resetQuery } from "./query.ts";
import { readTsig } from "./tsig.ts";

const { dnsLabelBytesMax, dnsNameBytesMax, dnsPlainUdpPayload } = limits;

export const silence = -1;
export const dnssecOkBit = 0x8000;

/**
 * Fills `query` and returns 0, the rcode of what is wrong, or `silence`.
 *
 *   shorter than a header             silence: there is nothing to repeat
 *   a response (QR)                   silence: answering one makes a loop of packets
 *   opcode other than QUERY           NOTIMP, before its sections are read by the rules of QUERY
 *   not one question (RFC 9619)       FORMERR, unless it has none and a cookie
 *   anything cut, or octets left over FORMERR
 *   EDNS version above 0 (RFC 6891)   BADVERS
 *   a signature (RFC 8945)            NOTAUTH: there are no keys here
 */
export function readQuery(query: Query, bytes: Uint8Array, length: number): number {
  resetQuery(query);
  if (length < headerBytes) return silence;
  query.id = read16(bytes, 0);
  query.flags = read16(bytes, 2);
  query.opcode = (query.flags & headerFlags.opcodeMask) >> headerFlags.opcodeShift;
  if ((query.flags & headerFlags.qr) !== 0) return silence;
  if (query.opcode !== opcodes.query) return rcodes.notImp;
  const questions = read16(bytes, 4);
  if (questions > 1) return rcodes.formErr;
  if (questions === 1 && !readQuestion(query, bytes, length)) return rcodes.formErr;
  const rcode = readRecords(query, bytes, length);
  if (rcode !== 0) return rcode;
  if (query.ednsVersion > 0) return rcodes.badVers;
  // RFC 7873 section 5.4: to ask for a cookie, no question is needed.
  if (questions === 0 && query.cookieBytes === 0) return rcodes.formErr;
  return query.tsigAt > 0 ? rcodes.notAuth : 0;
}

/** The first name of a message has nothing before it to point to, so it holds plain labels only. */
function readQuestion(query: Query, bytes: Uint8Array, length: number): boolean {
  const name = nameBytes(bytes, headerBytes, length);
  const end = headerBytes + name + 4;
  if (name === 0 || end > length) return false;
  loadName(query.name, bytes, headerBytes);
  query.steps += query.name.labelCount;
  query.qtype = read16(bytes, end - 4);
  query.qclass = read16(bytes, end - 2);
  query.questionEnd = end;
  query.hasQuestion = true;
  return true;
}

function readRecords(query: Query, bytes: Uint8Array, length: number): number {
  const others = read16(bytes, 6) + read16(bytes, 8);
  const count = others + read16(bytes, 10);
  let at = query.questionEnd;
  for (let record = 0; record < count; record++) {
    const owner = at;
    at = skipName(query, bytes, at, length);
    if (at < 0 || at + 10 > length) return rcodes.formErr;
    const type = read16(bytes, at);
    const end = at + 10 + read16(bytes, at + 8);
    if (end > length) return rcodes.formErr;
    if (type === types.opt) {
      // RFC 6891 section 6.1.1: one, owned by the root, among the additional records.
      const misplaced = record < others || query.hasOpt || bytes[owner] !== 0;
      query.hasOpt = true;
      if (misplaced) return rcodes.formErr;
      if (!readOpt(query, bytes, at, end)) return rcodes.formErr;
    } else if (type === types.tsig) {
      // RFC 8945 section 5.1: it must be the last.
      query.tsigAt = owner;
      if (record < count - 1 || !readTsig(query, bytes, at, end)) return rcodes.formErr;
    }
    at = end;
  }
  return at === length ? 0 : rcodes.formErr;
}

/** The octet after the name at `at`, or -1. A pointer ends a name and is not followed. */
function skipName(query: Query, bytes: Uint8Array, at: number, length: number): number {
  const start = at;
  while (at < length) {
    query.steps++;
    const octet = bytes[at]!;
    if (octet >= 0xc0) {
      if (at + 2 > length) return -1;
      const target = read16(bytes, at) & 0x3fff;
      return target >= headerBytes && target < start ? at + 2 : -1;
    }
    if (octet > dnsLabelBytesMax) return -1;
    at += 1 + octet;
    if (at - start > dnsNameBytesMax) return -1;
    if (octet === 0) return at;
  }
  return -1;
}

/**
 * RFC 6891: options that we do not know, and unknown flags, are left alone (section 6.1.2). The
 * record's fixed part at `at` (after its owner), its options up to `end`; false:
 * malformed.
 */
function readOpt(query: Query, bytes: Uint8Array, at: number, end: number): boolean {
  query.udpPayload = Math.max(dnsPlainUdpPayload, read16(bytes, at + 2));
  query.ednsVersion = bytes[at + 5]!;
  query.dnssecOk = (read16(bytes, at + 6) & dnssecOkBit) !== 0;
  // What the options of a later version mean, only that version knows.
  if (query.ednsVersion > 0) return true;
  let option = at + 10;
  while (option < end) {
    query.steps++;
    if (option + 4 > end) return false;
    const code = read16(bytes, option);
    const dataAt = option + 4;
    option = dataAt + read16(bytes, option + 2);
    if (option > end) return false;
    if (code === ednsOptions.nsid) query.wantsNsid = true;
    else if (code === ednsOptions.tcpKeepalive) query.wantsKeepalive = true;
    else if (code === ednsOptions.padding) query.wantsPadding = true;
    else if (code === ednsOptions.cookie) {
      // Of several, the first is meant (RFC 7873 section 5.2).
      if (query.cookieBytes > 0) continue;
      if (!isCookieLength(option - dataAt)) return false;
      query.cookieAt = dataAt;
      query.cookieBytes = option - dataAt;
    } else if (code === ednsOptions.clientSubnet) {
      if (!readClientSubnet(query.subnet, bytes, dataAt, option)) return false;
    }
  }
  return true;
}
