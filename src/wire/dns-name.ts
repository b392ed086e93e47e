/**
 * Domain names: presentation form <-> wire form, comparison, lower case. A name in wire form is a
 * run of labels, each with its length before it, ended by the zero of the root; never compressed
 * here. Case is kept; comparison is without case for A to Z only (RFC 4343). Any octet may stand in
 * a label: a dot inside one is `\.`, an unprintable one `\DDD` (RFC 1035 section 5.1).
 */
import { limits } from "../limits.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

/** The name of the root. */
export const rootName: Uint8Array = new Uint8Array(1);

// Read once: nameBytes() is called for every query, and an object of so many keys is a slow one.
const { dnsNameBytesMax: nameBytesMax, dnsLabelBytesMax: labelBytesMax } = limits;

const dot = 0x2e;
const backslash = 0x5c;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** One octet without case: A to Z become a to z, nothing else changes. */
export function lowerOctet(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet;
}

/**
 * Presentation form -> wire form. `@` is the origin; a text without a final dot is relative to it.
 * The origin is the root unless one is given.
 */
export function parseName(text: string, origin: Uint8Array = rootName): Parsed<Uint8Array> {
  if (text === "@") return parsed(origin);
  if (text === "") return refused("an empty name");
  if (text === ".") return parsed(rootName);
  const bytes = new Uint8Array(limits.dnsNameBytesMax);
  let labelAt = 0;
  let end = 1;
  let absolute = false;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    absolute = false;
    if (code === dot) {
      if (end === labelAt + 1) return refused("an empty label");
      bytes[labelAt] = end - labelAt - 1;
      labelAt = end;
      end += 1;
      absolute = true;
    } else {
      if (code === backslash) {
        const escaped = readEscape(text, i);
        if (escaped === undefined) return refused("a broken escape: \\DDD or \\ and one character");
        code = escaped.octet;
        i += escaped.length - 1;
      } else if (code > 0x7e || code <= 0x20) {
        return refused("a character that must be escaped, or written in its xn-- form");
      }
      if (end - labelAt > limits.dnsLabelBytesMax) return refused("a label of over 63 octets");
      if (end >= limits.dnsNameBytesMax) return refused("a name of over 255 octets");
      bytes[end++] = code;
    }
    if (end > limits.dnsNameBytesMax) return refused("a name of over 255 octets");
  }
  if (absolute) return parsed(bytes.slice(0, end));
  bytes[labelAt] = end - labelAt - 1;
  if (end + origin.length > limits.dnsNameBytesMax) return refused("a name of over 255 octets");
  bytes.set(origin, end);
  return parsed(bytes.slice(0, end + origin.length));
}

/** `\DDD` or `\X` at `at`: the octet, and how many characters it took. */
export function readEscape(
  text: string,
  at: number,
): { readonly octet: number; readonly length: number } | undefined {
  const first = text.charCodeAt(at + 1);
  if (Number.isNaN(first) || first > 0x7f) return undefined;
  if (!isDigit(first)) return { octet: first, length: 2 };
  const second = text.charCodeAt(at + 2);
  const third = text.charCodeAt(at + 3);
  if (!isDigit(second) || !isDigit(third)) return undefined;
  const octet = (first - 0x30) * 100 + (second - 0x30) * 10 + (third - 0x30);
  return octet <= 255 ? { octet, length: 4 } : undefined;
}

/** Characters with a meaning in zone files: escaped by a backslash, as dig prints them. */
const escapedOctets = new Set(Array.from('"().;\\@$', (character) => character.charCodeAt(0)));

/** Wire form at `offset` -> presentation form, always absolute: `example.com.`. */
export function formatName(bytes: Uint8Array, offset = 0): string {
  if (bytes[offset] === 0) return ".";
  let text = "";
  let at = offset;
  for (let length = bytes[at]!; length > 0; length = bytes[at]!) {
    for (let i = at + 1; i <= at + length; i++) text += formatOctet(bytes[i]!);
    text += ".";
    at += 1 + length;
  }
  return text;
}

function formatOctet(octet: number): string {
  if (octet <= 0x20 || octet > 0x7e) return `\\${String(octet).padStart(3, "0")}`;
  const character = String.fromCharCode(octet);
  return escapedOctets.has(octet) ? `\\${character}` : character;
}

/**
 * Octets of the uncompressed name at `offset`, its final zero included; 0 when it runs over `end`,
 * is longer than 255 octets or holds anything but plain labels.
 */
export function nameBytes(bytes: Uint8Array, offset: number, end: number): number {
  let at = offset;
  while (at < end) {
    const length = bytes[at]!;
    if (length > labelBytesMax) return 0;
    at += 1 + length;
    if (at - offset > nameBytesMax) return 0;
    if (length === 0) return at - offset;
  }
  return 0;
}

/** A copy in lower case. Length octets are at most 63, so they cannot be taken for letters. */
export function lowerName(name: Uint8Array): Uint8Array {
  return name.map(lowerOctet);
}

export function equalNames(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (lowerOctet(a[i]!) !== lowerOctet(b[i]!)) return false;
  }
  return true;
}

/** Offsets of the labels of a name, the root's excluded. */
export function labelOffsets(name: Uint8Array): number[] {
  const offsets: number[] = [];
  for (let at = 0; name[at]! > 0; at += 1 + name[at]!) offsets.push(at);
  return offsets;
}

/** The name without its first label; the root stays the root. */
export function parentName(name: Uint8Array): Uint8Array {
  return name[0] === 0 ? name : name.subarray(1 + name[0]!);
}

/** Is `name` at or below `ancestor`? */
export function isAtOrBelow(name: Uint8Array, ancestor: Uint8Array): boolean {
  const start = name.length - ancestor.length;
  if (start < 0) return false;
  if (start > 0 && !labelOffsets(name).includes(start) && ancestor.length > 1) return false;
  return equalNames(name.subarray(start), ancestor);
}

/** Canonical order (RFC 4034 section 6.1): by labels from the root, without case, as octets. */
export function compareNames(a: Uint8Array, b: Uint8Array): number {
  const aLabels = labelOffsets(a).reverse();
  const bLabels = labelOffsets(b).reverse();
  const common = Math.min(aLabels.length, bLabels.length);
  for (let i = 0; i < common; i++) {
    const order = compareLabels(a, aLabels[i]!, b, bLabels[i]!);
    if (order !== 0) return order;
  }
  return aLabels.length - bLabels.length;
}

function compareLabels(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  const aLength = a[aAt]!;
  const bLength = b[bAt]!;
  const common = Math.min(aLength, bLength);
  for (let i = 1; i <= common; i++) {
    const order = lowerOctet(a[aAt + i]!) - lowerOctet(b[bAt + i]!);
    if (order !== 0) return order;
  }
  return aLength - bLength;
}

/** Sorting these texts sorts the names canonically: labels from the root, each ended by U+0000. */
export function nameOrderKey(name: Uint8Array): string {
  const labels = labelOffsets(name).map((at) => {
    let label = "";
    for (let i = at + 1; i <= at + name[at]!; i++) {
      label += String.fromCharCode(lowerOctet(name[i]!) + 1);
    }
    return `${label}\0`;
  });
  return labels.reverse().join("");
}
