/**
 * IP addresses and prefixes as text, words and bytes. Everyone who reads an address from a
 * configuration or prints one comes here. Strict: what one common tool would read differently from
 * another (octal octets, short forms, zones) is no address. Text is RFC 5952; an IPv4 address
 * stands in the first of the four words, the other three are 0.
 */

export interface Address {
  readonly family: 4 | 6;
  /** Four 32-bit words, most significant first; IPv4 uses the first only. */
  readonly words: Uint32Array;
  /** 4 or 16 bytes in network order. */
  readonly bytes: Uint8Array;
}

export interface Prefix {
  readonly family: 4 | 6;
  /** Bits beyond `length` are 0. */
  readonly words: Uint32Array;
  readonly length: number;
  /** True when the text had bits set beyond the length, which are cut off in `words`. */
  readonly hostBits: boolean;
}

const digitZero = 48;
const digitNine = 57;
const colon = 58;
const dot = 46;
/** `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255` is the longest text of an address. */
const addressTextMax = 45;

/** Reads `a.b.c.d` from `start` to the end of the text; -1 if it is not exactly that. */
function readDottedQuad(text: string, start: number): number {
  let value = 0;
  let octets = 0;
  let at = start;
  while (octets < 4) {
    const first = at;
    let octet = 0;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code < digitZero || code > digitNine) break;
      octet = octet * 10 + code - digitZero;
      if (at - first >= 3) return -1;
    }
    const digits = at - first;
    // RFC 6943 section 3.1.1: a leading zero is octal to some and decimal to others.
    if (digits === 0 || octet > 255 || (digits > 1 && text.charCodeAt(first) === digitZero)) {
      return -1;
    }
    value = value * 256 + octet;
    octets++;
    if (octets < 4 && text.charCodeAt(at++) !== dot) return -1;
  }
  return at === text.length ? value : -1;
}

/** -1 for a character that is no hexadecimal digit. */
function hexDigit(code: number): number {
  if (code >= digitZero && code <= digitNine) return code - digitZero;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** RFC 4291 section 2.2, all three forms, into eight groups; false if the text is none of them. */
function readGroups(text: string, groups: Uint16Array): boolean {
  let count = 0;
  let gapAt = -1;
  let at = 0;
  if (text.startsWith("::")) {
    gapAt = 0;
    at = 2;
  }
  while (at < text.length) {
    if (count === 8) return false;
    const first = at;
    let group = 0;
    for (; at < text.length; at++) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      if (at - first >= 4) return false;
      group = group * 16 + digit;
    }
    if (at < text.length && text.charCodeAt(at) === dot) {
      const quad = count <= 6 ? readDottedQuad(text, first) : -1;
      if (quad < 0) return false;
      groups[count++] = quad >>> 16;
      groups[count++] = quad & 0xffff;
      break;
    }
    if (at === first) return false;
    groups[count++] = group;
    if (at === text.length) break;
    if (text.charCodeAt(at++) !== colon) return false;
    if (at === text.length) return false;
    if (text.charCodeAt(at) === colon) {
      if (gapAt >= 0) return false;
      gapAt = count;
      at++;
    }
  }
  if (gapAt < 0) return count === 8;
  // A gap stands for one group at least (RFC 4291 section 2.2, form 2).
  if (count === 8) return false;
  groups.copyWithin(8 - (count - gapAt), gapAt, count);
  groups.fill(0, gapAt, 8 - (count - gapAt));
  return true;
}

/** Bytes in network order from words: 4 for IPv4, 16 for IPv6. */
export function bytesOfWords(family: 4 | 6, words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (words[i >>> 2]! >>> (24 - (i & 3) * 8)) & 0xff;
  return bytes;
}

/** Words from 4 or 16 bytes in network order. */
export function wordsOfBytes(bytes: Uint8Array): Uint32Array {
  const words = new Uint32Array(4);
  for (let i = 0; i < bytes.length; i++) words[i >>> 2]! |= bytes[i]! << (24 - (i & 3) * 8);
  return words;
}

/** `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`; undefined for anything else. */
export function parseAddress(text: string): Address | undefined {
  if (text.length > addressTextMax) return undefined;
  const words = new Uint32Array(4);
  if (!text.includes(":")) {
    const quad = readDottedQuad(text, 0);
    if (quad < 0) return undefined;
    words[0] = quad;
    return { family: 4, words, bytes: bytesOfWords(4, words) };
  }
  const groups = new Uint16Array(8);
  if (!readGroups(text, groups)) return undefined;
  for (let i = 0; i < 4; i++) words[i] = groups[2 * i]! * 0x1_0000 + groups[2 * i + 1]!;
  return { family: 6, words, bytes: bytesOfWords(6, words) };
}

/** The words with every bit beyond `length` cut off. */
export function maskPrefix(words: Uint32Array, length: number): Uint32Array {
  const masked = new Uint32Array(4);
  for (let i = 0; i < 4; i++) {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    masked[i] = bits === 0 ? 0 : words[i]! & (0xffff_ffff << (32 - bits));
  }
  return masked;
}

/** `192.0.2.0/24`, `2001:db8::/32`; an address alone is the prefix of its full length. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const { family } = address;
  const full = family === 4 ? 32 : 128;
  let length = full;
  if (slash >= 0) {
    const digits = text.slice(slash + 1);
    if (!/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined;
    length = Number(digits);
    if (length > full) return undefined;
  }
  const words = maskPrefix(address.words, length);
  const hostBits = words.some((word, i) => word !== address.words[i]);
  return { family, words, length, hostBits };
}

function formatQuad(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
}

/** RFC 5952: lower case, the first longest run of two or more zero groups as `::`. */
export function formatAddress(family: 4 | 6, words: Uint32Array): string {
  if (family === 4) return formatQuad(words[0]!);
  // RFC 5952 section 5: addresses known to carry IPv4 show it.
  if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) {
    return `::ffff:${formatQuad(words[3]!)}`;
  }
  let runStart = -1;
  let runLength = 1;
  const groups: number[] = [];
  for (let i = 0; i < 8; i++) groups.push((words[i >>> 1]! >>> (i % 2 === 0 ? 16 : 0)) & 0xffff);
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && groups[end] === 0) end++;
    if (end - i > runLength) {
      runStart = i;
      runLength = end - i;
    }
    i = Math.max(i, end - 1);
  }
  const hex = groups.map((group) => group.toString(16));
  if (runStart < 0) return hex.join(":");
  return `${hex.slice(0, runStart).join(":")}::${hex.slice(runStart + runLength).join(":")}`;
}

/** `192.0.2.0/24`. */
export function formatPrefix(prefix: {
  readonly family: 4 | 6;
  readonly words: Uint32Array;
  readonly length: number;
}): string {
  return `${formatAddress(prefix.family, prefix.words)}/${prefix.length}`;
}
