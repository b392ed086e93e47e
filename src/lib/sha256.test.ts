/** sha256.ts against the published vectors and against node:crypto on random input. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "./sha256.ts";

const ascii = (text: string) => new TextEncoder().encode(text);

/** FIPS 180-4 examples and the NIST long message. */
const vectors: readonly (readonly [string, Uint8Array, string])[] = [
  ["empty", ascii(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", ascii("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "two blocks",
    ascii("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  [
    "a million a",
    new Uint8Array(1_000_000).fill(0x61),
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
  ],
];

for (const [title, input, digest] of vectors) {
  test(`sha256() of ${title} is the published digest`, () => assert.equal(sha256(input), digest));
}

test("sha256() equals node:crypto at every length around two blocks, at odd offsets too", () => {
  const source = new Uint8Array(300).map((_, index) => (index * 131 + 7) & 0xff);
  for (let length = 0; length <= 200; length++) {
    const bytes = source.subarray(length % 7, (length % 7) + length);
    assert.equal(sha256(bytes), createHash("sha256").update(bytes).digest("hex"), `${length}`);
  }
});

test("sha256() equals node:crypto on random bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      assert.equal(sha256(bytes), createHash("sha256").update(bytes).digest("hex"));
    }),
  );
});
