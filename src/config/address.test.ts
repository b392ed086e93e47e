import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  canonicalCidr,
  canonicalHost,
  canonicalOwner,
  formatTarget,
  parseTarget,
} from "./address.ts";

const accepted: readonly (readonly [string, object])[] = [
  ["192.0.2.1", { ipv4: "192.0.2.1" }],
  ["192.0.2.1:8080", { ipv4: "192.0.2.1", port: 8080 }],
  ["2001:DB8:0:0::1", { ipv6: "2001:db8::1" }],
  ["[2001:db8::1]:8080", { ipv6: "2001:db8::1", port: 8080 }],
  ["[2001:db8::1]", { ipv6: "2001:db8::1" }],
  ["Host.Example.", { host: "host.example" }],
  ["host.example:443", { host: "host.example", port: 443 }],
  ["localhost", { host: "localhost" }],
  ["_tls.host.example", { host: "_tls.host.example" }],
  ["xn--mnchen-3ya.example", { host: "xn--mnchen-3ya.example" }],
];
const refused = [
  "", ".", "192.0.2", "192.0.2.256", "192.0.2.01", "0x7f.1", "192.0.2.1:", "192.0.2.1:0",
  "192.0.2.1:65536", "192.0.2.1:+80", "2001:db8::1%eth0", "[2001:db8::1", "[192.0.2.1]:80",
  "2001:db8:::1", "host..example", "-host.example", "host.example:80:90", "ho st.example",
  "höst.example", "host.example/path", "https://host.example", `${"a".repeat(64)}.example`,
  `${"a.".repeat(127)}example`, "*.example",
]; // biome-ignore format: one a word

for (const [text, expected] of accepted) {
  test(`parseTarget() reads ${text}`, () => assert.deepEqual(parseTarget(text), expected));
}
for (const text of refused) {
  test(`parseTarget() refuses ${JSON.stringify(text.slice(0, 30))}`, () =>
    assert.equal(parseTarget(text), undefined));
}

test("formatTarget() gives a text that parseTarget() reads alike", () => {
  const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
  const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(texts, port, (text, number) => {
      const bracketed = text.includes(":") && number !== undefined ? `[${text}]` : text;
      const target = parseTarget(number === undefined ? bracketed : `${bracketed}:${number}`);
      assert.ok(target !== undefined);
      assert.deepEqual(parseTarget(formatTarget(target)), target);
    }),
  );
});

test("parseTarget() never throws", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseTarget(text)));
});

test("canonicalCidr() wants zero bits after the length", () => {
  assert.equal(canonicalCidr("192.0.2.0/24"), "192.0.2.0/24");
  assert.equal(canonicalCidr("2001:DB8::/32"), "2001:db8::/32");
  assert.equal(canonicalCidr("0.0.0.0/0"), "0.0.0.0/0");
  for (const text of ["192.0.2.1/24", "192.0.2.0/33", "192.0.2.0", "192.0.2.0/", "::/129", "x/8"]) {
    assert.equal(canonicalCidr(text), undefined, text);
  }
});

test("canonicalOwner() takes one wildcard, leftmost", () => {
  assert.equal(canonicalOwner("*.Shop.example."), "*.shop.example");
  for (const text of ["*", "*.", "a.*.example", "*a.example", "*.*.example"]) {
    assert.equal(canonicalOwner(text), undefined, text);
  }
  assert.equal(canonicalHost("*.example"), undefined);
});
