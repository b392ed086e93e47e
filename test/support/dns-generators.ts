/**
 * Generators of names, rdata and messages for the property tests of wire/ and of the DNS front.
 * No product code imports this file.
 */
import fc from "fast-check";
import { limits } from "../../src/limits.ts";
import { types } from "../../src/wire/dns-constants.ts";
import type { Message, ResourceRecord } from "../../src/wire/dns-message.ts";
import { typeBitmap } from "../../src/wire/rdata-fields.ts";
import { encodeSvcParams, svcKeys } from "../../src/wire/rdata-svcb.ts";

/** Records with Object's prototype, so that they are deeply equal to literals. */
const plainRecord = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { noNullPrototype: true });

const octet = fc.integer({ min: 0, max: 255 });
const label = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "www", "Example", "COM", "*") },
  {
    weight: 1,
    arbitrary: fc
      .array(octet, { minLength: 1, maxLength: 63 })
      .map((octets) => String.fromCharCode(...octets)),
  },
);

/** Wire names that share suffixes often and hold any octet sometimes. */
export const wireName: fc.Arbitrary<Uint8Array> = fc
  .array(label, { maxLength: 6 })
  .map((labels) => {
    const bytes = labels.flatMap((text) => [
      text.length,
      ...Array.from(text, (character) => character.charCodeAt(0)),
    ]);
    return Uint8Array.from([...bytes, 0]);
  })
  .filter((name) => name.length <= limits.dnsNameBytesMax);

const octets = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => Uint8Array.from(bytes));

const concat = (...parts: readonly fc.Arbitrary<Uint8Array>[]) =>
  fc.tuple(...parts).map((values) => Uint8Array.from(values.flatMap((value) => [...value])));

const characterString = octets(0, 255).map((bytes) => Uint8Array.of(bytes.length, ...bytes));
const tag = fc
  .stringMatching(/^[a-zA-Z0-9]{1,20}$/)
  .map((text) => Uint8Array.of(text.length, ...new TextEncoder().encode(text)));

const counted = (minLength: number) =>
  octets(minLength, 40).map((bytes) => Uint8Array.of(bytes.length, ...bytes));
const bitmap = fc.array(fc.nat({ max: 0xffff }), { maxLength: 8 }).map(typeBitmap);
/** Version, sizes of one digit and a power of ten, angles and an altitude. */
const loc = fc
  .record({
    sizes: fc.array(
      fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat({ max: 9 })).map(([a, b]) => a * 16 + b),
      { minLength: 3, maxLength: 3 },
    ),
    latitude: fc.integer({ min: -324_000_000, max: 324_000_000 }),
    longitude: fc.integer({ min: -648_000_000, max: 648_000_000 }),
    altitude: fc.nat({ max: 0xffff_ffff }),
  })
  .map(({ sizes, latitude, longitude, altitude }) => {
    const bytes = new Uint8Array(16);
    bytes.set(sizes, 1);
    const view = new DataView(bytes.buffer);
    view.setUint32(4, 2 ** 31 + latitude);
    view.setUint32(8, 2 ** 31 + longitude);
    view.setUint32(12, altitude);
    return bytes;
  });
const svcParams = fc
  .record(
    {
      [svcKeys.alpn]: fc
        .array(counted(1), { minLength: 1, maxLength: 3 })
        .map((items) => Uint8Array.from(items.flatMap((item) => [...item]))),
      [svcKeys.port]: octets(2, 2),
      [svcKeys.ipv4Hint]: fc.constantFrom(4, 8).chain((length) => octets(length, length)),
      [svcKeys.ech]: octets(1, 30),
      [svcKeys.ipv6Hint]: octets(16, 16),
      7: octets(0, 20),
      667: octets(0, 20),
    },
    { requiredKeys: [] },
  )
  .map((values) =>
    encodeSvcParams(
      new Map(
        Object.entries(values).flatMap(([key, value]) => (value ? [[Number(key), value]] : [])),
      ),
    ),
  );

/** Types that end in octets of any number: cut, they are still well-formed. */
export const openTypes: ReadonlySet<number> = new Set([
  ...[types.txt, types.spf, types.caa, types.uri, types.ds, types.cds, types.dnskey, types.cdnskey],
  ...[types.tlsa, types.smimea, types.sshfp, types.openpgpkey, types.zonemd, types.rrsig],
  ...[types.nsec, types.nsec3, types.csync, types.svcb, types.https, 65_280],
]);

