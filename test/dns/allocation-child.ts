/**
 * Run by allocation.test.ts under `node --trace-gc`: answers a mix of questions, first until V8 has
 * compiled everything, then, between two marks on standard output, as many as the test wants.
 */
import { answer } from "../../src/fronts/dns/answer.ts";
import { questionMix } from "../support/dns-mix.ts";

const count = Number(process.argv[2]);
const { context, exchanges } = questionMix();

function run(rounds: number): number {
  let octets = 0;
  for (let i = 0; i < rounds; i++) {
    const exchange = exchanges[i % exchanges.length]!;
    octets += answer(context, exchange);
  }
  return octets;
}

// As long as V8 is still compiling, it allocates.
const roundsMax = 30;
for (let round = 0; round < roundsMax; round++) {
  const before = process.memoryUsage().heapUsed;
  run(100_000);
  const grown = process.memoryUsage().heapUsed - before;
  if (round > 2 && grown >= 0 && grown < 16_384) break;
}
process.stdout.write("begin\n");
const octets = run(count);
process.stdout.write("end\n");
if (octets === 0) throw new Error("no answers");
