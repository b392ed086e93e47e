/**
 * Any datagram gets an answer by the RFCs or silence, in a counted number of steps: a table of
 * known attacks, then random and spoiled packets by the thousand.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { setSecrets } from "../../src/fronts/dns/context.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/dns-message.ts";
import {
  frontFor,
  rcodeOf,
  requestOf,
  send,
  subnetOption,
  zonesFrom,
} from "../support/dns-front.ts";
import { message, mutate, mutations } from "../support/dns-generators.ts";
import { hostilePackets } from "./hostile-packets.ts";

const front = frontFor(
  zonesFrom(`
    $ORIGIN example.com
    www A 192.0.2.1
    alias CNAME www
    *.b A 192.0.2.2
    cut NS ns.cut
    ns.cut A 192.0.2.53
    a MX 10 www
  `),
);

setSecrets(front.context, [new Uint8Array(16).fill(7)]);

for (const transport of ["udp", "tcp"] as const) {
  for (const { what, bytes, expect } of hostilePackets) {
    test(`answer() over ${transport} of ${what} is ${expect}`, () => {
      const response = send(front, bytes, transport);
      if (response === undefined) {
        assert.equal(expect, "silence");
        return;
      }
      const decoded = decodeMessage(response);
      assert.ok(decoded.ok, decoded.ok ? "" : decoded.message);
      assert.equal(rcodeOf(decoded.value), expect);
    });
  }
}

/** What holds of any response to any octets. */
function checkResponse(request: Uint8Array, transport: "udp" | "tcp"): void {
  const response = send(front, request, transport);
  const { steps } = front.context.query;
  // One for the message, at most one for each octet, and what each name of a chain costs.
  assert.ok(steps <= 1 + request.length + 10 * 128 + 100, `${steps} steps`);
  if (response === undefined) {
    assert.ok(request.length < 12 || (request[2]! & 0x80) !== 0);
    return;
  }
  const decoded = decodeMessage(response);
  assert.ok(decoded.ok, decoded.ok ? "" : decoded.message);
  assert.equal(decoded.value.id, (request[0]! << 8) | request[1]!);
  assert.equal(decoded.value.flags & 0x8000, 0x8000);
  assert.ok(response.length <= (transport === "udp" ? 1232 : 65_535));
  // Nobody is sent much more than he sent: a referral with glue is the most this zone has.
  if (transport === "udp")
    assert.ok(response.length <= 512 || response.length < 40 * request.length);
}

test("answer() takes spoiled queries within its steps", () => {
  const base = fc.oneof(
    fc
      .record({
        name: fc.constantFrom(
          "www.example.com",
          "alias.example.com",
          "x.cut.example.com",
          "y.b.example.com",
        ),
        type: fc.constantFrom("A", "AAAA", "MX", "NS", "DS", "ANY"),
        options: fc.constantFrom(
          [],
          [subnetOption(1, 24, [192, 0, 2])],
          [{ code: 10, data: new Uint8Array(24).fill(1) }],
          [
            { code: 10, data: new Uint8Array(8) },
            { code: 11, data: new Uint8Array(0) },
          ],
          [{ code: 3, data: new Uint8Array(0) }, subnetOption(2, 56, [32, 1, 13, 184, 0, 0, 0])],
        ),
      })
      .map(({ name, type, options }) => requestOf({ name, type, edns: { options } })),
    message.map((value) => encodeMessage({ ...value, flags: value.flags & 0x07ff })),
  );
  fc.assert(
    fc.property(base, mutations, fc.constantFrom("udp", "tcp"), (request, changes, transport) => {
      checkResponse(mutate(request, changes), transport);
    }),
    { numRuns: 20_000 },
  );
});

test("answer() takes any octets within its steps", () => {
  const header = fc.constantFrom(
    [0, 1, 0, 0, 0, 0, 0, 0],
    [0, 1, 0, 0, 0, 0, 0, 1],
    [0, 2, 0, 1, 0, 1, 0, 1],
  );
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .tuple(header, fc.uint8Array({ maxLength: 200 }))
      .map(([counts, rest]) => Uint8Array.of(1, 2, 0, 0, ...counts, ...rest)),
  );
  fc.assert(
    fc.property(octets, fc.constantFrom("udp", "tcp"), (request, transport) => {
      checkResponse(request, transport);
    }),
    { numRuns: 20_000 },
  );
});
