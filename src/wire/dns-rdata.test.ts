/** Rdata in both forms: tables of right and wrong texts, and round trips. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { typedRdata } from "../../test/support/dns-generators.ts";
import { formatType, isMetaType, parseType, types } from "./dns-constants.ts";
import { parseName } from "./dns-name.ts";
import { checkRdata, formatRdata, parseRdata } from "./dns-rdata.ts";

const origin = parseName("example.com.");
assert.ok(origin.ok);

test("parseRdata() reads each type as zone files write it", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["A", "192.0.2.1", "c0000201"],
    ["AAAA", "2001:db8::1", "20010db8000000000000000000000001"],
    ["NS", "ns1", "036e7331076578616d706c6503636f6d00"],
    ["MX", "10 mail.x.", "000a046d61696c017800"],
    ["TXT", '"v=spf1 -all" next', "0b763d73706631202d616c6c046e657874"],
    ["TXT", '"a\\"b\\000"', "0461226200"],
    ["SRV", "1 2 443 .", "0001000201bb00"],
    ["CAA", '0 issue "ca.example"', "0005697373756563612e6578616d706c65"],
    [
      "SOA",
      "a. b. 1 2 3 4 5",
      `016100016200${["1", "2", "3", "4", "5"].map((n) => n.padStart(8, "0")).join("")}`,
    ],
    ["TYPE65280", "\\# 3 0102 ff", "0102ff"],
    ["TYPE65280", "\\# 0", ""],
    ["A", "\\# 4 C0000201", "c0000201"],
  ];
  for (const [type, text, hex] of cases) {
    const result = parseRdata(parseType(type)!, text, origin.value);
    assert.ok(result.ok, `${type} ${text}: ${result.ok ? "" : result.message}`);
    assert.equal(result.value.toHex(), hex, `${type} ${text}`);
  }
});

test("parseRdata() refuses wrong data and says why", () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["A", "192.0.2", /IPv4/],
    ["A", "192.0.2.01", /IPv4/],
    ["A", "192.0.2.256", /IPv4/],
    ["A", "2001:db8::1", /IPv4/],
    ["A", "192.0.2.1 192.0.2.2", /nothing may follow/],
    ["A", "", /missing/],
    ["A", "\\# 3 C00002", /not valid/],
    ["AAAA", "1::2::3", /IPv6/],
    ["AAAA", "fe80::1%eth0", /IPv6/],
    ["NS", '"quoted"', /without quotes/],
    ["NS", "a..b", /empty label/],
    ["MX", "mail.x.", /number/],
    ["MX", "65536 mail.x.", /0 to 65535/],
    ["TXT", '"open', /not closed/],
    ["TXT", `"${"a".repeat(256)}"`, /255/],
    ["TXT", "a\\999", /escape/],
    ["CAA", '0 "is sue" x', /tag/],
    ["SOA", "a. b. 1 2 3 4", /missing/],
    ["HTTPS", "1 . alpn=h2", /generic form/],
    ["TYPE65280", "\\# 2 0102ff", /3 octets, not 2/],
    ["TYPE65280", "\\# 1 0", /hexadecimal/],
    ["TYPE65280", "\\#", /length/],
    ["NS", "\\# 2 C00C", /not valid/],
  ];
  for (const [type, text, message] of cases) {
    const result = parseRdata(parseType(type)!, text, origin.value);
    assert.ok(!result.ok, `${type} ${text}`);
    assert.match(result.message, message, `${type} ${text}`);
  }
});

test("formatRdata() and parseRdata() are inverse", () => {
  fc.assert(
    fc.property(typedRdata, ({ type, rdata }) => {
      assert.ok(checkRdata(type, rdata));
      const text = formatRdata(type, rdata);
      const result = parseRdata(type, text);
      assert.ok(result.ok, `${formatType(type)} ${text}`);
      assert.deepEqual(result.value, rdata);
      assert.deepEqual(parseRdata(type, `\\# ${rdata.length} ${rdata.toHex()}`), result);
    }),
  );
});

test("formatRdata() prints broken data of a known type in the generic form", () => {
  assert.equal(formatRdata(types.a, Uint8Array.of(1, 2, 3)), "\\# 3 010203");
  assert.equal(formatRdata(types.mx, Uint8Array.of(0, 1, 0xc0, 0x0c)), "\\# 4 0001C00C");
  assert.equal(formatRdata(types.txt, Uint8Array.of()), "\\# 0");
});

test("checkRdata() never accepts data cut anywhere", () => {
  fc.assert(
    fc.property(typedRdata, fc.nat(), ({ type, rdata }, cut) => {
      if (type === types.txt || type === types.caa || type === 65_280 || rdata.length === 0) return;
      assert.ok(!checkRdata(type, rdata.subarray(0, cut % rdata.length)));
    }),
  );
});

test("parseType() and formatType() know mnemonics and TYPEn", () => {
  for (const type of [1, 28, 65, 257, 65_280, 0, 65_535])
    assert.equal(parseType(formatType(type)), type);
  for (const text of ["", "TYPE", "TYPE65536", "TYPE123456", "BOGUS"]) {
    assert.equal(parseType(text), undefined, text);
  }
  assert.deepEqual([0, 41, 128, 255].map(isMetaType), [true, true, true, true]);
  assert.deepEqual([1, 127, 256].map(isMetaType), [false, false, false]);
});
