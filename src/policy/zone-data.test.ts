/** Zones that come as data: what is kept, what is answered, and their heads. */
import assert from "node:assert/strict";
import test from "node:test";
import { types } from "../wire/dns-constants.ts";
import { parseName } from "../wire/dns-name.ts";
import { findRrset, isSerialAfter, soaOf, zoneRecords } from "../wire/zone.ts";
import { parseZoneFile } from "../wire/zone-file.ts";
import { formatZone } from "../wire/zone-text.ts";
import { verifyZonemd } from "../wire/zonemd.ts";
import type { NameTableInput, SerialRequest } from "./name-table.ts";
import { buildNameTable } from "./names.ts";
import type { ServiceIndex } from "./policy.ts";
import { findZone, servedZone } from "./zone-contents.ts";

const soa = { refreshSeconds: 1, retrySeconds: 1, expireSeconds: 1, minimumSeconds: 1 };

function wire(text: string): Uint8Array {
  const name = parseName(text);
  assert.ok(name.ok, text);
  return name.value;
}

function dataOf(apex: string, text: string) {
  const head = `$TTL 60\n@ 3600 SOA ns1 hostmaster 7 3600 600 86400 30\n@ NS ns1\nns1 A 192.0.2.1\n`;
  const include = () => ({ ok: false as const, message: "is not there" });
  const parsed = parseZoneFile(head + text, { file: `${apex}.zone`, origin: wire(apex), include });
  assert.deepEqual(parsed.problems, []);
  return { records: parsed.records, digest: "" };
}

function build(text: string, more: Partial<NameTableInput> = {}, apex = "example.com") {
  const data = dataOf(apex, text);
  const zones = [{ apex, ttlSeconds: 60, ns: [], soa, data, path: `zones.${apex}` }];
  return buildNameTable({ zones, records: [], steered: [], ...more });
}

function linesOf(problems: ReturnType<typeof build>["problems"]): readonly string[] {
  return problems.map(({ severity, code, message, place }) => {
    const at = place === undefined ? "" : `${place.file}:${place.line} `;
    return `${at}${severity} ${code} ${message}`;
  });
}

test("servedZone() gives a zone's data back, what is below its cuts too", () => {
  const text = `kid NS ns.kid
ns.kid A 192.0.2.9
kid TXT "never answered"
d DNAME example.net.
x.d A 192.0.2.8
`;
  const { table, problems } = build(text);
  assert.deepEqual(linesOf(problems), [
    "example.com.zone:7 warning config.conflict TXT records of kid.example.com. are never answered: kid.example.com. is delegated",
    "example.com.zone:9 warning config.conflict A records of x.d.example.com. are never answered: d.example.com. is a DNAME",
  ]);
  assert.ok(table !== undefined);
  const { contents } = servedZone(table, findZone(table, wire("example.com")));
  assert.equal(
    formatZone(zoneRecords(contents)),
    `example.com.	3600	IN	SOA	ns1.example.com. hostmaster.example.com. 7 3600 600 86400 30
example.com.	60	IN	NS	ns1.example.com.
d.example.com.	60	IN	DNAME	example.net.
x.d.example.com.	60	IN	A	192.0.2.8
kid.example.com.	60	IN	NS	ns.kid.example.com.
kid.example.com.	60	IN	TXT	"never answered"
ns.kid.example.com.	60	IN	A	192.0.2.9
ns1.example.com.	60	IN	A	192.0.2.1
`,
  );
});

test("buildNameTable() tells both places of what stands in a file and in the configuration", () => {
  const place = { file: "rhumb.yaml", line: 3, column: 5 };
  const { problems } = build("www A 192.0.2.2\nmx MX 1 www\nsteered A 192.0.2.3\n", {
    records: [
      {
        owner: "www",
        origin: "example.com",
        type: "A",
        ttlSeconds: 60,
        data: ["192.0.2.7"],
        path: "r",
        place,
      },
    ],
    steered: [
      { name: "steered.example.com", service: 0 as ServiceIndex, cname: false, path: "s", place },
    ],
  });
  assert.deepEqual(linesOf(problems), [
    "rhumb.yaml:3 error config.conflict A records, which stand in the zone's file at example.com.zone:5:1 as well",
    "example.com.zone:7 error config.conflict A records of steered.example.com., which is steered (at rhumb.yaml:3:5)",
  ]);
});

