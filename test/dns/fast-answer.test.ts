/**
 * fastAnswer() says what answer() says, octet by octet and count by count, or nothing: over the
 * mix of questions, spoiled ones, odd options, both families, and every state of the table.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { answer } from "../../src/fronts/dns/answer.ts";
import { type AnswerContext, createAnswerContext } from "../../src/fronts/dns/context.ts";
import { createDnsCounters } from "../../src/fronts/dns/counters.ts";
import { createExchange, transports } from "../../src/fronts/dns/exchange.ts";
import {
  countFast,
  createFastAnswers,
  type DatagramMemory,
  fastAnswer,
  refreshFast,
} from "../../src/fronts/dns/fast-answer.ts";
import { createIdentity } from "../../src/fronts/dns/identity.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import { limits } from "../../src/limits.ts";
import { type Ask, requestOf, subnetOption } from "../support/dns-front.ts";
import { mutate, mutations } from "../support/dns-generators.ts";
import { mixed, questionMix } from "../support/dns-mix.ts";

const slotBytes = 8192;
const responseAt = 4096;
const slots = 3;

function memoryOf(family: 4 | 6): DatagramMemory {
  const memory = new ArrayBuffer(slots * slotBytes);
  return {
    family,
    words: new Int32Array(memory),
    bytes: new Uint8Array(memory),
    view: new DataView(memory),
    requestsAt: 0,
    requestStride: slotBytes,
    responsesAt: responseAt,
    responseStride: slotBytes,
    clients: new Uint32Array(slots * 4),
  };
}

/** Two contexts that draw alike. */
function twins() {
  const { context } = questionMix();
  const make = (): { context: AnswerContext; registry: ReturnType<typeof createRegistry> } => {
    const registry = createRegistry();
    let drawn = 7;
    return {
      registry,
      context: createAnswerContext({
        snapshot: context.snapshot,
        identity: createIdentity({ version: "Rhumb", node: "node-1" }),
        counters: createDnsCounters(registry),
        draw32: () => (drawn = Math.imul(drawn, 747_796_405) >>> 0),
      }),
    };
  };
  return { plain: make(), fast: make() };
}

const { plain, fast } = twins();
const answers = createFastAnswers(fast.context);
const memories = { 4: memoryOf(4), 6: memoryOf(6) };
let taken = 0;

function compare(request: Uint8Array, family: 4 | 6, words: readonly number[], slot: number): void {
  const memory = memories[family];
  const at = slot * slotBytes;
  // What stood there before is of no account.
  memory.bytes.fill(0xa5, at, at + slotBytes);
  memory.bytes.set(request, at);
  memory.clients.set(words, slot * 4);
  const exchange = createExchange(transports.udp);
  exchange.request.set(request);
  exchange.requestLength = request.length;
  exchange.client.set(words);
  exchange.clientFamily = family;
  const before = Uint32Array.from(fast.context.chance);
  refreshFast(answers);
  const length = fastAnswer(answers, memory, slot, request.length);
  countFast(answers);
  if (length === 0) {
    assert.deepEqual(fast.context.chance, before, "a draw is given back");
    answer(fast.context, { ...exchange, response: new Uint8Array(1232) });
    answer(plain.context, exchange);
    return;
  }
  taken++;
  const expected = answer(plain.context, exchange);
  const found = memory.bytes.slice(at + responseAt, at + responseAt + length);
  assert.equal(found.toHex(), exchange.response.subarray(0, expected).toHex());
}

const client = fc.oneof(
  fc.record({
    family: fc.constant(4 as const),
    words: fc.nat(0xffff_ffff).map((word) => [word, 0, 0, 0]),
  }),
  fc.record({
    family: fc.constant(6 as const),
    words: fc.oneof(
      fc.array(fc.nat(0xffff_ffff), { minLength: 4, maxLength: 4 }),
      // IPv4 inside IPv6.
      fc.nat(0xffff_ffff).map((word) => [0, 0, 0xffff, word]),
    ),
  }),
);
const names = [
  ...new Set(mixed.map(([, { name }]) => name)),
  "s9.example.com",
  "*.apps.example.com",
];
const options = fc.array(
  fc.constantFrom(
    subnetOption(1, 24, [198, 51, 100]),
    subnetOption(1, 0, []),
    subnetOption(1, 25, [198, 51, 100, 1]),
    subnetOption(2, 56, [32, 1, 13, 184, 1, 2, 3]),
    subnetOption(2, 128, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 198, 51, 100, 1]),
    { code: 3, data: new Uint8Array(0) },
    { code: 4711, data: Uint8Array.of(1, 2, 3) },
  ),
  { maxLength: 2 },
);
const ask: fc.Arbitrary<Ask> = fc
  .record({
    name: fc.constantFrom(...names),
    upper: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    type: fc.constantFrom("A", "A", "AAAA", "HTTPS"),
    options,
    flags: fc.constantFrom(0, 0x8000, 0x4000),
    hasOpt: fc.boolean(),
  })
  .map(({ name, upper, type, options: given, flags, hasOpt }) => ({
    name: Array.from(name, (c, i) => (upper[i % 8] === true ? c.toUpperCase() : c)).join(""),
    type,
    ...(hasOpt && { edns: { options: given, flags } }),
  }));

test("fastAnswer() gives answer()'s octets or none, and draws and counts alike", () => {
  const kept = fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, mutations);
  fc.assert(
    fc.property(ask, kept, client, fc.nat(slots - 1), (question, changes, of, slot) => {
      const request = mutate(requestOf(question), changes);
      if (request.length > limits.dnsRequestBytesMax) return;
      compare(request, of.family, of.words, slot);
    }),
    { numRuns: 30_000 },
  );
  assert.ok(taken > 1500, `${taken} short cuts taken`);
  assert.deepEqual(fast.registry.dump(), plain.registry.dump());
});
