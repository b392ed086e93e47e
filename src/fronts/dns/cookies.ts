/**
 * DNS cookies (RFC 7873) with the server cookies of RFC 9018, which every server with the same
 * secret understands: version 1, timestamp, SipHash-2-4 over the client's cookie, those and its
 * address. Who sends a valid one has received an answer at its address before. Called by answer()
 * and fast-answer.ts with the octets of the option; allocates nothing.
 */
import { sipHash24, sipHashKey } from "../../lib/siphash.ts";

/** `required`: a query over UDP whose cookie is not valid gets BADCOOKIE and a new one. */
export const cookieModes = { off: 0, on: 1, required: 2 } as const;

/** What the option of a query is worth; from `valid` on its sender is known. */
export const cookieStates = { none: 0, unknown: 1, stale: 2, fresh: 3 } as const;

export const clientCookieBytes = 8;
/** A client's cookie and ours. */
export const cookieBytes = 24;
const serverCookieMin = 16;
const cookieBytesMax = 40;

/** RFC 9018 section 4.3. */
const acceptedSeconds = 3600;
const renewedSeconds = 1800;
const aheadSeconds = 300;

export interface Cookies {
  mode: number;
  /** Four words a secret: the first makes cookies, all of them are accepted. */
  keys: Uint32Array;
  readonly input: Uint8Array;
  readonly hash: Int32Array;
}

export function createCookies(): Cookies {
  return {
    mode: cookieModes.off,
    keys: new Uint32Array(4),
    input: new Uint8Array(32),
    hash: new Int32Array(2),
  };
}

/** Secrets of 16 octets; without any, cookies are off. */
export function setCookieSecrets(
  cookies: Cookies,
  mode: keyof typeof cookieModes,
  secrets: readonly Uint8Array[],
): void {
  cookies.mode = secrets.length === 0 ? cookieModes.off : cookieModes[mode];
  const keys = secrets.flatMap((secret) => [...sipHashKey(secret)]);
  cookies.keys = Uint32Array.from(keys.length === 0 ? [0, 0, 0, 0] : keys);
}

/** RFC 7873 section 5.2.2: any other length is FORMERR. */
export function isCookieLength(length: number): boolean {
  return length === clientCookieBytes || (length >= serverCookieMin && length <= cookieBytesMax);
}

/**
 * The option's data of `length` octets at `at`, from the client whose address is the four words at
 * `wordsAt`, at `now` (seconds of the epoch, 32 bits).
 */
// Plain arguments, not an options object: called for queries, and must not allocate.
export function cookieState(
  cookies: Cookies,
  bytes: Uint8Array,
  at: number,
  length: number,
  words: Uint32Array,
  wordsAt: number,
  family: 4 | 6,
  now: number,
): number {
  if (length !== cookieBytes || bytes[at + clientCookieBytes] !== 1) return cookieStates.unknown;
  // Serial arithmetic of 32 bits, as section 4.3 asks.
  const age = (now - word(bytes, at + 12)) | 0;
  if (age > acceptedSeconds || age < -aheadSeconds) return cookieStates.unknown;
  const { keys, hash, input } = cookies;
  for (let i = 0; i < 16; i++) input[i] = bytes[at + i]!;
  const inputBytes = 16 + writeAddress(input, words, wordsAt, family);
  for (let key = 0; key < keys.length; key += 4) {
    sipHash24(keys, key, input, inputBytes, hash);
    const low = swapped(hash[0]!) ^ word(bytes, at + 16);
    if ((low | (swapped(hash[1]!) ^ word(bytes, at + 20))) !== 0) continue;
    // One that an older secret made is renewed at once.
    return key === 0 && age <= renewedSeconds ? cookieStates.fresh : cookieStates.stale;
  }
  return cookieStates.unknown;
}

/** Writes 24 octets at `to`: the client's cookie, then its own again if fresh, else a new one. */
// Plain arguments, not an options object: called for queries, and must not allocate.
export function writeCookie(
  cookies: Cookies,
  out: Uint8Array,
  to: number,
  bytes: Uint8Array,
  at: number,
  state: number,
  words: Uint32Array,
  wordsAt: number,
  family: 4 | 6,
  now: number,
): void {
  if (state === cookieStates.fresh) {
    for (let i = 0; i < cookieBytes; i++) out[to + i] = bytes[at + i]!;
    return;
  }
  const { input, hash } = cookies;
  for (let i = 0; i < clientCookieBytes; i++) input[i] = bytes[at + i]!;
  input[8] = 1;
  input[9] = input[10] = input[11] = 0;
  writeWord(input, 12, now);
  sipHash24(cookies.keys, 0, input, 16 + writeAddress(input, words, wordsAt, family), hash);
  for (let i = 0; i < 16; i++) out[to + i] = input[i]!;
  writeWord(out, to + 16, swapped(hash[0]!));
  writeWord(out, to + 20, swapped(hash[1]!));
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function writeWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** The hash is little-endian on the wire. */
function swapped(value: number): number {
  const middle = ((value >>> 8) & 0xff00) | ((value & 0xff00) << 8);
  return (value >>> 24) | middle | (value << 24);
}

/** Network order behind the first 16 octets; how many. */
function writeAddress(
  input: Uint8Array,
  words: Uint32Array,
  wordsAt: number,
  family: 4 | 6,
): number {
  const count = family === 4 ? 1 : 4;
  for (let i = 0; i < count; i++) writeWord(input, 16 + i * 4, words[wordsAt + i]! | 0);
  return count * 4;
}
