/**
 * Random zones by a seed, the same text for NSD, for Knot and for us, and random questions: rcode,
 * AA, answers, authority and additional data are the same, whatever their order, but for what
 * `sections` leaves out with its reason. RHUMB_SEED takes the place of the seed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "../../scripts/tools.ts";
import { buildNameTable } from "../../src/policy/names.ts";
import { decodeMessage, type Message } from "../../src/wire/dns-message.ts";
import { parseZoneFile } from "../../src/wire/zone-file.ts";
import { formatResponse, frontFor, requestOf, send, wire } from "../support/dns-front.ts";
import { needs } from "../support/tools.ts";

const missing = needs("nsd", "nsd") || needs("knotd", "knot");
const seed = Number(process.env["RHUMB_SEED"] ?? 20_261_124);
const zoneCount = 40;
const questionsPerZone = 60;

/** Marsaglia's xorshift32: one seed, one run. */
let state = seed | 1;
function draw(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const pick = <T>(items: readonly T[]): T => items[draw(items.length)]!;

const labels = ["a", "b", "c", "w", "*", "d"];

function randomOwner(): string {
  return Array.from({ length: 1 + draw(3) }, () => pick(labels)).join(".");
}

/** Below `t` nothing leads on, so that no chain of DNAMEs goes round. */
function randomZone(apex: string): string {
  const lines = [
    "$TTL 60",
    "@ 3600 SOA ns1 hostmaster 7 3600 600 86400 30",
    "@ NS ns1",
    "@ NS ns.example.net.",
    "ns1 A 192.0.2.1",
    "@ MX 10 a",
    "x.t A 192.0.2.2",
    "*.t TXT t",
    "k CNAME l",
    "l CNAME x.t",
    "*.l CNAME k",
    "v DNAME t",
    "m CNAME x.v",
    "n CNAME gone.x.t",
    "o NS ns.example.org.",
    `o DS 1 13 2 ${"cd".repeat(32)}`,
  ];
  const taken = new Map<string, "alone" | "some">();
  for (let i = 6 + draw(14); i > 0; i--) {
    const owner = draw(8) === 0 ? `${randomOwner()}.t` : randomOwner();
    const leads = !owner.endsWith(".t") && !owner.includes("*") && !taken.has(owner);
    const kind = draw(12);
    if (kind < 2 && !taken.has(owner) && !owner.endsWith(".t")) {
      taken.set(owner, "alone");
      lines.push(
        `${owner} CNAME ${pick([randomOwner(), "x.t", "y.t", "www.example.org.", "a", "k", "x.l"])}`,
      );
    } else if (kind === 2 && leads) {
      taken.set(owner, "alone");
      lines.push(`${owner} NS ns.${owner}`, `${owner} NS ns.example.net.`);
      if (draw(4) > 0) lines.push(`ns.${owner} A 192.0.2.${draw(250)}`);
      if (draw(3) === 0) lines.push(`${owner} DS 1 13 2 ${"ab".repeat(32)}`);
    } else if (kind === 3 && leads) {
      taken.set(owner, "some");
      lines.push(`${owner} DNAME ${pick(["t", "x.t", "example.org."])}`);
    } else if (taken.get(owner) !== "alone") {
      taken.set(owner, "some");
      const data = [
        `A 192.0.2.${draw(250)}`,
        `AAAA 2001:db8::${draw(99)}`,
        `TXT "${draw(9)}"`,
        `MX ${draw(99)} ${pick(["a", "b", "x.t"])}`,
        `SRV 1 2 ${draw(99)} ${pick(["a", "c.b", "x.t"])}`,
        "TYPE65280 \\# 1 2A",
      ];
      lines.push(`${owner} ${pick(data)}`);
    }
  }
  return `$ORIGIN ${apex}.\n${[...new Set(lines)].join("\n")}\n`;
}

/** Zones that we serve without an error, and in which no CNAME goes round. */
function tableOf(zones: readonly { readonly apex: string; readonly text: string }[]) {
  const soa = { refreshSeconds: 0, retrySeconds: 0, expireSeconds: 0, minimumSeconds: 0 };
  const include = () => ({ ok: false as const, message: "" });
  const inputs = zones.map(({ apex, text }) => {
    const { records } = parseZoneFile(text, { file: apex, origin: wire(apex), include });
    return { apex, ttlSeconds: 0, ns: [], soa, data: { records, digest: "" }, path: apex };
  });
  const { table, problems } = buildNameTable({ zones: inputs, records: [], steered: [] });
  // NSD and Knot load no zone with records below a DNAME; BIND does, and so do we.
  const left = /leads back|is a DNAME/;
  return problems.some(({ message }) => left.test(message)) ? undefined : table;
}

const zones: { readonly apex: string; readonly text: string }[] = [];
while (zones.length < zoneCount) {
  const zone = { apex: `z${zones.length}.test`, text: randomZone(`z${zones.length}.test`) };
  if (tableOf([zone]) !== undefined) zones.push(zone);
}
const table = tableOf(zones);
assert.ok(table !== undefined);
const front = frontFor(table);

interface Judge {
  readonly port: number;
  readonly socket: Socket;
  readonly server: ChildProcess;
}
const judges = new Map<string, Judge>();
let folder = "";

before(async () => {
  if (missing !== false) return;
  folder = await mkdtemp(join(tmpdir(), "rhumb-zones-"));
  for (const { apex, text } of zones) await writeFile(join(folder, apex), text);
  await startJudge("nsd", (port) => ({
    args: ["-d", "-c", join(folder, "nsd.conf")],
    config: `server:
  ip-address: 127.0.0.1@${port}
  zonesdir: "${folder}"
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  database: ""
  username: ""
  server-count: 1
  minimal-responses: no
  rrl-ratelimit: 0
remote-control:
  control-enable: no
${zones.map(({ apex }) => `zone:\n  name: ${apex}\n  zonefile: ${apex}\n`).join("")}`,
  }));
  await startJudge("knotd", (port) => ({
    args: ["-c", join(folder, "knotd.conf")],
    config: `server:
    listen: 127.0.0.1@${port}
    rundir: "${folder}"
database:
    storage: "${folder}"
template:
  - id: default
    storage: "${folder}"
    semantic-checks: off
    zonefile-load: whole
    journal-content: none
zone:
${zones.map(({ apex }) => `  - domain: ${apex}\n    file: "${folder}/${apex}"\n`).join("")}`,
  }));
});

async function startJudge(
  program: "nsd" | "knotd",
  given: (port: number) => { readonly args: readonly string[]; readonly config: string },
): Promise<void> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  const probe = createSocket("udp4").bind(0, "127.0.0.1");
  await Promise.all([once(socket, "listening"), once(probe, "listening")]);
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  const { args, config } = given(port);
  await writeFile(join(folder, `${program}.conf`), config);
  const server = spawn(findProgram(program) ?? program, args, { stdio: "ignore" });
  const judge = { port, socket, server };
  judges.set(program, judge);
  const last = requestOf({ name: zones.at(-1)!.apex, type: "SOA" });
  for (let i = 0; i < 200; i++) {
    const reply = await ask(judge, last, 100);
    if (reply !== undefined && (reply[3]! & 15) === 0) return;
    await sleep(50);
  }
  assert.fail(`${program} does not serve the zones`);
}

