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

run(200_000);
process.stdout.write("begin\n");
const octets = run(count);
process.stdout.write("end\n");
if (octets === 0) throw new Error("no answers");
