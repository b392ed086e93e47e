/** Lists of networks say who is in them. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { formatPrefix, maskPrefix, parseAddress } from "./ip.ts";
import { isInNetworks, readNetworks } from "./networks.ts";

const isIn = (networks: readonly string[], text: string): boolean => {
  const address = parseAddress(text)!;
  return isInNetworks(readNetworks(networks), address.family, address.words);
};

test("isInNetworks() is true inside a network of the client's family", () => {
  const networks = ["192.0.2.0/24", "198.51.100.7", "2001:db8:1::/48", "::1"];
  for (const inside of ["192.0.2.0", "192.0.2.255", "198.51.100.7", "2001:db8:1:ffff::", "::1"]) {
    assert.equal(isIn(networks, inside), true, inside);
  }
  for (const outside of ["192.0.3.0", "198.51.100.6", "2001:db8:2::", "::2", "0.0.0.1"]) {
    assert.equal(isIn(networks, outside), false, outside);
  }
  assert.equal(isIn([], "192.0.2.1"), false);
  assert.equal(isIn(["0.0.0.0/0"], "255.255.255.255"), true);
  assert.equal(isIn(["0.0.0.0/0"], "::1"), false);
});

test("isInNetworks() agrees with the masked address", () => {
  const words = fc.array(fc.nat(0xffff_ffff), { minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(words, fc.nat(128), fc.nat(127), (array, length, flipped) => {
      const inside = Uint32Array.from(array);
      const network = { family: 6, words: maskPrefix(inside, length), length } as const;
      const networks = readNetworks([formatPrefix(network)]);
      assert.equal(isInNetworks(networks, 6, inside), true);
      inside[flipped >> 5]! ^= 1 << (31 - (flipped & 31));
      assert.equal(isInNetworks(networks, 6, inside), flipped >= length);
    }),
    { seed: 1 },
  );
});
