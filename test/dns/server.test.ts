/** The DNS front on loopback sockets: asked by dig and kdig, and by peers with bad manners. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createDnsServer, type DnsServer } from "../../src/fronts/dns/server.ts";
import { type SimulatedEntropy, simulatedEntropy } from "../../src/lib/entropy.ts";
import { createRegistry, type Registry } from "../../src/lib/telemetry.ts";
import { limits } from "../../src/limits.ts";
import { decodeMessage } from "../../src/wire/dns-message.ts";
import { rcodeOf, requestOf, snapshotOf, unknownLeaves, zonesFrom } from "../support/dns-front.ts";
import { policyOf, pool } from "../support/steer-fixture.ts";
import { needs, run } from "../support/tools.ts";
import { udpKind } from "../support/udp-kind.ts";
import { hostilePackets } from "./hostile-packets.ts";

const snapshot = snapshotOf(
  {
    ...policyOf([{ pools: [{ weights: [1] }], classes: [{ plan: pool(0) }] }]),
    ...unknownLeaves(),
    names: zonesFrom(`
      $ORIGIN example.com
      www A 192.0.2.1
      app STEERED 0
      *.app STEERED 0
      text TXT "quoted \\"text\\"" second
      mail MX 10 www
      srv SRV 1 2 443 www
      caa CAA 0 issue "ca.example"
      raw TYPE65280 \\# 3 010203
      ${Array.from({ length: 300 }, (_, i) => `huge A 198.51.${i >> 8}.${i & 255}`).join("\n")}
    `),
  },
  [],
);

let clock: SimulatedEntropy;
let registry: Registry;
let server: DnsServer;
let port4 = 0;
let port6 = 0;
let ticks: NodeJS.Timeout;

before(async () => {
  clock = simulatedEntropy(1);
  // A turn of TCP is a millisecond; real time is what hosts of sockets go by.
  ticks = setInterval(() => clock.advance(1), 2);
  registry = createRegistry();
  const identity = { version: "Rhumb test", node: "node-1" };
  server = createDnsServer({ snapshot, identity, registry, entropy: clock, ...udpKind });
  assert.deepEqual(await server.listen(["127.0.0.1:0", "[::1]:0"]), []);
  [port4 = 0, port6 = 0] = server.listening().map((text) => Number(text.replace(/^.*:/, "")));
});

after(async () => {
  await server.stop();
  clearInterval(ticks);
});

const noDig = needs("dig", "bind9-dnsutils");
const noKdig = needs("kdig", "knot-dnsutils");
const dig = (...args: string[]) =>
  run("dig", ["@127.0.0.1", "-p", String(port4), "+tries=1", "+time=5", ...args]);
const kdig = (...args: string[]) =>
  run("kdig", ["@127.0.0.1", "-p", String(port4), "+retry=0", "+time=5", ...args]);

/** What a proxy says of an IPv4 client, and of its own connection. */
const proxied = (address: string) =>
  Uint8Array.fromHex(`0d0a0d0a000d0a515549540a2111000c${address}7f000001dc040035`);
const ownHeader = Uint8Array.fromHex("0d0a0d0a000d0a515549540a20000000");

/** Rcodes of the answers to what a proxy sends in such pieces. */
async function throughProxy(pieces: readonly Uint8Array[]): Promise<readonly string[]> {
  const socket = connect(port4, "127.0.0.1");
  let received = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  socket.on("error", () => undefined);
  // It may be over before the last piece.
  const closed = once(socket, "close");
  for (const piece of pieces) {
    socket.write(piece);
    await sleep(5);
  }
  socket.end();
  await closed;
  const rcodes: string[] = [];
  for (let at = 0; at < received.length; at += 2 + received.readUInt16BE(at)) {
    const message = decodeMessage(received.subarray(at + 2, at + 2 + received.readUInt16BE(at)));
    assert.ok(message.ok);
    rcodes.push(rcodeOf(message.value));
  }
  return rcodes;
}

