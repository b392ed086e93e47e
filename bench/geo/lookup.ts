/**
 * Address -> location on the bundled database, ours against mmdb-lib, over the same uniformly
 * random addresses (cache misses included); and what loading costs. Prints JSON as bench/main.ts
 * says.
 */
import { readFileSync } from "node:fs";
import { type CountryResponse, Reader } from "mmdb-lib";
import { compileGeography } from "../../src/geo/compile.ts";
import { bundledDatabasePath } from "../../src/geo/load.ts";
import { findLeaf, spanEnd, unmap } from "../../src/geo/lookup.ts";
import { overlay, scopes } from "../../src/geo/overlay.ts";
import { simulatedEntropy } from "../../src/lib/entropy.ts";
import { formatAddress, parsePrefix } from "../../src/lib/ip.ts";

const addresses = 1 << 18;
const rounds = 5;
const bytes = readFileSync(bundledDatabasePath());
const reader = new Reader<CountryResponse>(bytes);
const results: { name: string; value: number; unit: string }[] = [];

/** The best of some rounds: what the machine does when nobody disturbs it. */
function measure(name: string, unit: string, of: { readonly per: number; run(): number }): void {
  let best = Number.POSITIVE_INFINITY;
  let guard = 0;
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    guard += of.run();
    best = Math.min(best, performance.now() - startedAt);
  }
  if (Number.isNaN(guard)) throw new Error("unreachable: keeps the work from being optimised away");
  const scale = unit === "ns/op" ? 1e6 : 1;
  results.push({ name, value: Number(((best * scale) / of.per).toFixed(1)), unit });
}

function compile() {
  const compiled = compileGeography([{ name: "bundled", bytes }], [], { digest: "", license: "" });
  if (!compiled.ok) throw new Error("the bundled database does not compile");
  return compiled.geography;
}
const geography = compile();
measure("compile", "ms", { per: 1, run: () => compile().locations.length });

const entropy = simulatedEntropy(1);
for (const family of [4, 6] as const) {
  const leaves = family === 4 ? geography.v4 : geography.v6;
  const all = Array.from({ length: addresses }, () => {
    const words = Uint32Array.from({ length: 4 }, () => entropy.draw32());
    if (family === 4) return words.fill(0, 1);
    // Inside a listed prefix: most of the space is one unknown leaf, which would flatter us.
    const leaf = words[0]! % leaves.lengths.length;
    words.set(leaves.starts.subarray(leaf * 4, leaf * 4 + 3));
    return words;
  });
  const texts = all.map((words) => formatAddress(family, words));
  measure(`findLeaf IPv${family}`, "ns/op", {
    per: addresses,
    run() {
      let sum = 0;
      for (const words of all) sum += leaves.locations[findLeaf(leaves, words)]!;
      return sum;
    },
  });
  measure(`unmap, findLeaf, spanEnd IPv${family}`, "ns/op", {
    per: addresses,
    run() {
      let sum = 0;
      for (const words of all) {
        if (family === 6 && unmap(words) === 4) continue;
        const first = findLeaf(leaves, words);
        sum += spanEnd(leaves, first, words, family === 4 ? 24 : 56);
      }
      return sum;
    },
  });
  measure(`mmdb-lib get IPv${family}`, "ns/op", {
    per: addresses,
    run() {
      let found = 0;
      for (const text of texts) if (reader.get(text) !== null) found++;
      return found;
    },
  });
}

const classOf = Uint16Array.from(geography.locations, (_, i) => i % 4);
const cidrs = Array.from({ length: 1000 }, (_, i) =>
  parsePrefix(`5.${i >> 4}.${(i & 15) * 16}.0/22`),
);
const known = cidrs.filter((cidr) => cidr !== undefined);
measure("overlay of 1000 CIDRs", "ms", {
  per: 1,
  run: () => overlay(geography, known).members.length,
});
measure("scopes, both families", "ms", {
  per: 1,
  run: () => scopes(geography.v4, classOf).length + scopes(geography.v6, classOf).length,
});
console.log(JSON.stringify({ results }));
