/**
 * Run by udp-loop.test.ts under `node --trace-gc`: a worker's loop answers a mix of questions from
 * a client in the same thread; first until V8 has compiled everything, then, between two marks on
 * standard output, as many as the test wants.
 */
import { openLibc } from "../../src/lib/libc.ts";
import { questionMix } from "../support/dns-mix.ts";
import { createClient, createLoop, serverSocket } from "../support/udp-loop-fixture.ts";

const count = Number(process.argv[2]);
const { context, exchanges } = questionMix();
const libc = openLibc();
if (libc === undefined) throw new Error("no FFI on this platform");
const messages = exchanges
  .filter(({ transport }) => transport === 0)
  .map(({ request, requestLength }) => request.slice(0, requestLength));
const { loop } = createLoop(libc, { context, gatherMicroseconds: 1 });
const socket = serverSocket(libc);
loop.setSockets([socket], []);
const client = createClient(libc, { port: socket.port, messages });
const batch = 16;

function run(queries: number): number {
  let answered = 0;
  for (let i = 0; i < queries; i += batch) {
    for (let k = 0; k < batch; k++) client.send((i + k) % messages.length);
    loop.turn();
    answered += client.socket.receive(false);
  }
  return answered;
}

// As long as V8 is still compiling, it allocates.
const roundsMax = 12;
for (let round = 0; round < roundsMax; round++) {
  const before = process.memoryUsage().heapUsed;
  run(16_000);
  const grown = process.memoryUsage().heapUsed - before;
  if (round > 3 && grown >= 0 && grown < 16_384) break;
}
// What the turns are due must not fill up what the warm-up has left.
globalThis.gc?.({ type: "minor" });
process.stdout.write("begin\n");
const before = process.memoryUsage().heapUsed;
const answered = run(count);
const grown = process.memoryUsage().heapUsed - before;
process.stdout.write("end\n");
process.stdout.write(`${grown} octets for ${answered} answers\n`);
if (answered < count / 2) throw new Error("no answers");
