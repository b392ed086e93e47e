/** Names in both forms; dig is an oracle for what is escaped. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";
import fc from "fast-check";
import { wireName } from "../../test/support/dns-generators.ts";
import {
  compareNames,
  equalNames,
  formatName,
  isAtOrBelow,
  lowerName,
  nameBytes,
  parentName,
  parseName,
} from "./dns-name.ts";

function name(text: string, origin?: Uint8Array): Uint8Array {
  const result = parseName(text, origin);
  assert.ok(result.ok, `${text}: ${result.ok ? "" : result.message}`);
  return result.value;
}

test("parseName() reads the forms an operator writes", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["example.com", "07657861 6d706c65 03636f6d 00"],
    ["example.com.", "07657861 6d706c65 03636f6d 00"],
    [".", "00"],
    ["*.X", "012a 0158 00"],
    ["a\\.b.c", "03612e62 0163 00"],
    ["\\000\\255.c", "0200ff 0163 00"],
    ["\\\\x", "025c78 00"],
  ];
  for (const [text, hex] of cases) assert.equal(name(text).toHex(), hex.replaceAll(" ", ""), text);
});

test("parseName() puts relative names under the origin", () => {
  const origin = name("example.com");
  assert.equal(formatName(name("www", origin)), "www.example.com.");
  assert.equal(formatName(name("@", origin)), "example.com.");
  assert.equal(formatName(name("www.", origin)), "www.");
});

test("parseName() refuses what is no name, and says why", () => {
  const long = `${"a".repeat(63)}.`;
  const cases: readonly (readonly [string, RegExp])[] = [
    ["", /empty name/],
    ["a..b", /empty label/],
    [".a", /empty label/],
    ["a".repeat(64), /over 63/],
    [`${long.repeat(3)}${"a".repeat(62)}.`, /over 255/],
    [`${"a.".repeat(128)}`, /over 255/],
    ["a\\25", /escape/],
    ["a\\256", /escape/],
    ["a\\", /escape/],
    ["a b", /must be escaped/],
    ["bücher.example", /xn--/],
  ];
  for (const [text, message] of cases) {
    const result = parseName(text);
    assert.ok(!result.ok, text);
    assert.match(result.message, message, text);
  }
  assert.equal(name(`${long.repeat(3)}${"a".repeat(61)}.`).length, 255);
  assert.equal(name("a.".repeat(127)).length, 255);
});

test("formatName() and parseName() are inverse for any octets", () => {
  fc.assert(
    fc.property(wireName, (wire) => {
      assert.deepEqual(name(formatName(wire)), wire);
      assert.equal(nameBytes(wire, 0, wire.length), wire.length);
    }),
  );
});

test("formatName() escapes as dig prints", () => {
  const odd = 'a\\.b\\032\\"\\(\\)\\;\\\\\\@\\$\\000\\255.example.';
  assert.equal(formatName(name(odd)), odd);
});

test("nameBytes() refuses pointers, long labels, long names and cut ones", () => {
  assert.equal(nameBytes(Uint8Array.of(0xc0, 0), 0, 2), 0);
  assert.equal(nameBytes(Uint8Array.of(0x40, 0), 0, 2), 0);
  assert.equal(nameBytes(Uint8Array.of(2, 0x61), 0, 2), 0);
  assert.equal(nameBytes(Uint8Array.of(), 0, 0), 0);
  assert.equal(nameBytes(new Uint8Array(300).fill(1), 0, 300), 0);
});

test("equalNames() and lowerName() fold A to Z and nothing else", () => {
  assert.ok(equalNames(name("WwW.eXample"), name("wWw.ExamPLE")));
  assert.ok(!equalNames(name("a["), name("a{")));
  assert.equal(formatName(lowerName(name("A[Z\\192."))), "a[z\\192.");
});

test("isAtOrBelow() goes by labels, not by octets", () => {
  const ancestor = name("b.c");
  for (const below of ["b.c", "a.B.C", "x.a.b.c"]) assert.ok(isAtOrBelow(name(below), ancestor));
  for (const beside of ["c", "ab.c", "a\\001b.c", "b.c.d"]) {
    assert.ok(!isAtOrBelow(name(beside), ancestor), beside);
  }
  assert.ok(isAtOrBelow(name("a"), name(".")));
  assert.deepEqual(parentName(name("a.b")), name("b"));
});

test("compareNames() is the canonical order of RFC 4034 section 6.1", () => {
  const ordered = [
    "example.",
    "a.example.",
    "yljkjljk.a.example.",
    "Z.a.example.",
    "zABC.a.EXAMPLE.",
    "z.example.",
    "\\001.z.example.",
    "*.z.example.",
    "\\200.z.example.",
  ].map((text) => name(text));
  for (let i = 0; i < ordered.length; i++) {
    for (let j = 0; j < ordered.length; j++) {
      assert.equal(Math.sign(compareNames(ordered[i]!, ordered[j]!)), Math.sign(i - j));
    }
  }
});

test("formatName() agrees with dig on odd octets", { skip: !hasDig() }, () => {
  // dig +qr prints the question it would send, through its own name code.
  const odd = 'a\\.b\\032c\\;d\\"e\\200.example.';
  const args = ["+qr", "+tries=1", "+timeout=1", "@127.0.0.1", "-p", "9", odd, "A"];
  let output = "";
  try {
    output = execFileSync("dig", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch (error) {
    output = String((error as { stdout?: string }).stdout);
  }
  assert.ok(output.includes(`;${formatName(name(odd))}`), output);
});

function hasDig(): boolean {
  try {
    execFileSync("dig", ["-v"], { stdio: "ignore" });
    return true;
  } catch {
    assert.ok(process.env["CI"] !== "true", "dig is missing: install the package bind9-dnsutils");
    return false;
  }
}
