/**
 * The same zone in Knot DNS and here: random questions get the same rcode, flags, answers and
 * authority. Knot is the judge of wildcards, delegations, empty non-terminals and chains.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { decodeMessage, type Message } from "../../src/wire/dns-message.ts";
import { formatResponse, frontFor, requestOf, send, zonesFrom } from "../support/dns-front.ts";
import { needs } from "../support/tools.ts";

const missing = needs("knotd", "knot");

const records = `
  mail A 192.0.2.1
  mail A 192.0.2.2
  mail AAAA 2001:db8::1
  text TXT "one" "two"
  www CNAME mail
  chain CNAME www
  far CNAME www.example.org.
  gone CNAME nothing
  *.w TXT "wild"
  *.w A 192.0.2.3
  a.*.w TXT "below a wildcard"
  x.y.w A 192.0.2.4
  *.c CNAME mail
  *.d CNAME x.w
  e.e.ent A 192.0.2.5
  srv SRV 1 2 3 mail
  caa CAA 0 issue "ca.example"
  raw TYPE65280 \\# 3 010203
  cut NS ns.cut
  cut NS ns.example.net.
  cut TYPE43 \\# 24 3039 0D 02 0102030405060708090A0B0C0D0E0F1011121314
  ns.cut A 192.0.2.53
  to-cut CNAME x.cut
  *.to-cut CNAME cut
`;
const apexLines = `
  @ MX 10 mail
  @ MX 20 mail.example.org.
  @ A 192.0.2.6
`;
const front = frontFor(zonesFrom(`$ORIGIN example.com\n${apexLines}${records}`));

let folder = "";
let knot: ChildProcess | undefined;
let port = 0;

before(async () => {
  if (missing !== false) return;
  folder = await mkdtemp(join(tmpdir(), "rhumb-knot-"));
  const probe = createSocket("udp4").bind(0, "127.0.0.1");
  await once(probe, "listening");
  ({ port } = probe.address());
  probe.close();
  const soa = "@ 3600 SOA ns1.example.net. hostmaster 7 3600 600 86400 30";
  const ns = "@ 3600 NS ns1.example.net.\n@ 3600 NS ns2.example.net.";
  const body = `${apexLines}${records}`.replaceAll(/^\s+/gm, "");
  await writeFile(join(folder, "zone"), `$ORIGIN example.com.\n$TTL 60\n${soa}\n${ns}\n${body}`);
  await writeFile(
    join(folder, "knot.conf"),
    `server:
    listen: 127.0.0.1@${port}
    rundir: "${folder}"
database:
    storage: "${folder}"
zone:
  - domain: example.com
    file: "${folder}/zone"
    semantic-checks: off
    zonefile-load: whole
    journal-content: none
`,
  );
  const args = ["-c", join(folder, "knot.conf")];
  const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` };
  knot = spawn("knotd", args, { env, stdio: "ignore" });
  for (let i = 0; i < 100; i++) {
    const reply = await askKnot(requestOf({ name: "mail.example.com" }), 100);
    if (reply !== undefined && (reply[3]! & 15) === 0) return;
    await sleep(50);
  }
  assert.fail("knotd does not serve the zone");
});

after(async () => {
  if (knot !== undefined) {
    knot.kill("SIGKILL");
    await once(knot, "exit");
  }
  if (folder !== "") await rm(folder, { recursive: true });
});

async function askKnot(request: Uint8Array, timeoutMs = 2000): Promise<Uint8Array | undefined> {
  const socket = createSocket("udp4");
  try {
    const reply = once(socket, "message", { signal: AbortSignal.timeout(timeoutMs) });
    socket.send(request, port, "127.0.0.1");
    const [message] = (await reply) as [Uint8Array];
    return message;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

function decode(bytes: Uint8Array | undefined): Message {
  assert.ok(bytes !== undefined);
  const message = decodeMessage(bytes);
  assert.ok(message.ok, message.ok ? "" : message.message);
  return message.value;
}

/** Without the additional section, which is a courtesy, and without regard to order. */
function comparable(message: Message): string[] {
  const [head = "", ...lines] = formatResponse(message).filter((line) => !line.startsWith("ad "));
  // Names that we write from the zone are in lower case; Knot repeats the question's letters.
  return [head, ...lines.map((line) => line.toLowerCase()).sort((a, b) => a.localeCompare(b))];
}

const owners = `mail text www chain far gone w *.w x.w a.*.w b.*.w y.w x.y.w z.y.w c x.c x.y.c d x.d
  ent e.ent e.e.ent f.ent srv caa raw cut x.cut ns.cut to-cut x.to-cut nothing x.nothing WwW`
  .split(/\s+/)
  .flatMap((owner) => [owner, `n.${owner}`]);
const names = [
  ...owners.map((owner) => `${owner}.example.com`),
  "example.com",
  "example.org",
  "com",
];

test("answer() agrees with Knot on every name and type", { skip: missing }, async () => {
  const types = ["A", "AAAA", "TXT", "CNAME", "MX", "NS", "SOA", "DS", "SRV", "TYPE65280"];
  for (const name of names) {
    for (const type of types) {
      const request = requestOf({ name, type, edns: { payload: 1232 } });
      const ours = comparable(decode(send(front, request)));
      const theirs = comparable(decode(await askKnot(request)));
      assert.deepEqual(ours, theirs, `${name} ${type}`);
    }
  }
});

test("answer() agrees with Knot on random names below the zone", { skip: missing }, async () => {
  const label = fc.constantFrom("w", "y", "x", "*", "c", "cut", "ns", "ent", "e", "a", "mail", "D");
  const name = fc
    .array(label, { minLength: 1, maxLength: 5 })
    .map((labels) => `${labels.join(".")}.example.com`);
  await fc.assert(
    fc.asyncProperty(name, fc.constantFrom("A", "TXT", "DS", "NS"), async (owner, type) => {
      const request = requestOf({ name: owner, type, edns: { payload: 1232 } });
      const ours = comparable(decode(send(front, request)));
      assert.deepEqual(ours, comparable(decode(await askKnot(request))));
    }),
    { numRuns: 300 },
  );
});
