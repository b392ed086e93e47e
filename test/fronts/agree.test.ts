/**
 * One decision, every front: the DNS and the redirect front over real sockets, asked for the same
 * clients in random states of the World. With `client` keys both name the same endpoint whenever
 * the DNS query shows what the decision depends on; with `query` keys both name the endpoints
 * equally often.
 */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { after, before, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { createDnsServer, type DnsServer } from "../../src/fronts/dns/server.ts";
import { createRedirectServer, type RedirectServer } from "../../src/fronts/redirect/server.ts";
import { loadGeography } from "../../src/geo/load.ts";
import { type Entropy, simulatedEntropy, systemEntropy } from "../../src/lib/entropy.ts";
import { bytesOfWords, formatAddress, maskPrefix } from "../../src/lib/ip.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import { limits } from "../../src/limits.ts";
import { compile } from "../../src/policy/compile.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { buildTable } from "../../src/steer/table.ts";
import { decodeMessage } from "../../src/wire/dns-message.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { verdict, type World } from "../../src/world/world.ts";
import { requestOf, subnetOption } from "../support/dns-front.ts";

const endpoints = (region: number, count: number): string =>
  `[${Array.from({ length: count }, (_, i) => `192.0.2.${region * 16 + i}`).join(", ")}]`;

const text = `
version: 1
zone: example.com
trustedProxies: [127.0.0.1]
regions:
  ap: {at: NRT}
  eu: {at: FRA}
  sa: {at: GRU}
  us: {at: IAD}
services:
  sticky:
    key: client
    steer: nearest
    redirect: "http://{address}:8080"
    check: {tcp: true, port: 80}
    endpoints:
      ap: ${endpoints(1, 3)}
      eu: ${endpoints(2, 4)}
      sa: ${endpoints(3, 1)}
      us: ${endpoints(4, 2)}
  drawn:
    key: query
    redirect: "http://{address}:8080"
    check: {tcp: true, port: 80}
    steer: {weights: {ap: 1, eu: 2, us: 4}}
    endpoints: {ap: ${endpoints(1, 3)}, eu: ${endpoints(2, 4)}, us: ${endpoints(4, 2)}}
`;

const clientCount = 10_000;
const worldCount = 25;
const drawCount = 10_000;

let policy: Policy;
let dns: DnsServer;
let redirect: RedirectServer;
let socket: Socket;
let dnsPort = 0;
let httpPort = 0;
const agent = new Agent({ keepAlive: true, maxSockets: 8 });
const waiting = new Map<number, (message: Uint8Array) => void>();
let nextId = 0;

before(async () => {
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.problems.map(formatProblem).join("\n"));
  const entropy = systemEntropy();
  const geography = await loadGeography({ database: "bundled", overrides: [], entropy });
  assert.ok(geography.ok);
  const compiled = compile(loaded.config, geography.geography);
  assert.ok(compiled.ok, compiled.problems.map(formatProblem).join("\n"));
  policy = compiled.policy;
  const snapshot = snapshotOf(randomWorld(simulatedEntropy(0)));
  const identity = { version: "test", node: "node" };
  dns = createDnsServer({ snapshot, identity, registry: createRegistry(), entropy });
  redirect = createRedirectServer({ snapshot, registry: createRegistry(), entropy });
  assert.deepEqual(await dns.listen(["127.0.0.1:0"]), []);
  assert.deepEqual(await redirect.listen(["127.0.0.1:0"]), []);
  dnsPort = Number(dns.listening()[0]?.split(":")[1]);
  httpPort = Number(redirect.listening()[0]?.split(":")[1]);
  socket = createSocket("udp4");
  socket.on("message", (message) => {
    const id = message.readUInt16BE(0);
    waiting.get(id)?.(message);
    waiting.delete(id);
  });
  socket.connect(dnsPort, "127.0.0.1");
  await once(socket, "connect");
});

after(async () => {
  socket.close();
  agent.destroy();
  await Promise.all([dns.stop(), redirect.stop()]);
});

function snapshotOf(world: World) {
  return { policy, world, table: buildTable(policy, world) };
}

function randomWorld(dice: Entropy): World {
  const world = initialWorld(policy, 0);
  for (let i = 0; i < policy.endpoints.length; i++) {
    const roll = dice.draw32() % 10;
    world.endpoints.verdict[i] = roll < 6 ? verdict.up : roll < 9 ? verdict.down : verdict.unknown;
    const ramp = dice.draw32() % 3 === 0 ? dice.draw32() % limits.availabilityFull : undefined;
    world.endpoints.availability[i] = ramp ?? limits.availabilityFull;
  }
  return world;
}

/**
 * Does a query show the client's network, all of its affinity mask? Where it shows less, DNS cannot
 * know which network asks, and says so: the scope of its answer is longer than the source.
 */
function showsEnough({ family, length }: Source): boolean {
  const service = policy.services.find(({ name }) => name === "sticky");
  assert.ok(service !== undefined);
  return length >= (family === 4 ? service.affinityMask4 : service.affinityMask6);
}

/** What a query shows of a client. */
interface Source {
  readonly family: 4 | 6;
  readonly words: Uint32Array;
  readonly length: number;
}

