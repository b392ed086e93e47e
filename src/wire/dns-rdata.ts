/**
 * Rdata: presentation form <-> wire form for the types an operator writes by name, and RFC 3597's
 * `\# LENGTH HEX` for every type. Each known type is a row of fields in `layouts`; reading,
 * printing and checking all follow that row. Wire forms here hold uncompressed names, case kept.
 */
import { formatAddress, parseAddress, wordsOfBytes } from "../lib/ip.ts";
import { types } from "./dns-constants.ts";
import { formatName, nameBytes, parseName, readEscape, rootName } from "./dns-name.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

type Field = "u8" | "u16" | "u32" | "ipv4" | "ipv6" | "name" | "strings" | "tag" | "octets";

const layouts: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [types.a, ["ipv4"]],
  [types.ns, ["name"]],
  [types.cname, ["name"]],
  [types.soa, ["name", "name", "u32", "u32", "u32", "u32", "u32"]],
  [types.ptr, ["name"]],
  [types.mx, ["u16", "name"]],
  [types.txt, ["strings"]],
  [types.aaaa, ["ipv6"]],
  [types.srv, ["u16", "u16", "u16", "name"]],
  [types.caa, ["u8", "tag", "octets"]],
]);

const numberFields = { u8: 1, u16: 2, u32: 4 } as const;
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

interface Token {
  readonly text: string;
  readonly quoted: boolean;
}

/** Words apart by blanks, or in double quotes; escapes are left as they are. */
function tokenize(text: string): Parsed<readonly Token[]> {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    if (" \t\r\n".includes(text[at]!)) {
      at++;
      continue;
    }
    const quoted = text[at] === '"';
    const start = quoted ? at + 1 : at;
    at = start;
    while (at < text.length && !(quoted ? text[at] === '"' : ' \t\r\n"'.includes(text[at]!))) {
      at += text[at] === "\\" ? 2 : 1;
    }
    if (quoted && at >= text.length) return refused("a quote that is not closed");
    tokens.push({ text: text.slice(start, at), quoted });
    if (quoted) at++;
  }
  return parsed(tokens);
}

/** Octets of a text with escapes; other characters count as their UTF-8 form. */
function unescapeText(text: string): Parsed<Uint8Array> {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") {
      const escaped = readEscape(text, i);
      if (escaped === undefined) return refused("a broken escape: \\DDD or \\ and one character");
      bytes.push(escaped.octet);
      i += escaped.length - 1;
      continue;
    }
    const character = String.fromCodePoint(text.codePointAt(i)!);
    bytes.push(...encoder.encode(character));
    i += character.length - 1;
  }
  return parsed(Uint8Array.from(bytes));
}

/** `text` is one record's data, as in a zone file; relative names end at `origin`. */
export function parseRdata(
  type: number,
  text: string,
  origin: Uint8Array = rootName,
): Parsed<Uint8Array> {
  const tokens = tokenize(text);
  if (!tokens.ok) return tokens;
  const first = tokens.value[0];
  if (first !== undefined && first.text === "\\#" && !first.quoted) {
    return parseGeneric(type, tokens.value.slice(1));
  }
  const layout = layouts.get(type);
  if (layout === undefined) {
    return refused("only the generic form, `\\# LENGTH HEX` (RFC 3597), is known for this type");
  }
  return parseFields(layout, tokens.value, origin);
}

/** TXT rdata of one text however long, blanks included: cut into strings of 255 octets. */
export function parseTextWhole(text: string): Parsed<Uint8Array> {
  const octets = unescapeText(text);
  if (!octets.ok) return octets;
  const strings: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < octets.value.length; at += 255) {
    strings.push(withLength(octets.value.subarray(at, at + 255)));
  }
  const rdata = joinBytes(strings);
  return rdata.length > rdataBytesMax ? refused("more than 65,535 octets") : parsed(rdata);
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