/** Valid rdata of a type with a presentation form, or of one without. */
export const typedRdata: fc.Arbitrary<{ type: number; rdata: Uint8Array }> = fc.oneof(
  ...(
    [
      [types.a, octets(4, 4)],
      [types.aaaa, octets(16, 16)],
      [types.ns, wireName],
      [types.cname, wireName],
      [types.ptr, wireName],
      [types.soa, concat(wireName, wireName, octets(20, 20))],
      [types.mx, concat(octets(2, 2), wireName)],
      [types.srv, concat(octets(6, 6), wireName)],
      [types.txt, concat(characterString, characterString)],
      [types.caa, concat(octets(1, 1), tag, octets(0, 40))],
      [types.hinfo, concat(characterString, characterString)],
      [types.rp, concat(wireName, wireName)],
      [types.afsdb, concat(octets(2, 2), wireName)],
      [types.loc, loc],
      [
        types.naptr,
        concat(octets(4, 4), characterString, characterString, characterString, wireName),
      ],
      [types.dname, wireName],
      [types.ds, octets(5, 40)],
      [types.cds, octets(5, 40)],
      [types.sshfp, octets(3, 40)],
      [types.rrsig, concat(octets(18, 18), wireName, octets(1, 40))],
      [types.nsec, concat(wireName, bitmap)],
      [types.dnskey, octets(5, 40)],
      [types.cdnskey, octets(5, 40)],
      [types.nsec3, concat(octets(4, 4), counted(0), counted(1), bitmap)],
      [types.nsec3param, concat(octets(4, 4), counted(0))],
      [types.tlsa, octets(4, 40)],
      [types.smimea, octets(4, 40)],
      [types.openpgpkey, octets(1, 40)],
      [types.csync, concat(octets(6, 6), bitmap)],
      [types.zonemd, octets(7, 60)],
      [types.svcb, concat(octets(2, 2), wireName, svcParams)],
      [types.https, concat(octets(2, 2), wireName, svcParams)],
      [types.spf, concat(characterString, characterString)],
      [types.uri, octets(4, 40)],
      [65_280, octets(0, 60)],
    ] as const
  ).map(([type, rdata]) => rdata.map((value) => ({ type, rdata: value }))),
);

const record: fc.Arbitrary<ResourceRecord> = fc
  .record({
    name: wireName,
    typed: typedRdata,
    class: fc.constantFrom(1, 3, 254),
    ttl: fc.nat({ max: 0xffff_ffff }),
  })
  .map(({ name, typed, class: recordClass, ttl }) => ({ name, ...typed, class: recordClass, ttl }));

export const message: fc.Arbitrary<Message> = plainRecord({
  id: fc.nat({ max: 0xffff }),
  flags: fc.nat({ max: 0xffff }),
  questions: fc.array(
    plainRecord({ name: wireName, type: fc.nat({ max: 0xffff }), class: fc.nat({ max: 0xffff }) }),
    { maxLength: 2 },
  ),
  answers: fc.array(record, { maxLength: 4 }),
  authorities: fc.array(record, { maxLength: 3 }),
  additionals: fc.array(record, { maxLength: 3 }),
});

/** How to spoil a message: overwrite, cut, repeat or insert octets. */
export interface Mutation {
  readonly kind: "set" | "cut" | "repeat" | "insert";
  readonly at: number;
  readonly value: number;
}
export const mutations: fc.Arbitrary<readonly Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom("set", "set", "set", "cut", "repeat", "insert"),
    at: fc.nat({ max: 1000 }),
    value: fc.oneof(octet, fc.constantFrom(0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xc1, 0xff)),
  }),
  { minLength: 1, maxLength: 6 },
);

export function mutate(bytes: Uint8Array, changes: readonly Mutation[]): Uint8Array {
  let result = [...bytes];
  for (const { kind, at, value } of changes) {
    const where = result.length === 0 ? 0 : at % result.length;
    if (kind === "set" && result.length > 0) result[where] = value;
    else if (kind === "cut") result = result.slice(0, where);
    else if (kind === "repeat") result.splice(where, 0, ...result.slice(where, where + 40));
    else if (kind === "insert") result.splice(where, 0, value);
  }
  return Uint8Array.from(result.slice(0, limits.dnsMessageBytesMax));
}
