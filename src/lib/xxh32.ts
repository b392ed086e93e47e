/**
 * XXH32 (the xxHash specification, 32 bits), pure. It turns clients into keys and affinity groups
 * into seeds; HAProxy's `xxh32` converter gives the same number, which is what makes both engines
 * choose alike. `xxh32Words` is the same hash over up to four words and allocates nothing.
 */
const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;

const rotateLeft = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

const round = (lane: number, word: number): number =>
  Math.imul(rotateLeft((lane + Math.imul(word, prime2)) | 0, 13), prime1);

const mixWord = (hash: number, word: number): number =>
  Math.imul(rotateLeft((hash + Math.imul(word, prime3)) | 0, 17), prime4);

const mixByte = (hash: number, byte: number): number =>
  Math.imul(rotateLeft((hash + Math.imul(byte, prime5)) | 0, 11), prime1);

const converge = (a: number, b: number, c: number, d: number): number =>
  (rotateLeft(a, 1) + rotateLeft(b, 7) + rotateLeft(c, 12) + rotateLeft(d, 18)) | 0;

function avalanche(hash: number): number {
  return avalancheSigned(hash) >>> 0;
}

function avalancheSigned(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 15), prime2);
  h = Math.imul(h ^ (h >>> 13), prime3);
  return h ^ (h >>> 16);
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

/** The hash of `length` bytes of `bytes` from `offset`, as an unsigned 32-bit number. */
// Four plain arguments, not an options object: called once a query, and must not allocate.
export function xxh32(bytes: Uint8Array, offset: number, length: number, seed: number): number {
  let at = offset;
  const end = offset + length;
  let hash: number;
  if (length >= 16) {
    let a = (seed + prime1 + prime2) | 0;
    let b = (seed + prime2) | 0;
    let c = seed | 0;
    let d = (seed - prime1) | 0;
    for (; at + 16 <= end; at += 16) {
      a = round(a, wordAt(bytes, at));
      b = round(b, wordAt(bytes, at + 4));
      c = round(c, wordAt(bytes, at + 8));
      d = round(d, wordAt(bytes, at + 12));
    }
    hash = converge(a, b, c, d);
  } else {
    hash = (seed + prime5) | 0;
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= end; at += 4) hash = mixWord(hash, wordAt(bytes, at));
  for (; at < end; at++) hash = mixByte(hash, bytes[at]!);
  return avalanche(hash);
}

/**
 * The hash of one to four words, as if their bytes stood one after the other, least significant
 * byte first. An IPv4 address is one word and an IPv6 address four: read them from their bytes so,
 * and not as big-endian numbers, or the result is not HAProxy's.
 */
export function xxh32Words(
  count: 1 | 2 | 3 | 4,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  seed: number,
): number {
  return xxh32WordsSigned(count, word0, word1, word2, word3, seed) >>> 0;
}

/** The same 32 bits as a signed number: one over 2^31 would be allocated on its way out. */
export function xxh32WordsSigned(
  count: 1 | 2 | 3 | 4,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  seed: number,
): number {
  if (count === 4) {
    const a = round((seed + prime1 + prime2) | 0, word0);
    const b = round((seed + prime2) | 0, word1);
    const c = round(seed | 0, word2);
    const d = round((seed - prime1) | 0, word3);
    return avalancheSigned((converge(a, b, c, d) + 16) | 0);
  }
  let hash = (seed + prime5 + count * 4) | 0;
  hash = mixWord(hash, word0);
  if (count > 1) hash = mixWord(hash, word1);
  if (count > 2) hash = mixWord(hash, word2);
  return avalancheSigned(hash);
}
