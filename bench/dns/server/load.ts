/**
 * The load of ../server.ts: queries by Zipf's law in mixed case, sent by four dnsperf on a core of
 * their own (plain, with a client subnet, over IPv6, with a cookie), and a prober beside them that
 * checks the answers.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeMessage, encodeMessage, encodeOptions } from "../../../src/wire/dns-message.ts";
import { parseName } from "../../../src/wire/dns-name.ts";
import { zone } from "./rivals.ts";

const loadCore = "0";

/** A sequence that is the same every time. */
export function drawer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

export function writeQueries(folder: string, services: number): string {
  const draw = drawer(7);
  const cumulated: number[] = [];
  let sum = 0;
  for (let i = 0; i < services; i++) {
    sum += 1 / (i + 1);
    cumulated.push(sum);
  }
  const lines = Array.from({ length: 100_000 }, () => {
    const at = draw() * sum;
    let low = 0;
    for (let high = services - 1; low < high; ) {
      const middle = (low + high) >> 1;
      if (cumulated[middle]! < at) low = middle + 1;
      else high = middle;
    }
    const name = draw() < 0.1 ? `none${low}.${zone}` : `s${low}.${zone}`;
    return `${Array.from(name, (c) => (draw() < 0.5 ? c.toUpperCase() : c)).join("")} A`;
  });
  const file = join(folder, "queries");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

export interface Load {
  readonly completed: number;
  readonly lost: number;
  readonly rate: number;
  /** Seconds, where each response was timed. */
  readonly latencies: readonly number[];
}

async function dnsperf(args: readonly string[]): Promise<Load> {
  const child = spawn("taskset", ["-c", loadCore, "dnsperf", ...args, "-S", "0"]);
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  await once(child, "close");
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);
  return {
    completed: number(/Queries completed:\s+(\d+)/),
    lost: number(/Queries lost:\s+(\d+)/),
    rate: number(/Queries per second:\s+([\d.]+)/),
    latencies: [...text.matchAll(/^> \S+ \S+ \S+ ([\d.]+)/gm)].map(([, seconds]) =>
      Number(seconds),
    ),
  };
}

/** ECS 8.8.8.0/24: family 1, source 24, scope 0. A client's cookie. */
const subnet = "8:00011800080808";
const cookie = "10:2464c4abcf10c957";

export async function sendLoad(of: {
  readonly port: number;
  readonly queries: string;
  readonly seconds: number;
  readonly rate: number;
  /** A thousand queries a second more, each of them timed. */
  readonly timed?: boolean;
}): Promise<Load> {
  const { port, queries, seconds, rate, timed = false } = of;
  const at = (address: string, perSecond: number, more: readonly string[] = []) =>
    dnsperf([
      ...["-d", queries, "-p", String(port), "-l", String(seconds), "-q", "200", "-s", address],
      ...["-Q", String(Math.round(perSecond)), ...more],
    ]);
  const clients = ["-c", "16"];
  const parts = await Promise.all([
    at("127.0.0.1", rate * 0.45, [...clients, "-e"]),
    at("127.0.0.1", rate * 0.3, [...clients, "-e", "-E", subnet]),
    at("::1", rate * 0.2, [...clients, "-e"]),
    at("127.0.0.1", rate * 0.05, [...clients, "-e", "-E", cookie]),
    ...(timed ? [at("127.0.0.1", 1000, ["-c", "4", "-e", "-v"])] : []),
  ]);
  const sum = (part: (of: Load) => number): number =>
    parts.reduce((total, each) => total + part(each), 0);
  return {
    completed: sum((part) => part.completed),
    lost: sum((part) => part.lost),
    rate: sum((part) => part.rate),
    latencies: parts.flatMap((part) => part.latencies),
  };
}

/** What a service answers to a client's network. */
export interface Expected {
  readonly service: number;
  /** Three octets of a /24. */
  readonly network: readonly [number, number, number];
  readonly address: string;
}

function requestOf(id: number, { service, network }: Expected): Uint8Array {
  const name = parseName(`S${service}.${zone.toUpperCase()}.`);
  if (!name.ok) throw new Error(name.message);
  const data = Uint8Array.of(0, 1, 24, 0, ...network);
  const opt = { name: new Uint8Array(1), type: 41, class: 1232, ttl: 0 };
  return encodeMessage({
    id,
    flags: 0,
    questions: [{ name: name.value, type: 1, class: 1 }],
    answers: [],
    authorities: [],
    additionals: [{ ...opt, rdata: encodeOptions([{ code: 8, data }]) }],
  });
}

/**
 * Asks 50 times a second until `end`, and checks every answer. Returns how many there were; throws
 * at a wrong one.
 */
export async function probeAnswers(
  port: number,
  expected: readonly Expected[],
  end: AbortSignal,
): Promise<number> {
  const socket = createSocket("udp4");
  let checked = 0;
  let wrong = "";
  socket.on("message", (bytes) => {
    const decoded = decodeMessage(bytes);
    const of = decoded.ok ? expected[decoded.value.id] : undefined;
    const found = decoded.ok ? decoded.value.answers.map(({ rdata }) => rdata.join(".")) : [];
    if (of !== undefined && found.length === 1 && found[0] === of.address) checked++;
    else wrong = `port ${port}: ${found.join()} instead of ${JSON.stringify(of)}`;
  });
  for (let i = 0; !end.aborted && wrong === ""; i++) {
    const id = i % expected.length;
    socket.send(requestOf(id, expected[id]!), port, "127.0.0.1");
    await sleep(20);
  }
  await sleep(50);
  socket.close();
  if (wrong !== "") throw new Error(wrong);
  return checked;
}
