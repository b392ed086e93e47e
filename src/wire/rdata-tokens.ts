/**
 * Words of record data in presentation form, and the texts inside them. Called by dns-rdata.ts and
 * zone-lexer.ts. A text here is a *byte string*: each character is one octet (U+0000 to U+00FF), so
 * that a zone file's octets pass through untouched whatever its encoding; `byteString` makes one of
 * ordinary text.
 */
import { readEscape } from "./dns-name.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

export interface Token {
  /** Escapes are left as they are; without the quotes. */
  readonly text: string;
  readonly quoted: boolean;
  /** No blank stands between it and the word before: `alpn="h2"` is two words. */
  readonly joined: boolean;
  /** Where it starts; columns count from 1. */
  readonly line: number;
  readonly column: number;
}

/** Words, and how many of them are taken. After a refusal `at` is behind the word at fault. */
export interface TokenReader {
  readonly tokens: readonly Token[];
  at: number;
}

export interface FieldCodec {
  readonly parse: (reader: TokenReader, origin: Uint8Array) => Parsed<Uint8Array>;
  /** Octets of the field at `at`; -1 when it runs over the end or is malformed. */
  readonly bytes: (rdata: Uint8Array, at: number) => number;
  readonly format: (octets: Uint8Array) => readonly string[];
}

export function byteString(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7e) return bytesToText(new TextEncoder().encode(text));
  }
  return text;
}

/** One octet a character; unlike fromCharCode(...bytes) for any length. */
export function bytesToText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

const blanks = " \t\r\n";

/** Where the word that starts at `at` ends: before a blank or quote, or at the closing quote. */
export function wordEnd(text: string, at: number, quoted: boolean): number {
  let end = at;
  while (end < text.length) {
    const character = text[end]!;
    if (character === '"' || (!quoted && blanks.includes(character))) break;
    end += character === "\\" ? 2 : 1;
  }
  return Math.min(end, text.length);
}

/** One record's data on one line, as it stands in a configuration. */
export function tokenize(text: string): Parsed<readonly Token[]> {
  const bytes = byteString(text);
  const tokens: Token[] = [];
  let at = 0;
  let last = -1;
  while (at < bytes.length) {
    if (blanks.includes(bytes[at]!)) {
      at++;
      continue;
    }
    const quoted = bytes[at] === '"';
    const start = quoted ? at + 1 : at;
    const end = wordEnd(bytes, start, quoted);
    if (quoted && end >= bytes.length) return refused("a quote that is not closed");
    const joined = at === last;
    tokens.push({ text: bytes.slice(start, end), quoted, joined, line: 1, column: at + 1 });
    at = quoted ? end + 1 : end;
    last = at;
  }
  return parsed(tokens);
}

/** Octets of a text with escapes (RFC 1035 section 5.1). */
export function unescapeText(text: string): Parsed<Uint8Array> {
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code !== 0x5c) {
      bytes[length++] = code;
      continue;
    }
    const escaped = readEscape(text, i);
    if (escaped === undefined) return refused("a broken escape: \\DDD or \\ and one character");
    bytes[length++] = escaped.octet;
    i += escaped.length - 1;
  }
  return parsed(bytes.subarray(0, length));
}

/** A character-string as zone files write it. */
export function quote(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    if (octet === 0x22 || octet === 0x5c) text += `\\${String.fromCharCode(octet)}`;
    else if (octet < 0x20 || octet > 0x7e) text += `\\${String(octet).padStart(3, "0")}`;
    else text += String.fromCharCode(octet);
  }
  return `"${text}"`;
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** An unsigned number of `width` octets, most significant first. */
export function numberBytes(value: number, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  for (let i = 0; i < width; i++) bytes[i] = Math.floor(value / 2 ** (8 * (width - 1 - i))) & 0xff;
  return bytes;
}

export function bytesNumber(bytes: Uint8Array): number {
  return bytes.reduce((value, octet) => value * 256 + octet, 0);
}

/**
 * Seconds of a TTL or period: digits, or units from weeks to seconds such as `1h30m`; undefined for
 * anything else, or what 32 bits do not hold.
 */
export function parsePeriod(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return within32(Number(text));
  const match =
    /^(?:(\d{1,10})w)?(?:(\d{1,10})d)?(?:(\d{1,10})h)?(?:(\d{1,10})m)?(?:(\d{1,10})s)?$/i;
  const units = match.exec(text);
  if (text === "" || units === null) return undefined;
  const [, weeks, days, hours, minutes, seconds] = units;
  const of = (digits: string | undefined, unit: number): number => Number(digits ?? 0) * unit;
  return within32(
    of(weeks, 604_800) + of(days, 86_400) + of(hours, 3600) + of(minutes, 60) + of(seconds, 1),
  );
}

function within32(value: number): number | undefined {
  return value <= 0xffff_ffff ? value : undefined;
}

/** RFC 4648 section 4, without blanks. */
export function parseBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return undefined;
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}

export function withLength(octets: Uint8Array): Uint8Array {
  return joinBytes([Uint8Array.of(octets.length), octets]);
}
