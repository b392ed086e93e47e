/**
 * CPU per query of Rhumb, gdnsd and Knot's mod-geoip on the same names, in turns A B C A B C, and
 * p99 latency at half the load: `npm run bench -- dns --json`. The server has one core, the load
 * (server/load.ts) the other; CPU is the operating system's account of the whole server process.
 * `BENCH_SECONDS`, `BENCH_TURNS`, `BENCH_SERVICES`, `BENCH_RATE` shrink it for a try.
 *
 * Mix: 10,000 names by Zipf's law in mixed case, 30 % ECS, 20 % over IPv6, 10 % NXDOMAIN, 5 % with
 * cookies. Answers of Rhumb and gdnsd are compared before, and both checked all the while.
 */
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  drawer,
  type Expected,
  type Load,
  probeAnswers,
  sendLoad,
  writeQueries,
} from "./server/load.ts";
import { compilePolicy, gdnsd, knot, type Rival, rhumb, zone } from "./server/rivals.ts";

const setting = (name: string, value: number): number => Number(process.env[name] ?? value);
const seconds = setting("BENCH_SECONDS", 8);
const turns = setting("BENCH_TURNS", 5);
const services = setting("BENCH_SERVICES", 10_000);
const rate = setting("BENCH_RATE", 60_000);
const options = { services, serverCore: "1", firstPort: setting("BENCH_PORT", 15_353) };
const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Seconds of processor time, of all threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

const dig = (port: number, ...args: readonly string[]): string =>
  execFileSync(
    "dig",
    ["@127.0.0.1", "-p", String(port), "+short", "+tries=2", "+time=1", ...args],
    { encoding: "utf8" },
  ).trim();

async function untilAnswers(rival: Rival, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 1500; i++) {
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

/** Networks in countries all over the world. */
const networks = [
  [8, 8, 8],
  [193, 0, 6],
  [133, 11, 0],
  [200, 160, 2],
  [81, 2, 69],
  [196, 216, 2],
  [1, 1, 1],
] as const;

/** What both say, for every network and a few services; throws where they differ. */
function agreed(a: Rival, b: Rival): readonly Expected[] {
  const draw = drawer(11);
  const chosen = [0, 1, services - 1, Math.floor(draw() * services), Math.floor(draw() * services)];
  return networks.flatMap((network) =>
    chosen.map((service) => {
      const args = [`s${service}.${zone}`, `+subnet=${network.join(".")}.0/24`];
      const [one, other] = [dig(a.port, ...args), dig(b.port, ...args)];
      if (one !== other) throw new Error(`${args.join(" ")}: ${a.name} ${one}, ${b.name} ${other}`);
      return { service, network, address: one };
    }),
  );
}

const middle = (values: readonly number[], share = 0.5): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** One load on one server, answers checked unless its answers are its own. */
async function run(
  { port }: Rival,
  of: { readonly queries: string; readonly expected: readonly Expected[]; readonly half?: true },
): Promise<Load & { readonly checked: number }> {
  const { queries, expected, half } = of;
  const end = new AbortController();
  const probing = expected.length === 0 ? 0 : probeAnswers(port, expected, end.signal);
  const more = half === undefined ? {} : { timed: true };
  const load = await sendLoad({
    port,
    queries,
    seconds,
    rate: half === undefined ? rate : rate / 2,
    ...more,
  });
  end.abort();
  return { ...load, checked: await probing };
}

async function measure(
  rivals: readonly Rival[],
  pids: readonly number[],
  of: { readonly queries: string; readonly expected: readonly Expected[] },
) {
  const cost = rivals.map((): number[] => []);
  const rates = rivals.map((): number[] => []);
  const late = rivals.map((): number[] => []);
  const lost = rivals.map(() => 0);
  let checked = 0;
  const expectedOf = (i: number) => (rivals[i]?.name === "knot" ? [] : of.expected);
  for (const { port } of rivals) {
    await sendLoad({ port, queries: of.queries, seconds: Math.min(3, seconds), rate });
  }
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, rival] of rivals.entries()) {
      const before = cpuSeconds(pids[i]!);
      const load = await run(rival, { queries: of.queries, expected: expectedOf(i) });
      cost[i]!.push(((cpuSeconds(pids[i]!) - before) * 1e6) / (load.completed + load.checked));
      rates[i]!.push(load.rate);
      lost[i]! += load.lost;
      checked += load.checked;
      const timed = await run(rival, { queries: of.queries, expected: expectedOf(i), half: true });
      late[i]!.push(middle(timed.latencies, 0.99) * 1000);
      checked += timed.checked;
    }
  }
  return { cost, rates, late, lost, checked };
}

const folder = mkdtempSync(join(tmpdir(), "rhumb-bench-dns-"));
const children: ChildProcess[] = [];
try {
  const settings = { ...options, folder };
  const policy = await compilePolicy(settings);
  const rivals = [rhumb(settings), gdnsd(settings, policy), knot(settings)];
  const queries = writeQueries(folder, services);
  for (const rival of rivals) {
    const child = rival.start();
    children.push(child);
    await untilAnswers(rival, child);
  }
  const expected = agreed(rivals[0]!, rivals[1]!);
  const pids = children.map(({ pid }) => pid!);
  const { cost, rates, late, lost, checked } = await measure(rivals, pids, { queries, expected });
  const ratio = rounded(middle(cost[0]!.map((own, turn) => own / cost[1]![turn]!)));
  const byName = (values: readonly number[]): Record<string, number> =>
    Object.fromEntries(rivals.map(({ name }, i) => [name, rounded(values[i]!)]));
  const p99ms = byName(late.map((values) => middle(values)));
  const figures = byName(cost.map((values) => middle(values)));
  const results = rivals.flatMap(({ name }, i) => [
    { name: `${name} CPU`, value: figures[name]!, unit: "us/query" },
    { name: `${name} rate`, value: Math.round(middle(rates[i]!)), unit: "queries/s" },
    { name: `${name} p99 at half load`, value: p99ms[name]!, unit: "ms" },
  ]);
  results.push({ name: "rhumb / gdnsd", value: ratio, unit: "ratio" });
  const conditions = { seconds, turns, services, rate, cores: cpus().length, load: loadavg()[0] };
  const measured = { costs: cost, lost: byName(lost), checked, equal: expected.length };
  console.log(
    JSON.stringify({ results, summary: { ...figures, ratio, p99ms, ...measured, ...conditions } }),
  );
} finally {
  for (const child of children) child.kill();
  const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
  await Promise.all(running.map((child) => once(child, "close")));
  rmSync(folder, { recursive: true, force: true });
}
