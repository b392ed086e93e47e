/**
 * The bundled database, all of it, against mmdb-lib: its prefixes are enumerated by mmdb-lib alone
 * (each answer's prefix length leads to the next prefix), and ours must agree on the first and last
 * address of each and on their neighbours. Where ours says unknown and mmdb-lib does not, ipaddr.js
 * must call the address special.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import ipaddr from "ipaddr.js";
import { type CountryResponse, Reader } from "mmdb-lib";
import { simulatedEntropy } from "../lib/entropy.ts";
import { bytesOfWords, parseAddress, parsePrefix } from "../lib/ip.ts";
import { limits } from "../limits.ts";
import { compileGeography } from "./compile.ts";
import { country } from "./countries.ts";
import type { Leaves } from "./geography.ts";
import { bundledDatabasePath } from "./load.ts";
import { findLeaf, spanEnd, unmap } from "./lookup.ts";
import { specialUse } from "./special-use.ts";

const bytes = readFileSync(bundledDatabasePath());
const reader = new Reader<CountryResponse>(bytes);
/** The flat layout, which mmdb-lib's types do not know. */
function codeOf(record: unknown): string {
  return (record as { country_code?: string } | null)?.country_code ?? "";
}
const compiled = compileGeography([{ name: "bundled", bytes }], [], { digest: "", license: "" });
assert.ok(compiled.ok);
const { geography } = compiled;
const countries = geography.locations.map((location) => location.country);

function ours(leaves: Leaves, words: Uint32Array): string {
  return countries[leaves.locations[findLeaf(leaves, words)]!]!;
}

