/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short inputs that nobody can foretell
 * without the key. Makes the server cookies of DNS (RFC 9018). 64-bit words are two halves, so that
 * nothing is allocated.
 */

/** Four words: the key's 16 octets, little-endian. */
export function sipHashKey(octets: Uint8Array): Uint32Array {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return Uint32Array.from({ length: 4 }, (_, i) => view.getUint32(i * 4, true));
}

/** The word that begins at `at`, as far as the input goes; in the top of the last, `length`. */
function wordOf(bytes: Uint8Array, at: number, length: number, isHigh: boolean): number {
  if (at + 4 <= length) {
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
  let word = isHigh ? length << 24 : 0;
  for (let i = 0; i < 4 && at + i < length; i++) word |= bytes[at + i]! << (i * 8);
  return word;
}

/** Did the sum of two 32-bit words, of which `a` is one, go over? */
const carry = (sum: number, a: number): number => (sum >>> 0 < a >>> 0 ? 1 : 0);

/**
 * The hash of the first `length` octets of `bytes` under the key that starts at word `keyAt` of
 * `keys`: its low and high half, little-endian, into `out`.
 */
// Plain arguments, not an options object: called for queries, and must not allocate.
export function sipHash24(
  keys: Uint32Array,
  keyAt: number,
  bytes: Uint8Array,
  length: number,
  out: Int32Array,
): void {
  const k0l = keys[keyAt]! | 0;
  const k0h = keys[keyAt + 1]! | 0;
  const k1l = keys[keyAt + 2]! | 0;
  const k1h = keys[keyAt + 3]! | 0;
  let v0l = k0l ^ 0x70736575;
  let v0h = k0h ^ 0x736f6d65;
  let v1l = k1l ^ 0x6e646f6d;
  let v1h = k1h ^ 0x646f7261;
  let v2l = k0l ^ 0x6e657261;
  let v2h = k0h ^ 0x6c796765;
  let v3l = k1l ^ 0x79746573;
  let v3h = k1h ^ 0x74656462;
  // The last block holds what is left and the length; then comes the end, without a block.
  const blocks = (length >> 3) + 1;
  for (let block = 0; block <= blocks; block++) {
    const isFinal = block === blocks;
    const ml = isFinal ? 0 : wordOf(bytes, block * 8, length, false);
    const mh = isFinal ? 0 : wordOf(bytes, block * 8 + 4, length, true);
    if (isFinal) v2l ^= 0xff;
    v3l ^= ml;
    v3h ^= mh;
    for (let round = isFinal ? 4 : 2; round > 0; round--) {
      let sum = (v0l + v1l) | 0;
      v0h = (v0h + v1h + carry(sum, v0l)) | 0;
      v0l = sum;
      sum = (v2l + v3l) | 0;
      v2h = (v2h + v3h + carry(sum, v2l)) | 0;
      v2l = sum;
      let low = (v1l << 13) | (v1h >>> 19);
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = low ^ v0l;
      low = (v3l << 16) | (v3h >>> 16);
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = low ^ v2l;
      low = v0l;
      v0l = v0h;
      v0h = low;
      sum = (v2l + v1l) | 0;
      v2h = (v2h + v1h + carry(sum, v2l)) | 0;
      v2l = sum;
      sum = (v0l + v3l) | 0;
      v0h = (v0h + v3h + carry(sum, v0l)) | 0;
      v0l = sum;
      low = (v1l << 17) | (v1h >>> 15);
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = low ^ v2l;
      low = (v3l << 21) | (v3h >>> 11);
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = low ^ v0l;
      low = v2l;
      v2l = v2h;
      v2h = low;
    }
    v0l ^= ml;
    v0h ^= mh;
  }
  out[0] = v0l ^ v1l ^ v2l ^ v3l;
  out[1] = v0h ^ v1h ^ v2h ^ v3h;
}
