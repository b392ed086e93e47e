/**
 * Whole DNS messages <-> values, for tests and for paths that are not hot (the hot path is
 * fronts/dns/). Decoding takes hostile octets: it never throws, follows pointers backwards only and
 * counts its steps against limits.dnsDecodeStepsMax. Names come out uncompressed with their case,
 * and so do those inside rdata; encoding compresses without changing a letter's case, so that
 * decode(encode(m)) is m.
 */
import { limits } from "../limits.ts";
import { headerBytes, types } from "./dns-constants.ts";
import { labelOffsets } from "./dns-name.ts";
import { checkRdata, compressibleNamesAt } from "./dns-rdata.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

export interface Question {
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
}

export interface ResourceRecord {
  readonly name: Uint8Array;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** Names in it uncompressed. */
  readonly rdata: Uint8Array;
}

export interface Message {
  readonly id: number;
  /** The second word of the header: `headerFlags`. */
  readonly flags: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
  steps: number;
}

/** Octets that are no message, or cost too many steps, are refused with the reason. */
export function decodeMessage(bytes: Uint8Array): Parsed<Message> {
  if (bytes.length < headerBytes) return refused("shorter than a header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader: Reader = { bytes, view, at: headerBytes, steps: 0 };
  const questions: Question[] = [];
  for (let i = view.getUint16(4); i > 0; i--) {
    const name = readName(reader);
    if (name === undefined || reader.at + 4 > bytes.length) return refused("a broken question");
    questions.push({ name, type: view.getUint16(reader.at), class: view.getUint16(reader.at + 2) });
    reader.at += 4;
  }
  const sections: ResourceRecord[][] = [];
  for (const countAt of [6, 8, 10]) {
    const records: ResourceRecord[] = [];
    for (let i = view.getUint16(countAt); i > 0; i--) {
      const record = readRecord(reader);
      if (record === undefined) return refused("a broken record");
      records.push(record);
    }
    sections.push(records);
  }
  if (reader.at !== bytes.length) return refused("octets after the end");
  const [answers = [], authorities = [], additionals = []] = sections;
  const flags = view.getUint16(2);
  return parsed({ id: view.getUint16(0), flags, questions, answers, authorities, additionals });
}

/**
 * The name at reader.at, which moves behind it. Every pointer must lead to before the place where
 * the part of the name that holds it began, so a loop cannot be built (RFC 9267 section 2).
 */
function readName(reader: Reader): Uint8Array | undefined {
  const { bytes } = reader;
  const name = new Uint8Array(limits.dnsNameBytesMax);
  let length = 0;
  let at = reader.at;
  let floor = at;
  let after = -1;
  for (;;) {
    if (++reader.steps > limits.dnsDecodeStepsMax || at >= bytes.length) return undefined;
    const octet = bytes[at]!;
    if (octet >= 0xc0) {
      if (at + 2 > bytes.length) return undefined;
      const target = reader.view.getUint16(at) & 0x3fff;
      if (target >= floor || target < headerBytes) return undefined;
      if (after < 0) after = at + 2;
      floor = target;
      at = target;
      continue;
    }
    if (octet > limits.dnsLabelBytesMax || at + 1 + octet > bytes.length) return undefined;
    if (length + 1 + octet > limits.dnsNameBytesMax) return undefined;
    name.set(bytes.subarray(at, at + 1 + octet), length);
    length += 1 + octet;
    at += 1 + octet;
    if (octet === 0) break;
  }
  reader.at = after < 0 ? at : after;
  return name.slice(0, length);
}

function readRecord(reader: Reader): ResourceRecord | undefined {
  const { bytes, view } = reader;
  const name = readName(reader);
  if (name === undefined || reader.at + 10 > bytes.length) return undefined;
  const type = view.getUint16(reader.at);
  const recordClass = view.getUint16(reader.at + 2);
  const ttl = view.getUint32(reader.at + 4);
  const end = reader.at + 10 + view.getUint16(reader.at + 8);
  reader.at += 10;
  if (end > bytes.length) return undefined;
  const rdata = readRdata(reader, type, end);
  return rdata === undefined ? undefined : { name, type, class: recordClass, ttl, rdata };
}

/** RFC 3597 section 4: of the types we know, only those of RFC 1035 may hold compressed names. */
function readRdata(reader: Reader, type: number, end: number): Uint8Array | undefined {
  const { bytes } = reader;
  const start = reader.at;
  const before = compressibleNamesAt(type);
  // Rdata may be empty: an RFC 2136 message says "any of this type" so.
  if (before < 0 || start === end) {
    reader.at = end;
    return bytes.slice(start, end);
  }
  reader.at += before;
  const parts = [bytes.subarray(start, reader.at)];
  for (let names = type === types.soa ? 2 : 1; names > 0; names--) {
    const name = readName(reader);
    if (name === undefined || reader.at > end) return undefined;
    parts.push(name);
  }
  parts.push(bytes.subarray(reader.at, end));
  reader.at = end;
  const rdata = Uint8Array.from(parts.flatMap((part) => [...part]));
  return checkRdata(type, rdata) ? rdata : undefined;
}

/** Options of an OPT record's rdata; undefined when they are cut. */
export function decodeOptions(rdata: Uint8Array): readonly EdnsOption[] | undefined {
  const options: EdnsOption[] = [];
  let at = 0;
  while (at < rdata.length) {
    if (at + 4 > rdata.length) return undefined;
    const code = (rdata[at]! << 8) | rdata[at + 1]!;
    const end = at + 4 + ((rdata[at + 2]! << 8) | rdata[at + 3]!);
    if (end > rdata.length) return undefined;
    options.push({ code, data: rdata.slice(at + 4, end) });
    at = end;
  }
  return options;
}

export function encodeOptions(options: readonly EdnsOption[]): Uint8Array {
  return Uint8Array.from(
    options.flatMap(({ code, data }) => [
      code >> 8,
      code & 0xff,
      data.length >> 8,
      data.length & 0xff,
      ...data,
    ]),
  );
}

interface Writer {
  bytes: Uint8Array;
  at: number;
  /** Suffix, as text of its octets -> where it stands. undefined: no compression. */
  readonly known: Map<string, number> | undefined;
}

/**
 * The message's octets. Counts are those of the arrays. A message of over 65,535 octets is a bug
 * of the caller, and throws.
 */
export function encodeMessage(
  message: Message,
  options: { readonly compress?: boolean } = {},
): Uint8Array {
  const known = options.compress === false ? undefined : new Map<string, number>();
  const writer: Writer = { bytes: new Uint8Array(limits.dnsMessageBytesMax), at: 0, known };
  const sections = [message.answers, message.authorities, message.additionals];
  write16(writer, message.id);
  write16(writer, message.flags);
  write16(writer, message.questions.length);
  for (const section of sections) write16(writer, section.length);
  for (const question of message.questions) {
    writeName(writer, question.name);
    write16(writer, question.type);
    write16(writer, question.class);
  }
  for (const record of sections.flat()) writeRecord(writer, record);
  return writer.bytes.slice(0, writer.at);
}

function write16(writer: Writer, value: number): void {
  writer.bytes[writer.at++] = value >> 8;
  writer.bytes[writer.at++] = value & 0xff;
}

function writeBytes(writer: Writer, bytes: Uint8Array): void {
  writer.bytes.set(bytes, writer.at);
  writer.at += bytes.length;
}

function writeName(writer: Writer, name: Uint8Array): void {
  for (const offset of labelOffsets(name)) {
    const key = name.subarray(offset).toHex();
    const target = writer.known?.get(key);
    if (target !== undefined) {
      write16(writer, 0xc000 | target);
      return;
    }
    if (writer.at < 0x4000) writer.known?.set(key, writer.at);
    writeBytes(writer, name.subarray(offset, offset + 1 + name[offset]!));
  }
  writer.bytes[writer.at++] = 0;
}

function writeRecord(writer: Writer, record: ResourceRecord): void {
  writeName(writer, record.name);
  write16(writer, record.type);
  write16(writer, record.class);
  write16(writer, record.ttl >>> 16);
  write16(writer, record.ttl & 0xffff);
  const lengthAt = writer.at;
  writer.at += 2;
  const { rdata } = record;
  let at: number = compressibleNamesAt(record.type);
  if (at < 0 || !checkRdata(record.type, rdata)) writeBytes(writer, rdata);
  else {
    writeBytes(writer, rdata.subarray(0, at));
    for (let names = record.type === types.soa ? 2 : 1; names > 0; names--) {
      let end = at;
      while (rdata[end]! > 0) end += 1 + rdata[end]!;
      writeName(writer, rdata.subarray(at, end + 1));
      at = end + 1;
    }
    writeBytes(writer, rdata.subarray(at));
  }
  const length = writer.at - lengthAt - 2;
  writer.bytes[lengthAt] = length >> 8;
  writer.bytes[lengthAt + 1] = length & 0xff;
}
