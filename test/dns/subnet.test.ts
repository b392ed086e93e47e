/**
 * The scope of a client subnet, on the wire, for a policy compiled from the bundled country data.
 * The merged prefixes (each the longest around its addresses that is of one class) cover the
 * address space without a gap, so their first and last addresses are every border and what lies one
 * beside it. Asked for each: both of them, the prefix as a source, and the prefix one bit shorter.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { answer } from "../../src/fronts/dns/answer.ts";
import type { Leaves } from "../../src/geo/geography.ts";
import { loadGeography } from "../../src/geo/load.ts";
import { simulatedEntropy } from "../../src/lib/entropy.ts";
import { formatAddress, maskPrefix, parsePrefix } from "../../src/lib/ip.ts";
import { compile } from "../../src/policy/compile.ts";
import type { Policy, RuleSet } from "../../src/policy/policy.ts";
import { type Front, frontFor, requestOf, snapshotOf, subnetOption } from "../support/dns-front.ts";

const text = `
version: 1
listen: {dnsRateLimit: off}
zone: example.com
regions:
  eu: {at: FRA, in: EU}
  us: {at: IAD, in: US}
  ap: {at: NRT, in: JP}
services:
  app:
    endpoints: {eu: 192.0.2.1, us: 192.0.2.2, ap: 192.0.2.3}
    steer: nearest
`;

let policy: Policy;
let front: Front;

before(async () => {
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.problems.map(formatProblem).join("\n"));
  const geography = await loadGeography({
    database: "bundled",
    overrides: [],
    entropy: simulatedEntropy(1),
  });
  assert.ok(geography.ok);
  const compiled = compile(loaded.config, geography.geography);
  assert.ok(compiled.ok, compiled.problems.map(formatProblem).join("\n"));
  ({ policy } = compiled);
  front = frontFor(snapshotOf(policy, []));
});

interface Asked {
  readonly classIndex: number;
  readonly seen: string;
  readonly scope: number;
  /** The last octet of the address answered. */
  readonly address: number;
}

/** The request for each source length, made once: only the address in it changes. */
const requests = new Map<number, Uint8Array>();

function requestFor(family: 4 | 6, source: number): Uint8Array {
  const key = family * 1000 + source;
  const known = requests.get(key);
  if (known !== undefined) return known;
  const zeros = new Array<number>(16).fill(0);
  const option = subnetOption(family === 4 ? 1 : 2, source, zeros);
  const made = requestOf({ name: "app.example.com", edns: { options: [option] } });
  requests.set(key, made);
  return made;
}

function askSubnet(family: 4 | 6, words: Uint32Array, source: number): Asked {
  const [exchange] = front.exchanges;
  const request = requestFor(family, source);
  const octets = (source + 7) >> 3;
  exchange.request.set(request);
  exchange.requestLength = request.length;
  for (let i = 0; i < octets; i++) {
    const kept = Math.min(8, source - 8 * i);
    const octet = (words[i >> 2]! >>> (24 - (i & 3) * 8)) & 0xff & (0xff00 >> kept);
    exchange.request[request.length - octets + i] = octet;
  }
  const length = answer(front.context, exchange);
  const { classIndex, seen } = front.context.classified;
  // The OPT is last, and the subnet's option last in it; before it stands the answer.
  const scope = exchange.response[length - octets - 1]!;
  const address = exchange.response[length - octets - 4 - 4 - 11 - 1]!;
  return { classIndex, seen, scope, address };
}

/** The address after this one; undefined behind the last. */
function nextOf(words: Uint32Array, count: 1 | 4): Uint32Array | undefined {
  const next = Uint32Array.from(words);
  for (let i = count - 1; i >= 0; i--) {
    next[i] = next[i]! + 1;
    if (next[i] !== 0) return next;
  }
  return undefined;
}

function lastOf(words: Uint32Array, count: 1 | 4, length: number): Uint32Array {
  return words.map((word, i) => {
    const kept = Math.min(32, Math.max(0, length - 32 * i));
    return i >= count ? 0 : kept === 32 ? word : word | (0xffff_ffff >>> kept);
  });
}