test("server learns from a proxy that it trusts whose connection it is", async () => {
  const proxies = ["127.0.0.0/8"];
  const frame = (name: string): Uint8Array => {
    const request = requestOf({ name });
    return Uint8Array.from([0, request.length, ...request]);
  };
  const why = requestOf({ name: "_why.app.example.com", type: "TXT" });
  const whyFrame = Uint8Array.from([0, why.length, ...why]);
  const { policy } = snapshot;
  const listen = { ...policy.listen, dnsProxies: proxies, dnsExplain: ["192.0.2.0/24"] };
  server.setSnapshot({ ...snapshot, policy: { ...policy, digest: policy.digest, listen } });
  try {
    const both = Uint8Array.from([
      ...proxied("c0000201"),
      ...frame("www.example.com"),
      ...whyFrame,
    ]);
    // Why is told to the client's address, not to the proxy's.
    const told = ["NOERROR", "NOERROR"];
    assert.deepEqual(await throughProxy([both]), told, "in one piece");
    assert.deepEqual(await throughProxy([...both].map((octet) => Uint8Array.of(octet))), told);
    const own = [ownHeader, frame("www.example.com"), whyFrame];
    assert.deepEqual(await throughProxy(own), ["NOERROR", "REFUSED"]);
    assert.deepEqual(await throughProxy([frame("www.example.com")]), [], "without a header");
    assert.deepEqual(await throughProxy([both.subarray(0, 20)]), [], "cut short");
  } finally {
    server.setSnapshot(snapshot);
  }
  assert.deepEqual(await throughProxy([frame("www.example.com")]), ["NOERROR"]);
});

test("server answers dig over UDP and TCP, IPv4 and IPv6", { skip: noDig }, async () => {
  assert.equal(await dig("+short", "www.example.com"), "192.0.2.1\n");
  assert.equal(await dig("+short", "+tcp", "www.example.com"), "192.0.2.1\n");
  const six = ["@::1", "-p", String(port6), "+short", "app.example.com"];
  assert.equal(await run("dig", six), "10.0.0.0\n");
  assert.equal(await run("dig", [...six, "+tcp"]), "10.0.0.0\n");
});

test("server's records read in dig as they were written", { skip: noDig }, async () => {
  assert.equal(await dig("+short", "text.example.com", "TXT"), '"quoted \\"text\\"" "second"\n');
  assert.equal(await dig("+short", "mail.example.com", "MX"), "10 www.example.com.\n");
  assert.equal(await dig("+short", "srv.example.com", "SRV"), "1 2 443 www.example.com.\n");
  assert.equal(await dig("+short", "caa.example.com", "CAA"), '0 issue "ca.example"\n');
  assert.equal(await dig("+short", "raw.example.com", "TYPE65280"), "\\# 3 010203\n");
  const soa = "ns1.example.net. hostmaster.example.com. 7 3600 600 86400 30\n";
  assert.equal(await dig("+short", "example.com", "SOA"), soa);
});

test("server's flags, sections and OPT read in dig", { skip: noDig }, async () => {
  const found = await dig("+nocookie", "wWw.exAMple.com");
  assert.match(found, /flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1/);
  assert.match(found, /; EDNS: version: 0, flags:; udp: 1232/);
  assert.match(found, /^wWw\.exAMple\.com\.\s+60\s+IN\s+A\s+192\.0\.2\.1$/m);
  assert.doesNotMatch(found, /malformed|FORMERR|mismatch|extra|bad/i);
  assert.match(await dig("+norecurse", "www.example.com"), /flags: qr aa;/);
  const missing = await dig("nothing.example.com");
  assert.match(missing, /status: NXDOMAIN/);
  assert.match(missing, /^example\.com\.\s+30\s+IN\s+SOA\s/m);
  const refused = await dig("www.example.org");
  assert.match(refused, /status: REFUSED/);
  assert.match(refused, /EDE: 20 \(Not Authoritative\): \(no zone here holds this name\)/);
  assert.match(await dig("+noedns", "www.example.com"), /ADDITIONAL: 0/);
  assert.match(await dig("+edns=1", "+noednsnegotiation", "www.example.com"), /status: BADVERS/);
  assert.match(await dig("+opcode=STATUS", "www.example.com"), /status: NOTIMP/);
  assert.match(await dig("+dnssec", "www.example.com"), /flags: do; udp: 1232/);
  assert.match(await dig("AXFR", "example.com"), /Transfer failed/);
});

