/** The name table: what it holds, whom it finds, and every mistake it reports. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import { formatType, types } from "../wire/dns-constants.ts";
import { formatName, parseName } from "../wire/dns-name.ts";
import { formatRdata } from "../wire/dns-rdata.ts";
import {
  createNameQuery,
  findAnswering,
  findEncloser,
  findNode,
  findService,
  loadName,
} from "./name-lookup.ts";
import type {
  NameTable,
  NameTableInput,
  RecordInput,
  SteeredInput,
  ZoneInput,
} from "./name-table.ts";
import { buildNameTable } from "./names.ts";
import type { ServiceIndex } from "./policy.ts";

const soa = { refreshSeconds: 3600, retrySeconds: 600, expireSeconds: 604_800, minimumSeconds: 30 };

function zone(apex: string, more: Partial<ZoneInput> = {}): ZoneInput {
  const ns = ["ns1.example.net", "ns2.example.net"];
  return { apex, ttlSeconds: 3600, ns, soa, path: `zones.${apex}`, ...more };
}

/** `www A 192.0.2.1` at a path that names it. */
function record(line: string, more: Partial<RecordInput> = {}): RecordInput {
  const [owner = "", type = "", ...data] = line.split(" ");
  const base = { origin: "example.com", ttlSeconds: 60, path: `record ${line}` };
  return { owner, type, data: [data.join(" ")], ...base, ...more };
}

function steered(name: string, service = 0, cname = false): SteeredInput {
  return { name, service: service as ServiceIndex, cname, path: `steered ${name}` };
}

function build(input: Partial<NameTableInput>): NameTable {
  const base = { zones: [zone("example.com")], records: [], steered: [] };
  const { table, problems } = buildNameTable({ ...base, ...input });
  assert.deepEqual(problems, []);
  assert.ok(table !== undefined);
  return table;
}

function problemsOf(input: Partial<NameTableInput>): readonly string[] {
  const base = { zones: [zone("example.com")], records: [], steered: [] };
  const { table, problems } = buildNameTable({ ...base, ...input });
  const errors = problems.filter((problem) => problem.severity === "error");
  assert.equal(table === undefined, errors.length > 0);
  for (const problem of problems) assert.ok(problem.hint !== "", problem.message);
  return problems.map(
    ({ severity, code, path, message }) =>
      `${severity === "warning" ? "warning " : ""}${code} ${path}: ${message}`,
  );
}

function query(text: string) {
  const name = parseName(text);
  assert.ok(name.ok, text);
  const result = createNameQuery();
  loadName(result, name.value, 0);
  return result;
}

/** The node that answers, as text. */
function answering(table: NameTable, text: string): string {
  const node = findAnswering(table, query(text));
  return node < 0 ? "none" : formatName(table.bytes, table.nodes.nameOffset[node]!);
}

function rrsetsOf(table: NameTable, node: number): string[] {
  const lines: string[] = [];
  const first = table.nodes.firstRrset[node]!;
  for (let rrset = first; rrset < first + table.nodes.rrsetCount[node]!; rrset++) {
    let at = table.rrsets.offset[rrset]!;
    const type = table.rrsets.type[rrset]!;
    for (let i = 0; i < table.rrsets.recordCount[rrset]!; i++) {
      const length = (table.bytes[at]! << 8) | table.bytes[at + 1]!;
      const rdata = table.bytes.subarray(at + 2, at + 2 + length);
      lines.push(
        `${table.rrsets.ttlSeconds[rrset]} ${formatType(type)} ${formatRdata(type, rdata)}`,
      );
      at += 2 + length;
    }
  }
  return lines;
}

