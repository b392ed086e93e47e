/** SipHash-2-4 gives the numbers of its authors' vectors, and a plain rendering's of any input. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { sipHash24, sipHashKey } from "./siphash.ts";

const mask = (1n << 64n) - 1n;
const rotate = (word: bigint, bits: bigint): bigint =>
  ((word << bits) | (word >> (64n - bits))) & mask;
const littleEndian = (bytes: Uint8Array): bigint =>
  bytes.reduceRight((sum, octet) => (sum << 8n) | BigInt(octet), 0n);

/** As the paper writes it. */
function plain(key: Uint8Array, input: Uint8Array): bigint {
  const k0 = littleEndian(key.subarray(0, 8));
  const k1 = littleEndian(key.subarray(8));
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ] as [bigint, bigint, bigint, bigint];
  const round = (): void => {
    v[0] = (v[0] + v[1]) & mask;
    v[1] = rotate(v[1], 13n) ^ v[0];
    v[0] = rotate(v[0], 32n);
    v[2] = (v[2] + v[3]) & mask;
    v[3] = rotate(v[3], 16n) ^ v[2];
    v[0] = (v[0] + v[3]) & mask;
    v[3] = rotate(v[3], 21n) ^ v[0];
    v[2] = (v[2] + v[1]) & mask;
    v[1] = rotate(v[1], 17n) ^ v[2];
    v[2] = rotate(v[2], 32n);
  };
  const padded = new Uint8Array((input.length >> 3) * 8 + 8);
  padded.set(input);
  padded[padded.length - 1] = input.length;
  for (let at = 0; at < padded.length; at += 8) {
    const word = littleEndian(padded.subarray(at, at + 8));
    v[3] ^= word;
    round();
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

function fast(key: Uint8Array, input: Uint8Array): bigint {
  const out = new Int32Array(2);
  sipHash24(sipHashKey(key), 0, input, input.length, out);
  return (BigInt(out[1]! >>> 0) << 32n) | BigInt(out[0]! >>> 0);
}

test("sipHash24 gives the vector of the paper's appendix A", () => {
  const ascending = Uint8Array.from({ length: 16 }, (_, i) => i);
  assert.equal(fast(ascending, ascending.subarray(0, 15)), 0xa129ca6149be45e5n);
});

test("sipHash24 is the paper's function, for any key and input", () => {
  const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 40 }), (of, input) => {
      assert.equal(fast(of, input), plain(of, input));
    }),
  );
});