test("server's truncated answer sends dig to TCP", { skip: noDig }, async () => {
  const truncated = await dig("+ignore", "huge.example.com");
  assert.match(truncated, /flags: qr aa tc rd; QUERY: 1, ANSWER: 0/);
  const whole = await dig("huge.example.com");
  assert.match(whole, /Truncated, retrying in TCP mode/);
  assert.match(whole, /ANSWER: 300/);
});

test("server tells kdig NSID, CHAOS names and the client subnet's scope", {
  skip: noKdig,
}, async () => {
  const nsid = await kdig("+nsid", "www.example.com");
  assert.match(nsid, /NSID: 6E6F64652D31 "node-1"/);
  const subnet = await kdig("+subnet=192.0.2.77/20", "app.example.com");
  assert.match(subnet, /CLIENT-SUBNET: 192\.0\.0\.0\/20\/0/);
  assert.match(await kdig("+subnet=0.0.0.0/0", "app.example.com"), /SUBNET: 0\.0\.0\.0\/0\/0/);
  assert.match(await kdig("+subnet=2001:db8::/56", "app.example.com"), /2001:db8::\/56\/0/);
  assert.equal(await kdig("+short", "CH", "TXT", "version.bind"), '"Rhumb test"\n');
  assert.equal(await kdig("+short", "CH", "TXT", "id.server"), '"node-1"\n');
  const signed = await kdig("-y", "hmac-sha256:key.:c2VjcmV0", "www.example.com");
  // It shows the TSIG's error in the place of NOTAUTH.
  assert.match(signed, /status: BADKEY/);
});

test("server answers kdig's queries on one kept TCP connection", { skip: noKdig }, async () => {
  const names = ["www", "app", "x.app", "mail", "nothing"].map((name) => `${name}.example.com`);
  const output = await kdig("+tcp", "+keepopen", "+noall", "+header", ...names);
  assert.equal(output.match(/status: NOERROR/g)?.length, 4);
  assert.equal(output.match(/status: NXDOMAIN/g)?.length, 1);
});

/** A TCP client that knows frames. */
async function open(): Promise<{ socket: Socket; frames: Uint8Array[]; ended: Promise<void> }> {
  const socket = connect({ host: "127.0.0.1", port: port4, noDelay: true });
  const frames: Uint8Array[] = [];
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      frames.push(Uint8Array.from(rest.subarray(2, end)));
      rest = rest.subarray(end);
    }
  });
  socket.on("error", () => undefined);
  // Not once(): that would reject at a reset, which is an end as well.
  const ended = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  await once(socket, "connect");
  return { socket, frames, ended };
}

function frame(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  bytes.set(message, 2);
  return bytes;
}

/** The request with its id set. */
function numbered(id: number, name = "www.example.com"): Buffer {
  const request = requestOf({ name });
  request[0] = id >> 8;
  request[1] = id & 0xff;
  return frame(request);
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await sleep(10);
  assert.ok(condition(), condition.toString());
}

const idOf = (message: Uint8Array): number => (message[0]! << 8) | message[1]!;

test("server answers pipelined frames in order, however they are cut", async () => {
  const requests = Buffer.concat(Array.from({ length: 200 }, (_, i) => numbered(i)));
  for (const size of [requests.length, 1000, 37, 1]) {
    const { socket, frames, ended } = await open();
    // Octet by octet only for the first few: each is a segment of its own.
    const part = size === 1 ? requests.subarray(0, 3 * 35) : requests;
    for (let at = 0; at < part.length; at += size) {
      socket.write(part.subarray(at, at + size));
      if (size === 1) await sleep(1);
    }
    const count = size === 1 ? 3 : 200;
    await until(() => frames.length === count);
    assert.deepEqual(
      frames.map(idOf),
      Array.from({ length: count }, (_, i) => i),
    );
    socket.end();
    await ended;
  }
});

