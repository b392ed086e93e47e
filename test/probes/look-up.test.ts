/** look-up.ts against a DNS server on loopback that answers each name in its own way. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { after, before, test } from "node:test";
import {
  createLookUp,
  type Family,
  type LookUp,
  type LookUpResult,
} from "../../src/probes/look-up.ts";
import { headerFlags, rcodes, types } from "../../src/wire/dns-constants.ts";
import { decodeMessage, encodeMessage, type ResourceRecord } from "../../src/wire/dns-message.ts";
import { formatName } from "../../src/wire/dns-name.ts";

const server = createSocket("udp4");
const asked: string[] = [];
let lookUp: LookUp;

before(async () => {
  server.on("message", (bytes, peer) => {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return;
    const question = decoded.value.questions[0];
    if (question === undefined) return;
    const name = formatName(question.name);
    asked.push(name);
    const record = (rdata: Uint8Array, ttl: number): ResourceRecord => ({
      name: question.name,
      type: question.type,
      class: 1,
      ttl,
      rdata,
    });
    const four = question.type === types.a;
    const answers: Readonly<Record<string, readonly ResourceRecord[]>> = {
      "both.test.": four
        ? [record(Uint8Array.of(192, 0, 2, 2), 300), record(Uint8Array.of(192, 0, 2, 1), 30)]
        : [record(new Uint8Array(16).fill(1, 15), 60)],
      "four.test.": four ? [record(Uint8Array.of(192, 0, 2, 1), 0)] : [],
      "empty.test.": [],
    };
    if (name === "silent.test.") return;
    const known = answers[name];
    const rcode =
      known !== undefined ? 0 : name === "ill.test." ? rcodes.servFail : rcodes.nxDomain;
    const reply = encodeMessage({
      id: decoded.value.id,
      flags: headerFlags.qr | headerFlags.ra | rcode,
      questions: [question],
      answers: known ?? [],
      authorities: [],
      additionals: [],
    });
    server.send(reply, peer.port, peer.address);
  });
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  lookUp = createLookUp([`127.0.0.1:${server.address().port}`]);
});
after(() => {
  lookUp.cancel();
  server.close();
});

const ask = (host: string, family: Family): Promise<LookUpResult> =>
  new Promise((resolve) => lookUp.ask(host, family, resolve));

test("ask() gives all addresses of a family and the shortest TTL", async () => {
  assert.deepEqual(await ask("both.test", 4), {
    kind: "addresses",
    addresses: [Uint8Array.of(192, 0, 2, 2), Uint8Array.of(192, 0, 2, 1)],
    ttlSeconds: 30,
  });
  assert.deepEqual(await ask("both.test.", 6), {
    kind: "addresses",
    addresses: [new Uint8Array(16).fill(1, 15)],
    ttlSeconds: 60,
  });
});

test("ask() tells NXDOMAIN, an empty answer, SERVFAIL and silence apart", async () => {
  const gone = await ask("gone.test", 4);
  assert.deepEqual(gone, { kind: "none", reason: "NXDOMAIN", nameExists: false });
  const empty = { kind: "none", reason: "empty answer", nameExists: true };
  assert.deepEqual(await ask("four.test", 6), empty);
  assert.deepEqual(await ask("empty.test", 4), empty);
  assert.deepEqual(await ask("ill.test", 4), { kind: "trouble", reason: "SERVFAIL" });
  const silent = ask("silent.test", 4);
  setTimeout(() => lookUp.cancel(), 300);
  assert.equal((await silent).kind, "trouble");
});

test("ask() never sends localhost, nor adds a search domain", async () => {
  const from = asked.length;
  const local = await ask("localhost", 4);
  assert.ok(local.kind === "addresses");
  assert.deepEqual(local.addresses, [Uint8Array.of(127, 0, 0, 1)]);
  assert.equal((await ask("db.LOCALHOST.", 6)).kind, "addresses");
  assert.equal(asked.length, from);
  await ask("plain", 4);
  assert.deepEqual([...new Set(asked.slice(from))], ["plain."]);
});