after(async () => {
  for (const { server, socket } of judges.values()) {
    socket.close();
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
  }
  if (folder !== "") await rm(folder, { recursive: true });
});

async function ask(
  { port, socket }: Judge,
  request: Uint8Array,
  timeoutMs = 2000,
): Promise<Uint8Array | undefined> {
  try {
    const reply = once(socket, "message", { signal: AbortSignal.timeout(timeoutMs) });
    socket.send(request, port, "127.0.0.1");
    const [message] = (await reply) as [Uint8Array];
    return message;
  } catch {
    return undefined;
  }
}

function decode(bytes: Uint8Array | undefined): Message {
  assert.ok(bytes !== undefined);
  const message = decodeMessage(bytes);
  assert.ok(message.ok, message.ok ? "" : message.message);
  return message.value;
}

/**
 *   additional data    only of referrals: elsewhere it is a courtesy, of which each server has its
 *                      own idea (docs/dns.md has ours)
 *   authority          of NSD's positive answers the apex's NS is left out: it adds them to be kind
 */
function sections(message: Message): readonly string[] {
  const [head = "", ...lines] = formatResponse(message);
  const referral = message.answers.length === 0 && !head.includes(" aa");
  const positive = message.answers.length > 0 && !lines.some((line) => /^au .* SOA /.test(line));
  return [
    head,
    ...lines
      .filter((line) => referral || !line.startsWith("ad "))
      .filter((line) => !(positive && head.includes(" aa") && /^au \S+\.test\. \d+ NS /.test(line)))
      // Names from the zone come in its case, or in that of the question.
      .map((line) => line.toLowerCase())
      .sort(),
  ];
}

/** What an answer shows, to see that the questions reach everything. */
const shapes = {
  nxDomain: /^NXDOMAIN aa rd\nau /,
  noData: /^NOERROR aa rd\nau .* SOA /,
  referral: /^NOERROR rd\nau .* NS /,
  glue: /^NOERROR rd\nau .* NS .*\nad /s,
  dname: /^an .* DNAME .*\nan .* CNAME /m,
  chain: /^an .* CNAME .*\nan .* CNAME /m,
  lost: /^NXDOMAIN aa rd\nan .* CNAME /,
  signer: /^an .* DS /m,
} as const;

function randomQuestion(apex: string, text: string) {
  const owners = text.split("\n").flatMap((line) => /^([^$@\s]\S*) /.exec(line)?.[1] ?? []);
  const below = () => pick([...labels, "x", "y"]);
  const owner = pick([
    () => pick(owners),
    () => pick(owners),
    () => `${below()}.${pick(owners)}`,
    () => `${below()}.${below()}.${pick(owners)}`,
    () => pick(owners).split(".").slice(1).join("."),
    () => randomOwner(),
  ])();
  const type = pick([
    "A",
    "A",
    "AAAA",
    "TXT",
    "MX",
    "NS",
    "SOA",
    "DS",
    "SRV",
    "CNAME",
    "DNAME",
    "TYPE65280",
  ]);
  return { name: owner === "" ? apex : `${owner}.${apex}`, type };
}

test(`answer() agrees with NSD and Knot on random zones, seed ${seed}`, {
  skip: missing,
}, async () => {
  const seen = new Map<string, number>();
  for (const { apex, text } of zones) {
    for (let i = 0; i < questionsPerZone; i++) {
      const question = randomQuestion(apex, text);
      const request = requestOf({ ...question, edns: { payload: 1232 } });
      const answered = decode(send(front, request));
      const whole = formatResponse(answered).join("\n");
      for (const [shape, pattern] of Object.entries(shapes)) {
        if (pattern.test(whole)) seen.set(shape, (seen.get(shape) ?? 0) + 1);
      }
      const ours = sections(answered);
      for (const [name, judge] of judges) {
        const theirs = sections(decode(await ask(judge, request)));
        assert.deepEqual(ours, theirs, `${name}: ${question.name} ${question.type}\n${text}`);
      }
    }
  }
  for (const shape of Object.keys(shapes)) {
    assert.ok((seen.get(shape) ?? 0) >= 3, `${shape}: ${seen.get(shape)} answers, seed ${seed}`);
  }
});