test("buildNameTable() packs zones, records and steered names", () => {
  const table = build({
    zones: [zone("Example.com.", { soa: { ...soa, serial: 7, rname: "dns.ops@example.com" } })],
    records: [
      record("@ MX 10 mail"),
      record("@ TXT v=spf1 -all"),
      record("mail A 192.0.2.1"),
      record("mail A 192.0.2.2"),
    ],
    steered: [
      steered("example.com", 3),
      steered("WWW.example.com", 4),
      steered("*.app.example.com", 5),
    ],
  });
  const apex = findNode(table, query("example.com"), 0);
  assert.deepEqual(rrsetsOf(table, apex), [
    "3600 NS ns1.example.net.",
    "3600 NS ns2.example.net.",
    "3600 SOA ns1.example.net. dns\\.ops.example.com. 7 3600 600 604800 30",
    "60 MX 10 mail.example.com.",
    '60 TXT "v=spf1 -all"',
  ]);
  assert.deepEqual(rrsetsOf(table, findNode(table, query("MAIL.example.com"), 0)), [
    "60 A 192.0.2.1",
    "60 A 192.0.2.2",
  ]);
  const [info] = table.zones;
  assert.equal(info?.apex, "Example.com");
  assert.equal(info?.negativeTtlSeconds, 30);
  assert.equal(table.rrsets.type[info?.soaRrset ?? -1], types.soa);
  assert.equal(findService(table, "example.com"), 3);
  assert.equal(findService(table, "www.EXAMPLE.com."), 4);
  assert.equal(findService(table, "x.y.app.example.com"), 5);
  assert.equal(findService(table, "app.example.com"), undefined);
  assert.equal(findService(table, "example.org"), undefined);
  assert.equal(findService(table, "a..b"), undefined);
  assert.deepEqual(structuredClone(table), table);
});

test("findAnswering() follows RFC 4592: its own example zone", () => {
  // Section 2.2.1.
  const origin = "example.";
  const lines = [
    "*.example. TXT this is a wildcard",
    "*.example. MX 10 host1.example.",
    "sub.*.example. TXT this is not a wildcard",
    "host1.example. A 192.0.2.1",
    "_ssh._tcp.host1.example. SRV 0 0 22 host1.example.",
    "_ssh._tcp.host2.example. SRV 0 0 22 host2.example.",
    "subdel.example. NS ns.example.com.",
    "subdel.example. NS ns.example.net.",
  ];
  const records = lines.map((line) => record(line, { origin }));
  const table = build({ zones: [zone("example.")], records });
  const cases: readonly (readonly [string, string])[] = [
    ["host3.example.", "*.example."],
    ["foo.bar.example.", "*.example."],
    ["host1.example.", "host1.example."],
    ["sub.*.example.", "sub.*.example."],
    ["_telnet._tcp.host1.example.", "none"],
    ["host.subdel.example.", "none"],
    ["subdel.example.", "none"],
    ["ghost.*.example.", "none"],
    ["*.example.", "*.example."],
    ["host2.example.", "host2.example."],
    ["_tcp.host2.example.", "_tcp.host2.example."],
    ["example.", "example."],
    ["org.", "none"],
  ];
  for (const [name, expected] of cases) assert.equal(answering(table, name), expected, name);
});

test("buildNameTable() keeps zones of ours within each other apart", () => {
  const table = build({
    zones: [zone("example.com"), zone("b.a.example.com")],
    records: [
      record("b.a NS ns1.example.net."),
      record("b.a TYPE43 \\# 5 0001080201"),
      record("* TXT parent"),
    ],
    steered: [steered("www.b.a.example.com", 1)],
  });
  assert.equal(answering(table, "b.a.example.com"), "b.a.example.com.");
  assert.equal(answering(table, "x.b.a.example.com"), "none");
  assert.equal(answering(table, "x.a.example.com"), "none");
  assert.equal(answering(table, "x.example.com"), "*.example.com.");
  const apex = findNode(table, query("b.a.example.com"), 0);
  const side = table.nodes.parentSide[apex]!;
  assert.deepEqual(rrsetsOf(table, side), ["60 NS ns1.example.net.", "60 DS 1 8 2 01"]);
  assert.ok(table.nodes.cut[side]! >= 0);
  assert.ok(!rrsetsOf(table, apex).some((line) => line.includes("DS")));
});

