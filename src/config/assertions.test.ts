/** Both forms of every assertion, and what is said of texts that are none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Assertion, assertionExamples, formatAssertion } from "./assertions.ts";
import { loadConfig } from "./load.ts";

function load(assertions: string) {
  const text = `version: 1
zones: {gslb.example.com: {ns: ns1.example.net}}
regions: {fra: {at: FRA, in: EU}, iad: {at: IAD, in: US}}
services:
  shop: {endpoints: {fra: {a: 192.0.2.1, b: 192.0.2.2}, iad: 192.0.2.3}}
assert: ${assertions}
`;
  return loadConfig([{ file: "rhumb.yaml", text }]);
}

function read(assertions: string): readonly Assertion[] {
  const loaded = load(assertions);
  assert.ok(loaded.ok, JSON.stringify(loaded.problems));
  return loaded.config.assert ?? [];
}

const problemsOf = (assertions: string): readonly string[] =>
  load(assertions).problems.map(({ code, path, message }) => `${code} ${path}: ${message}`);

test("assertionsSchema reads every sentence, and formatAssertion() gives it back", () => {
  const sentences = assertionExamples.filter((text) => text !== "ttl at most 60s");
  assert.deepEqual(read(JSON.stringify(sentences)).map(formatAssertion), sentences);
  assert.deepEqual(read('["ttl at most 60s"]').map(formatAssertion), ["ttl at most 1m"]);
});

test("assertionsSchema reads mappings as it reads sentences", () => {
  const pairs: readonly (readonly [string, string])[] = [
    ["{residency: true}", "residency"],
    ["{answer: {regionsDown: 1}}", "answer while 1 region down"],
    ["{answer: {endpointsUp: 2}}", "answer while 2 endpoints up"],
    ["{serve: {regions: 1, in: EU}}", "1 region serves EU"],
    [
      "{share: {of: fra/a, most: 5%, regionsDown: 2}}",
      "share of fra/a at most 5% while 2 regions down",
    ],
    ["{ttl: {least: 5s}}", "ttl at least 5s"],
  ];
  for (const [mapping, sentence] of pairs) {
    const claims = read(`[${mapping}, ${sentence}]`).map(({ claim }) => claim);
    assert.deepEqual(claims[0], claims[1], mapping);
  }
  const named = read("[{residency: true, services: shop}]").map(formatAssertion);
  assert.deepEqual(named, ["residency (shop)"]);
});

test("assertionsSchema says what is wrong with an assertion", () => {
  assert.deepEqual(problemsOf("[residence]"), [
    'config.invalid assert.0: "residence" is no assertion',
  ]);
  assert.match(problemsOf("[share of fra at most 160%]").join(), /160% is above 100%/);
  assert.match(problemsOf("[{answer: {}}]").join(), /needs `regionsDown` or else `endpointsUp`/);
  assert.match(problemsOf("[{residency: true, ttl: {most: 5s}}]").join(), /needs one of residency/);
  assert.deepEqual(problemsOf("[capacity survives 1 region]"), []);
});

test("checkAssertions() reports names that are defined nowhere", () => {
  assert.deepEqual(
    problemsOf("[2 regions serve UE, share of fre at most 5%, {residency: true, services: shp}]"),
    [
      "config.unknown-reference assert.0: there is no jurisdiction `UE`",
      "config.unknown-reference assert.1: there is no region or pool `fre`",
      "config.unknown-reference assert.2: there is no service `shp`",
    ],
  );
});
