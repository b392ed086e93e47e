/** Rdata in both forms: tables of right and wrong texts, and round trips. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { openTypes, typedRdata } from "../../test/support/dns-generators.ts";
import { formatType, isMetaType, parseType, types } from "./dns-constants.ts";
import { parseName } from "./dns-name.ts";
import { canonicalRdata, checkRdata, formatRdata, parseRdata } from "./dns-rdata.ts";

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
    [
      "SOA",
      "a. b. 1 1h 1H30m 1w 0",
      "01610001620000000001" + "00000e10" + "00001518" + "00093a80" + "00000000",
    ],
    ["DNAME", "x", "0178076578616d706c6503636f6d00"],
    ["HINFO", "a b", "01610162"],
    ["RP", "a. b.", "016100016200"],
    ["NAPTR", '1 2 "s" a "" .', "00010002" + "0173" + "0161" + "00" + "00"],
    ["LOC", "0 N 0 E 0m", "00121613" + "80000000" + "80000000" + "00989680"],
    [
      "LOC",
      "1 S 0 0 1 W -1.5m 2m 0.01 90000000m",
      "00221099" + "7fc91180" + "7ffffc18" + "009895ea",
    ],
    ["DS", "1 ECDSAP256SHA256 2 0a 0B", "00010d020a0b"],
    ["DNSKEY", "257 3 13 AQ ID", "0101030d010203"],
    ["CDS", "0 0 0 00", "0000000000"],
    ["SSHFP", "4 2 aa", "0402aa"],
    ["TLSA", "3 1 1 aa", "030101aa"],
    ["URI", '1 2 "x"', "0001000278"],
    [
      "NSEC",
      "A.b. A MX RRSIG NSEC TYPE1234",
      `01410162000006${"400100000003"}041b${"00".repeat(26)}20`,
    ],
    ["NSEC3", "1 1 12 aabb cpnmuoj1e8 A", "0101000c02aabb06666f6f626172000140"],
    ["NSEC3PARAM", "1 0 0 -", "0100000000"],
    ["ZONEMD", "1 1 1 aa", "000000010101aa"],
    ["CSYNC", "1 3 A", "00000001000300" + "0140"],
    // RFC 9460 appendix D.
    ["SVCB", "0 foo.example.com.", "000003666f6f076578616d706c6503636f6d00"],
    ["SVCB", "1 .", "000100"],
    ["SVCB", "16 foo. port=53", "001003666f6f00000300020035"],
    ["SVCB", "1 foo. key667=hello", "000103666f6f00029b000568656c6c6f"],
    ["SVCB", '1 foo. key667="hello\\210qoo"', "000103666f6f00029b000968656c6c6fd2716f6f"],
    [
      "SVCB",
      "16 foo. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
      "001003666f6f0000000004000100040001000902683205" + "68332d313900040004c0000201",
    ],
    [
      "SVCB",
      '16 foo. alpn="f\\\\\\\\oo\\\\,bar,h2"',
      "001003666f6f000001000c08665c6f6f2c626172026832",
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
    ["APL", "1:192.168.32.0/21", /generic form/],
    ["HTTPS", "1 . alpn", /protocols/],
    ["HTTPS", "1 . port=1 port=2", /twice/],
    ["HTTPS", "1 . port=65536", /port/],
    ["HTTPS", "1 . no-default-alpn", /missing/],
    ["HTTPS", "1 . mandatory=port", /missing/],
    ["HTTPS", "1 . mandatory=mandatory", /malformed/],
    ["HTTPS", "1 . key007=x", /no key/],
    ["HTTPS", "1 . ipv4hint=2001:db8::1", /IPv4/],
    ["SVCB", "1 . ech=x", /base64/],
    ["LOC", "91 N 0 E 0m", /out of range/],
    ["LOC", "1 2 3 4 N 0 E 0m", /N or S/],
    ["LOC", "1 N 0 E", /altitude/],
    ["DS", "1 13 2 0", /hexadecimal/],
    ["DS", "1 NONSENSE 2 00", /number/],
    ["DNSKEY", "257 3 13 a", /base64/],
    ["NSEC", "a. NONSENSE", /no record type/],
    ["NSEC3", "1 0 0 zz aaaa", /salt/],
    ["NSEC3", "1 0 0 - a", /base32hex/],
    ["RRSIG", "A 13 2 3600 20260231000000 20260101000000 1 a. AAAA", /time/],
    ["SOA", "a. b. 1 1h30 3 4 5", /1h30m/],
    ["NAPTR", "1 2 s", /missing/],
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
    { numRuns: 600 },
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
      if (openTypes.has(type) || rdata.length === 0) return;
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

test("canonicalRdata() puts names in lower case, but not those of NSEC, SVCB and HTTPS", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["MX", "10 Mail.Example.", "10 mail.example."],
    ["SOA", "NS.Example. H.Example. 1 2 3 4 5", "ns.example. h.example. 1 2 3 4 5"],
    ["SRV", "1 2 3 Mail.", "1 2 3 mail."],
    ["RP", "A. B.", "a. b."],
    ["NAPTR", '1 2 "S" "" "" A.', '1 2 "S" "" "" a.'],
    ["TXT", '"ABC"', '"ABC"'],
    ["NSEC", "A. MX", "A. MX"],
    ["HTTPS", "1 A. port=1", "1 A. port=1"],
    ["TYPE65280", "\\# 2 4141", "\\# 2 4141"],
  ];
  for (const [type, text, canonical] of cases) {
    const number = parseType(type)!;
    const rdata = parseRdata(number, text);
    assert.ok(rdata.ok, text);
    assert.equal(formatRdata(number, canonicalRdata(number, rdata.value)), canonical);
  }
});

test("checkRdata() refuses what no sender may send", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["HTTPS", "000100" + "00030002000100030002" + "0001"],
    ["HTTPS", "000100" + "00030002000100010003026832"],
    ["HTTPS", "000100" + "000400050102030405"],
    ["HTTPS", "000100" + "0001000400026832"],
    ["NSEC", "00" + "000140" + "000140"],
    ["NSEC", "00" + "0000"],
    ["NSEC", "00" + "000100"],
    ["LOC", "01121613800000008000000000989680"],
    ["LOC", "00a21613800000008000000000989680"],
    ["LOC", "00121613ffffffff8000000000989680"],
    ["CAA", "0000"],
    ["CAA", "00022d2d"],
  ];
  for (const [type, hex] of cases) {
    assert.ok(!checkRdata(parseType(type)!, Uint8Array.fromHex(hex)), `${type} ${hex}`);
  }
});
