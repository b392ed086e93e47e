/**
 * The parts that record data is made of, each with its three ways: words -> octets, how many octets
 * stand in rdata, octets -> words. Called by dns-rdata.ts, whose table of layouts names them.
 */
import { formatAddress, parseAddress, wordsOfBytes } from "../lib/ip.ts";
import { formatType, parseType } from "./dns-constants.ts";
import { formatName, nameBytes, parseName } from "./dns-name.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { locField } from "./rdata-loc.ts";
import { svcParamsField } from "./rdata-svcb.ts";
import {
  bytesNumber,
  bytesToText,
  type FieldCodec,
  joinBytes,
  numberBytes,
  parseBase64,
  parsePeriod,
  quote,
  type Token,
  unescapeText,
  withLength,
} from "./rdata-tokens.ts";

const missing = refused("a value is missing");

/** A field of one word. */
function word(
  parse: (token: Token, origin: Uint8Array) => Parsed<Uint8Array>,
  bytes: FieldCodec["bytes"],
  format: (octets: Uint8Array) => string,
): FieldCodec {
  return {
    parse(reader, origin) {
      const token = reader.tokens[reader.at++];
      return token === undefined ? missing : parse(token, origin);
    },
    bytes,
    format: (octets) => [format(octets)],
  };
}

/** A field of all words that are left, at least `least`. */
function rest(
  least: number,
  given: {
    readonly parse: (tokens: readonly Token[]) => Parsed<Uint8Array>;
    readonly bytes?: FieldCodec["bytes"];
    readonly format: (octets: Uint8Array) => readonly string[];
  },
): FieldCodec {
  return {
    parse(reader) {
      const tokens = reader.tokens.slice(reader.at);
      reader.at = reader.tokens.length;
      return tokens.length < least ? missing : given.parse(tokens);
    },
    bytes: given.bytes ?? ((rdata, at) => rdata.length - at),
    format: given.format,
  };
}

const fixed = (width: number) => (rdata: Uint8Array, at: number) =>
  rdata.length - at >= width ? width : -1;
/** Octets with one for their length before them. */
const counted = (least: number) => (rdata: Uint8Array, at: number) => {
  const length = rdata[at] ?? -1;
  return length >= least && at + 1 + length <= rdata.length ? 1 + length : -1;
};
const decimal = (octets: Uint8Array): string => String(bytesNumber(octets));

function number(width: 1 | 2 | 4): FieldCodec {
  return word(({ text }) => parseNumber(width, text), fixed(width), decimal);
}

function parseNumber(width: 1 | 2 | 4, text: string): Parsed<Uint8Array> {
  const maximum = 2 ** (8 * width) - 1;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= maximum)) return refused(`a number of 0 to ${maximum} is wanted, not ${text}`);
  return parsed(numberBytes(value, width));
}

function address(family: 4 | 6): FieldCodec {
  return word(
    ({ text }) => {
      const found = parseAddress(text);
      if (found?.family === family) return parsed(found.bytes);
      return refused(`an IPv${family} address is wanted, not ${text}`);
    },
    fixed(family === 4 ? 4 : 16),
    (octets) => formatAddress(family, wordsOfBytes(octets)),
  );
}

const nameField: FieldCodec = word(
  (token, origin) =>
    token.quoted ? refused("a name without quotes is wanted") : parseName(token.text, origin),
  (rdata, at) => nameBytes(rdata, at, rdata.length) || -1,
  (octets) => formatName(octets),
);

function parseString(token: Token): Parsed<Uint8Array> {
  const octets = unescapeText(token.text);
  if (!octets.ok) return octets;
  if (octets.value.length > 255) {
    return refused("a string of over 255 octets; write it as several quoted strings");
  }
  return parsed(withLength(octets.value));
}

const strings: FieldCodec = rest(1, {
  parse(tokens) {
    const parts: Uint8Array[] = [];
    for (const token of tokens) {
      const part = parseString(token);
      if (!part.ok) return part;
      parts.push(part.value);
    }
    return parsed(joinBytes(parts));
  },
  bytes(rdata, at) {
    if (at === rdata.length) return -1;
    let end = at;
    while (end < rdata.length) end += 1 + rdata[end]!;
    return end === rdata.length ? end - at : -1;
  },
  format(octets) {
    const words: string[] = [];
    for (let at = 0; at < octets.length; at += 1 + octets[at]!) {
      words.push(quote(octets.subarray(at + 1, at + 1 + octets[at]!)));
    }
    return words;
  },
});