/** A text that mmdb-lib reads; no care is taken for beauty. */
function textOf(family: 4 | 6, words: Uint32Array): string {
  if (family === 4) {
    const word = words[0]!;
    return `${word >>> 24}.${(word >>> 16) & 255}.${(word >>> 8) & 255}.${word & 255}`;
  }
  let text = "";
  for (let i = 0; i < 4; i++) {
    const word = words[i]!;
    text += `${i === 0 ? "" : ":"}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  return text;
}

function isSpecial(family: 4 | 6, words: Uint32Array): boolean {
  const octets = [...bytesOfWords(family, words)];
  const parsed = family === 4 ? new ipaddr.IPv4(octets) : new ipaddr.IPv6(octets);
  // The unassigned rest of ::/8, where no host is, has no name there.
  return parsed.range() !== "unicast" || (family === 6 && octets[0] === 0);
}

interface Disagreement {
  special: number;
}

function assertAgrees(
  family: 4 | 6,
  words: Uint32Array,
  expected: string,
  disagreement: Disagreement,
): void {
  const actual = ours(family === 4 ? geography.v4 : geography.v6, words);
  if (actual === expected) return;
  const text = textOf(family, words);
  assert.equal(actual, "", `${text} is ${actual}, not ${expected}`);
  assert.ok(isSpecial(family, words), `${text} is unknown, not ${expected}`);
  disagreement.special++;
}

/** `words` += 1; false when it wraps around. */
function increment(words: Uint32Array, count: 1 | 4): boolean {
  for (let i = count - 1; i >= 0; i--) {
    words[i]!++;
    if (words[i] !== 0) return true;
  }
  return false;
}

function enumerate(family: 4 | 6, from: Uint32Array): { prefixes: number; special: number } {
  const count = family === 4 ? 1 : 4;
  const first = from.slice();
  const last = new Uint32Array(4);
  const disagreement = { special: 0 };
  let prefixes = 0;
  let before = "";
  let more = true;
  while (more) {
    const [record, length] = reader.getWithPrefixLength(textOf(family, first));
    const expected = codeOf(record);
    for (let i = 0; i < count; i++) {
      const kept = length - 32 * i;
      last[i] = first[i]! | (kept >= 32 ? 0 : 0xffff_ffff >>> Math.max(0, kept));
    }
    assertAgrees(family, first, expected, disagreement);
    assertAgrees(family, last, expected, disagreement);
    // The neighbours: the address before the first has the answer of the prefix before, and the
    // one after the last is the first of the next.
    if (prefixes > 0) {
      const previous = first.slice();
      for (let i = count - 1; i >= 0 && previous[i]!-- === 0; i--);
      assertAgrees(family, previous, before, disagreement);
    }
    before = expected;
    prefixes++;
    more = increment(last, count);
    first.set(last);
  }
  return { prefixes, special: disagreement.special };
}

test("findLeaf agrees with mmdb-lib on every IPv4 prefix of the bundled database", () => {
  const { prefixes, special } = enumerate(4, new Uint32Array(4));
  assert.ok(prefixes >= geography.v4.lengths.length, `${prefixes} prefixes`);
  // It places 192.168.0.0/16 and its like in Australia.
  assert.ok(special > 0);
});

test("findLeaf agrees with mmdb-lib on every IPv6 prefix of the bundled database", () => {
  // From the end of ::/96, which is IPv4.
  const { prefixes, special } = enumerate(6, Uint32Array.of(0, 0, 1, 0));
  assert.ok(prefixes >= geography.v6.lengths.length, `${prefixes} prefixes`);
  assert.ok(special > 0);
});

test("findLeaf agrees with mmdb-lib on 10^6 random addresses", () => {
  const entropy = simulatedEntropy(20_260_617);
  const words = new Uint32Array(4);
  const disagreement = { special: 0 };
  for (let i = 0; i < 1_000_000; i++) {
    const family = i % 2 === 0 ? 4 : 6;
    words[0] = entropy.draw32();
    // Half of the IPv6 addresses near a prefix of the data, the others anywhere in 2000::/3.
    if (family === 6) {
      for (let w = 1; w < 4; w++) words[w] = entropy.draw32();
      if (i % 4 === 1) words[0] = 0x2000_0000 | (words[0]! & 0x1fff_ffff);
      else {
        const leaf = words[0]! % geography.v6.lengths.length;
        words[0] = geography.v6.starts[leaf * 4]!;
        words[1] = geography.v6.starts[leaf * 4 + 1]! ^ (words[1]! & 0xffff);
      }
    }
    const expected = codeOf(reader.get(textOf(family, words)));
    assertAgrees(family, words, expected, disagreement);
  }
});

test("findLeaf finds special-use space unknown, also where the database lists it", () => {
  for (const prefix of specialUse()) {
    const leaves = prefix.family === 4 ? geography.v4 : geography.v6;
    const first = findLeaf(leaves, prefix.words);
    const last = prefix.words.map((word, i) => {
      const kept = prefix.length - 32 * i;
      return kept >= 32 ? word : word | (0xffff_ffff >>> Math.max(0, kept));
    });
    for (let leaf: number = first; leaf <= findLeaf(leaves, last); leaf++) {
      assert.equal(leaves.locations[leaf], 0);
    }
  }
});

test("unmap leads v4-mapped, NAT64 and 6to4 addresses to the IPv4 answer", () => {
  const german = parseAddress("193.99.144.80") ?? assert.fail();
  const plain = ours(geography.v4, german.words);
  assert.equal(plain, "DE");
  for (const text of ["::ffff:193.99.144.80", "64:ff9b::193.99.144.80", "2002:c163:9050::1"]) {
    const words = (parseAddress(text) ?? assert.fail()).words;
    assert.equal(unmap(words), 4, text);
    assert.deepEqual(words, german.words);
  }
});

test("every country of the bundled database has a continent and a point", () => {
  for (const location of geography.locations.slice(1)) {
    assert.notEqual(country(location.country), undefined, location.country);
    assert.match(location.continent, /^(AF|AN|AS|EU|NA|OC|SA)$/);
    assert.ok(Math.abs(location.latitude) <= 90 && Math.abs(location.longitude) <= 180);
  }
  assert.ok(geography.source.onePointPerCountry);
});

test("spanEnd finds the /24s that hold several countries", () => {
  let mixed = 0;
  const words = new Uint32Array(4);
  const { v4 } = geography;
  for (let leaf = 0; leaf < v4.lengths.length; leaf++) {
    if (v4.lengths[leaf]! <= 24 || (v4.starts[leaf]! & 0xff) !== 0) continue;
    words[0] = v4.starts[leaf]!;
    const first = findLeaf(v4, words);
    const last = spanEnd(v4, first, words, 24);
    assert.ok(last > first && last - first < 256);
    assert.equal(v4.starts[last]! >>> 8, words[0] >>> 8);
    assert.ok(last + 1 === v4.lengths.length || v4.starts[last + 1]! >>> 8 !== words[0] >>> 8);
    mixed++;
  }
  // The figure of docs/geography.md; unknown space counts as a country here.
  assert.ok(mixed > 15_000, `${mixed}`);
  words[0] = 0;
  assert.equal(spanEnd(v4, findLeaf(v4, words), words, 0), -1);
  assert.ok(v4.lengths.length > limits.spanLeavesMax);
  assert.equal(parsePrefix("::/0")?.length, 0);
});