test("buildNameTable() reports data that makes no zone", () => {
  const lines = linesOf(
    build(`example.org. A 192.0.2.2
sub SOA a. b. 1 2 3 4 5
@ SOA a. b. 1 2 3 4 5
a A 192.0.2.2
a 61 A 192.0.2.3
a A 192.0.2.2
c CNAME a
c TXT x
key DNSKEY 257 3 13 AAAA
key DNSKEY 257 3 13 AAAB
`).problems,
  );
  assert.deepEqual(lines, [
    "example.com.zone:7 error zone.invalid a second SOA, beside that at example.com.zone:2:1",
    "example.com.zone:5 warning zone.invalid example.org. is outside of the zone, and left out",
    "example.com.zone:6 error zone.invalid a SOA record at sub.example.com., below the zone's apex",
    "example.com.zone:9 warning zone.invalid TTL 61 where the set of A records has 60, which is taken",
    "example.com.zone:13 error config.unsupported records of type DNSKEY are not supported yet",
    "example.com.zone:11 error config.conflict a CNAME of c.example.com. beside TXT",
  ]);
});

test("buildNameTable() asks for a serial with the digest of all but the serial", () => {
  const asked: SerialRequest[] = [];
  const serialOf = (zone: SerialRequest) => {
    asked.push(zone);
    return 42;
  };
  const { table } = build("a A 192.0.2.2\n", { serialOf });
  build("a A 192.0.2.3\n", { serialOf });
  build("a A 192.0.2.2\n", { serialOf });
  assert.equal(table?.zones[0]?.serial, 42);
  assert.equal(soaOf(servedZone(table, 0).contents)?.serial, 42);
  const [first, second, third] = asked;
  assert.deepEqual([first?.apex, first?.written], ["example.com", 7]);
  assert.notEqual(first?.digest, second?.digest);
  assert.equal(first?.digest, third?.digest);
});

test("buildNameTable() computes ZONEMD, but not over steered names", () => {
  const text = "@ ZONEMD 1 1 1 00\na A 192.0.2.2\n";
  const { table, problems } = build(text);
  assert.deepEqual(problems, []);
  assert.ok(table !== undefined);
  const { contents } = servedZone(table, 0);
  assert.equal(verifyZonemd(contents), "good");
  assert.equal(findRrset(contents, contents.apex, types.zonemd)?.rdatas.length, 1);
  const steered = [{ name: "s.example.com", service: 0 as ServiceIndex, cname: false, path: "s" }];
  const other = build(text, { steered });
  assert.match(linesOf(other.problems).join(), /holds steered names/);
  assert.ok(other.table !== undefined);
  const served = servedZone(other.table, 0);
  assert.equal(verifyZonemd(served.contents), "absent");
  assert.deepEqual(served.steered, [{ name: wire("s.example.com"), service: 0 }]);
});

test("buildNameTable() cuts one zone of data from another", () => {
  const zones = [
    { apex: "example.com", text: "sub NS ns1.sub\nns1.sub A 192.0.2.77\n" },
    { apex: "sub.example.com", text: "" },
    { apex: "lost.example.com", text: "" },
  ].map(({ apex, text }) => ({
    apex,
    ttlSeconds: 60,
    ns: [],
    soa,
    data: dataOf(apex, text),
    path: `zones.${apex}`,
  }));
  const { problems } = buildNameTable({ zones, records: [], steered: [] });
  assert.deepEqual(
    problems.map(({ path, message }) => `${path}: ${message}`),
    [
      "zones.lost.example.com: the zone lies inside example.com. (at zones.example.com), which does not delegate it",
    ],
  );
  const { table } = buildNameTable({ zones: zones.slice(0, 2), records: [], steered: [] });
  assert.ok(table !== undefined);
  const parent = formatZone(zoneRecords(servedZone(table, 0).contents));
  assert.match(parent, /sub\.example\.com\.\t60\tIN\tNS\tns1\.sub/);
  // The glue is what the inner zone says.
  assert.match(parent, /ns1\.sub\.example\.com\.\t60\tIN\tA\t192\.0\.2\.1\n/);
});

test("isSerialAfter() goes round the circle", () => {
  assert.ok(isSerialAfter(1, 0) && isSerialAfter(0, 0xffff_ffff) && isSerialAfter(0x7fff_ffff, 0));
  assert.ok(!isSerialAfter(0, 0) && !isSerialAfter(0, 1) && !isSerialAfter(0x8000_0000, 0));
});
