/**
 * Datagrams that have brought name servers down or made them loop, each with what the RFCs ask for:
 * an rcode, or silence. Used against answer() alone and against a running server. The zone asked
 * for is example.com, in which `www` has an address and everything is static.
 */
import { types } from "../../src/wire/dns-constants.ts";

export interface HostilePacket {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly expect:
    | "silence"
    | "NOERROR"
    | "FORMERR"
    | "NXDOMAIN"
    | "NOTIMP"
    | "REFUSED"
    | "NOTAUTH"
    | "BADVERS";
}

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(/\s/g, ""));

function join(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const bytes = parts.map((part) => (typeof part === "string" ? hex(part) : part));
  const joined = new Uint8Array(bytes.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of bytes) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const u16 = (value: number): Uint8Array => Uint8Array.of((value >> 8) & 0xff, value & 0xff);

function header(counts: readonly [number, number, number, number], flags = 0x0100): Uint8Array {
  return join("bad1", u16(flags), ...counts.map(u16));
}

const www = hex("03777777 07657861 6d706c65 03636f6d 00");
const question = join(www, "0001 0001");
const query = (...rest: readonly (Uint8Array | string)[]) =>
  join(header([1, 0, 0, rest.length > 0 ? 1 : 0]), question, ...rest);

function opt(options: Uint8Array, { version = 0, flags = 0, owner = "00", payload = 1232 } = {}) {
  const ttl = Uint8Array.of(0, version, flags >> 8, flags & 0xff);
  return join(owner, "0029", u16(payload), ttl, u16(options.length), options);
}

const option = (code: number, data: Uint8Array | string) => {
  const octets = join(data);
  return join(u16(code), u16(octets.length), octets);
};

const withOpt = (options: Uint8Array, more = {}) => query(opt(options, more));
const ecs = (data: string) => withOpt(option(8, data));
const asked = (type: number, recordClass = 1) =>
  join(header([1, 0, 0, 0]), www, u16(type), u16(recordClass));
const named = (
  name: Uint8Array | string,
  counts: readonly [number, number, number, number] = [1, 0, 0, 0],
) => join(header(counts), name, "0001 0001");

function label(length: number, octet: number): Uint8Array {
  return join(Uint8Array.of(length), new Uint8Array(length).fill(octet));
}
const labels = (count: number, length: number) =>
  join(...Array.from({ length: count }, () => label(length, 0x61)));

/** TSIG (RFC 8945): key, time, fudge, MAC, original id, error, other. */
function tsig(algorithm: Uint8Array | string, { cut = 0 } = {}): Uint8Array {
  const rdata = join(algorithm, "000000000000 012c 0010", new Uint8Array(16), "bad1 0000 0000");
  return join(
    "036b657900 00fa 00ff 00000000",
    u16(rdata.length),
    rdata.subarray(0, rdata.length - cut),
  );
}
const hmacSha256 = "0b686d61632d73686132353600";

const short: readonly HostilePacket[] = Array.from({ length: 12 }, (_, length) => ({
  what: `${length} octets`,
  bytes: new Uint8Array(length),
  expect: "silence" as const,
}));

const counts: readonly HostilePacket[] = [
  { what: "a header alone, no question", bytes: header([0, 0, 0, 0]), expect: "FORMERR" },
  { what: "a header alone, one question", bytes: header([1, 0, 0, 0]), expect: "FORMERR" },
  {
    what: "two questions",
    bytes: join(header([2, 0, 0, 0]), question, question),
    expect: "FORMERR",
  },
  { what: "65,535 questions", bytes: join(header([65_535, 0, 0, 0]), question), expect: "FORMERR" },
  {
    what: "all counts 65,535",
    bytes: join(header([65_535, 65_535, 65_535, 65_535]), question),
    expect: "FORMERR",
  },
  {
    what: "one additional record that is not there",
    bytes: join(header([1, 0, 0, 1]), question),
    expect: "FORMERR",
  },
  { what: "an octet after the end", bytes: join(query(), "00"), expect: "FORMERR" },
];

const names: readonly HostilePacket[] = [
  { what: "cut in the name", bytes: query().subarray(0, 20), expect: "FORMERR" },
  { what: "cut before the type", bytes: query().subarray(0, 12 + 17), expect: "FORMERR" },
  { what: "cut in the class", bytes: query().subarray(0, 12 + 17 + 3), expect: "FORMERR" },
  { what: "a pointer to itself", bytes: named("c00c"), expect: "FORMERR" },
  { what: "two pointers in a ring", bytes: named("c00e c00c"), expect: "FORMERR" },
  { what: "a label, then a pointer to it", bytes: named("0161 c00c"), expect: "FORMERR" },
  { what: "a pointer into the header", bytes: named("c000"), expect: "FORMERR" },
  { what: "a pointer past the end", bytes: named("ffff"), expect: "FORMERR" },
  { what: "half a pointer at the end", bytes: join(header([1, 0, 0, 0]), "c0"), expect: "FORMERR" },
  { what: "label type 0x40", bytes: named("41 00"), expect: "FORMERR" },
  { what: "label type 0x80", bytes: named("81 61 00"), expect: "FORMERR" },
  { what: "a label past the end", bytes: join(header([1, 0, 0, 0]), "3f 6161"), expect: "FORMERR" },
  {
    what: "a name of 255 octets",
    bytes: named(join(labels(3, 63), label(61, 0x61), "00")),
    expect: "REFUSED",
  },
  {
    what: "a name of 256 octets",
    bytes: named(join(labels(3, 63), label(62, 0x61), "00")),
    expect: "FORMERR",
  },
  { what: "120 labels", bytes: named(join(labels(120, 1), "00")), expect: "REFUSED" },
  { what: "127 labels", bytes: named(join(labels(127, 1), "00")), expect: "REFUSED" },
  { what: "128 labels", bytes: named(join(labels(128, 1), "00")), expect: "FORMERR" },
  {
    what: "120 labels below the zone",
    bytes: named(join(labels(115, 1), www)),
    expect: "NXDOMAIN",
  },
  { what: "NUL octets in a label", bytes: named(join(label(5, 0), www)), expect: "NXDOMAIN" },
  {
    what: "a dot inside a label",
    bytes: named("0b 7777772e6578616d706c65 03636f6d 00"),
    expect: "REFUSED",
  },
  { what: "0xff in a label", bytes: named(join(label(63, 0xff), www)), expect: "NXDOMAIN" },
  { what: "the root", bytes: named("00"), expect: "REFUSED" },
];

const records: readonly HostilePacket[] = [
  {
    what: "an RDLENGTH past the end",
    bytes: query("00 0001 0001 00000000 ffff 01"),
    expect: "FORMERR",
  },
  { what: "a record cut in its TTL", bytes: query("00 0001 0001 0000"), expect: "FORMERR" },
  {
    what: "an owner that points to itself",
    bytes: query("c021 0001 0001 00000000 0000"),
    expect: "FORMERR",
  },
  {
    what: "an owner that points back",
    bytes: query("c00c 0001 0001 00000000 0000"),
    expect: "NOERROR",
  },
  {
    what: "3,000 additional records",
    bytes: join(
      header([1, 0, 0, 3000]),
      question,
      ...Array.from({ length: 3000 }, () => "c00c 0001 0001 00000000 0004 c0000201"),
    ),
    expect: "NOERROR",
  },
  {
    what: "5,000 records with long names",
    bytes: join(
      header([1, 1000, 1000, 400]),
      question,
      ...Array.from({ length: 2400 }, () => join("0161 c00c 0001 0001 00000000 0000")),
    ),
    expect: "NOERROR",
  },
  {
    what: "65 kB of nonsense",
    bytes: join(header([1, 0, 0, 1]), new Uint8Array(65_000).fill(0x3f)),
    expect: "FORMERR",
  },
  {
    what: "65 kB of pointers",
    bytes: join(header([1, 0, 0, 1]), new Uint8Array(65_000).fill(0xc0)),
    expect: "FORMERR",
  },
];

const headers: readonly HostilePacket[] = [
  { what: "a response", bytes: join(header([1, 0, 0, 0], 0x8100), question), expect: "silence" },
  { what: "a response of nothing", bytes: header([0, 0, 0, 0], 0x8000), expect: "silence" },
  {
    what: "a NOTIFY response",
    bytes: join(header([1, 0, 0, 0], 0xa000), question),
    expect: "silence",
  },
  ...[1, 2, 3, 4, 5, 6, 7, 15].map((opcode) => ({
    what: `opcode ${opcode}`,
    bytes: join(header([1, 0, 0, 0], opcode << 11), question),
    expect: "NOTIMP" as const,
  })),
  {
    what: "opcode 15 with nonsense",
    bytes: join(header([9, 9, 9, 9], 0x7fff), "ffff"),
    expect: "NOTIMP",
  },
  {
    what: "every flag but QR",
    bytes: join(header([1, 0, 0, 0], 0x07ff), question),
    expect: "NOERROR",
  },
];

const questions: readonly HostilePacket[] = [
  { what: "type 0", bytes: asked(0), expect: "FORMERR" },
  { what: "type OPT", bytes: asked(types.opt), expect: "FORMERR" },
  ...[249, 250].map((type) => ({
    what: `type ${type}`,
    bytes: asked(type),
    expect: "FORMERR" as const,
  })),
  { what: "type IXFR", bytes: asked(types.ixfr), expect: "REFUSED" },
  { what: "type AXFR", bytes: asked(types.axfr), expect: "REFUSED" },
  ...[253, 254].map((type) => ({
    what: `type ${type}`,
    bytes: asked(type),
    expect: "NOTIMP" as const,
  })),
  { what: "type ANY", bytes: asked(types.any), expect: "NOERROR" },
  { what: "type 65280", bytes: asked(65_280), expect: "NOERROR" },
  { what: "type 65535", bytes: asked(65_535), expect: "NOERROR" },
  ...[0, 3, 4, 254].map((recordClass) => ({
    what: `class ${recordClass}`,
    bytes: asked(1, recordClass),
    expect: "REFUSED" as const,
  })),
  { what: "class ANY", bytes: asked(1, 255), expect: "NOERROR" },
];

const edns: readonly HostilePacket[] = [
  { what: "EDNS version 1", bytes: withOpt(hex(""), { version: 1 }), expect: "BADVERS" },
  { what: "EDNS version 255", bytes: withOpt(hex(""), { version: 255 }), expect: "BADVERS" },
  { what: "unknown EDNS flags", bytes: withOpt(hex(""), { flags: 0x7fff }), expect: "NOERROR" },
  { what: "an unknown option", bytes: withOpt(option(65_001, "0102")), expect: "NOERROR" },
  {
    what: "two OPTs",
    bytes: join(header([1, 0, 0, 2]), question, opt(hex("")), opt(hex(""))),
    expect: "FORMERR",
  },
  {
    what: "an OPT with an owner",
    bytes: withOpt(hex(""), { owner: "0161 00" }),
    expect: "FORMERR",
  },
  {
    what: "an OPT among the answers",
    bytes: join(header([1, 1, 0, 0]), question, opt(hex(""))),
    expect: "FORMERR",
  },
  { what: "an option cut in its head", bytes: withOpt(hex("0003 00")), expect: "FORMERR" },
  { what: "an option longer than the OPT", bytes: withOpt(hex("0003 0005 00")), expect: "FORMERR" },
  { what: "payload 0", bytes: withOpt(hex(""), { payload: 0 }), expect: "NOERROR" },
  {
    what: "8,000 options",
    bytes: withOpt(join(...Array.from({ length: 8000 }, () => option(65_001, "")))),
    expect: "NOERROR",
  },
];

const subnets: readonly HostilePacket[] = [
  ...[0, 1, 7, 9, 15, 41, 512].map(
    (length): HostilePacket => ({
      what: `a cookie of ${length} octets`,
      bytes: withOpt(option(10, new Uint8Array(length))),
      expect: "FORMERR",
    }),
  ),
  ...[8, 16, 24, 40].map(
    (length): HostilePacket => ({
      what: `a cookie of ${length} octets that is nobody's`,
      bytes: withOpt(option(10, new Uint8Array(length).fill(1))),
      expect: "NOERROR",
    }),
  ),
  {
    what: "two cookies, of which the first is meant",
    bytes: withOpt(join(option(10, new Uint8Array(8)), option(10, new Uint8Array(3)))),
    expect: "NOERROR",
  },
  {
    what: "no question, but a cookie",
    bytes: join(header([0, 0, 0, 1]), opt(option(10, new Uint8Array(8)))),
    expect: "NOERROR",
  },
  {
    what: "no question, and an OPT without a cookie",
    bytes: join(header([0, 0, 0, 1]), opt(hex(""))),
    expect: "FORMERR",
  },
  { what: "a keepalive with a time", bytes: withOpt(option(11, "0064")), expect: "NOERROR" },
  { what: "ECS of 0 octets", bytes: ecs(""), expect: "FORMERR" },
  { what: "ECS of 3 octets", bytes: ecs("0001 00"), expect: "FORMERR" },
  { what: "ECS family 0", bytes: ecs("0000 00 00"), expect: "FORMERR" },
  { what: "ECS family 3", bytes: ecs("0003 08 00 01"), expect: "FORMERR" },
  { what: "ECS source 33 for IPv4", bytes: ecs("0001 21 00 0102030400"), expect: "FORMERR" },
  {
    what: "ECS source 129 for IPv6",
    bytes: ecs(`0002 81 00 ${"00".repeat(17)}`),
    expect: "FORMERR",
  },
  { what: "ECS with a scope", bytes: ecs("0001 18 18 c00002"), expect: "FORMERR" },
  { what: "ECS address too short", bytes: ecs("0001 18 00 c000"), expect: "FORMERR" },
  { what: "ECS address too long", bytes: ecs("0001 18 00 c0000200"), expect: "FORMERR" },
  { what: "ECS bits beyond the source", bytes: ecs("0001 14 00 c00001"), expect: "FORMERR" },
  {
    what: "ECS twice",
    bytes: withOpt(join(option(8, "0001 00 00"), option(8, "0001 00 00"))),
    expect: "FORMERR",
  },
  { what: "ECS /0", bytes: ecs("0001 00 00"), expect: "NOERROR" },
  { what: "ECS /0 for IPv6", bytes: ecs("0002 00 00"), expect: "NOERROR" },
  { what: "ECS /20", bytes: ecs("0001 14 00 c00020"), expect: "NOERROR" },
  { what: "ECS /128", bytes: ecs(`0002 80 00 ${"ff".repeat(16)}`), expect: "NOERROR" },
];

const signatures: readonly HostilePacket[] = [
  { what: "TSIG of an unknown key", bytes: query(tsig(hmacSha256)), expect: "NOTAUTH" },
  { what: "TSIG of an odd algorithm", bytes: query(tsig("00")), expect: "NOTAUTH" },
  { what: "TSIG whose algorithm is a pointer", bytes: query(tsig("c00c")), expect: "FORMERR" },
  {
    what: "TSIG whose MAC runs over its end",
    bytes: query(tsig(`${hmacSha256} 000000000000 012c ffff`)),
    expect: "FORMERR",
  },
  {
    what: "TSIG that is not the last",
    bytes: join(header([1, 0, 0, 2]), question, tsig(hmacSha256), opt(hex(""))),
    expect: "FORMERR",
  },
  { what: "a cut TSIG", bytes: query(tsig(hmacSha256, { cut: 4 })), expect: "FORMERR" },
  {
    what: "SIG(0)",
    bytes: query(
      `00 0018 00ff 00000000 0017 0000 05 00 00000000 00000000 00000000 0000 00 ${"00".repeat(4)}`,
    ),
    expect: "NOERROR",
  },
];

/** A UDP datagram holds no more than 65,507 octets; all of these do. */
export const hostilePackets: readonly HostilePacket[] = [
  ...short,
  ...counts,
  ...names,
  ...records,
  ...headers,
  ...questions,
  ...edns,
  ...subnets,
  ...signatures,
];