function parseFields(
  layout: readonly Field[],
  tokens: readonly Token[],
  origin: Uint8Array,
): Parsed<Uint8Array> {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const field of layout) {
    const takes = field === "strings" ? Math.max(1, tokens.length - at) : 1;
    for (let i = 0; i < takes; i++) {
      const token = tokens[at++];
      if (token === undefined) return refused("a value is missing");
      const part = parseField(field, token, origin);
      if (!part.ok) return part;
      parts.push(part.value);
    }
  }
  if (at < tokens.length) return refused(`nothing may follow: ${tokens[at]?.text}`);
  const rdata = joinBytes(parts);
  return rdata.length > rdataBytesMax ? refused("more than 65,535 octets") : parsed(rdata);
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function parseField(field: Field, token: Token, origin: Uint8Array): Parsed<Uint8Array> {
  switch (field) {
    case "u8":
    case "u16":
    case "u32":
      return parseNumber(numberFields[field], token.text);
    case "ipv4":
      return parseAddressOf(4, token.text);
    case "ipv6":
      return parseAddressOf(6, token.text);
    case "name":
      return token.quoted
        ? refused("a name without quotes is wanted")
        : parseName(token.text, origin);
    case "tag":
      return /^[a-zA-Z0-9]{1,255}$/.test(token.text)
        ? parsed(withLength(new TextEncoder().encode(token.text)))
        : refused("a tag of letters and digits, such as issue, is wanted");
    case "octets":
      return unescapeText(token.text);
    case "strings": {
      const octets = unescapeText(token.text);
      if (!octets.ok) return octets;
      if (octets.value.length > 255) {
        return refused("a string of over 255 octets; write it as several quoted strings");
      }
      return parsed(withLength(octets.value));
    }
  }
}

function withLength(octets: Uint8Array): Uint8Array {
  return joinBytes([Uint8Array.of(octets.length), octets]);
}

function parseNumber(width: 1 | 2 | 4, text: string): Parsed<Uint8Array> {
  const maximum = 2 ** (8 * width) - 1;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= maximum)) return refused(`a number of 0 to ${maximum} is wanted, not ${text}`);
  const bytes = new Uint8Array(width);
  for (let i = 0; i < width; i++) bytes[i] = Math.floor(value / 2 ** (8 * (width - 1 - i))) & 0xff;
  return parsed(bytes);
}

function parseAddressOf(family: 4 | 6, text: string): Parsed<Uint8Array> {
  const address = parseAddress(text);
  if (address?.family === family) return parsed(address.bytes);
  return refused(`an IPv${family} address is wanted, not ${text}`);
}

/** Is it well-formed for its type? Unknown types hold anything. */
export function checkRdata(type: number, rdata: Uint8Array): boolean {
  const layout = layouts.get(type);
  if (layout === undefined) return true;
  let at = 0;
  for (const field of layout) {
    const length = fieldBytes(field, rdata, at);
    if (length < 0) return false;
    at += length;
  }
  return at === rdata.length;
}

/** Octets of the field at `at`, or -1 when it runs over the end. */
function fieldBytes(field: Field, rdata: Uint8Array, at: number): number {
  const left = rdata.length - at;
  const fixed = (width: number) => (left >= width ? width : -1);
  switch (field) {
    case "u8":
    case "u16":
    case "u32":
      return fixed(numberFields[field]);
    case "ipv4":
      return fixed(4);
    case "ipv6":
      return fixed(16);
    case "name":
      return nameBytes(rdata, at, rdata.length) || -1;
    case "tag":
      return left > 0 && rdata[at]! > 0 ? fixed(1 + rdata[at]!) : -1;
    case "octets":
      return left;
    case "strings": {
      if (left === 0) return -1;
      let end = at;
      while (end < rdata.length) end += 1 + rdata[end]!;
      return end === rdata.length ? left : -1;
    }
  }
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
    const length = fieldBytes(field, rdata, at);
    words.push(...formatField(field, rdata.subarray(at, at + length)));
    at += length;
  }
  return words.join(" ");
}

function formatField(field: Field, bytes: Uint8Array): string[] {
  switch (field) {
    case "u8":
    case "u16":
    case "u32":
      return [String(bytes.reduce((value, octet) => value * 256 + octet, 0))];
    case "ipv4":
      return [formatAddress(4, wordsOfBytes(bytes))];
    case "ipv6":
      return [formatAddress(6, wordsOfBytes(bytes))];
    case "name":
      return [formatName(bytes)];
    case "tag":
      return [String.fromCharCode(...bytes.subarray(1))];
    case "octets":
      return [quote(bytes)];
    case "strings": {
      const strings: string[] = [];
      for (let at = 0; at < bytes.length; at += 1 + bytes[at]!) {
        strings.push(quote(bytes.subarray(at + 1, at + 1 + bytes[at]!)));
      }
      return strings;
    }
  }
}

function quote(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) {
    if (octet === 0x22 || octet === 0x5c) text += `\\${String.fromCharCode(octet)}`;
    else if (octet < 0x20 || octet > 0x7e) text += `\\${String(octet).padStart(3, "0")}`;
    else text += String.fromCharCode(octet);
  }
  return `"${text}"`;
}
