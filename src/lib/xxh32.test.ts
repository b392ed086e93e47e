/** xxh32.ts against published vectors, and its two forms against each other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { xxh32, xxh32Words } from "./xxh32.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

/**
 * The sanity buffer of the xxHash project's own test: byte i is the top byte of a running product.
 */
function sanityBuffer(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let generator = 2_654_435_761n;
  for (let i = 0; i < length; i++) {
    bytes[i] = Number((generator >> 56n) & 0xffn);
    generator = (generator * 11_400_714_785_074_694_797n) & 0xffff_ffff_ffff_ffffn;
  }
  return bytes;
}

const prime = 0x9e3779b1;
const sanity = sanityBuffer(222);

const vectors: readonly (readonly [string, Uint8Array, number, number])[] = [
  ["empty, seed 0", ascii(""), 0, 0x02cc5d05],
  ["empty, seed prime", ascii(""), prime, 0x36b78ae7],
  ["1 byte, seed 0", sanity.subarray(0, 1), 0, 0xcf65b03e],
  ["1 byte, seed prime", sanity.subarray(0, 1), prime, 0xb4545aa4],
  ["14 bytes, seed 0", sanity.subarray(0, 14), 0, 0x1208e7e2],
  ["14 bytes, seed prime", sanity.subarray(0, 14), prime, 0x6af1d1fe],
  ["222 bytes, seed 0", sanity, 0, 0x5bd11dbd],
  ["222 bytes, seed prime", sanity, prime, 0x58803c5f],
  ["'a'", ascii("a"), 0, 0x550d7456],
  ["'abc'", ascii("abc"), 0, 0x32d153ff],
  ["a sentence", ascii("Nobody inspects the spammish repetition"), 0, 0xe2293b2f],
];

for (const [title, input, seed, hash] of vectors) {
  test(`xxh32() of ${title} is the published hash`, () => {
    assert.equal(xxh32(input, 0, input.length, seed), hash);
  });
}

test("xxh32() reads only from offset to offset + length", () => {
  const inner = ascii("Nobody inspects the spammish repetition");
  const outer = new Uint8Array(inner.length + 11).fill(0xaa);
  outer.set(inner, 5);
  assert.equal(xxh32(outer, 5, inner.length, 0), 0xe2293b2f);
});

test("xxh32Words() equals xxh32() over the words' bytes, least significant first", () => {
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  const count = fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const);
  fc.assert(
    fc.property(count, word, word, word, word, word, (n, a, b, c, d, seed) => {
      const view = new DataView(new ArrayBuffer(16));
      [a, b, c, d].forEach((value, index) => {
        view.setUint32(index * 4, value, true);
      });
      const expected = xxh32(new Uint8Array(view.buffer), 0, n * 4, seed);
      assert.equal(xxh32Words(n, a, b, c, d, seed), expected);
    }),
    { numRuns: 2000 },
  );
});
