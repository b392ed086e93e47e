/** Oracles: ipaddr.js for values and text, node:net for what is an address at all. */
import assert from "node:assert/strict";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import {
  bytesOfWords,
  formatAddress,
  formatPrefix,
  maskPrefix,
  parseAddress,
  parsePrefix,
  wordsOfBytes,
} from "./ip.ts";

const runs = { numRuns: 3000 };
const word = fc.oneof(
  fc.constantFrom(0, 0xffff, 0xffff_0000, 0x64_ff9b),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
/** ipaddr.js reads the deprecated `::1.2.3.4` as if it were `::ffff:1.2.3.4`. */
const ipV6 = fc.ipV6().filter((text) => isIPv6(text) && !/^::(0:)*\d+\.\d+\.\d+\.\d+$/.test(text));
const words6 = fc.tuple(word, word, word, word).map((list) => Uint32Array.from(list));

test("parseAddress reads IPv4 and formatAddress writes it back", () => {
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      const address = parseAddress(text);
      assert.equal(address?.family, 4);
      assert.deepEqual([...address.bytes], ipaddr.parse(text).toByteArray());
      assert.equal(formatAddress(4, address.words), text);
      assert.deepEqual(wordsOfBytes(address.bytes), address.words);
    }),
    runs,
  );
});

test("parseAddress reads every IPv6 form that ipaddr.js reads, to the same bytes", () => {
  fc.assert(
    fc.property(ipV6, (text) => {
      const address = parseAddress(text);
      assert.equal(address?.family, 6);
      assert.deepEqual([...address.bytes], ipaddr.parse(text).toByteArray());
      assert.deepEqual(wordsOfBytes(address.bytes), address.words);
    }),
    runs,
  );
});

test("formatAddress writes RFC 5952 text", () => {
  fc.assert(
    fc.property(words6, (words) => {
      const text = formatAddress(6, words);
      assert.deepEqual(parseAddress(text)?.words, words);
      const reference = new ipaddr.IPv6([...bytesOfWords(6, words)]);
      if (!reference.isIPv4MappedAddress()) assert.equal(text, reference.toRFC5952String());
      else assert.equal(text, `::ffff:${reference.toIPv4Address().toString()}`);
    }),
    runs,
  );
});

test("parseAddress reads IPv4 inside IPv6 where RFC 4291 puts it", () => {
  assert.deepEqual(parseAddress("::1.2.3.4")?.words, Uint32Array.of(0, 0, 0, 0x0102_0304));
  assert.deepEqual(
    parseAddress("64:ff9b::192.0.2.1")?.words,
    Uint32Array.of(0x64_ff9b, 0, 0, 0xc000_0201),
  );
});

test("parseAddress refuses what node:net refuses, on texts near to addresses", () => {
  const characters = fc.constantFrom(...Array.from("0123456789abcdefABCDEFg:::...%/ -"));
  const soup = fc.string({ unit: characters, maxLength: 48 });
  const nearly = fc
    .tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(45), fc.nat(2), soup)
    .map(([text, at, cut, extra]) => text.slice(0, at) + extra.slice(0, 2) + text.slice(at + cut));
  fc.assert(
    fc.property(fc.oneof(soup, nearly), (text) => {
      const family = parseAddress(text)?.family;
      assert.equal(family === 4, isIPv4(text), text);
      assert.equal(family === 6, isIPv6(text) && !text.includes("%"), text);
    }),
    { numRuns: 20_000 },
  );
});

test("parseAddress refuses ambiguous and broken texts", () => {
  const broken = [
    "",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.256",
    "1.2.3.0x4",
    "1..2.3",
    "1.2.3.4 ",
    "4294967295",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "fe80::1%eth0",
    "[::1]",
    "::1.2.3",
    "::1.2.3.4:5",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1:",
    ":1",
    "１.2.3.4",
  ];
  for (const text of broken) assert.equal(parseAddress(text), undefined, text);
});

test("parsePrefix masks as ipaddr.js does and says when bits were cut off", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), ipV6), fc.nat(130), (text, length) => {
      const full = isIPv4(text) ? 32 : 128;
      const prefix = parsePrefix(`${text}/${length}`);
      if (length > full) return assert.equal(prefix, undefined);
      assert.ok(prefix !== undefined);
      const bytes = [...bytesOfWords(prefix.family, prefix.words)];
      const kind = full === 32 ? ipaddr.IPv4 : ipaddr.IPv6;
      const network = kind.networkAddressFromCIDR(`${text}/${length}`).toByteArray();
      assert.deepEqual(bytes, network);
      const original = ipaddr.parse(text).toByteArray();
      assert.equal(
        prefix.hostBits,
        original.some((byte, i) => byte !== network[i]),
      );
      const again = parsePrefix(formatPrefix(prefix));
      assert.deepEqual(again, { ...prefix, hostBits: false });
    }),
    runs,
  );
});

test("parsePrefix takes a lone address as itself and refuses odd lengths", () => {
  assert.equal(parsePrefix("192.0.2.1")?.length, 32);
  assert.equal(parsePrefix("::")?.length, 128);
  for (const text of ["1.2.3.4/", "1.2.3.4/33", "1.2.3.4/08", "1.2.3.4/-1", "::/129", "::/1/2"]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
});

test("maskPrefix keeps all bits at full length and none at 0", () => {
  const words = Uint32Array.of(0xffff_ffff, 1, 2, 3);
  assert.deepEqual(maskPrefix(words, 128), words);
  assert.deepEqual(maskPrefix(words, 0), new Uint32Array(4));
  assert.deepEqual(maskPrefix(words, 33), Uint32Array.of(0xffff_ffff, 0, 0, 0));
});
