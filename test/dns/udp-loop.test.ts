/** The workers' loop: what a turn does, helping a silent neighbour, gathering, and no garbage. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beatClock } from "../../src/fronts/dns/beat-clock.ts";
import { loopCounters } from "../../src/fronts/dns/udp-loop.ts";
import { openLibc } from "../../src/lib/libc.ts";
import { limits } from "../../src/limits.ts";
import { decodeMessage } from "../../src/wire/dns-message.ts";
import { formatResponse, frontFor, requestOf, zonesFrom } from "../support/dns-front.ts";
import { createClient, createLoop, serverSocket } from "../support/udp-loop-fixture.ts";

const libc = openLibc();
const skip = libc === undefined ? "no FFI on this platform" : false;
const zones = zonesFrom("$ORIGIN example.com\nwww A 192.0.2.1");
const messages = [requestOf({ name: "www.example.com" }), requestOf({ name: "no.example.com" })];

function answers(client: ReturnType<typeof createClient>): string[] {
  const got = client.socket.receive(false);
  return Array.from({ length: got }, (_, slot) => {
    const bytes = client.socket.requests[slot]!.subarray(0, client.socket.lengths[slot]);
    const decoded = decodeMessage(bytes);
    return decoded.ok ? formatResponse(decoded.value)[0]! : "not a message";
  });
}

test("UdpLoop answers batches of several sockets in one turn", { skip }, () => {
  assert.ok(libc);
  const { loop, counters } = createLoop(libc, frontFor(zones));
  const sockets = [serverSocket(libc), serverSocket(libc)];
  loop.setSockets(sockets, []);
  const clients = sockets.map(({ port }) => createClient(libc, { port, messages }));
  for (const client of clients) for (const index of [0, 1, 0]) client.send(index);
  loop.turn();
  for (const client of clients) {
    assert.deepEqual(answers(client), ["NOERROR aa rd", "NXDOMAIN aa rd", "NOERROR aa rd"]);
  }
  assert.equal(counters[loopCounters.batches], 2);
  // What has come to a socket that is dropped is answered first.
  clients[0]?.send(1);
  loop.setSockets(sockets.slice(1), []);
  assert.deepEqual(answers(clients[0]!), ["NXDOMAIN aa rd"]);
  clients[0]?.send(1);
  loop.turn();
  assert.deepEqual(answers(clients[0]!), []);
});

test("UdpLoop drains the socket of a silent neighbour, and of no other", { skip }, () => {
  assert.ok(libc);
  const beats = new Int32Array(2);
  const { loop, counters } = createLoop(libc, { ...frontFor(zones), beats, self: 1 });
  const [own, other] = [serverSocket(libc), serverSocket(libc)];
  loop.setSockets([own], [other]);
  const client = createClient(libc, { port: other.port, messages });
  const clock = beatClock(libc);
  client.send(0);
  loop.turn();
  assert.deepEqual(answers(client), [], "it has not begun");
  beats[0] = clock();
  loop.turn();
  assert.deepEqual(answers(client), [], "it beats");
  // From here on it hangs.
  const since = performance.now();
  let found: string[] = [];
  while (found.length === 0 && performance.now() - since < 5000) {
    loop.turn();
    found = answers(client);
  }
  assert.deepEqual(found, ["NOERROR aa rd"]);
  assert.equal(counters[loopCounters.helped], 1);
  assert.ok((clock() - beats[0]) / 1000 > limits.dnsWorkerSilentMs);
});

test("UdpLoop gathers under load, and never when queries are few", { skip }, () => {
  assert.ok(libc);
  const { loop, counters } = createLoop(libc, { ...frontFor(zones), gatherMicroseconds: 50 });
  const socket = serverSocket(libc);
  loop.setSockets([socket], []);
  const client = createClient(libc, { port: socket.port, messages });
  for (let i = 0; i < 3; i++) {
    client.send(0);
    loop.turn();
    loop.turn();
  }
  assert.equal(counters[loopCounters.gathered], 0);
  for (let i = 0; i < 2000 && counters[loopCounters.gathered] === 0; i++) {
    for (let k = 0; k < 12; k++) client.send(0);
    loop.turn();
    client.socket.receive(false);
  }
  assert.ok(counters[loopCounters.gathered]! > 0);
});

test("UdpLoop allocates nothing a query", { skip }, async () => {
  const child = fileURLToPath(new URL("udp-allocation-child.ts", import.meta.url));
  const quiet = ["--max-semi-space-size=1", "--no-concurrent-recompilation", "--expose-gc"];
  const flags = ["--trace-gc", ...quiet];
  const args = [...flags, child, "64000"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const measured = /begin\n([\s\S]*)end\n(\d+) octets for (\d+) answers/.exec(stdout);
  assert.ok(measured !== null, stdout);
  assert.equal(measured[1], "", "no scavenge");
  // A call or two with a number that V8 boxes is due to each turn; the smallest object is 16.
  assert.ok(Number(measured[2]) / Number(measured[3]) < 4, stdout);
});
