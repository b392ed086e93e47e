/**
 * answer() on static zones: names, sections, flags, sizes, EDNS. Steered names: steered.test.ts.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { createIdentity } from "../../src/fronts/dns/identity.ts";
import { headerFlags, types } from "../../src/wire/dns-constants.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/dns-message.ts";
import { formatName } from "../../src/wire/dns-name.ts";
import {
  type Ask,
  ask,
  extendedErrorOf,
  formatResponse,
  frontFor,
  optOf,
  optRecord,
  rcodeOf,
  requestOf,
  send,
  subnetOption,
  wire,
  zonesFrom,
} from "../support/dns-front.ts";

const names = zonesFrom(`
  $ORIGIN example.com
  @ MX 10 mail
  @ MX 20 mail.example.org.
  @ TXT v=spf1 -all
  mail A 192.0.2.1
  mail A 192.0.2.2
  mail AAAA 2001:db8::1
  www CNAME mail
  far CNAME www.example.org.
  gone CNAME nothing
  chain CNAME www
  to-cut CNAME x.cut
  *.wild TXT "a wildcard"
  *.wild A 192.0.2.3
  x.y.ent A 192.0.2.4
  *.alias CNAME mail
  cut NS ns.cut
  cut NS ns.example.net.
  cut NS mail
  cut TYPE43 \\# 5 0001080201
  ns.cut A 192.0.2.53
  ns.cut AAAA 2001:db8::53
  c0 CNAME c1
  c1 CNAME c2
  c2 CNAME c3
  c3 CNAME c4
  c4 CNAME c5
  c5 CNAME c6
  c6 CNAME c7
  c7 CNAME c8
  c8 CNAME c9
  c9 CNAME mail
  raw TYPE65280 \\# 3 010203
  srv SRV 0 5 443 mail
  https HTTPS 1 mail alpn=h2
  d DNAME t
  to-d CNAME a.d
  t A 192.0.2.7
  a.t A 192.0.2.8
  *.w.t A 192.0.2.9
  out DNAME example.org.
  long DNAME ${"t".repeat(60)}
  $ORIGIN sub.example.com
  @ A 192.0.2.9
`);
const front = frontFor(names);
const soa = "au example.com. 30 SOA ns1.example.net. hostmaster.example.com. 7 3600 600 86400 30";

const mailAddresses = [
  "ad mail.example.com. 60 A 192.0.2.1",
  "ad mail.example.com. 60 A 192.0.2.2",
  "ad mail.example.com. 60 AAAA 2001:db8::1",
];
const long = Array.from({ length: 3 }, () => "l".repeat(63)).join(".");

const answers: readonly (readonly [string, readonly string[]])[] = [
  [
    "mail.example.com A",
    ["NOERROR aa rd", "an mail.example.com. 60 A 192.0.2.1", "an mail.example.com. 60 A 192.0.2.2"],
  ],
  ["MaIl.ExAmPlE.cOm AAAA", ["NOERROR aa rd", "an MaIl.ExAmPlE.cOm. 60 AAAA 2001:db8::1"]],
  [
    "example.com MX",
    [
      "NOERROR aa rd",
      "an example.com. 60 MX 10 mail.example.com.",
      "an example.com. 60 MX 20 mail.example.org.",
      ...mailAddresses,
    ],
  ],
  [
    "example.com SOA",
    [
      "NOERROR aa rd",
      "an example.com. 3600 SOA ns1.example.net. hostmaster.example.com. 7 3600 600 86400 30",
    ],
  ],
  [
    "example.com NS",
    [
      "NOERROR aa rd",
      "an example.com. 3600 NS ns1.example.net.",
      "an example.com. 3600 NS ns2.example.net.",
    ],
  ],
  ["raw.example.com TYPE65280", ["NOERROR aa rd", "an raw.example.com. 60 TYPE65280 \\# 3 010203"]],
  [
    "srv.example.com SRV",
    ["NOERROR aa rd", "an srv.example.com. 60 SRV 0 5 443 mail.example.com.", ...mailAddresses],
  ],
  [
    "https.example.com HTTPS",
    [
      "NOERROR aa rd",
      'an https.example.com. 60 HTTPS 1 mail.example.com. alpn="h2"',
      ...mailAddresses,
    ],
  ],
  ["d.example.com DNAME", ["NOERROR aa rd", "an d.example.com. 60 DNAME t.example.com."]],
  ["d.example.com A", ["NOERROR aa rd", soa]],
  ["d.example.com ANY", ["NOERROR aa rd", 'an d.example.com. 3600 HINFO "RFC8482" ""']],
  [
    "A.D.example.com A",
    [
      "NOERROR aa rd",
      "an D.example.com. 60 DNAME t.example.com.",
      "an A.D.example.com. 60 CNAME a.t.example.com.",
      "an a.t.example.com. 60 A 192.0.2.8",
    ],
  ],
  [
    "x.y.w.d.example.com A",
    [
      "NOERROR aa rd",
      "an d.example.com. 60 DNAME t.example.com.",
      "an x.y.w.d.example.com. 60 CNAME x.y.w.t.example.com.",
      "an x.y.w.t.example.com. 60 A 192.0.2.9",
    ],
  ],
  [
    "b.d.example.com A",
    [
      "NXDOMAIN aa rd",
      "an d.example.com. 60 DNAME t.example.com.",
      "an b.d.example.com. 60 CNAME b.t.example.com.",
      soa,
    ],
  ],
  [
    "b.d.example.com CNAME",
    [
      "NOERROR aa rd",
      "an d.example.com. 60 DNAME t.example.com.",
      "an b.d.example.com. 60 CNAME b.t.example.com.",
    ],
  ],
  [
    "www.out.example.com A",
    [
      "NOERROR aa rd",
      "an out.example.com. 60 DNAME example.org.",
      "an www.out.example.com. 60 CNAME www.example.org.",
    ],
  ],
  [
    `${long}.long.example.com A`,
    ["YXDOMAIN aa rd", `an long.example.com. 60 DNAME ${"t".repeat(60)}.example.com.`],
  ],
  [
    "to-d.example.com A",
    [
      "NOERROR aa rd",
      "an to-d.example.com. 60 CNAME a.d.example.com.",
      "an d.example.com. 60 DNAME t.example.com.",
      "an a.d.example.com. 60 CNAME a.t.example.com.",
      "an a.t.example.com. 60 A 192.0.2.8",
    ],
  ],
  ["mail.example.com TXT", ["NOERROR aa rd", soa]],
  ["nothing.example.com A", ["NXDOMAIN aa rd", soa]],
  ["a.b.nothing.example.com A", ["NXDOMAIN aa rd", soa]],
  ["below.mail.example.com A", ["NXDOMAIN aa rd", soa]],
  ["ent.example.com A", ["NOERROR aa rd", soa]],
  ["y.ent.example.com A", ["NOERROR aa rd", soa]],
  ["z.ent.example.com A", ["NXDOMAIN aa rd", soa]],
  ["a.wild.example.com TXT", ["NOERROR aa rd", 'an a.wild.example.com. 60 TXT "a wildcard"']],
  ["A.b.Wild.example.com A", ["NOERROR aa rd", "an A.b.Wild.example.com. 60 A 192.0.2.3"]],
  ["a.wild.example.com MX", ["NOERROR aa rd", soa]],
  ["wild.example.com A", ["NOERROR aa rd", soa]],
  ["*.wild.example.com TXT", ["NOERROR aa rd", 'an *.wild.example.com. 60 TXT "a wildcard"']],
  [
    "www.example.com A",
    [
      "NOERROR aa rd",
      "an www.example.com. 60 CNAME mail.example.com.",
      "an mail.example.com. 60 A 192.0.2.1",
      "an mail.example.com. 60 A 192.0.2.2",
    ],
  ],
  ["www.example.com CNAME", ["NOERROR aa rd", "an www.example.com. 60 CNAME mail.example.com."]],
  [
    "chain.example.com AAAA",
    [
      "NOERROR aa rd",
      "an chain.example.com. 60 CNAME www.example.com.",
      "an www.example.com. 60 CNAME mail.example.com.",
      "an mail.example.com. 60 AAAA 2001:db8::1",
    ],
  ],
  [
    "x.alias.example.com AAAA",
    [
      "NOERROR aa rd",
      "an x.alias.example.com. 60 CNAME mail.example.com.",
      "an mail.example.com. 60 AAAA 2001:db8::1",
    ],
  ],
  ["far.example.com A", ["NOERROR aa rd", "an far.example.com. 60 CNAME www.example.org."]],
  [
    "gone.example.com A",
    ["NXDOMAIN aa rd", "an gone.example.com. 60 CNAME nothing.example.com.", soa],
  ],
  ["www.example.com TXT", ["NOERROR aa rd", "an www.example.com. 60 CNAME mail.example.com.", soa]],
  [
    "x.cut.example.com A",
    [
      "NOERROR rd",
      "au cut.example.com. 60 NS ns.cut.example.com.",
      "au cut.example.com. 60 NS ns.example.net.",
      "au cut.example.com. 60 NS mail.example.com.",
      "ad ns.cut.example.com. 60 A 192.0.2.53",
      "ad ns.cut.example.com. 60 AAAA 2001:db8::53",
      "ad mail.example.com. 60 A 192.0.2.1",
      "ad mail.example.com. 60 A 192.0.2.2",
      "ad mail.example.com. 60 AAAA 2001:db8::1",
    ],
  ],
  ["cut.example.com DS", ["NOERROR aa rd", "an cut.example.com. 60 DS 1 8 2 01"]],
  ["sub.example.com DS", ["NOERROR aa rd", soa]],
  ["sub.example.com A", ["NOERROR aa rd", "an sub.example.com. 60 A 192.0.2.9"]],
  ["example.com DS", ["NOERROR aa rd", soa]],
  [
    "sub.example.com TXT",
    [
      "NOERROR aa rd",
      "au sub.example.com. 30 SOA ns1.example.net. hostmaster.sub.example.com. 7 3600 600 86400 30",
    ],
  ],
  ["www.example.org A", ["REFUSED rd"]],
  ["com A", ["REFUSED rd"]],
  [". NS", ["REFUSED rd"]],
  ["mail.example.com ANY", ["NOERROR aa rd", 'an mail.example.com. 3600 HINFO "RFC8482" ""']],
  ["www.example.com ANY", ["NOERROR aa rd", "an www.example.com. 60 CNAME mail.example.com."]],
  ["ent.example.com ANY", ["NOERROR aa rd", soa]],
  ["nothing.example.com ANY", ["NXDOMAIN aa rd", soa]],
  ["example.com AXFR", ["REFUSED rd"]],
  ["example.com IXFR", ["REFUSED rd"]],
  ["example.com MAILB", ["NOTIMP rd"]],
  ["example.com MAILA", ["NOTIMP rd"]],
  ["example.com OPT", ["FORMERR rd"]],
  ["example.com TSIG", ["FORMERR rd"]],
  ["example.com TYPE0", ["FORMERR rd"]],
  ["example.com TYPE128", ["FORMERR rd"]],
  ["mail.example.com TYPE65535", ["NOERROR aa rd", soa]],
];

for (const [question, expected] of answers) {
  test(`answer() of ${question}`, () => {
    const [name = "", type = ""] = question.split(" ");
    assert.deepEqual(formatResponse(ask(front, { name, type })), expected);
    assert.deepEqual(formatResponse(ask(front, { name, type, transport: "tcp" })), expected);
  });
}

test("answer() follows a long chain of CNAMEs as far as its bound", () => {
  const lines = formatResponse(ask(front, { name: "c0.example.com" }));
  assert.equal(lines.length, 1 + 9);
  assert.equal(lines.at(-1), "an c8.example.com. 60 CNAME c9.example.com.");
  assert.equal(lines[0], "NOERROR aa rd");
});

test("answer() keeps AA when a CNAME of ours leads into a delegation", () => {
  const lines = formatResponse(ask(front, { name: "to-cut.example.com" }));
  assert.equal(lines[0], "NOERROR aa rd");
  assert.equal(lines[1], "an to-cut.example.com. 60 CNAME x.cut.example.com.");
  assert.ok(lines.some((line) => line.startsWith("au cut.example.com. 60 NS")));
});

test("answer() repeats the question with its case, compresses names, clears RA and AD", () => {
  const flags = headerFlags.rd | headerFlags.cd | headerFlags.ad | headerFlags.ra | 0x40;
  const response = ask(front, { name: "wWw.ExaMPLE.com", type: "A", flags });
  const [question] = response.questions;
  assert.equal(formatName(question?.name ?? wire(".")), "wWw.ExaMPLE.com.");
  assert.equal(response.id, 0x1234);
  const rdAndCd = headerFlags.rd | headerFlags.cd;
  assert.equal(response.flags, headerFlags.qr | headerFlags.aa | rdAndCd);
  const octets = send(front, requestOf({ name: "www.example.com" }));
  // Question 21, then CNAME 2 + 10 + 7 (`mail` and a pointer), then two addresses of 16 each.
  assert.equal(octets?.length, 12 + 21 + 19 + 2 * 16);
});

test("answer() of class ANY is that of IN; other classes are refused", () => {
  const any = ask(front, { name: "mail.example.com", type: "AAAA", class: 255 });
  assert.deepEqual(formatResponse(any)[1], "an mail.example.com. 60 AAAA 2001:db8::1");
  for (const other of [0, 2, 4, 254, 65_535]) {
    const response = ask(front, { name: "mail.example.com", class: other, edns: {} });
    assert.equal(rcodeOf(response), "REFUSED");
    assert.equal(extendedErrorOf(response), "21 only class IN is served");
  }
});

test("answer() tells who it is in class CHAOS", () => {
  const text = (name: string, type = "TXT") =>
    formatResponse(ask(front, { name, type, class: 3 })).join(" | ");
  assert.equal(text("version.bind"), 'NOERROR aa rd | an version.bind. 0 TXT "Rhumb"');
  assert.equal(text("VERSION.server"), 'NOERROR aa rd | an VERSION.server. 0 TXT "Rhumb"');
  assert.equal(text("id.server"), 'NOERROR aa rd | an id.server. 0 TXT "node-1"');
  assert.equal(text("hostname.bind"), 'NOERROR aa rd | an hostname.bind. 0 TXT "node-1"');
  assert.equal(text("id.server", "A"), "NOERROR aa rd");
  assert.equal(text("authors.bind"), "REFUSED rd");
  assert.equal(text("mail.example.com"), "REFUSED rd");
});

test("answer() with EDNS says 1232, version 0, and repeats DO", () => {
  const opt = (edns: NonNullable<Ask["edns"]>) => optOf(ask(front, { name: "example.com", edns }));
  assert.deepEqual(opt({}), { payload: 1232, ttl: 0, options: [] });
  assert.deepEqual(opt({ flags: 0x8000 }), { payload: 1232, ttl: 0x8000, options: [] });
  assert.deepEqual(opt({ flags: 0x7fff }), { payload: 1232, ttl: 0, options: [] });
  assert.equal(optOf(ask(front, { name: "example.com" })), undefined);
});

test("answer() to a later EDNS version is BADVERS, whatever its options hold", () => {
  for (const version of [1, 255]) {
    const options = [{ code: 8, data: Uint8Array.of(1) }];
    const response = ask(front, { name: "mail.example.com", edns: { version, options } });
    assert.equal(rcodeOf(response), "BADVERS");
    assert.deepEqual(response.answers, []);
    assert.equal(optOf(response)?.ttl, 0x0100_0000);
  }
});

test("answer() tells NSID to whoever asks", () => {
  const nsid = { code: 3, data: new Uint8Array(0) };
  const response = ask(front, { name: "mail.example.com", edns: { options: [nsid] } });
  assert.deepEqual(optOf(response)?.options, [
    { code: 3, data: new TextEncoder().encode("node-1") },
  ]);
});

test("answer() ignores options that it does not know", () => {
  const options = [
    { code: 10, data: new Uint8Array(8) },
    { code: 65_001, data: new Uint8Array(100) },
  ];
  const response = ask(front, { name: "mail.example.com", edns: { options } });
  assert.equal(rcodeOf(response), "NOERROR");
  assert.deepEqual(optOf(response)?.options, []);
});

test("answer() sends a client subnet back with scope 0 where nothing depends on it", () => {
  const option = subnetOption(1, 20, [192, 0, 32]);
  for (const name of ["mail.example.com", "nothing.example.com", "www.example.org"]) {
    const response = ask(front, { name, edns: { options: [option] } });
    assert.deepEqual(optOf(response)?.options[0], option, name);
  }
});

test("answer() explains refusals to those with EDNS", () => {
  const error = (name: string, type: string) =>
    extendedErrorOf(ask(front, { name, type, edns: {} }));
  assert.equal(error("www.example.org", "A"), "20 no zone here holds this name");
  assert.equal(error("example.com", "AXFR"), "18 zones are not transferred from here");
  assert.equal(error("example.com", "TSIG"), "30 this type cannot be asked for");
  assert.equal(error("mail.example.com", "A"), undefined);
});

const bigNames = zonesFrom(`
  $ORIGIN example.com
  ${Array.from({ length: 40 }, (_, i) => `big A 192.0.2.${i}`).join("\n")}
  ${Array.from({ length: 100 }, (_, i) => `huge A 192.0.2.${i}`).join("\n")}
  alias CNAME huge
  ${Array.from({ length: 3 }, (_, i) => `long TXT ${i}${"x".repeat(200)}`).join("\n")}
  cut NS ns.cut
  ${Array.from({ length: 30 }, (_, i) => `ns.cut A 192.0.2.${i}`).join("\n")}
`);
const bigFront = frontFor(bigNames);

test("answer() sets TC where a set of records does not fit, and shows no part of it", () => {
  const lines = (asked: Ask) => formatResponse(ask(bigFront, asked));
  assert.deepEqual(lines({ name: "big.example.com" }), ["NOERROR aa tc rd"]);
  assert.equal(lines({ name: "big.example.com", edns: {} }).length, 1 + 40);
  assert.equal(lines({ name: "big.example.com", edns: { payload: 600 } })[0], "NOERROR aa tc rd");
  assert.equal(lines({ name: "big.example.com", edns: { payload: 4096 } }).length, 1 + 40);
  assert.deepEqual(lines({ name: "huge.example.com", edns: { payload: 65_535 } }), [
    "NOERROR aa tc rd",
  ]);
  assert.equal(lines({ name: "huge.example.com", transport: "tcp" }).length, 1 + 100);
  assert.deepEqual(lines({ name: "alias.example.com" }), [
    "NOERROR aa tc rd",
    "an alias.example.com. 60 CNAME huge.example.com.",
  ]);
  assert.deepEqual(lines({ name: "x.cut.example.com" }), [
    "NOERROR tc rd",
    "au cut.example.com. 60 NS ns.cut.example.com.",
  ]);
});

test("answer() treats a payload below 512 as 512 (RFC 6891 section 6.2.3)", () => {
  const response = ask(bigFront, { name: "nothing.example.com", edns: { payload: 0 } });
  assert.equal(rcodeOf(response), "NXDOMAIN");
  assert.equal(response.authorities.length, 1);
});

test("answer() keeps its OPT in any response, to the octet", () => {
  // Every payload from 512 on: the set fits exactly from some size on, and the OPT always.
  const option = subnetOption(
    2,
    128,
    Array.from({ length: 16 }, () => 255),
  );
  const nsid = { code: 3, data: new Uint8Array(0) };
  let fitted = 0;
  for (let payload = 512; payload <= 1232; payload++) {
    const edns = { payload, options: [option, nsid] };
    const octets = send(bigFront, requestOf({ name: "long.example.com", type: "TXT", edns }));
    assert.ok(octets !== undefined && octets.length <= payload);
    const response = ask(bigFront, { name: "long.example.com", type: "TXT", edns });
    assert.equal(optOf(response)?.options.length, 2);
    const whole = response.answers.length === 3;
    assert.ok(whole || response.answers.length === 0);
    if (whole) fitted ||= payload;
    assert.equal(whole, fitted > 0);
  }
  // Header and question 34, three strings of 201 octets in records, OPT with both options.
  assert.equal(fitted, 34 + 3 * (12 + 202) + 11 + 24 + 10);
});

test("answer() of ANY fits behind the longest question", () => {
  const long = "a".repeat(63);
  const name = `${long}.${long}.${long}.${"b".repeat(44)}.wild.example.com`;
  assert.equal(wire(name).length, 255);
  const subnet = subnetOption(
    2,
    128,
    Array.from({ length: 16 }, () => 255),
  );
  const options = [subnet, { code: 3, data: new Uint8Array(0) }];
  const response = ask(front, { name, type: "ANY", edns: { payload: 512, options } });
  assert.equal(formatResponse(response)[0], "NOERROR aa rd");
  assert.equal(optOf(response)?.options.length, 2);
});

test("createIdentity() shows nothing for an empty text, and cuts a long one", () => {
  const hidden = createIdentity({ version: "", node: "n".repeat(100) });
  assert.equal(hidden.nsid.length, 64);
  assert.deepEqual(
    hidden.chaos.map((row) => [formatName(row.name), row.rdata.length]),
    [
      ["id.server.", 65],
      ["hostname.bind.", 65],
    ],
  );
});

test("answer() counts what it did", () => {
  const counted = frontFor(names);
  const { counters } = counted.context;
  ask(counted, { name: "mail.example.com" });
  ask(counted, { name: "nothing.example.com", transport: "tcp", client: [6, 1, 2, 3, 4] });
  ask(counted, { name: "www.example.org", edns: { version: 1 } });
  send(counted, new Uint8Array(3));
  const { responses } = counters;
  assert.equal(responses.read(responses.row("udp", "ipv4", "NOERROR")), 1);
  assert.equal(responses.read(responses.row("tcp", "ipv6", "NXDOMAIN")), 1);
  assert.equal(responses.read(responses.row("udp", "ipv4", "BADVERS")), 1);
  assert.equal(counters.silent.read(counters.silent.row("udp", "ipv4")), 1);
  assert.equal(counters.questions.read(counters.questions.row("A")), 2);
  assert.equal(counters.outcomes.read(counters.outcomes.row("records")), 1);
  assert.equal(counters.outcomes.read(counters.outcomes.row("noName")), 1);
});

test("answer() takes an OPT among others, whatever stands around it", () => {
  const opt = optRecord({});
  const other = {
    name: wire("x.example"),
    type: types.txt,
    class: 1,
    ttl: 0,
    rdata: Uint8Array.of(1, 65),
  };
  const request = (
    additionals: readonly (typeof opt)[],
    authorities: readonly (typeof opt)[] = [],
  ) =>
    encodeMessage({
      id: 1,
      flags: 0,
      questions: [{ name: wire("mail.example.com"), type: 28, class: 1 }],
      answers: [],
      authorities,
      additionals,
    });
  const rcode = (octets: Uint8Array) => (send(front, octets)?.[3] ?? 0) & 0xf;
  assert.equal(rcode(request([other, opt, other])), 0);
  assert.equal(rcode(request([opt, opt])), 1);
  assert.equal(rcode(request([{ ...opt, name: wire("a") }])), 1);
  assert.equal(rcode(request([], [opt])), 1);
});

test("answer() writes a name without regard to what an earlier response left behind", () => {
  const table = zonesFrom(`
    $ORIGIN z14.test
    d CNAME b.a.a
    e CNAME a.a
  `);
  const context = frontFor(table);
  const noOctets = new Uint8Array(0);
  const lines = (name: string) => {
    const message = decodeMessage(send(context, requestOf({ name, type: "CNAME" })) ?? noOctets);
    assert.ok(message.ok, message.ok ? "" : message.message);
    return formatResponse(message.value);
  };
  // The second response is written over the first, whose name ends as its own does.
  lines("e.z14.test");
  assert.deepEqual(lines("d.z14.test"), [
    "NOERROR aa rd",
    "an d.z14.test. 60 CNAME b.a.a.z14.test.",
  ]);
});
