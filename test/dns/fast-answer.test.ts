/**
 * fastAnswer() says what answer() says, octet by octet and count by count, or nothing: over the
 * mix of questions, spoiled ones, odd options, both families, and every state of the table.
 */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { answer } from "../../src/fronts/dns/answer.ts";
import {
  type AnswerContext,
  createAnswerContext,
  setSecrets,
} from "../../src/fronts/dns/context.ts";
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

const goodCookie = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
const staleCookie = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
const secret = Uint8Array.fromHex("e5e973e5a6b2a43f48e7dc849e37bfcf");
const madeAt = 1_559_734_385;
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
function twins(dnsCookies: "on" | "required") {
  const { context } = questionMix();
  const rate = { responsesPerSecond: 20, errorsPerSecond: 20, slip: 2, exempt: ["10.0.0.0/8"] };
  const listen = { ...context.snapshot.policy.listen, dnsCookies, dnsRateLimit: rate };
  const snapshot = { ...context.snapshot, policy: { ...context.snapshot.policy, listen } };
  const make = (): { context: AnswerContext; registry: ReturnType<typeof createRegistry> } => {
    const registry = createRegistry();
    let drawn = 7;
    const made = {
      registry,
      context: createAnswerContext({
        snapshot,
        identity: createIdentity({ version: "Rhumb", node: "node-1" }),
        counters: createDnsCounters(registry),
        draw32: () => (drawn = Math.imul(drawn, 747_796_405) >>> 0),
      }),
    };
    setSecrets(made.context, [secret]);
    made.context.clock.set([999_000_000, madeAt]);
    return made;
  };
  return { plain: make(), fast: make() };
}

let taken = 0;
let limited = 0;

/** What is asked of both, one after the other. */
class Pair {
  readonly plain: ReturnType<typeof twins>["plain"];
  readonly fast: ReturnType<typeof twins>["fast"];
  readonly #answers: ReturnType<typeof createFastAnswers>;
  readonly #memories = { 4: memoryOf(4), 6: memoryOf(6) };

  constructor(dnsCookies: "on" | "required") {
    const { plain, fast } = twins(dnsCookies);
    this.plain = plain;
    this.fast = fast;
    this.#answers = createFastAnswers(fast.context);
  }

  compare(request: Uint8Array, of: { family: 4 | 6; words: number[] }, slot: number): void {
    const { plain, fast } = this;
    const { family, words } = of;
    const memory = this.#memories[family];
    const at = slot * slotBytes;
    // What stood there before is of no account.
    memory.bytes.fill(0xa5, at, at + slotBytes);
    memory.bytes.set(request, at);
    memory.clients.set(words, slot * 4);
    const exchangeOf = () => {
      const exchange = createExchange(transports.udp);
      exchange.request.set(request);
      exchange.requestLength = request.length;
      exchange.client.set(words);
      exchange.clientFamily = family;
      return exchange;
    };
    const answerOf = (context: AnswerContext): string => {
      const exchange = exchangeOf();
      return exchange.response.subarray(0, answer(context, exchange)).toHex();
    };
    // The clock begins again on the way.
    for (const { context } of [plain, fast]) {
      context.clock[0] = (context.clock[0]! + 1009) % 1_000_000_000;
    }
    const before = Uint32Array.from(fast.context.chance);
    refreshFast(this.#answers);
    const length = fastAnswer(this.#answers, memory, slot, request.length);
    countFast(this.#answers);
    const expected = answerOf(plain.context);
    if (expected === "") limited++;
    if (length === 0) {
      assert.deepEqual(fast.context.chance, before, "a draw is given back");
      assert.equal(answerOf(fast.context), expected);
      return;
    }
    taken++;
    const start = at + responseAt;
    assert.equal(memory.bytes.slice(start, start + length).toHex(), expected);
  }
}

const client = fc.oneof(
  fc.record({
    family: fc.constant(4 as const),
    // The cookies' own client among them.
    words: fc.oneof(fc.nat(0xffff_ffff), fc.constant(0xc633_6464)).map((word) => [word, 0, 0, 0]),
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
    { code: 10, data: Uint8Array.fromHex("2464c4abcf10c957") },
    { code: 10, data: Uint8Array.fromHex(goodCookie) },
    { code: 10, data: Uint8Array.fromHex(staleCookie) },
    { code: 10, data: Uint8Array.fromHex(goodCookie.replace("1f", "2f")) },
    { code: 10, data: new Uint8Array(9) },
    { code: 11, data: new Uint8Array(0) },
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

for (const dnsCookies of ["on", "required"] as const) {
  test(`fastAnswer() gives answer()'s octets or none, counts alike, cookies ${dnsCookies}`, () => {
    const pair = new Pair(dnsCookies);
    taken = 0;
    limited = 0;
    const kept = fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, mutations);
    fc.assert(
      fc.property(ask, kept, client, fc.nat(slots - 1), (question, changes, of, slot) => {
        const request = mutate(requestOf(question), changes);
        if (request.length <= limits.dnsRequestBytesMax) pair.compare(request, of, slot);
      }),
      { numRuns: 8000 },
    );
    assert.ok(taken > 300, `${taken} short cuts taken`);
    assert.ok(limited > 100, `${limited} responses not sent`);
    assert.deepEqual(pair.fast.registry.dump(), pair.plain.registry.dump());
  });
}
