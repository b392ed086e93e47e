/**
 * Writes a response into a buffer of the sockets, section by section, without allocation. A set of
 * records goes in whole or not at all, so a truncated response never shows a part of one. Names are
 * compressed without regard to case against those written before, the question's first; its own
 * letters are repeated as they came.
 */
import type { NameTable } from "../../policy/name-table.ts";
import { classes, headerBytes, types } from "../../wire/dns-constants.ts";
import { lowerOctet } from "../../wire/dns-name.ts";
import { compressibleNamesAt } from "../../wire/dns-rdata.ts";

/** More names than this are not remembered for compression: a bound on the work for each name. */
const knownMax = 48;

/** Whose records are written: a name that stands in the response at `at`, else (-1) in `source`. */
export interface Owner {
  at: number;
  source: Uint8Array;
  sourceAt: number;
}

export interface Response {
  bytes: Uint8Array;
  /** Next octet to be written. */
  at: number;
  /** The longest the response may be. */
  size: number;
  /** `size` less what is kept free for the OPT. */
  limit: number;
  answers: number;
  authorities: number;
  additionals: number;
  authoritative: boolean;
  truncated: boolean;
  /** Offsets of labels that a pointer may lead to. */
  readonly known: Uint16Array;
  knownCount: number;
  readonly owner: Owner;
  /** Where the last name in rdata was written: the owner of what follows a CNAME. */
  lastName: number;
}

export function createResponse(): Response {
  return {
    bytes: new Uint8Array(headerBytes),
    at: headerBytes,
    size: 0,
    limit: 0,
    answers: 0,
    authorities: 0,
    additionals: 0,
    authoritative: false,
    truncated: false,
    known: new Uint16Array(knownMax),
    knownCount: 0,
    owner: { at: headerBytes, source: new Uint8Array(1), sourceAt: 0 },
    lastName: 0,
  };
}

export function write16(response: Response, value: number): void {
  const { bytes, at } = response;
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
  response.at = at + 2;
}

/** Copies `length` octets of `source` from `from` on. */
export function writeBytes(
  response: Response,
  source: Uint8Array,
  from: number,
  length: number,
): void {
  const { bytes, at } = response;
  for (let i = 0; i < length; i++) bytes[at + i] = source[from + i]!;
  response.at = at + length;
}

/** Starts over behind the question, which the caller has put there or left out. */
export function startResponse(response: Response, questionEnd: number): void {
  response.at = questionEnd;
  response.answers = 0;
  response.authorities = 0;
  response.additionals = 0;
  response.authoritative = false;
  response.truncated = false;
  response.knownCount = 0;
  response.owner.at = headerBytes;
}

/** Remembers the question's labels; done only when a name is written that is not the question's. */
function knowQuestion(response: Response): void {
  let at = headerBytes;
  while (response.bytes[at]! > 0 && response.knownCount < knownMax) {
    response.known[response.knownCount++] = at;
    at += 1 + response.bytes[at]!;
  }
}

/** Is the name in the response at `at` the one in `source` at `sourceAt`? */
function sameName(response: Response, at: number, source: Uint8Array, sourceAt: number): boolean {
  const { bytes } = response;
  for (;;) {
    while (bytes[at]! >= 0xc0) at = ((bytes[at]! & 0x3f) << 8) | bytes[at + 1]!;
    const length = bytes[at]!;
    if (length !== source[sourceAt]) return false;
    if (length === 0) return true;
    for (let i = 1; i <= length; i++) {
      const a = bytes[at + i]!;
      const b = source[sourceAt + i]!;
      if (a !== b && lowerOctet(a) !== lowerOctet(b)) return false;
    }
    at += 1 + length;
    sourceAt += 1 + length;
  }
}

/** Where in the response, among the first `count` known, the name in `source` stands, or -1. */
function findKnown(
  response: Response,
  source: Uint8Array,
  sourceAt: number,
  count: number,
): number {
  for (let i = 0; i < count; i++) {
    if (sameName(response, response.known[i]!, source, sourceAt)) return response.known[i]!;
  }
  return -1;
}

