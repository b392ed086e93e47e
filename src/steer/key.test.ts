/** Keys against XXH32 over the masked bytes, which is what HAProxy hashes. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { policyOf, pool } from "../../test/support/steer-fixture.ts";
import { bytesOfWords } from "../lib/ip.ts";
import { xxh32 } from "../lib/xxh32.ts";
import type { Service } from "../policy/policy.ts";
import { clientKey, rowKey } from "./key.ts";

const [plain] = policyOf([{ pools: [{ weights: [1] }], classes: [{ plan: pool(0) }] }]).services;
assert.ok(plain);

function masked(bytes: Uint8Array, length: number): Uint8Array {
  return bytes.map((byte, i) => {
    const kept = Math.max(0, Math.min(8, length - i * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
}

describe("clientKey()", () => {
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  const words = fc.tuple(word, word, word, word);
  test("is XXH32 over the masked address in network order", () => {
    fc.assert(
      fc.property(words, word, fc.nat(32), fc.nat(128), (four, seed, mask4, mask6) => {
        const service: Service = {
          ...plain,
          seed,
          affinityMask4: mask4,
          affinityMask6: mask6,
        };
        const address = Uint32Array.from(four);
        const ipv4 = masked(bytesOfWords(4, address.subarray(0, 1)), mask4);
        const ipv6 = masked(bytesOfWords(6, address), mask6);
        assert.equal(clientKey(service, 4, address), xxh32(ipv4, 0, 4, seed));
        assert.equal(clientKey(service, 6, address), xxh32(ipv6, 0, 16, seed));
      }),
    );
  });

  test("is one for all of a /24 and another for the next", () => {
    const at = (last: number) => clientKey(plain, 4, Uint32Array.of(0xc000_0200 + last));
    assert.equal(at(0), at(255));
    assert.notEqual(at(0), at(256));
  });
});

test("rowKey() is the finaliser of MurmurHash3, and parts no two keys from each other wrongly", () => {
  // fmix32 of 0, 1 and 2^32 - 1.
  assert.deepEqual([0, 1, 0xffff_ffff].map(rowKey), [0, 0x514e_28b7, 0x81f1_6f39]);
  const seen = new Set(Array.from({ length: 100_000 }, (_, key) => rowKey(key)));
  assert.equal(seen.size, 100_000);
});
