/**
 * The parameters of SVCB and HTTPS records (RFC 9460 section 2): `key=value` words <-> wire form,
 * keys ascending and each once. Values that we know are read and checked by their own rules; any
 * other key is `keyN` with opaque octets.
 */
import { formatAddress, parseAddress, wordsOfBytes } from "../lib/ip.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import {
  bytesNumber,
  bytesToText,
  type FieldCodec,
  joinBytes,
  numberBytes,
  parseBase64,
  quote,
  type TokenReader,
  unescapeText,
  withLength,
} from "./rdata-tokens.ts";

export const svcKeys = {
  mandatory: 0,
  alpn: 1,
  noDefaultAlpn: 2,
  port: 3,
  ipv4Hint: 4,
  ech: 5,
  ipv6Hint: 6,
} as const;

/** By number; from 7 on read and printed as opaque octets. */
const keyNames = [
  "mandatory",
  "alpn",
  "no-default-alpn",
  "port",
  "ipv4hint",
  "ech",
  "ipv6hint",
  "dohpath",
  "ohttp",
] as const;

function keyOf(text: string): number | undefined {
  const known = (keyNames as readonly string[]).indexOf(text);
  if (known >= 0) return known;
  // Without leading zeros; 65535 is reserved.
  const digits = /^key(0|[1-9]\d{0,4})$/.exec(text)?.[1];
  return digits !== undefined && Number(digits) < 65_535 ? Number(digits) : undefined;
}

const nameOf = (key: number): string => keyNames[key] ?? `key${key}`;

/** RFC 9460 appendix A.1: items apart by commas; `\,` and `\\` stand for themselves. */
function parseList(octets: Uint8Array): readonly Uint8Array[] | undefined {
  const items: number[][] = [[]];
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet === 0x2c) items.push([]);
    else if (octet !== 0x5c) items.at(-1)?.push(octet);
    else if (octets[i + 1] === 0x5c || octets[i + 1] === 0x2c) items.at(-1)?.push(octets[++i]!);
    else return undefined;
  }
  return items.every((item) => item.length > 0)
    ? items.map((item) => Uint8Array.from(item))
    : undefined;
}

function formatList(items: readonly Uint8Array[]): string {
  const escaped = items.map((item) =>
    Array.from(item).flatMap((octet) =>
      octet === 0x2c || octet === 0x5c ? [0x5c, octet] : [octet],
    ),
  );
  const joined = escaped.flatMap((item, i) => (i === 0 ? item : [0x2c, ...item]));
  return quote(Uint8Array.from(joined));
}

function counted(value: Uint8Array): readonly Uint8Array[] {
  const items: Uint8Array[] = [];
  for (let at = 0; at < value.length; at += 1 + value[at]!) {
    items.push(value.subarray(at + 1, at + 1 + value[at]!));
  }
  return items;
}

function chunks(value: Uint8Array, width: number): readonly Uint8Array[] {
  const count = Math.ceil(value.length / width);
  return Array.from({ length: count }, (_, i) => value.subarray(i * width, (i + 1) * width));
}

function parseHints(items: readonly string[], family: 4 | 6): Parsed<Uint8Array> {
  const addresses = items.map(parseAddress);
  const bytes = addresses.flatMap((found) => (found?.family === family ? [found.bytes] : []));
  if (bytes.length === items.length) return parsed(joinBytes(bytes));
  return refused(`IPv${family} addresses apart by commas are wanted`);
}

/** `written` is undefined for a key without `=`. */
function parseValue(key: number, written: Uint8Array | undefined): Parsed<Uint8Array> {
  const value = written ?? new Uint8Array(0);
  const text = bytesToText(value);
  switch (key) {
    case svcKeys.noDefaultAlpn:
      return value.length === 0 ? parsed(value) : refused("no-default-alpn has no value");
    case svcKeys.port: {
      const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
      return port <= 0xffff ? parsed(numberBytes(port, 2)) : refused("a port is wanted");
    }
    case svcKeys.ech: {
      const ech = text === "" ? undefined : parseBase64(text);
      return ech === undefined ? refused("ech in base64 is wanted") : parsed(ech);
    }
    case svcKeys.ipv4Hint:
      return parseHints(text.split(","), 4);
    case svcKeys.ipv6Hint:
      return parseHints(text.split(","), 6);
    case svcKeys.mandatory: {
      const keys = text.split(",").map(keyOf);
      const numbers = keys.flatMap((of) => (of === undefined ? [] : [of]));
      if (numbers.length < keys.length) return refused("mandatory wants keys apart by commas");
      return parsed(joinBytes(numbers.sort((a, b) => a - b).map((of) => numberBytes(of, 2))));
    }
    case svcKeys.alpn: {
      const items = parseList(value);
      if (items?.every((item) => item.length <= 255))
        return parsed(joinBytes(items.map(withLength)));
      return refused("alpn wants protocols apart by commas");
    }
    default:
      return parsed(value);
  }
}