/** Writes the uncompressed name in `source` at `sourceAt`; returns the octet after it there. */
export function writeName(response: Response, source: Uint8Array, sourceAt: number): number {
  const { bytes } = response;
  if (response.knownCount === 0) knowQuestion(response);
  // Not against its own labels: what stands behind them is still of an earlier response.
  const count = response.knownCount;
  while (source[sourceAt]! > 0) {
    const found = findKnown(response, source, sourceAt, count);
    if (found >= 0) {
      write16(response, 0xc000 | found);
      while (source[sourceAt]! > 0) sourceAt += 1 + source[sourceAt]!;
      return sourceAt + 1;
    }
    // A pointer has 14 bits.
    if (response.knownCount < knownMax && response.at < 0x4000) {
      response.known[response.knownCount++] = response.at;
    }
    const taken = source[sourceAt]! + 1;
    writeBytes(response, source, sourceAt, taken);
    sourceAt += taken;
  }
  bytes[response.at++] = 0;
  return sourceAt + 1;
}

/** Type, class, TTL, length. */
const recordHeadBytes = 10;

/**
 * Owner, type, class, TTL; then two octets for the length of the rdata, whose place is returned.
 */
export function writeRecordHead(response: Response, type: number, ttlSeconds: number): number {
  const { owner } = response;
  if (owner.at >= 0) write16(response, 0xc000 | owner.at);
  else writeName(response, owner.source, owner.sourceAt);
  const { bytes, at } = response;
  bytes[at] = type >> 8;
  bytes[at + 1] = type;
  bytes[at + 2] = 0;
  bytes[at + 3] = classes.in;
  bytes[at + 4] = ttlSeconds >>> 24;
  bytes[at + 5] = ttlSeconds >>> 16;
  bytes[at + 6] = ttlSeconds >>> 8;
  bytes[at + 7] = ttlSeconds;
  response.at = at + recordHeadBytes;
  return at + recordHeadBytes - 2;
}

/** Fills in the length that `writeRecordHead` left open. False when the record does not fit. */
export function endRecord(response: Response, lengthAt: number): boolean {
  const length = response.at - lengthAt - 2;
  response.bytes[lengthAt] = length >> 8;
  response.bytes[lengthAt + 1] = length & 0xff;
  return response.at <= response.limit;
}

/** Takes back what was written from `start` on. */
export function undo(response: Response, start: number): void {
  response.at = start;
  const { known } = response;
  while (response.knownCount > 0 && known[response.knownCount - 1]! >= start) response.knownCount--;
}

/**
 * Writes a whole RRset of the table under `response.owner`, or nothing when it does not fit: 0
 * then, else the records written, which the caller counts to a section. Writing over the end of a
 * typed array does nothing, so the size is checked behind each record, where compression has had
 * its say.
 */
export function writeRrset(
  response: Response,
  table: NameTable,
  rrset: number,
  ttlSeconds: number,
): number {
  const { rrsets, bytes } = table;
  const type = rrsets.type[rrset]!;
  const count = rrsets.recordCount[rrset]!;
  const start = response.at;
  let from = rrsets.offset[rrset]!;
  for (let record = 0; record < count; record++) {
    const length = (bytes[from]! << 8) | bytes[from + 1]!;
    const lengthAt = writeRecordHead(response, type, ttlSeconds);
    writeRdata(response, bytes, from + 2, length, type);
    if (!endRecord(response, lengthAt)) {
      undo(response, start);
      return 0;
    }
    from += 2 + length;
  }
  return count;
}

/** RFC 3597 section 4: names are compressed in the types of RFC 1035 only. */
function writeRdata(
  response: Response,
  source: Uint8Array,
  from: number,
  length: number,
  type: number,
): void {
  let at = from;
  const namesAt = compressibleNamesAt(type);
  if (namesAt >= 0) {
    writeBytes(response, source, at, namesAt);
    at += namesAt;
    response.lastName = response.at;
    at = writeName(response, source, at);
    if (type === types.soa) at = writeName(response, source, at);
  }
  writeBytes(response, source, at, from + length - at);
}
