/**
 * Nanoseconds of processor time for one answer as a worker gives it (the short cut, else answer()),
 * of the mix that bench/dns/server.ts asks for; for answer() by itself over a mix of all kinds of
 * questions, and for each kind.
 */
import { answer } from "../../src/fronts/dns/answer.ts";
import { createExchange, type Exchange, transports } from "../../src/fronts/dns/exchange.ts";
import {
  countFast,
  createFastAnswers,
  type DatagramMemory,
  fastAnswer,
  refreshFast,
} from "../../src/fronts/dns/fast-answer.ts";
import { mixed, questionMix } from "../../test/support/dns-mix.ts";

const { context, exchanges } = questionMix();

/** The best of five, in ns: other programs on the machine only ever make it longer. */
function best(count: number, run: (count: number) => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage().user;
    run(count);
    least = Math.min(least, ((process.cpuUsage().user - start) * 1000) / count);
  }
  return Math.round(least * 10) / 10;
}

function measure(chosen: readonly Exchange[], count: number): number {
  return best(count, (times) => {
    for (let i = 0; i < times; i++) answer(context, chosen[i % chosen.length]!);
  });
}

/** The order of the mix is (i * 37) % 100: one exchange of each kind in it. */
const kinds: { readonly name: string; readonly exchange: Exchange }[] = [];
let before = 0;
for (const [share, ask] of mixed) {
  const target = before;
  const position = exchanges.findIndex((_, i) => (i * 37) % exchanges.length === target);
  const subnet = ask.edns?.options?.some(({ code }) => code === 8) ? " +subnet" : "";
  const name = `${ask.name} ${ask.type ?? "A"}${subnet}`;
  kinds.push({ name, exchange: exchanges[position]! });
  before += share;
}
const kind = (name: string): Exchange => kinds.find((each) => each.name === name)!.exchange;

/** A hundred slots: 60 steered, 30 with a client subnet, 10 names that do not exist. */
function workerMix() {
  const fast = createFastAnswers(context);
  const stride = 4096 + 192;
  const buffer = new ArrayBuffer(100 * 2 * stride);
  const memory: DatagramMemory = {
    family: 4,
    words: new Int32Array(buffer),
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    requestsAt: 0,
    requestStride: stride,
    responsesAt: 100 * stride,
    responseStride: 1232,
    clients: new Uint32Array(400),
  };
  // Of one shape with the others, as in a worker.
  const plain = createExchange(transports.udp);
  const { request: asked, requestLength } = kind("s3.example.com A +subnet");
  plain.request.set(asked.subarray(0, requestLength));
  plain.requestLength = requestLength;
  // Without its option of 11 octets.
  plain.requestLength -= 11;
  plain.request[plain.requestLength - 1] = 0;
  const slots = Array.from({ length: 100 }, (_, i) => {
    const at = (i * 37) % 100;
    if (at < 60) return plain;
    return kind(at < 90 ? "s3.example.com A +subnet" : "nothing.here.example.com A");
  });
  slots.forEach(({ request, requestLength }, slot) => {
    memory.bytes.set(request.subarray(0, requestLength), slot * stride);
    memory.clients[slot * 4] = 0xc000_0200 + (slot % 8);
  });
  let short = 0;
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const slot = i % 100;
      if (slot % 8 === 0) refreshFast(fast);
      const length = fastAnswer(fast, memory, slot, slots[slot]!.requestLength);
      if (length === 0) answer(context, slots[slot]!);
      else short++;
      if (slot % 8 === 7) countFast(fast);
    }
  };
  return { run, shortCuts: () => short };
}

measure(exchanges, 200_000);
const worker = workerMix();
worker.run(200_000);
if (worker.shortCuts() !== 180_000) throw new Error("the short cut is taken nine times of ten");
const results = [
  { name: "worker mix", value: best(500_000, worker.run), unit: "ns/answer" },
  { name: "mix", value: measure(exchanges, 500_000), unit: "ns/answer" },
];
for (const { name, exchange } of kinds) {
  results.push({ name, value: measure([exchange], 100_000), unit: "ns/answer" });
}
console.log(JSON.stringify({ results }));