function parseParams(reader: TokenReader): Parsed<Uint8Array> {
  const values = new Map<number, Uint8Array>();
  while (reader.at < reader.tokens.length) {
    const token = reader.tokens[reader.at++]!;
    const equals = token.quoted ? -1 : token.text.indexOf("=");
    const name = equals < 0 ? token.text : token.text.slice(0, equals);
    // `keyN` may name a key that has a name of its own; its value is then opaque (section 2.1).
    const key = keyOf(name);
    if (key === undefined) return refused(`${name} is no key of a parameter`);
    let text = equals < 0 ? undefined : token.text.slice(equals + 1);
    const next = reader.tokens[reader.at];
    if (text === "" && next?.quoted && next.joined) {
      ({ text } = next);
      reader.at++;
    }
    const octets = text === undefined ? undefined : unescapeText(text);
    if (octets?.ok === false) return octets;
    const value = name.startsWith("key")
      ? parsed(octets?.value ?? new Uint8Array(0))
      : parseValue(key, octets?.value);
    if (!value.ok) return value;
    if (values.has(key)) return refused(`${nameOf(key)} stands twice`);
    if (value.value.length > 0xffff) return refused("more than 65,535 octets");
    values.set(key, value.value);
  }
  return parsed(encodeSvcParams(values));
}

export function encodeSvcParams(values: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const ordered = [...values].sort(([a], [b]) => a - b);
  return joinBytes(
    ordered.flatMap(([key, value]) => [numberBytes(key, 2), numberBytes(value.length, 2), value]),
  );
}

/** The parameters by key; undefined when they are malformed (RFC 9460 section 2.2). */
export function decodeSvcParams(octets: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined {
  const values = new Map<number, Uint8Array>();
  let before = -1;
  for (let at = 0; at < octets.length; ) {
    if (at + 4 > octets.length) return undefined;
    const key = bytesNumber(octets.subarray(at, at + 2));
    const end = at + 4 + bytesNumber(octets.subarray(at + 2, at + 4));
    if (key <= before || end > octets.length) return undefined;
    const value = octets.subarray(at + 4, end);
    if (!isValue(key, value)) return undefined;
    values.set(key, value);
    before = key;
    at = end;
  }
  const mandatory = values.get(svcKeys.mandatory) ?? new Uint8Array(0);
  const present = chunks(mandatory, 2).every((key) => values.has(bytesNumber(key)));
  const alpnMissing = values.has(svcKeys.noDefaultAlpn) && !values.has(svcKeys.alpn);
  return present && !alpnMissing ? values : undefined;
}

function isValue(key: number, value: Uint8Array): boolean {
  const { length } = value;
  switch (key) {
    case svcKeys.mandatory: {
      const keys = chunks(value, 2).map(bytesNumber);
      const ascending = keys.every((of, i) => of > (keys[i - 1] ?? svcKeys.mandatory));
      return length > 0 && length % 2 === 0 && ascending;
    }
    case svcKeys.alpn: {
      let end = 0;
      while (end < length && value[end]! > 0) end += 1 + value[end]!;
      return length > 0 && end === length;
    }
    case svcKeys.noDefaultAlpn:
      return length === 0;
    case svcKeys.port:
      return length === 2;
    case svcKeys.ipv4Hint:
      return length > 0 && length % 4 === 0;
    case svcKeys.ech:
      return length > 0;
    case svcKeys.ipv6Hint:
      return length > 0 && length % 16 === 0;
    default:
      return key < 65_535;
  }
}

function formatValue(key: number, value: Uint8Array): string {
  const hints = (family: 4 | 6) =>
    chunks(value, family === 4 ? 4 : 16)
      .map((bytes) => formatAddress(family, wordsOfBytes(bytes)))
      .join(",");
  switch (key) {
    case svcKeys.mandatory:
      return chunks(value, 2)
        .map((of) => nameOf(bytesNumber(of)))
        .join(",");
    case svcKeys.alpn:
      return formatList(counted(value));
    case svcKeys.port:
      return String(bytesNumber(value));
    case svcKeys.ipv4Hint:
      return hints(4);
    case svcKeys.ech:
      return value.toBase64();
    case svcKeys.ipv6Hint:
      return hints(6);
    default:
      return quote(value);
  }
}

export const svcParamsField: FieldCodec = {
  parse(reader) {
    const params = parseParams(reader);
    if (!params.ok || decodeSvcParams(params.value) !== undefined) return params;
    return refused("a parameter that is missing, empty or malformed (RFC 9460 section 2)");
  },
  bytes: (rdata, at) =>
    decodeSvcParams(rdata.subarray(at)) === undefined ? -1 : rdata.length - at,
  format: (octets) =>
    [...(decodeSvcParams(octets) ?? [])].map(([key, value]) =>
      value.length === 0 ? nameOf(key) : `${nameOf(key)}=${formatValue(key, value)}`,
    ),
};
