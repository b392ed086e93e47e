/** The decoder against what the test writer encodes and against mmdb-lib; and hostile sections. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  encodeValue,
  MmdbDouble,
  MmdbFloat,
  pointer,
  type WrittenValue,
  writeMmdb,
} from "../../test/support/mmdb-writer.ts";
import { limits } from "../limits.ts";
import { MmdbDecoder, type MmdbWanted, mmdbRecord, openMmdb } from "./mmdb.ts";

const wanted: MmdbWanted = { a: { a: {}, b: {}, key: {} }, b: {}, key: {} };

function decoderOf(bytes: Uint8Array | readonly number[], steps = 10_000): MmdbDecoder {
  const array = Uint8Array.from(bytes);
  return new MmdbDecoder(array, { start: 0, end: array.length, steps });
}

const scalar: fc.Arbitrary<WrittenValue> = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
  fc.boolean(),
  fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }),
  fc.double({ noNaN: true }).filter((value) => !Number.isInteger(value)),
  fc.uint8Array({ maxLength: 20 }),
);
const { value: anyValue } = fc.letrec<{ value: WrittenValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "key", "unwanted", "__proto__"), tie("value"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}));

/** What decoding `value` with `want` must give. */
function expected(value: WrittenValue, want: MmdbWanted): unknown {
  if (value instanceof Uint8Array) return undefined;
  if (Array.isArray(value)) {
    return (value as readonly WrittenValue[]).map((item) => expected(item, want));
  }
  if (typeof value !== "object") return value;
  const map = new Map<string, unknown>();
  for (const [key, item] of Object.entries(value)) {
    if (Object.hasOwn(want, key)) map.set(key, expected(item, want[key] ?? {}));
  }
  return map;
}

test("MmdbDecoder reads back what is wanted and steps over the rest", () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const decoder = decoderOf(encodeValue(value));
      assert.deepEqual(decoder.decode(0, wanted), expected(value, wanted));
      assert.equal(decoder.fault, "");
    }),
    { numRuns: 2000 },
  );
});

test("MmdbDecoder reads every kind and size of number", () => {
  const read = (value: WrittenValue): unknown => decoderOf(encodeValue(value)).decode(0, {});
  assert.equal(read(0), 0);
  assert.equal(read(2 ** 53), 2 ** 53);
  assert.equal(read(1n << 40n), 2 ** 40);
  assert.equal(read(-5), -5);
  assert.equal(read(new MmdbFloat(1.5)), 1.5);
  assert.equal(read(new MmdbDouble(-0.1)), -0.1);
  assert.equal(read("x".repeat(300)), "x".repeat(limits.mmdbTextBytesMax));
});

test("MmdbDecoder follows pointers of each size", () => {
  for (const at of [10, 3000, 600_000]) {
    const bytes = new Uint8Array(at + 10);
    bytes.set(pointer(at));
    bytes.set(encodeValue("there"), at);
    assert.equal(decoderOf(bytes).decode(0, {}), "there");
  }
  assert.equal(decoderOf([0x38, 0, 0, 0, 5, ...encodeValue("there")]).decode(0, {}), "there");
});

test("MmdbDecoder ends on cycles, bombs and overlong sizes with a fault", () => {
  const faults: [string, number[]][] = [
    ["a pointer to itself", [0x20, 0]],
    ["an array that holds itself", [0x01, 0x04, 0x20, 0]],
    ["an array of itself, many times", [0x1c, 0x04, ...Array<number[]>(28).fill([0x20, 0]).flat()]],
    ["a map of 16 million entries", [0xff, 0xff, 0xff, 0xff]],
    ["a text past the end", [0x5c, 1, 2]],
    ["a number of 20 bytes", [0x14, 0x02, ...Array<number>(20).fill(1)]],
    ["a double of 3 bytes", [0x63, 1, 2, 3]],
    ["an end marker", [0x00, 0x06]],
    ["a kind of 260", [0x00, 0xff]],
    ["a map with a number as key", [0xe1, 0xa0, 0xa0]],
    ["a pointer past the end", [0x20, 99]],
    ["nothing", []],
  ];
  for (const [what, bytes] of faults) {
    const decoder = decoderOf(bytes, 2000);
    assert.equal(decoder.decode(0, wanted), undefined, what);
    assert.notEqual(decoder.fault, "", what);
  }
});

test("MmdbDecoder does not follow what is not wanted into a cycle", () => {
  const decoder = decoderOf([0xe1, ...encodeValue("a"), 0x20, 0]);
  assert.ok(decoder.decode(0, wanted) instanceof Map);
  assert.equal(decoder.fault, "");
});

test("MmdbDecoder never throws and keeps its budget on random bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
      const decoder = decoderOf(bytes, 5000);
      decoder.decode(0, wanted);
    }),
    { numRuns: 5000 },
  );
});

test("openMmdb reads the metadata and mmdbRecord all three record sizes", () => {
  for (const recordSize of [24, 28, 32] as const) {
    const bytes = writeMmdb([["128.0.0.0/1", { country_code: "DE" }]], {
      recordSize,
      ipVersion: 4,
    });
    const opened = openMmdb(bytes);
    assert.ok(opened.ok);
    assert.deepEqual(opened.database.metadata, {
      nodeCount: 1,
      recordSize,
      ipVersion: 4,
      builtAtSeconds: 1_700_000_000,
      databaseType: "Test",
    });
    assert.equal(mmdbRecord(opened.database, 0, 0), 1);
    assert.equal(mmdbRecord(opened.database, 0, 1), 1 + 16);
  }
});

test("mmdbRecord keeps the top bits of 28 and 32 bit records apart", () => {
  const bytes28 = Uint8Array.of(0x11, 0x22, 0x33, 0xab, 0x44, 0x55, 0x66);
  const metadata = { nodeCount: 1, ipVersion: 4, builtAtSeconds: 0, databaseType: "" } as const;
  const decoder = decoderOf([]);
  const of28 = {
    metadata: { ...metadata, recordSize: 28 },
    bytes: bytes28,
    decoder,
    dataBytes: 0,
  } as const;
  assert.equal(mmdbRecord(of28, 0, 0), 0xa112233);
  assert.equal(mmdbRecord(of28, 0, 1), 0xb445566);
  const bytes32 = Uint8Array.of(0xff, 0, 0, 1, 0x80, 0, 0, 2);
  const of32 = { ...of28, bytes: bytes32, metadata: { ...metadata, recordSize: 32 } } as const;
  assert.equal(mmdbRecord(of32, 0, 0), 0xff00_0001);
  assert.equal(mmdbRecord(of32, 0, 1), 0x8000_0002);
});

test("openMmdb says what is wrong with a file", () => {
  const with_ = (metadata: { readonly [key: string]: WrittenValue }): string => {
    const opened = openMmdb(writeMmdb([["128.0.0.0/1", "x"]], { ipVersion: 4, metadata }));
    assert.ok(!opened.ok);
    return opened.reason;
  };
  assert.match(with_({ binary_format_major_version: 3 }), /version 3/);
  assert.match(with_({ record_size: 20 }), /size/);
  assert.match(with_({ ip_version: 5 }), /IP version/);
  assert.match(with_({ node_count: 1000 }), /cut short/);
  assert.match(with_({ node_count: "1" }), /node count/);
  const empty = openMmdb(new Uint8Array(0));
  assert.ok(!empty.ok);
  assert.match(empty.reason, /no MMDB metadata/);
});
