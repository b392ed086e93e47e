/**
 * 10,000 endpoints at 5 s: what the observer costs at 2,000 probes a second, over real sockets, and
 * how evenly the probes start. The whole of it is measured - schedule, socket, journal, step of
 * World - with the origins in a process of their own. Promised: 0.6 of a core, and no 100 ms with
 * over twice the mean number of starts.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { Origins } from "../../src/parts/observer-probes.ts";
import { WorldKeeper } from "../../src/parts/observer-world.ts";
import type { Monitor } from "../../src/policy/policy.ts";
import type { Probe } from "../../src/probes/probe.ts";
import { createProber } from "../../src/probes/prober.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { observedPolicy } from "../../test/probes/observed.ts";

const endpoints = 10_000;
const intervalMs = 5000;
const warmUpMs = 7000;
const measureMs = 10_000;
const ports = 8;
const perWindow = (endpoints / intervalMs) * 100;

if (process.argv[2] === "origins") serveOrigins();
else
  console.log(JSON.stringify({ results: [...(await measure("tcp")), ...(await measure("http"))] }));

function serveOrigins(): void {
  const answer = Buffer.from(
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n",
  );
  const serve = (socket: Socket): void => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end(answer));
  };
  for (let i = 0; i < ports; i++) {
    const server = createServer(serve);
    server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
      process.send?.((server.address() as { port: number }).port);
    });
  }
  process.on("disconnect", () => process.exit(0));
}

async function measure(kind: Monitor["kind"]) {
  const child = fork(fileURLToPath(import.meta.url), ["origins"]);
  const folder = mkdtempSync(join(tmpdir(), "rhumb-bench-"));
  try {
    return await measureAgainst(kind, { open: await openPorts(child), folder });
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function openPorts(child: ChildProcess): Promise<readonly number[]> {
  const open: number[] = [];
  return new Promise((resolve) => {
    child.on("message", (port: number) => {
      open.push(port);
      if (open.length === ports) resolve(open);
    });
  });
}

async function measureAgainst(
  kind: Monitor["kind"],
  scene: { readonly open: readonly number[]; readonly folder: string },
) {
  const entropy = systemEntropy();
  const sketches = Array.from({ length: endpoints }, (_, i) => ({ port: scene.open[i % ports]! }));
  const base = observedPolicy(sketches, { monitor: { kind, intervalMs, timeoutMs: 1000 } });
  // One origin each, though they share addresses.
  const policy = {
    ...base,
    endpoints: base.endpoints.map((endpoint, i) => ({ ...endpoint, identity: `${kind} ${i}` })),
  };
  const world = initialWorld(policy, entropy.now());
  const keeper = new WorldKeeper({ entropy, policy, world, onStep: () => {}, onStall: () => {} });
  const starts: number[] = [];
  const prober = createProber({ entropy });
  const probe: Probe = (request, handlers) => {
    starts.push(performance.now());
    return prober(request, handlers);
  };
  const counts = { ok: 0, failed: 0, void: 0 };
  const origins = new Origins({
    entropy,
    keeper,
    probe,
    lookUp: { ask: () => {}, cancel: () => {} },
    sandboxEntry: "",
    journalPath: join(scene.folder, "probes.journal"),
    log: silentLogger(),
    onResult: (result) => {
      counts[result.outcome]++;
    },
  });
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  starts.length = 0;
  const before = process.cpuUsage();
  const fromMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const cpu = process.cpuUsage(before);
  const seconds = (performance.now() - fromMs) / 1000;
  const cores = (cpu.user + cpu.system) / 1e6 / seconds;
  const perSecond = starts.length / seconds;
  const most = busiest(starts, 100);
  origins.stop();
  keeper.stop();
  const round = (value: number) => Math.round(value * 1000) / 1000;
  return [
    { name: `${kind} probes`, value: round(perSecond), unit: "1/s" },
    { name: `${kind} cpu`, value: round(cores), unit: "cores" },
    {
      name: `${kind} cpu for 1,000 probes/s`,
      value: round((cores / perSecond) * 1000),
      unit: "cores",
    },
    { name: `${kind} busiest 100 ms over mean`, value: round(most / perWindow), unit: "ratio" },
    { name: `${kind} probes not ok`, value: counts.failed + counts.void, unit: "count" },
  ];
}

/** The most starts in any window of `windowMs` that begins with one. */
function busiest(starts: readonly number[], windowMs: number): number {
  let most = 0;
  for (let first = 0, last = 0; first < starts.length; first++) {
    while (last < starts.length && starts[last]! < starts[first]! + windowMs) last++;
    most = Math.max(most, last - first);
  }
  return most;
}
