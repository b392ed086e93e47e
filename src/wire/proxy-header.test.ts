/** readProxyHeader() reads what proxies send, in any pieces, and nothing else. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { readProxyHeader } from "./proxy-header.ts";

const signature = "0d0a0d0a000d0a515549540a";
const header = (hex: string) => Uint8Array.fromHex(signature + hex);

test("readProxyHeader() finds the source of a connection", () => {
  // PROXY, TCP over IPv4, 192.0.2.1:56324 to 198.51.100.1:53.
  const four = header("2111000cc0000201c6336401dc040035");
  assert.deepEqual(readProxyHeader(four), {
    kind: "whole",
    bytes: 28,
    source: { family: 4, words: Uint32Array.of(0xc000_0201, 0, 0, 0) },
  });
  const address = "20010db8000000000000000000000001";
  const six = header(`21210027${address}${address}dc040035030000`);
  assert.deepEqual(readProxyHeader(six), {
    kind: "whole",
    bytes: 55,
    source: { family: 6, words: Uint32Array.of(0x2001_0db8, 0, 0, 1) },
  });
});

test("readProxyHeader() names nobody for LOCAL, unix sockets and unspecified families", () => {
  for (const hex of ["20000000", "2011000cc0000201c6336401dc040035", "21000000", "2131000101"]) {
    const read = readProxyHeader(header(hex));
    assert.equal(read.kind, "whole", hex);
    assert.equal(read.kind === "whole" && read.source, undefined);
  }
});

test("readProxyHeader() refuses what is none", () => {
  // Version 1, another version, an unknown command, addresses cut short, endless additions.
  const wrong = ["1111000c", "2211000c", "21110004c0000201", "2111ffff"];
  for (const hex of wrong) assert.equal(readProxyHeader(header(hex)).kind, "malformed", hex);
  const text = new TextEncoder().encode("PROXY TCP4 192.0.2.1 198.51.100.1 56324 53\r\n");
  assert.equal(readProxyHeader(text).kind, "malformed");
});

test("readProxyHeader() asks for more until the header is whole", () => {
  const whole = header("2111000cc0000201c6336401dc040035");
  for (let length = 0; length < whole.length; length++) {
    const read = readProxyHeader(whole.subarray(0, length));
    assert.equal(read.kind, "partial");
    assert.ok(read.kind === "partial" && read.bytesNeeded > length);
  }
});

test("readProxyHeader() survives any octets", () => {
  const after = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(fc.boolean(), after, (signed, bytes) => {
      const all = signed ? Uint8Array.from([...header(""), ...bytes]) : bytes;
      const read = readProxyHeader(all);
      if (read.kind === "whole") assert.ok(read.bytes <= all.length);
      if (read.kind === "partial") assert.ok(read.bytesNeeded > all.length);
    }),
    { seed: 1, numRuns: 2000 },
  );
});
