/** Whole messages: round trips, and octets spoiled by table and by chance. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { message, mutate, mutations } from "../../test/support/dns-generators.ts";
import { types } from "./dns-constants.ts";
import {
  decodeMessage,
  decodeOptions,
  encodeMessage,
  encodeOptions,
  type Message,
} from "./dns-message.ts";
import { parseName } from "./dns-name.ts";

function name(text: string): Uint8Array {
  const result = parseName(text);
  assert.ok(result.ok);
  return result.value;
}

const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(/\s/g, ""));
const header = (counts: string): string => `0001 0000 ${counts}`;

test("decodeMessage(encodeMessage(m)) is m, with and without compression", () => {
  fc.assert(
    fc.property(message, fc.boolean(), (value, compress) => {
      const result = decodeMessage(encodeMessage(value, { compress }));
      assert.ok(result.ok, result.ok ? "" : result.message);
      assert.deepEqual(result.value, value);
    }),
  );
});

test("encodeMessage() compresses and keeps case", () => {
  const value: Message = {
    id: 1,
    flags: 0,
    questions: [{ name: name("www.Example.com"), type: types.mx, class: 1 }],
    answers: [
      {
        name: name("www.Example.com"),
        type: types.mx,
        class: 1,
        ttl: 60,
        rdata: Uint8Array.of(0, 5, ...name("mail.Example.com")),
      },
    ],
    authorities: [],
    additionals: [],
  };
  const bytes = encodeMessage(value);
  const plain = 12 + 17 + 4 + 17 + 10 + 20;
  assert.equal(encodeMessage(value, { compress: false }).length, plain);
  assert.equal(bytes.length, 12 + 17 + 4 + 2 + 10 + 2 + 5 + 2);
  assert.deepEqual(decodeMessage(bytes), { ok: true, value });
});

test("decodeMessage() refuses every way to spoil a name or a count", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["empty", ""],
    ["eleven octets", "0001 0000 0000 0000 0000 00"],
    ["a count without a question", header("0001 0000 0000 0000")],
    ["all counts 65535", header("ffff ffff ffff ffff")],
    ["a pointer to itself", `${header("0001 0000 0000 0000")} c00c 0001 0001`],
    ["two pointers in a ring", `${header("0001 0000 0000 0000")} c00e c00c 0001 0001`],
    ["a label, then a pointer to it", `${header("0001 0000 0000 0000")} 0161 c00c 0001 0001`],
    ["a pointer into the header", `${header("0001 0000 0000 0000")} c000 0001 0001`],
    ["a pointer past the end", `${header("0001 0000 0000 0000")} c0ff 0001 0001`],
    ["half a pointer", `${header("0001 0000 0000 0000")} c0`],
    ["label type 0x40", `${header("0001 0000 0000 0000")} 4161 00 0001 0001`],
    ["label type 0x80", `${header("0001 0000 0000 0000")} 8161 00 0001 0001`],
    ["a label past the end", `${header("0001 0000 0000 0000")} 3f61`],
    ["a question cut in its class", `${header("0001 0000 0000 0000")} 0161 00 0001 00`],
    [
      "a name of 256 octets",
      `${header("0001 0000 0000 0000")} ${"01 61".repeat(127)} 0161 00 0001 0001`,
    ],
    [
      "a record's length past the end",
      `${header("0000 0001 0000 0000")} 00 0001 0001 00000000 0005 01020304`,
    ],
    ["a record cut in its header", `${header("0000 0001 0000 0000")} 00 0001 0001 0000`],
    ["octets after the end", `${header("0000 0000 0000 0000")} 00`],
    [
      "an NS that runs out of its rdata",
      `${header("0000 0001 0000 0000")} 00 0002 0001 00000000 0001 0161 00`,
    ],
  ];
  for (const [what, octets] of cases) assert.ok(!decodeMessage(hex(octets)).ok, what);
});

test("decodeMessage() stops within its steps on many long names", () => {
  // One name of 120 labels, then pointers to it from 5,000 owners.
  const long = `${"0161".repeat(120)}00`;
  const owner = "c00c 0001 0001 00000000 0000";
  const bytes = hex(`0001 0000 0001 1388 0000 0000 ${long} 0001 0001 ${owner.repeat(5000)}`);
  assert.ok(bytes.length <= 65_535);
  const result = decodeMessage(bytes);
  assert.deepEqual(result, { ok: false, message: "a broken record" });
});

test("decodeMessage() takes spoiled messages without throwing", () => {
  fc.assert(
    fc.property(message, mutations, (value, changes) => {
      const result = decodeMessage(mutate(encodeMessage(value), changes));
      if (!result.ok) return;
      // What it accepts is a message: it survives the way out and in again.
      const again = decodeMessage(encodeMessage(result.value, { compress: false }));
      assert.deepEqual(again, result);
    }),
    { numRuns: 500 },
  );
});

test("decodeMessage() takes any octets without throwing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      decodeMessage(bytes);
      decodeOptions(bytes);
    }),
    { numRuns: 500 },
  );
});

test("decodeOptions(encodeOptions(o)) is o, and cut options are refused", () => {
  const option = fc.record(
    {
      code: fc.nat({ max: 0xffff }),
      data: fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from(bytes)),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(option, { minLength: 1, maxLength: 4 }), (options) => {
      const bytes = encodeOptions(options);
      assert.deepEqual(decodeOptions(bytes), options);
      const last = options.at(-1);
      assert.ok(last !== undefined);
      const cut = bytes.length - 1;
      if (last.data.length > 0) assert.equal(decodeOptions(bytes.subarray(0, cut)), undefined);
    }),
  );
});