test("server answers UDP while many TCP clients ask as much as they can", async () => {
  const greedy = await Promise.all(Array.from({ length: 20 }, () => open()));
  const requests = Buffer.concat(Array.from({ length: 5000 }, (_, i) => numbered(i)));
  for (const { socket } of greedy) socket.write(requests);
  const taken = () => greedy.reduce((sum, { frames }) => sum + frames.length, 0);
  await until(() => taken() > 0);
  const udp = createSocket("udp4");
  udp.send(requestOf({ name: "www.example.com" }), port4, "127.0.0.1");
  await once(udp, "message");
  udp.close();
  assert.ok(taken() < 50_000, `${taken()} of 100,000 frames came before one datagram`);
  const counts = greedy.map(({ frames }) => frames.length);
  assert.ok(Math.max(...counts) < 5000, "no client is served to its end before the others");
  for (const { socket } of greedy) socket.destroy();
  await Promise.all(greedy.map(({ ended }) => ended));
});

test("server answers all of a client that has closed its half", async () => {
  const { socket, frames, ended } = await open();
  socket.end(Buffer.concat(Array.from({ length: 50 }, (_, i) => numbered(i, "huge.example.com"))));
  await ended;
  assert.equal(frames.length, 50);
});

test("server closes on frames that are no messages, after what it owes", async () => {
  const bad = {
    "length 0": Buffer.from("0000", "hex"),
    "length 5": Buffer.from("00050102030405", "hex"),
    "a response": frame(Uint8Array.from([1, 2, 0x80, 0, ...new Uint8Array(8)])),
  };
  for (const [what, octets] of Object.entries(bad)) {
    const { socket, frames, ended } = await open();
    socket.write(Buffer.concat([numbered(7), octets, numbered(8)]));
    await ended;
    assert.deepEqual(frames.map(idOf), [7], what);
  }
  const { socket, frames, ended } = await open();
  socket.end(Buffer.concat([frame(new Uint8Array(65_535)), numbered(9)]));
  await ended;
  assert.deepEqual(frames.map(idOf), [0, 9]);
});

test("server ends idle, half-spoken and slow clients, and keeps busy ones", async () => {
  const silent = await open();
  const half = await open();
  half.socket.write(numbered(1).subarray(0, 20));
  const busy = await open();
  await sleep(50);
  clock.advance(limits.dnsTcpIdleMs / 2);
  busy.socket.write(numbered(2));
  half.socket.write(numbered(1).subarray(20, 25));
  await until(() => busy.frames.length === 1);
  clock.advance(limits.dnsTcpIdleMs / 2 + limits.dnsTcpSweepMs);
  await Promise.all([silent.ended, half.ended]);
  busy.socket.write(numbered(3));
  await until(() => busy.frames.length === 2);
  busy.socket.destroy();
});

function closed(reason: string): number {
  const family = registry.dump().find(({ name }) => name === "rhumb_dns_tcp_closed_total");
  const row = family?.rows.findIndex(([label]) => label === reason) ?? -1;
  return family?.values[row] ?? Number.NaN;
}

test("server keeps little for a client that never reads, and ends it", async () => {
  const { socket, ended } = await open();
  socket.pause();
  const request = numbered(1, "huge.example.com");
  const sent = Buffer.concat(Array.from({ length: 2000 }, () => request));
  const before = closed("notReading");
  // 2,000 answers of 5 kB are far more than the kernel and the server keep together.
  for (let i = 0; i < 20; i++) socket.write(sent);
  const memory = process.memoryUsage().arrayBuffers;
  await sleep(300);
  assert.ok(process.memoryUsage().arrayBuffers - memory < 16 * 1024 * 1024);
  for (let i = 0; i < 30; i++) clock.advance(limits.dnsTcpSweepMs);
  socket.resume();
  await ended;
  assert.equal(closed("notReading"), before + 1);
});

test("server bounds the connections of one client", async () => {
  const before = closed("tooMany");
  const opened = await Promise.all(
    Array.from({ length: limits.dnsTcpConnectionsPerClient + 5 }, () => open()),
  );
  await until(() => closed("tooMany") === before + 5);
  for (const { socket } of opened) socket.destroy();
  await Promise.all(opened.map(({ ended }) => ended));
  const next = await open();
  next.socket.write(numbered(1));
  await until(() => next.frames.length === 1);
  next.socket.resetAndDestroy();
});