const tag: FieldCodec = word(
  ({ text }) =>
    /^[a-zA-Z0-9]{1,255}$/.test(text)
      ? parsed(withLength(new TextEncoder().encode(text)))
      : refused("a tag of letters and digits, such as issue, is wanted"),
  (rdata, at) => {
    const length = counted(1)(rdata, at);
    return /^[a-zA-Z0-9]+$/.test(bytesToText(rdata.subarray(at + 1, at + length))) ? length : -1;
  },
  (octets) => bytesToText(octets.subarray(1)),
);

function wordsOf(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join("");
}

const base64: FieldCodec = rest(1, {
  parse(tokens) {
    const octets = parseBase64(wordsOf(tokens));
    return octets === undefined ? refused("base64 is wanted (RFC 4648)") : parsed(octets);
  },
  bytes: (rdata, at) => (rdata.length > at ? rdata.length - at : -1),
  format: (octets) => [octets.toBase64()],
});

const hex: FieldCodec = rest(1, {
  parse(tokens) {
    const text = wordsOf(tokens);
    const pairs = /^([0-9a-fA-F]{2})+$/.test(text);
    return pairs ? parsed(Uint8Array.fromHex(text)) : refused("hexadecimal digits are wanted");
  },
  bytes: (rdata, at) => (rdata.length > at ? rdata.length - at : -1),
  format: (octets) => [octets.toHex().toUpperCase()],
});

/** NSEC3 (RFC 5155 section 3.3): `-` stands for none. */
const salt: FieldCodec = word(
  ({ text }) => {
    if (text === "-") return parsed(Uint8Array.of(0));
    const ok = /^([0-9a-fA-F]{2}){1,255}$/.test(text);
    return ok ? parsed(withLength(Uint8Array.fromHex(text))) : refused("a salt in hexadecimal");
  },
  counted(0),
  (octets) => (octets.length === 1 ? "-" : octets.subarray(1).toHex().toUpperCase()),
);

const base32Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

/** RFC 4648 section 7, without padding. */
export function formatBase32(octets: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const octet of octets) {
    held = (held << 8) | octet;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32Digits[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + base32Digits[(held << (5 - bits)) & 31] : text;
}

function parseBase32(text: string): Uint8Array | undefined {
  const octets: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of text.toUpperCase()) {
    const digit = base32Digits.indexOf(character);
    if (digit < 0) return undefined;
    held = (held << 5) | digit;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    octets.push(held >>> bits);
    held &= (1 << bits) - 1;
  }
  // What is left over is less than a digit, and zeros.
  return bits < 5 && held === 0 ? Uint8Array.from(octets) : undefined;
}

const hash32: FieldCodec = word(
  ({ text }) => {
    const octets = parseBase32(text);
    const ok = octets !== undefined && octets.length > 0 && octets.length < 256;
    return ok ? parsed(withLength(octets)) : refused("a hash in base32hex (RFC 4648)");
  },
  counted(1),
  (octets) => formatBase32(octets.subarray(1)),
);

const typeField: FieldCodec = word(
  ({ text }) => {
    const type = parseType(text);
    return type === undefined ? refused("a record type is wanted") : parsed(numberBytes(type, 2));
  },
  fixed(2),
  (octets) => formatType(bytesNumber(octets)),
);

/** RFC 4034 section 4.1.2: windows of 256 types, each with its bits up to the last one set. */
export function typeBitmap(types: readonly number[]): Uint8Array {
  const windows = new Map<number, Uint8Array>();
  for (const type of types) {
    const bits = windows.get(type >> 8) ?? new Uint8Array(32);
    bits[(type & 0xff) >> 3]! |= 0x80 >> (type & 7);
    windows.set(type >> 8, bits);
  }
  const parts: Uint8Array[] = [];
  for (const [window, bits] of [...windows].sort(([a], [b]) => a - b)) {
    const length = bits.findLastIndex((octet) => octet !== 0) + 1;
    parts.push(Uint8Array.of(window, length), bits.subarray(0, length));
  }
  return joinBytes(parts);
}

