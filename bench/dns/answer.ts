/**
 * Nanoseconds of processor time for one answer() of a mix of questions, and for each kind of
 * question by itself.
 */
import { answer } from "../../src/fronts/dns/answer.ts";
import { mixed, questionMix } from "../../test/support/dns-mix.ts";

const { context, exchanges } = questionMix();

/** The best of five, in ns: other programs on the machine only ever make it longer. */
function measure(chosen: typeof exchanges, count: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = process.cpuUsage().user;
    for (let i = 0; i < count; i++) answer(context, chosen[i % chosen.length]!);
    best = Math.min(best, ((process.cpuUsage().user - start) * 1000) / count);
  }
  return Math.round(best * 10) / 10;
}

measure(exchanges, 200_000);
const results = [{ name: "mix", value: measure(exchanges, 500_000), unit: "ns/answer" }];
// The order of the mix is (i * 37) % 100: find one exchange of each kind in it.
let before = 0;
for (const [share, ask] of mixed) {
  const target = before;
  const position = exchanges.findIndex((_, i) => (i * 37) % exchanges.length === target);
  const chosen = exchanges.slice(position, position + 1);
  const subnet = ask.edns?.options?.some(({ code }) => code === 8) ? " +subnet" : "";
  const name = `${ask.name} ${ask.type ?? "A"}${subnet}`;
  results.push({ name, value: measure(chosen, 100_000), unit: "ns/answer" });
  before += share;
}
console.log(JSON.stringify({ results }));