test("server survives a storm of resets", async () => {
  for (let round = 0; round < 10; round++) {
    const opened = await Promise.all(Array.from({ length: 20 }, () => open()));
    for (const { socket } of opened) {
      socket.write(numbered(1, "huge.example.com"));
      socket.resetAndDestroy();
    }
    await Promise.all(opened.map(({ ended }) => ended));
  }
  const last = await open();
  last.socket.write(numbered(1));
  await until(() => last.frames.length === 1);
  last.socket.destroy();
});

test("server answers each hostile datagram as the table says", async () => {
  const socket = createSocket("udp4");
  const received: Uint8Array[] = [];
  socket.on("message", (message) => received.push(message));
  const send = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      socket.send(bytes, port4, "127.0.0.1", (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  const probe = requestOf({ name: "www.example.com" });
  for (const { what, bytes, expect } of hostilePackets) {
    received.length = 0;
    await send(bytes);
    // Answers on one socket come in order: this one ends the wait for that one.
    await send(probe);
    await until(() => received.some((message) => idOf(message) === 0x1234));
    const [first] = received;
    if (expect === "silence") {
      assert.equal(received.length, 1, what);
      continue;
    }
    const decoded = decodeMessage(first ?? new Uint8Array(0));
    assert.ok(decoded.ok && received.length === 2, what);
    const wanted = bytes.length > limits.dnsRequestBytesMax ? "FORMERR" : expect;
    assert.equal(rcodeOf(decoded.value), wanted, what);
  }
  socket.close();
});

test("listen() says which address is taken, and by what means to find out", async () => {
  const other = createDnsServer({
    snapshot,
    identity: { version: "", node: "" },
    registry: createRegistry(),
    entropy: clock,
    ...udpKind,
  });
  const taken = `127.0.0.1:${port4}`;
  const problems = await other.listen([taken, "203.0.113.77:5399", "127.0.0.1:0"]);
  assert.deepEqual(
    problems.map(({ code, message }) => `${code} ${message}`),
    [
      `listen.in-use ${taken} (tcp) is taken by another program`,
      "listen.refused 203.0.113.77:5399 (tcp) cannot be listened on: EADDRNOTAVAIL",
    ],
  );
  assert.match(problems[0]?.hint ?? "", /ss -lnptu/);
  assert.equal(other.listening().length, 1);
  const udpOnly = createSocket("udp4");
  udpOnly.bind(0, "127.0.0.1");
  await once(udpOnly, "listening");
  const udpPort = udpOnly.address().port;
  const [problem] = await other.listen([`127.0.0.1:${udpPort}`]);
  assert.equal(problem?.message, `127.0.0.1:${udpPort} (udp) is taken by another program`);
  assert.deepEqual(other.listening(), []);
  udpOnly.close();
  assert.deepEqual(await other.listen([`127.0.0.1:${udpPort}`]), []);
  assert.deepEqual(other.listening(), [`127.0.0.1:${udpPort}`]);
  await other.stop();
});

async function askWhole(name: string): Promise<readonly Uint8Array[]> {
  const { socket, frames, ended } = await open();
  socket.end(numbered(1, name));
  await ended;
  return frames;
}

test("stop() sends what it owes and closes", async () => {
  const own = createDnsServer({
    snapshot,
    identity: { version: "", node: "" },
    registry: createRegistry(),
    entropy: clock,
    ...udpKind,
  });
  await own.listen(["127.0.0.1:0"]);
  const port = Number(own.listening()[0]?.replace(/^.*:/, ""));
  const socket = connect(port, "127.0.0.1");
  let octets = 0;
  socket.on("data", (chunk) => {
    octets += chunk.length;
  });
  await once(socket, "connect");
  for (let i = 0; i < 20; i++) socket.write(numbered(i, "huge.example.com"));
  await until(() => octets > 0);
  const ended = once(socket, "close");
  await own.stop();
  await ended;
  const [whole] = await askWhole("huge.example.com");
  assert.equal(octets % (2 + (whole?.length ?? 0)), 0);
});