async function askDns(name: string, client: Source): Promise<string> {
  nextId = (nextId + 1) & 0xffff;
  const id = nextId;
  const query = requestOf({
    name,
    type: "A",
    edns: {
      options: [
        subnetOption(client.family === 4 ? 1 : 2, client.length, [
          ...bytesOfWords(client.family, client.words),
        ]),
      ],
    },
  });
  query[0] = id >> 8;
  query[1] = id & 0xff;
  const reply = await new Promise<Uint8Array>((resolve) => {
    waiting.set(id, resolve);
    socket.send(query);
  });
  const message = decodeMessage(reply);
  assert.ok(message.ok);
  const [answer] = message.value.answers;
  assert.ok(answer !== undefined, `an answer for ${name}`);
  return answer.rdata.join(".");
}

function askRedirect(host: string, client: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host, "x-forwarded-for": client };
    request({ port: httpPort, path: "/", agent, headers }, (response) => {
      response.resume();
      const location = String(response.headers.location);
      response.on("end", () => resolve(/^http:\/\/([0-9.]+):8080\/$/.exec(location)?.[1] ?? ""));
    })
      .on("error", reject)
      .end();
  });
}

/** First addresses of /24s that hold leaves of several locations. */
function mixedNetworks(): number[] {
  const found = new Set<number>();
  const { starts, lengths, locations } = policy.v4;
  for (let i = 1; i < lengths.length; i++) {
    const here = starts[i] ?? 0;
    const before = starts[i - 1] ?? 0;
    if (here >>> 8 === before >>> 8 && locations[i] !== locations[i - 1]) {
      found.add((here & 0xffffff00) >>> 0);
    }
  }
  return [...found];
}

interface AskedClient {
  readonly source: Source;
  readonly address: string;
}

function randomClient(dice: Entropy, mixed: readonly number[]): AskedClient {
  const roll = dice.draw32() % 10;
  const family: 4 | 6 = roll >= 8 ? 6 : 4;
  const words = Uint32Array.of(0, 0, 0, 0);
  let length: number;
  if (family === 6) {
    const { starts, lengths } = policy.v6;
    const leaf = dice.draw32() % lengths.length;
    for (let word = 0; word < 4; word++) words[word] = starts[leaf * 4 + word] ?? 0;
    words[1] = (words[1] ?? 0) | (dice.draw32() & 0xff);
    length = [48, 56, 64, 128][dice.draw32() % 4] ?? 56;
  } else {
    const network = mixed[dice.draw32() % mixed.length] ?? 0;
    words[0] = roll < 3 ? network | (dice.draw32() & 0xff) : dice.draw32();
    length = 20 + (dice.draw32() % 13);
  }
  const source = { family, words: maskPrefix(words, length), length } as const;
  return { source, address: formatAddress(family, words) };
}

test("DNS and redirect choose the same endpoint for 10,000 clients with client keys", async () => {
  const dice = simulatedEntropy(20_261_124);
  const mixed = mixedNetworks();
  let compared = 0;
  let mixedCompared = 0;
  let short = 0;
  for (let round = 0; round < worldCount; round++) {
    const snapshot = snapshotOf(randomWorld(dice));
    dns.setSnapshot(snapshot);
    redirect.setSnapshot(snapshot);
    const clients = Array.from({ length: clientCount / worldCount }, () =>
      randomClient(dice, mixed),
    );
    const outcomes = await Promise.all(
      clients.map(async ({ source, address }) => {
        const byDns = await askDns("sticky.example.com", source);
        return { source, address, byDns, byHttp: await askRedirect("sticky.example.com", address) };
      }),
    );
    for (const { source, address, byDns, byHttp } of outcomes) {
      assert.notEqual(byHttp, "", address);
      if (!showsEnough(source)) {
        short += 1;
        continue;
      }
      assert.equal(byDns, byHttp, `${address} seen as /${source.length} in world ${round}`);
      compared += 1;
      if (mixed.includes(((source.words[0] ?? 0) & 0xffffff00) >>> 0)) mixedCompared += 1;
    }
  }
  assert.equal(compared + short, clientCount);
  assert.ok(compared > clientCount * 0.65, `${compared} clients compared`);
  assert.ok(mixedCompared > 2000, `${mixedCompared} of them in /24s of several countries`);
});

test("DNS and redirect name endpoints equally often with query keys", async () => {
  const dice = simulatedEntropy(7);
  const snapshot = snapshotOf(randomWorld(dice));
  dns.setSnapshot(snapshot);
  redirect.setSnapshot(snapshot);
  const counts = new Map<string, [number, number]>();
  const client: Source = { family: 4, words: Uint32Array.of(0x5565_0000, 0, 0, 0), length: 24 };
  const tally = (address: string, front: 0 | 1): void => {
    const pair = counts.get(address) ?? [0, 0];
    pair[front] += 1;
    counts.set(address, pair);
  };
  for (let done = 0; done < drawCount; done += 500) {
    await Promise.all(
      Array.from({ length: 500 }, async () => {
        tally(await askDns("drawn.example.com", client), 0);
        tally(await askRedirect("drawn.example.com", "85.101.0.1"), 1);
      }),
    );
  }
  for (const [address, [byDns, byHttp]] of counts) {
    // Two binomial counts of one share: five standard deviations of their difference.
    const share = (byDns + byHttp) / (2 * drawCount);
    const deviation = Math.sqrt(2 * drawCount * share * (1 - share));
    const difference = Math.abs(byDns - byHttp);
    assert.ok(
      difference <= 5 * deviation + 1,
      `${address}: ${byDns} by DNS, ${byHttp} by redirect`,
    );
  }
  assert.ok(counts.size >= 3, `${counts.size} endpoints`);
});