/** First words of each merged prefix, and its length. */
function* mergedPrefixes(leaves: Leaves, scopes: Uint8Array): Generator<[Uint32Array, number]> {
  let end: Uint32Array | undefined;
  const words = new Uint32Array(4);
  for (let leaf = 0; leaf < leaves.lengths.length; leaf++) {
    for (let i = 0; i < leaves.words; i++) words[i] = leaves.starts[leaf * leaves.words + i]!;
    if (end !== undefined && !after(words, end)) continue;
    const expected = end === undefined ? new Uint32Array(4) : nextOf(end, leaves.words);
    assert.ok(
      expected?.every((word, i) => word === words[i]),
      "no gap",
    );
    const length = scopes[leaf]!;
    end = lastOf(words, leaves.words, length);
    yield [Uint32Array.from(words), length];
  }
}

function after(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < 4; i++) if (a[i] !== b[i]) return a[i]! > b[i]!;
  return false;
}

/** undefined, or what is wrong: texts are made only for what fails. */
function checkPrefix(family: 4 | 6, first: Uint32Array, length: number): string | undefined {
  const bits = family === 4 ? 32 : 128;
  const count = family === 4 ? 1 : 4;
  const last = lastOf(first, count, length);
  const { scope, classIndex, address } = askSubnet(family, first, bits);
  const other = askSubnet(family, last, bits);
  if (scope !== length || other.scope !== length) return `scopes ${scope}, ${other.scope}`;
  if (other.classIndex !== classIndex) return "two classes";
  // Clients of no known place are spread over the regions.
  if (classIndex > 0 && other.address !== address) return "two answers";
  if (length < 2) return undefined;
  const whole = askSubnet(family, first, length);
  // Over limits.spanLeavesMax leaves the prefix is not counted, and of no known class.
  if (whole.seen === "span") return "as a source it has several classes";
  if (whole.seen === "location" && whole.classIndex !== classIndex)
    return "another class as source";
  const shorter = askSubnet(family, first, length - 1);
  if (shorter.seen === "location") return "one bit shorter is of one class";
  return shorter.scope === length - 1 ? undefined : "the scope of one bit shorter";
}

/** Ranges whose addresses carry IPv4 ones and are found by those: steered.test.ts. */
const carriers = ["::ffff:0:0/96", "64:ff9b::/96", "2002::/16"].map((text) => {
  const prefix = parsePrefix(text);
  assert.ok(prefix !== undefined);
  return prefix;
});

function isWithin(words: Uint32Array, outer: { words: Uint32Array; length: number }): boolean {
  return maskPrefix(words, outer.length).every((word, i) => word === outer.words[i]);
}

function holdsCarrier(words: Uint32Array, length: number): boolean {
  return carriers.some((carrier) => isWithin(carrier.words, { words, length }));
}

/** Of a prefix with such a range in it: the scopes beside the range do not cover it (RFC 7871). */
function checkAround(first: Uint32Array, length: number): string | undefined {
  for (const words of [first, lastOf(first, 4, length)]) {
    if (carriers.some((carrier) => isWithin(words, carrier))) continue;
    const { scope } = askSubnet(6, words, 128);
    if (holdsCarrier(maskPrefix(words, scope), scope)) return `scope ${scope} covers a carrier`;
    if (!holdsCarrier(maskPrefix(words, scope - 1), scope - 1)) return `scope ${scope} is too long`;
  }
  return undefined;
}

function ruleSetOf(): RuleSet {
  const [ruleSet] = policy.ruleSets;
  assert.ok(ruleSet !== undefined);
  return ruleSet;
}

for (const family of [4, 6] as const) {
  test(`answer() gives the right scope at every border of IPv${family}`, () => {
    const leaves = family === 4 ? policy.v4 : policy.v6;
    const scopes = family === 4 ? ruleSetOf().scope4 : ruleSetOf().scope6;
    let checked = 0;
    for (const [first, length] of mergedPrefixes(leaves, scopes)) {
      const holds = family === 6 && holdsCarrier(first, length);
      const wrong = holds ? checkAround(first, length) : checkPrefix(family, first, length);
      if (wrong !== undefined) assert.fail(`${formatAddress(family, first)}/${length}: ${wrong}`);
      checked++;
    }
    assert.ok(checked > 10_000, `${checked} prefixes`);
  });
}