/** The types of a well-formed bitmap, ascending. */
export function bitmapTypes(octets: Uint8Array): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at < octets.length; at += 2 + octets[at + 1]!) {
    for (let i = 0; i < octets[at + 1]! * 8; i++) {
      if ((octets[at + 2 + (i >> 3)]! & (0x80 >> (i & 7))) !== 0) types.push(octets[at]! * 256 + i);
    }
  }
  return types;
}

const typeList: FieldCodec = rest(0, {
  parse(tokens) {
    const types: number[] = [];
    for (const { text } of tokens) {
      const type = parseType(text);
      if (type === undefined) return refused(`${text} is no record type`);
      types.push(type);
    }
    return parsed(typeBitmap(types));
  },
  bytes(rdata, at) {
    let before = -1;
    let end = at;
    while (end < rdata.length) {
      const length = rdata[end + 1] ?? 0;
      if (rdata[end]! <= before || length < 1 || length > 32) return -1;
      // The last octet of a window is not 0: one list of types has one form.
      if (rdata[end + 1 + length] === 0) return -1;
      before = rdata[end]!;
      end += 2 + length;
    }
    return end === rdata.length ? end - at : -1;
  },
  format: (octets) => bitmapTypes(octets).map(formatType),
});

/** IANA's mnemonics of DNSSEC algorithms, as zone files may hold them. */
const algorithms: ReadonlyMap<string, number> = new Map([
  ["RSAMD5", 1],
  ["DH", 2],
  ["DSA", 3],
  ["RSASHA1", 5],
  ["NSEC3DSA", 6],
  ["NSEC3RSASHA1", 7],
  ["RSASHA256", 8],
  ["RSASHA512", 10],
  ["ECCGOST", 12],
  ["ECDSAP256SHA256", 13],
  ["ECDSAP384SHA384", 14],
  ["ED25519", 15],
  ["ED448", 16],
  ["INDIRECT", 252],
  ["PRIVATEDNS", 253],
  ["PRIVATEOID", 254],
]);

const algorithm: FieldCodec = word(
  ({ text }) => {
    const known = algorithms.get(text.toUpperCase());
    return known === undefined ? parseNumber(1, text) : parsed(Uint8Array.of(known));
  },
  fixed(1),
  decimal,
);

/** Seconds, or units such as 1h30m. */
const period: FieldCodec = word(
  ({ text }) => {
    const seconds = parsePeriod(text);
    if (seconds === undefined) return refused(`seconds, or a time such as 1h30m, not ${text}`);
    return parsed(numberBytes(seconds, 4));
  },
  fixed(4),
  decimal,
);

/** RFC 4034 section 3.2: YYYYMMDDHHmmSS, or seconds since 1970, modulo 2^32. */
const time: FieldCodec = word(
  ({ text }) => {
    const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text);
    if (parts === null) return parseNumber(4, text);
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
      .slice(1)
      .map(Number);
    const ms = Date.UTC(year, month - 1, day, hour, minute, second);
    const exact = formatTime(ms / 1000) === text && year >= 1970;
    return exact
      ? parsed(numberBytes((ms / 1000) % 0x1_0000_0000, 4))
      : refused("a time such as 20260131235959 is wanted");
  },
  fixed(4),
  (octets) => formatTime(bytesNumber(octets)),
);

function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$|[-T:]/g, "");
}

const octetsField: FieldCodec = word(
  ({ text }) => unescapeText(text),
  (rdata, at) => rdata.length - at,
  quote,
);

export const fieldCodecs = {
  u8: number(1),
  u16: number(2),
  u32: number(4),
  period,
  time,
  ipv4: address(4),
  ipv6: address(6),
  /** A name in lower case where the canonical form is wanted (RFC 4034 section 6.2). */
  name: nameField,
  /** One whose case counts (RFC 6840 section 5.1, RFC 9460 section 7). */
  casedName: nameField,
  string: word(parseString, counted(0), (octets) => quote(octets.subarray(1))),
  strings,
  tag,
  octets: octetsField,
  base64,
  hex,
  salt,
  hash32,
  type: typeField,
  typeList,
  algorithm,
  loc: locField,
  svcParams: svcParamsField,
} as const satisfies Readonly<Record<string, FieldCodec>>;
export type Field = keyof typeof fieldCodecs;
