/** The subset of CEL: what it means is what cel-js means, and everything else is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import { compileWhen, type WhenFacts } from "./when.ts";

const nowhere: WhenFacts = {
  country: "",
  continent: "",
  subdivision: "",
  front: "",
  cidrs: new Set(),
  asn: 0,
  jurisdictions: new Set(),
};
const known = { has: (name: string) => ["EU", "DE"].includes(name), names: ["EU"] };
const facts = (some: Partial<WhenFacts>): WhenFacts => ({ ...nowhere, ...some });

function matches(text: string, some: Partial<WhenFacts>): boolean {
  const result = compileWhen(text, known);
  assert.ok(result.ok, JSON.stringify(result));
  return result.when.matches(facts(some));
}

function faults(text: string): readonly string[] {
  const result = compileWhen(text, known);
  assert.equal(result.ok, false, `${text} is accepted`);
  return result.ok ? [] : result.faults.map((fault) => `${fault.code} ${fault.message}`);
}

describe("compileWhen()", () => {
  const vectors: readonly [string, Partial<WhenFacts>, boolean][] = [
    ['country == "DE"', { country: "DE" }, true],
    ['country == "DE"', { country: "AT" }, false],
    ['"DE" == country', { country: "DE" }, true],
    ['country != "DE"', {}, true],
    ['country == ""', {}, true],
    ['continent in ["EU", "AF"]', { continent: "AF" }, true],
    ['continent in ["EU", "AF"]', { continent: "" }, false],
    ['subdivision.startsWith("US-")', { subdivision: "US-CA" }, true],
    ['!(country == "DE") && continent == "EU"', { country: "FR", continent: "EU" }, true],
    ['country == "DE" || country == "FR" && continent == "AF"', { country: "DE" }, true],
    ["asn == 3320", { asn: 3320 }, true],
    ["3320 == asn", { asn: 64_500 }, false],
    ["asn != 3320", {}, true],
    ["asn in [3320, 64500]", { asn: 64_500 }, true],
    ["asn in [3320, 64500]", { asn: -1 }, false],
    ["asn == 0", {}, true],
    ['"EU" in jurisdiction', { jurisdictions: new Set(["DE", "EU"]) }, true],
    ['"EU" in jurisdiction && !("DE" in jurisdiction)', { jurisdictions: new Set(["EU"]) }, true],
    ['"EU" in jurisdiction', {}, false],
    ["true", {}, true],
    ["false", {}, false],
    ['inCidr(["192.0.2.0/24"])', { cidrs: new Set(["192.0.2.0/24"]) }, true],
    ['inCidr(["2001:DB8::/32", "10.0.0.0/8"])', { cidrs: new Set(["2001:db8::/32"]) }, true],
    ['inCidr(["10.0.0.0/8"])', { cidrs: new Set(["192.0.2.0/24"]) }, false],
  ];
  for (const [text, some, expected] of vectors) {
    test(`${text} is ${expected} of ${JSON.stringify({ ...some, cidrs: undefined })}`, () => {
      assert.equal(matches(text, some), expected);
    });
  }

  test("collects its prefixes, each once and in one form", () => {
    const text = 'inCidr(["2001:DB8:0::/32"]) || inCidr(["2001:db8::/32", "192.0.2.1"])';
    const result = compileWhen(text);
    assert.ok(result.ok);
    assert.deepEqual(result.when.cidrs, ["2001:db8::/32", "192.0.2.1/32"]);
  });

  const refused: readonly [string, readonly RegExp[]][] = [
    ["country ==", [/config.invalid .*cannot be read.* at character 11/]],
    ["asn == 4294967296", [/`asn` is compared with numbers/]],
    ["asn in []", [/`asn` is compared with numbers/]],
    ['asn in ["3320"]', [/`asn` is compared with numbers/]],
    ['asn.startsWith("33")', [/`asn` cannot be used here/]],
    ["asn", [/`asn` alone is neither true nor false/]],
    ['jurisdiction == "EU"', [/write `"EU" in jurisdiction`/]],
    ['"EUR" in jurisdiction', [/config.unknown-reference there is no jurisdiction "EUR"/]],
    ["country in jurisdiction", [/needs one text before it/]],
    ['jurisdiction in ["EU"]', [/`jurisdiction` cannot be used here/]],
    ['host == "a" && path.startsWith("/b")', [/unsupported `host`/, /unsupported `path`/]],
    ["asn > 3 || window in x", [/only ==, !=, in/, /unsupported `window`/]],
    ['front == "proxy"', [/"proxy" is no front: expected one of dns, redirect/]],
    ['contry == "DE"', [/config.invalid `contry` is no variable/]],
    ['country == "germany"', [/"germany" is no country: expected two capital letters/]],
    ['continent in ["EU", "europe"]', [/"europe" is no continent/]],
    ['subdivision == "CA"', [/"CA" is no subdivision/]],
    ["country == 3", [/compares something else/]],
    ["country == continent", [/compares something else/]],
    ["country", [/`country` alone is neither true nor false/]],
    ['country in "DE"', [/`in` needs a list of texts/]],
    ["country in []", [/`in` needs a list of texts/]],
    ['country.contains("D")', [/only ==, !=, in/]],
    ['country + "a" == "DEa"', [/expected a variable here/]],
    ['country.startsWith("")', [/one text that is not empty/]],
    ['inCidr("192.0.2.0/24")', [/needs a list of prefixes/]],
    ['inCidr(["192.0.2.1/24", "x"])', [/bits are set after its length/, /"x" is no prefix/]],
    ['country == "DE" ? true : false', [/only ==, !=, in/]],
    ["3", [/only ==, !=, in/]],
    ['["DE"].exists(x, x == country)', [/only ==, !=, in|expected|macro/]],
  ];
  for (const [text, patterns] of refused) {
    test(`refuses ${text}`, () => {
      const found = faults(text);
      assert.equal(found.length, patterns.length, found.join("\n"));
      patterns.forEach((pattern, i) => {
        assert.match(found[i] ?? "", pattern);
      });
    });
  }

  test("refuses what nests deeper or is longer than its bounds", () => {
    assert.match(faults(`${"!(".repeat(200)}true${")".repeat(200)}`)[0] ?? "", /cannot be read/);
    const long = Array.from({ length: 5000 }, () => 'country == "DE"').join(" || ");
    assert.match(faults(long)[0] ?? "", /cannot be read/);
  });

  test("means what cel-js means", () => {
    const environment = new Environment()
      .registerVariable("country", "string")
      .registerVariable("continent", "string")
      .registerVariable("subdivision", "string");
    const atom = fc.constantFrom(
      'country == "DE"',
      'country != "FR"',
      'continent in ["EU", "AF"]',
      'subdivision.startsWith("DE-")',
      '"EU" == continent',
      "true",
      "false",
    );
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 4 },
        atom,
        fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `${a} && ${b}`),
        fc.tuple(tie("expression"), tie("expression")).map(([a, b]) => `(${a} || ${b})`),
        tie("expression").map((inner) => `!(${inner})`),
      ),
    }));
    const place = fc.record({
      country: fc.constantFrom("DE", "FR", ""),
      continent: fc.constantFrom("EU", "AF", ""),
      subdivision: fc.constantFrom("DE-BE", "FR-75", ""),
    });
    fc.assert(
      fc.property(expression, place, (text, where) => {
        assert.equal(matches(text, where), environment.evaluate(text, where));
      }),
    );
  });

  test("reads any text without throwing", () => {
    const piece = fc.constantFrom(
      "country",
      "==",
      '"DE"',
      "in",
      "[",
      "]",
      "(",
      ")",
      "!",
      "asn",
      "&&",
      ".",
      ",",
    );
    const text = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(" ")),
    );
    fc.assert(
      fc.property(text, (given) => {
        const result = compileWhen(given);
        assert.equal(result.ok || result.faults.length > 0, true);
      }),
      { numRuns: 2000 },
    );
  });
});
