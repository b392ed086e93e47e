/**
 * CPU per query of Rhumb, gdnsd and Knot's mod-geoip on the same names, in turns A B C A B C:
 * `npm run bench -- dns/server --json`. The server has one core, the load (three dnsperf: plain,
 * with ECS, over IPv6) the other; CPU is the operating system's account of the whole server
 * process. `BENCH_SECONDS`, `BENCH_TURNS`, `BENCH_SERVICES`, `BENCH_RATE` shrink it for a try.
 *
 * Mix: 10,000 names by Zipf's law in mixed case, 30 % ECS, 20 % over IPv6, 10 % NXDOMAIN. Missing
 * of the aim: cookies and response rate limiting, which Rhumb does not have yet.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { compilePolicy, gdnsd, knot, type Rival, rhumb, zone } from "./rivals.ts";

const setting = (name: string, value: number): number => Number(process.env[name] ?? value);
const seconds = setting("BENCH_SECONDS", 8);
const turns = setting("BENCH_TURNS", 5);
const services = setting("BENCH_SERVICES", 10_000);
const rate = setting("BENCH_RATE", 60_000);
const options = { services, serverCore: "1", firstPort: setting("BENCH_PORT", 15_353) };
const loadCore = "0";
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** A sequence that is the same every time. */
function drawer(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}

function writeQueries(folder: string): string {
  const draw = drawer(7);
  const cumulated: number[] = [];
  let sum = 0;
  for (let i = 0; i < services; i++) {
    sum += 1 / (i + 1);
    cumulated.push(sum);
  }
  const lines = Array.from({ length: 50_000 }, () => {
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

/** Seconds of processor time, of all threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

interface Load {
  readonly completed: number;
  readonly lost: number;
  readonly rate: number;
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
  };
}

/** ECS 8.8.8.0/24: family 1, source 24, scope 0. */
const subnet = "8:00011800080808";

async function load(port: number, queries: string, duration: number): Promise<Load> {
  const common = [
    "-d",
    queries,
    "-p",
    String(port),
    "-l",
    String(duration),
    "-c",
    "16",
    "-q",
    "200",
  ];
  const at = (address: string, share: number, more: readonly string[] = []) =>
    dnsperf([...common, "-s", address, "-Q", String(Math.round(rate * share)), ...more]);
  const parts = await Promise.all([
    at("127.0.0.1", 0.5, ["-e"]),
    at("127.0.0.1", 0.3, ["-e", "-E", subnet]),
    at("::1", 0.2, ["-e"]),
  ]);
  const sum = (of: (part: Load) => number): number => parts.reduce((total, p) => total + of(p), 0);
  return { completed: sum((p) => p.completed), lost: sum((p) => p.lost), rate: sum((p) => p.rate) };
}

const dig = (port: number, ...args: readonly string[]): string =>
  execFileSync(
    "dig",
    ["@127.0.0.1", "-p", String(port), "+short", "+tries=1", "+time=1", ...args],
    {
      encoding: "utf8",
    },
  ).trim();

async function untilAnswers(rival: Rival, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (child.exitCode !== null) throw new Error(`${rival.name} ended with ${child.exitCode}`);
    try {
      if (dig(rival.port, `s1.${zone}`).startsWith("10.")) return;
    } catch {
      // Not yet.
    }
    await sleep(200);
  }
  throw new Error(`${rival.name} does not answer`);
}

/** Equal answers for clients of several countries. */
function compareAnswers(a: Rival, b: Rival): number {
  const clients = ["8.8.8.0/24", "193.0.6.0/24", "133.11.0.0/24", "200.160.2.0/24", "81.2.69.0/24"];
  let equal = 0;
  for (const client of clients) {
    for (const service of [0, 1, services - 1]) {
      const args = [`s${service}.${zone}`, `+subnet=${client}`];
      const [one, other] = [dig(a.port, ...args), dig(b.port, ...args)];
      if (one !== other) throw new Error(`${args.join(" ")}: ${a.name} ${one}, ${b.name} ${other}`);
      equal++;
    }
  }
  return equal;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const rounded = (value: number): number => Math.round(value * 1000) / 1000;

async function measure(rivals: readonly Rival[], pids: readonly number[], queries: string) {
  const cost = rivals.map((): number[] => []);
  const rates = rivals.map((): number[] => []);
  let lost = 0;
  for (const { port } of rivals) await load(port, queries, Math.min(3, seconds));
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, rival] of rivals.entries()) {
      const before = cpuSeconds(pids[i]!);
      const { completed, lost: gone, rate: reached } = await load(rival.port, queries, seconds);
      cost[i]!.push(((cpuSeconds(pids[i]!) - before) * 1e6) / completed);
      rates[i]!.push(reached);
      lost += gone;
    }
  }
  return { cost, rates, lost };
}

const folder = mkdtempSync(join(tmpdir(), "rhumb-bench-dns-"));
const children: ChildProcess[] = [];
try {
  const settings = { ...options, folder };
  const policy = await compilePolicy(settings);
  const rivals = [rhumb(settings), gdnsd(settings, policy), knot(settings)];
  const queries = writeQueries(folder);
  for (const rival of rivals) {
    const child = rival.start();
    children.push(child);
    await untilAnswers(rival, child);
  }
  const equal = compareAnswers(rivals[0]!, rivals[1]!);
  const pids = children.map(({ pid }) => pid!);
  const { cost, rates, lost } = await measure(rivals, pids, queries);
  const ratio = median(cost[0]!.map((own, turn) => own / cost[1]![turn]!));
  const figures = Object.fromEntries(
    rivals.map(({ name }, i) => [name, rounded(median(cost[i]!))]),
  );
  const results = rivals.flatMap(({ name }, i) => [
    { name: `${name} CPU`, value: rounded(median(cost[i]!)), unit: "us/query" },
    { name: `${name} rate`, value: Math.round(median(rates[i]!)), unit: "queries/s" },
  ]);
  results.push({ name: "rhumb / gdnsd", value: rounded(ratio), unit: "ratio" });
  const summary = { ...figures, ratio: rounded(ratio), costs: cost, lost, equal };
  const conditions = { seconds, turns, services, rate, cores: cpus().length, load: loadavg()[0] };
  console.log(JSON.stringify({ results, summary: { ...summary, ...conditions } }));
} finally {
  for (const child of children) child.kill();
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
  await Promise.all(running.map((child) => once(child, "close")));
  if (readdirSync(folder).length > 0) rmSync(folder, { recursive: true, force: true });
}
