/**
 * The observer among hostile origins, both in processes of their own: every verdict is right, the
 * well-behaved are asked in time, and memory and processor time stay bounded.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { request } from "../../src/link/client.ts";
import { partSocket } from "../../src/link/paths.ts";
import type { Monitor } from "../../src/policy/policy.ts";
import { failureAt } from "../../src/world/failures.ts";
import { decodeWorld } from "../../src/world/frame.ts";
import { verdict, type World } from "../../src/world/world.ts";
import { hostile, wellBehaved } from "./hostile-origins.ts";
import { accept, observedPolicy, readWorldOf, temporaryState } from "./observed.ts";

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const intervalMs = 500;
/** Under fire, after which figures are read. */
const underFireMs = 4000;
const skip = process.platform === "linux" ? false : "reads /proc";

/** Resident memory in MiB, and processor time so far in ms. */
function figures(pid: number): { readonly memory: number; readonly cpuMs: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const [, stat = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const ticks = stat.split(" ");
  return {
    memory: Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1]) / 1024,
    cpuMs: (Number(ticks[11]) + Number(ticks[12])) * 10,
  };
}

async function withOrigins(
  play: (origins: {
    readonly ports: Readonly<Record<string, number>>;
    /** Ends them: when the well-behaved were asked. */
    readonly end: () => Promise<Readonly<Record<string, readonly number[]>>>;
  }) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, [path("hostile-origins.ts")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<never> => JSON.parse(String((await lines.next()).value)) as never;
  try {
    const ports = await line();
    await play({
      ports,
      end: () => {
        child.stdin.end();
        return line();
      },
    });
  } finally {
    await kill(child, "SIGKILL");
  }
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

async function attack(monitor: Partial<Monitor>, context: { diagnostic(text: string): void }) {
  const names = [...Object.keys(hostile), ...wellBehaved];
  let world: World | undefined;
  let asked: Readonly<Record<string, readonly number[]>> = {};
  await withOrigins(async ({ ports, end }) => {
    const { stateDir, remove } = temporaryState();
    const quick = { intervalMs, timeoutMs: 400, downThreshold: 2, upThreshold: 2, okThreshold: 2 };
    const endpoints = names.map((name) => ({ port: ports[name] ?? 0 }));
    await accept(stateDir, observedPolicy(endpoints, { monitor: { ...quick, ...monitor } }));
    const script = path("../../src/parts/observer.ts");
    const observer = spawn(process.execPath, [script, "--state", stateDir], { stdio: "ignore" });
    const reader = readWorldOf(stateDir);
    try {
      await reader.until(({ endpoints: { verdict: now } }) => !now.includes(verdict.unknown));
      const before = figures(observer.pid ?? 0);
      await new Promise((resolve) => setTimeout(resolve, underFireMs));
      const after = figures(observer.pid ?? 0);
      const busy = (after.cpuMs - before.cpuMs) / underFireMs;
      context.diagnostic(`${busy.toFixed(2)} of a core, ${after.memory.toFixed(0)} MiB at most`);
      assert.ok(after.memory < 300, `${after.memory} MiB`);
      assert.ok(busy < 0.8, `${busy} of a core`);
      // Whole: a change says only what decides, and a reason does not.
      const reply = await request(
        partSocket(stateDir, "observer"),
        { name: "world", input: {} },
        { timeoutMs: 5000, entropy: systemEntropy() },
      );
      world = reply.ok ? decodeWorld(reply.value.world) : undefined;
      asked = await end();
      assert.equal(observer.exitCode, null, "it lives");
    } finally {
      reader.close();
      await kill(observer, "SIGTERM");
      remove();
    }
  });
  const failures = names.map((name, row) => {
    const isUp = world?.endpoints.verdict[row] === verdict.up;
    return [name, isUp ? "up" : failureAt(world?.endpoints.failure[row] ?? 0)] as const;
  });
  return { failures: Object.fromEntries(failures), asked };
}

test("observer judges hostile HTTP origins, and asks the others in time", { skip }, async (t) => {
  const { failures, asked } = await attack({ expectBody: "all is well" }, t);
  for (const [name, { finds }] of Object.entries(hostile)) {
    // A reset may come while the system still connects.
    const found = failures[name]?.replace("connect.reset", "http.closed");
    assert.equal(found, finds, name);
  }
  for (const name of wellBehaved) {
    assert.equal(failures[name], "up", name);
    const times = asked[name] ?? [];
    const gaps = times.slice(1).map((at, i) => at - times[i]!);
    t.diagnostic(`${name}: longest gap ${Math.max(...gaps).toFixed(0)} ms`);
    assert.ok(Math.max(...gaps) < 2 * intervalMs, "nobody misses two intervals");
  }
});

test("observer survives hostile TLS origins", { skip }, async (t) => {
  const { failures } = await attack({ kind: "https", verifyTls: false }, t);
  for (const [name, failure] of Object.entries(failures)) {
    assert.match(failure, /^tls\.(failed|timeout)$|^connect\.reset$/, name);
  }
});
