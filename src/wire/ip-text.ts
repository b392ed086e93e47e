/**
 * IP addresses as text -> 32-bit words, without allocation: used for the address of every datagram
 * as well as for A and AAAA records. Strict: four decimal parts without leading zeros; RFC 4291
 * section 2.2 for IPv6.
 */

/** Words of the last IPv6 address read, as 16-bit groups. Never handed out. */
const groups = new Uint16Array(8);

/**
 * Writes the address into `words` (1 word for IPv4, 4 for IPv6, most significant first) and returns
 * its family, or 0 when the text is no address. A zone (`fe80::1%eth0`) is left out of account.
 */
export function readAddress(text: string, words: Uint32Array): 4 | 6 | 0 {
  let end = text.length;
  let colon = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x3a) colon = true;
    else if (code === 0x25) {
      end = i;
      break;
    }
  }
  if (!colon) return end === text.length && readIpv4(text, 0, end, words) ? 4 : 0;
  return readIpv6(text, end, words) ? 6 : 0;
}

function readIpv4(text: string, start: number, end: number, words: Uint32Array): boolean {
  let value = 0;
  let parts = 0;
  let at = start;
  while (at < end) {
    let part = 0;
    const partStart = at;
    while (at < end && at - partStart < 4) {
      const digit = text.charCodeAt(at) - 0x30;
      if (digit < 0 || digit > 9) break;
      part = part * 10 + digit;
      at++;
    }
    const length = at - partStart;
    if (length === 0 || part > 255) return false;
    if (length > 1 && text.charCodeAt(partStart) === 0x30) return false;
    value = (value << 8) | part;
    parts++;
    if (at === end) break;
    if (text.charCodeAt(at) !== 0x2e || parts === 4) return false;
    at++;
    if (at === end) return false;
  }
  if (parts !== 4) return false;
  words[0] = value;
  return true;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function readIpv6(text: string, end: number, words: Uint32Array): boolean {
  let count = 0;
  let gap = -1;
  let at = 0;
  if (end >= 2 && text.charCodeAt(0) === 0x3a) {
    if (text.charCodeAt(1) !== 0x3a) return false;
    gap = 0;
    at = 2;
  }
  while (at < end) {
    if (count === 8) return false;
    const start = at;
    let value = 0;
    while (at < end && at - start < 5) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      value = (value << 4) | digit;
      at++;
    }
    if (at < end && text.charCodeAt(at) === 0x2e) {
      if (count > 6 || !readIpv4(text, start, end, words)) return false;
      groups[count++] = words[0]! >>> 16;
      groups[count++] = words[0]! & 0xffff;
      break;
    }
    if (at === start || at - start > 4) return false;
    groups[count++] = value;
    if (at === end) break;
    if (text.charCodeAt(at) !== 0x3a) return false;
    at++;
    if (at < end && text.charCodeAt(at) === 0x3a) {
      if (gap >= 0) return false;
      gap = count;
      at++;
    } else if (at === end) return false;
  }
  return spread(count, gap, words);
}

/** Puts the groups after `::` at the end, zeros between, and packs them two a word. */
function spread(count: number, gap: number, words: Uint32Array): boolean {
  if (gap < 0 ? count !== 8 : count > 7) return false;
  if (gap >= 0) {
    const tail = count - gap;
    for (let i = 0; i < tail; i++) groups[7 - i] = groups[count - 1 - i]!;
    for (let i = gap; i < 8 - tail; i++) groups[i] = 0;
  }
  for (let i = 0; i < 4; i++) words[i] = (groups[2 * i]! << 16) | groups[2 * i + 1]!;
  return true;
}

/** Dotted decimal of the four octets at `offset`. */
export function formatIpv4(bytes: Uint8Array, offset = 0): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

/** RFC 5952: lower case, the longest run of zero groups (of at least two) as `::`. */
export function formatIpv6(bytes: Uint8Array, offset = 0): string {
  const values: number[] = [];
  for (let i = 0; i < 8; i++) {
    values.push((bytes[offset + 2 * i]! << 8) | bytes[offset + 2 * i + 1]!);
  }
  let runStart = -1;
  let runLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && values[i + length] === 0) length++;
    if (length > runLength) {
      runStart = i;
      runLength = length;
    }
  }
  const hex = (from: number, to: number) =>
    values
      .slice(from, to)
      .map((value) => value.toString(16))
      .join(":");
  if (runStart < 0) return hex(0, 8);
  return `${hex(0, runStart)}::${hex(runStart + runLength, 8)}`;
}
