/** Zones as values: text and back, differences, digests; and that no text does harm. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { typedRdata, wireName } from "../../test/support/dns-generators.ts";
import { limits } from "../limits.ts";
import { types } from "./dns-constants.ts";
import type { ResourceRecord } from "./dns-message.ts";
import { parseName } from "./dns-name.ts";
import { parseRdata } from "./dns-rdata.ts";
import {
  diffZones,
  findRrset,
  rrsetKey,
  soaOf,
  withSerial,
  type ZoneContents,
  zoneContents,
  zoneDigest,
  zoneRecords,
} from "./zone.ts";
import { parseZoneFile } from "./zone-file.ts";
import { formatRecord, formatZone } from "./zone-text.ts";
import { verifyZonemd, withZonemd } from "./zonemd.ts";

const apex = wire("example.com.");
const include = () => ({ ok: false as const, message: "is not there" });

function wire(text: string): Uint8Array {
  const name = parseName(text);
  assert.ok(name.ok, text);
  return name.value;
}

const soa: ResourceRecord = (() => {
  const rdata = parseRdata(types.soa, "ns.example.com. h.example.com. 7 1 2 3 4");
  assert.ok(rdata.ok);
  return { name: apex, type: types.soa, class: 1, ttl: 60, rdata: rdata.value };
})();

const record: fc.Arbitrary<ResourceRecord> = fc
  .record({ name: wireName, typed: typedRdata, ttl: fc.nat({ max: 0x7fff_ffff }) })
  .filter(({ name }) => name.length + apex.length - 1 <= limits.dnsNameBytesMax)
  .map(({ name, typed, ttl }) => {
    return { name: Uint8Array.from([...name.subarray(0, -1), ...apex]), class: 1, ttl, ...typed };
  })
  .filter(({ type }) => type !== types.soa);
const zone = fc
  .array(record, { maxLength: 12 })
  .map((records) => zoneContents(apex, [soa, ...records]));

const lines = (of: ZoneContents) => Array.from(zoneRecords(of), formatRecord);

test("parseZoneFile() and formatZone() are inverse", () => {
  fc.assert(
    fc.property(zone, (contents) => {
      const text = formatZone(zoneRecords(contents));
      const parsed = parseZoneFile(text, { file: "z", origin: wire("."), include });
      assert.deepEqual(parsed.problems, []);
      const again = zoneContents(apex, parsed.records);
      assert.deepEqual(again, contents);
    }),
    { numRuns: 300 },
  );
});

test("zoneContents() does not care for the order of records, nor for twins", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      const unique = new Map(records.map((each) => [rrsetKey(each.name, each.type), each]));
      const once = [...unique.values()];
      const one = zoneContents(apex, once);
      assert.deepEqual(lines(zoneContents(apex, [...once.toReversed(), ...once])), lines(one));
      for (const each of once) assert.ok(findRrset(one, each.name, each.type) !== undefined);
      assert.equal(findRrset(one, wire("not.there."), types.a), undefined);
    }),
  );
});

test("diffZones() says what makes one zone of the other", () => {
  fc.assert(
    fc.property(zone, zone, fc.nat({ max: 100 }), (before, other, keep) => {
      const mixed = [...zoneRecords(before)].filter((_, i) => (i * 7) % 101 > keep);
      const after = zoneContents(apex, [...mixed, ...zoneRecords(other)]);
      const { removed, added } = diffZones(before, after);
      const held = new Map([...zoneRecords(before)].map((each) => [formatRecord(each), each]));
      for (const each of removed) assert.ok(held.delete(formatRecord(each)));
      for (const each of added) held.set(formatRecord(each), each);
      assert.deepEqual([...held.keys()].sort(), lines(after).sort());
      if (lines(before).join() === lines(after).join()) assert.equal(removed.length, 0);
    }),
  );
});

test("zoneDigest() sees everything but the serial", () => {
  fc.assert(
    fc.property(zone, record, fc.nat({ max: 0xffff_ffff }), (contents, more, serial) => {
      const digest = zoneDigest(contents);
      const renumbered = withSerial(contents, serial);
      assert.equal(soaOf(renumbered)?.serial, serial);
      assert.equal(zoneDigest(renumbered), digest);
      const grown = zoneContents(apex, [...zoneRecords(contents), more]);
      if (lines(grown).length > lines(contents).length) assert.notEqual(zoneDigest(grown), digest);
    }),
  );
});

test("verifyZonemd() believes what withZonemd() makes, and nothing that was changed since", () => {
  fc.assert(
    fc.property(zone, record, (contents, more) => {
      const sealed = withZonemd(contents, 60);
      assert.equal(verifyZonemd(sealed), "good");
      assert.deepEqual(withZonemd(sealed, 60), sealed);
      assert.equal(verifyZonemd(withSerial(sealed, 8)), "serial");
      const grown = zoneContents(apex, [...zoneRecords(sealed), more]);
      const changed = lines(grown).length > lines(sealed).length && more.type !== types.zonemd;
      if (changed) assert.equal(verifyZonemd(grown), "wrong");
    }),
  );
});

test("parseZoneFile() takes any text without harm", () => {
  const piece = fc.oneof(
    fc.constantFrom("$ORIGIN ", "$TTL 1", "$GENERATE 1-3 a$ A 1.1.1.$\n", "$INCLUDE x", "(", ")"),
    fc.constantFrom('"', "\\", "\n", "\r", " ", ";", "@", "A ", "IN ", "60 ", "192.0.2.1", "\0"),
    fc.constantFrom(
      "TXT ",
      "SVCB 1 . ",
      "alpn=",
      "LOC ",
      "NSEC a. ",
      "RRSIG ",
      "\\# 1 ",
      "${",
      "}",
    ),
    fc.string({ maxLength: 5, unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const text = Buffer.from(pieces.join("")).toString("latin1");
      const { records, problems } = parseZoneFile(text, { file: "z", origin: apex, include });
      assert.ok(records.length + problems.length <= 4 * text.length);
      for (const { at } of problems) assert.ok(at.line >= 1 && at.column >= 1);
    }),
    { numRuns: 2000 },
  );
});

test("parseZoneFile() bounds the words of a record and the problems of a file", () => {
  const words = `a TXT (${" x".repeat(limits.zoneEntryWordsMax)})\nb A 192.0.2.1\n`;
  const long = parseZoneFile(`$TTL 1\n${words}`, { file: "z", origin: apex, include });
  assert.deepEqual(
    long.problems.map(({ message }) => message),
    ["too many words in one record"],
  );
  assert.equal(long.records.length, 1);
  const wrong = parseZoneFile("$TTL 1\n".concat("a NONSENSE\n".repeat(5000)), {
    file: "z",
    origin: apex,
    include,
  });
  assert.equal(wrong.problems.length, limits.problemsMax);
});