test("buildNameTable() gives equal content an equal serial, other content another", () => {
  const serial = (records: readonly RecordInput[]) => build({ records }).zones[0]?.serial;
  const one = serial([record("a A 192.0.2.1")]);
  assert.equal(serial([record("a A 192.0.2.1")]), one);
  assert.notEqual(serial([record("a A 192.0.2.2")]), one);
  assert.notEqual(serial([record("a A 192.0.2.1", { ttlSeconds: 61 })]), one);
});

const mistakes: readonly {
  readonly what: string;
  readonly input: Partial<NameTableInput>;
  readonly problem: string | readonly string[];
}[] = [
  {
    what: "a zone twice",
    input: { zones: [zone("example.com"), zone("EXAMPLE.com.")] },
    problem: "config.duplicate zones.EXAMPLE.com.: the zone EXAMPLE.com. stands twice",
  },
  {
    what: "a zone that is no name",
    input: { zones: [zone("example..com")] },
    problem: 'config.invalid zones.example..com: the zone "example..com" holds an empty label',
  },
  {
    what: "a name server twice",
    input: { zones: [zone("example.com", { ns: ["ns.a", "NS.a."] })] },
    problem: "config.duplicate zones.example.com: the name server NS.a. stands twice",
  },
  {
    what: "no name server",
    input: { zones: [zone("example.com", { ns: [] })] },
    problem: "warning config.missing zones.example.com: the zone example.com. names no name server",
  },
  {
    what: "a name server without an address",
    input: { zones: [zone("example.com", { ns: ["ns1.example.com"] })] },
    problem:
      "warning config.missing zones.example.com: the name server ns1.example.com. has no address",
  },
  {
    what: "a name server that is an alias",
    input: {
      zones: [zone("example.com", { ns: ["ns1.example.com"] })],
      records: [record("ns1 CNAME www"), record("www A 192.0.2.1")],
    },
    problem:
      "warning config.missing zones.example.com: the name server ns1.example.com. is an alias",
  },
  {
    what: "a serial out of range",
    input: { zones: [zone("example.com", { soa: { ...soa, serial: 2 ** 32 } })] },
    problem: "config.invalid zones.example.com: the serial 4294967296",
  },
  {
    what: "a TTL in parts of a second",
    input: { records: [record("a A 192.0.2.1", { ttlSeconds: 0.5 })] },
    problem: "config.invalid record a A 192.0.2.1: the TTL is 0.5",
  },
  {
    what: "an unknown type",
    input: { records: [record("a AAA 192.0.2.1")] },
    problem: 'config.invalid record a AAA 192.0.2.1: "AAA" is no record type',
  },
  {
    what: "a meta type",
    input: { records: [record("a ANY x")] },
    problem: "config.conflict record a ANY x: a record of type ANY",
  },
  {
    what: "a SOA among the records",
    input: { records: [record("@ SOA a. b. 1 2 3 4 5")] },
    problem: "config.conflict record @ SOA a. b. 1 2 3 4 5: a record of type SOA",
  },
  {
    what: "names below a DNAME",
    input: {
      records: [record("a DNAME b."), record("x.a A 192.0.2.1")],
      steered: [steered("s.a.example.com")],
    },
    problem: [
      "config.conflict record x.a A 192.0.2.1: A records of x.a.example.com. are never answered: a.example.com. is a DNAME",
      "config.conflict steered s.a.example.com: s.a.example.com. is never answered: a.example.com. is a DNAME (at record a DNAME b.)",
    ],
  },
  {
    what: "DNAMEs that are two, of a wildcard, or delegated",
    input: {
      records: [
        record("a DNAME b.", { data: ["b.", "c."] }),
        record("*.w DNAME b."),
        record("c DNAME b."),
        record("c NS ns.example.net."),
      ],
    },
    problem: [
      "config.conflict record a DNAME b.: 2 DNAMEs of a.example.com.",
      "config.conflict record *.w DNAME b.: the DNAME of the wildcard *.w.example.com.",
      "config.conflict record c DNAME b.: the DNAME of c.example.com., which is delegated",
    ],
  },
  {
    what: "HTTPS records beside those that are made",
    input: {
      records: [record("@ HTTPS 1 . alpn=h2")],
      steered: [
        { ...steered("example.com"), https: true },
        { ...steered("c.example.com", 1, true), https: true },
      ],
    },
    problem: [
      "config.conflict record @ HTTPS 1 . alpn=h2: HTTPS records of example.com., which `https` makes (at steered example.com)",
      "config.conflict steered c.example.com: `https` of c.example.com., which is answered by CNAME",
    ],
  },
  {
    what: "a ZONEMD that is written",
    input: { records: [record("@ ZONEMD 1 1 1 aa")] },
    problem: "config.conflict record @ ZONEMD 1 1 1 aa: a record of type ZONEMD",
  },
  {
    what: "wrong data",
    input: { records: [record("a A 192.0.2.300")] },
    problem:
      'config.invalid record a A 192.0.2.300: the data "192.0.2.300" of type A: an IPv4 address is wanted, not 192.0.2.300',
  },
  {
    what: "an owner outside the zones",
    input: { records: [record("www.example.org. A 192.0.2.1")] },
    problem:
      "config.conflict record www.example.org. A 192.0.2.1: www.example.org. is in none of the zones",
  },
  {
    what: "a steered name outside the zones",
    input: { steered: [steered("www.example.org")] },
    problem: "config.conflict steered www.example.org: www.example.org. is in none of the zones",
  },
  {
    what: "a name steered twice",
    input: { steered: [steered("www.example.com", 0), steered("WWW.example.com.", 1)] },
    problem:
      "config.duplicate steered WWW.example.com.: www.example.com. is steered twice, also at steered www.example.com",
  },
  {
    what: "an address at a steered name",
    input: { records: [record("www A 192.0.2.1")], steered: [steered("www.example.com")] },
    problem:
      "config.conflict record www A 192.0.2.1: A records of www.example.com., which is steered (steered www.example.com)",
  },
  {
    what: "a CNAME at a steered name",
    input: { records: [record("www CNAME x")], steered: [steered("www.example.com")] },
    problem:
      "config.conflict record www CNAME x: CNAME records of www.example.com., which is steered (steered www.example.com)",
  },
  {
    what: "a steered CNAME at an apex",
    input: { steered: [steered("example.com", 0, true)] },
    problem:
      "config.conflict steered example.com: example.com. is the apex of a zone, where no CNAME may stand",
  },
  {
    what: "a record beside a steered CNAME",
    input: { records: [record("www TXT x")], steered: [steered("www.example.com", 0, true)] },
    problem:
      "config.conflict record www TXT x: TXT records of www.example.com., which is answered by CNAME",
  },
  {
    what: "a CNAME at an apex",
    input: { records: [record("@ CNAME x.org.")] },
    problem: "config.conflict record @ CNAME x.org.: a CNAME at example.com., the apex of a zone",
  },
  {
    what: "a CNAME beside others",
    input: { records: [record("a CNAME x.org."), record("a TXT x")] },
    problem: "config.conflict record a CNAME x.org.: a CNAME of a.example.com. beside TXT",
  },
  {
    what: "two CNAMEs",
    input: { records: [record("a CNAME x.org."), record("a CNAME y.org.")] },
    problem: "config.conflict record a CNAME x.org.: 2 CNAMEs of a.example.com.",
  },
  {
    what: "a circle of CNAMEs, through a wildcard",
    input: { records: [record("a CNAME b"), record("b CNAME x.w"), record("*.w CNAME a")] },
    problem: [
      "config.conflict record a CNAME b: the CNAME of a.example.com. leads back to itself",
      "config.conflict record b CNAME x.w: the CNAME of b.example.com. leads back to itself",
      "config.conflict record *.w CNAME a: the CNAME of *.w.example.com. leads back to itself",
    ],
  },
  {
    what: "one record twice",
    input: { records: [record("a A 192.0.2.1"), record("a A 192.0.2.1")] },
    problem: "config.duplicate record a A 192.0.2.1: the same A record twice",
  },
  {
    what: "two TTLs in one RRset",
    input: { records: [record("a A 192.0.2.1"), record("a A 192.0.2.2", { ttlSeconds: 5 })] },
    problem:
      "config.conflict record a A 192.0.2.2: TTL 5 here, 60 at record a A 192.0.2.1, in one set of A records",
  },
  {
    what: "NS at an apex",
    input: { records: [record("@ NS ns.x.")] },
    problem: "config.conflict record @ NS ns.x.: NS records at the apex example.com.",
  },
  {
    what: "NS at a wildcard",
    input: { records: [record("*.a NS ns.x.")] },
    problem: "config.conflict record *.a NS ns.x.: NS records of the wildcard *.a.example.com.",
  },
  {
    what: "data below a delegation",
    input: { records: [record("a NS ns.x."), record("b.a TXT x")] },
    problem:
      "config.conflict record b.a TXT x: TXT records of b.a.example.com. are never answered: a.example.com. is delegated",
  },
  {
    what: "a steered name below a delegation",
    input: { records: [record("a NS ns.x.")], steered: [steered("b.a.example.com")] },
    problem:
      "config.conflict steered b.a.example.com: b.a.example.com. is never answered: a.example.com. is delegated (at record a NS ns.x.)",
  },
  {
    what: "glue that is missing",
    input: { records: [record("a NS ns.a")] },
    problem:
      "warning config.missing record a NS ns.a: the name server ns.a.example.com. has no address",
  },
  {
    what: "a name that ends in the zone's without a dot",
    input: { records: [record("www.example.com A 192.0.2.1"), record("@ MX 10 mail.example.com")] },
    problem: [
      'warning config.invalid record www.example.com A 192.0.2.1: "www.example.com" is read as www.example.com.example.com.',
      'warning config.invalid record @ MX 10 mail.example.com: "10 mail.example.com" is read as mail.example.com.example.com.',
    ],
  },
  {
    what: "more records at a name than an answer holds",
    input: {
      records: [
        record("a TXT x", {
          data: Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(240)}`),
        }),
      ],
    },
    problem: "config.limit record a TXT x: 300 TXT records of a.example.com. take 76990 octets",
  },
];

test("buildNameTable() bounds zones and records", () => {
  const zones = Array.from({ length: limits.dnsZonesMax + 1 }, (_, i) => zone(`z${i}.test`));
  assert.match(problemsOf({ zones }).join(), /^config\.limit zones\.z4096\.test: over 4096 zones$/);
  const data = new Array<string>(limits.dnsRecordsMax + 1).fill("192.0.2.1");
  const problems = problemsOf({ records: [record("a A x", { data }), record("b A wrong")] });
  assert.match(problems.join(), /^config\.limit record a A x: over 500000 records$/);
});

for (const { what, input, problem } of mistakes) {
  test(`buildNameTable() reports ${what}`, () => {
    assert.deepEqual(problemsOf(input), [problem].flat());
  });
}

test("buildNameTable() reports all mistakes at once, and not their neighbours", () => {
  const chosen = mistakes.filter(
    ({ input }) => input.zones === undefined && !input.steered?.length,
  );
  const isolated = chosen.map((mistake, index) => ({
    // Each in a zone of its own, so that they do not meet.
    zones: [zone(`z${index}.test`)],
    records: (mistake.input.records ?? []).map((item) => ({ ...item, origin: `z${index}.test` })),
  }));
  const problems = problemsOf({
    zones: isolated.flatMap(({ zones }) => zones),
    records: isolated.flatMap(({ records }) => [
      record("ok A 192.0.2.9", { origin: records[0]?.origin ?? "" }),
      ...records,
    ]),
  });
  const paths = problems.map((text) => text.replace(/^(warning )?\S+ /, "").split(": ")[0]);
  const expected = chosen.flatMap(({ problem }) =>
    [problem].flat().map((text) => text.replace(/^(warning )?\S+ /, "").split(": ")[0]),
  );
  // Warnings about doubled names depend on the zone's name.
  const doubled = (path: string | undefined) =>
    path?.includes("mail.example.com") || path?.includes("www.example.com A");
  assert.deepEqual(new Set(paths), new Set(expected.filter((path) => !doubled(path))));
});

test("findNode() and findEncloser() agree with a naive search, within probesMax", () => {
  const label = fc.constantFrom("a", "b", "c", "*", "A");
  const relative = fc
    .array(label, { minLength: 1, maxLength: 4 })
    .map((labels) => labels.join("."));
  fc.assert(
    fc.property(
      fc.array(relative, { maxLength: 12 }),
      fc.array(relative, { maxLength: 12 }),
      (owners, asked) => {
        const unique = [...new Set(owners.map((owner) => owner.toLowerCase()))];
        const table = build({ records: unique.map((owner) => record(`${owner} TXT x`)) });
        const existing = new Set(["example.com."]);
        for (const owner of unique) {
          const labels = owner.split(".");
          for (let i = 0; i < labels.length; i++)
            existing.add(`${labels.slice(i).join(".")}.example.com.`);
        }
        for (const text of [...unique, ...asked]) {
          let encloser = `${text.toLowerCase()}.example.com.`;
          let dropped = 0;
          while (!existing.has(encloser)) {
            encloser = encloser.slice(encloser.indexOf(".") + 1);
            dropped++;
          }
          const name = query(`${text}.Example.com`);
          assert.ok(findEncloser(table, name, 0) >= 0);
          assert.equal(name.encloserAt, dropped);
          const wildcard = `*.${encloser}`;
          const expected = dropped === 0 ? encloser : existing.has(wildcard) ? wildcard : "none";
          assert.equal(answering(table, `${text}.Example.com`), expected);
        }
        assert.ok(table.probesMax <= table.slots.length / 2 + 1);
      },
    ),
  );
});

test("buildNameTable() follows CNAMEs and DNAMEs to the service that steers", () => {
  const { steeredBy } = buildNameTable({
    zones: [zone("example.com"), zone("in.d.example.com")],
    records: [
      record("d DNAME e"),
      record("e DNAME f.g"),
      record("in.d NS ns.example.net."),
      record("a CNAME x.d"),
      record("cut NS ns.example.net."),
      record("long DNAME e"),
    ],
    steered: [steered("x.f.g.example.com", 3), steered("x.in.d.example.com", 4)],
  });
  assert.equal(steeredBy("x.f.g.example.com"), 3);
  assert.equal(steeredBy("x.e.example.com"), 3);
  assert.equal(steeredBy("X.d.example.com"), 3);
  assert.equal(steeredBy("a.example.com"), 3);
  assert.equal(steeredBy("x.in.d.example.com"), 4);
  assert.equal(steeredBy("d.example.com"), undefined);
  assert.equal(steeredBy("y.d.example.com"), undefined);
  assert.equal(steeredBy("x.cut.example.com"), undefined);
  assert.equal(steeredBy("x.example.org"), undefined);
});

test("buildNameTable() lets no SVCB or HTTPS record lead past steering", () => {
  const at = (type: number, hex: string) =>
    problemsOf({
      records: [record(`www TYPE${type} \\# ${hex.length / 2} ${hex}`)],
      steered: [steered("www.example.com")],
    });
  const leading = {
    ipv4hint: "00010000040004c0000201",
    "ipv6hint behind alpn": `0001000001000302683200060010${"20010db8".padEnd(32, "0")}`,
    "alias mode": "0000016100",
    "another target": "0001016100",
  };
  for (const [what, hex] of Object.entries(leading)) {
    for (const type of [64, 65]) {
      assert.match(at(type, hex).join("\n"), /which is steered, hold addresses or another/, what);
    }
  }
  for (const hex of ["000100", "00010000010003026832"]) assert.deepEqual(at(65, hex), []);
});
