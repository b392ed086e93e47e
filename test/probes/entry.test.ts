/**
 * The observer's own process: `node src/parts/observer.ts --state DIR`, started, stopped, killed.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readWorld } from "../../src/link/snapshot.ts";
import { verdict } from "../../src/world/world.ts";
import { accept, isUp, observedPolicy, readWorldOf, temporaryState } from "./observed.ts";
import { closeOrigins, httpOrigin } from "./origins.ts";

const entry = fileURLToPath(new URL("../../src/parts/observer.ts", import.meta.url));
const quick = { intervalMs: 250, timeoutMs: 200, downThreshold: 1, upThreshold: 1, okThreshold: 1 };
const children: ChildProcess[] = [];

after(() => {
  for (const child of children) child.kill("SIGKILL");
  closeOrigins();
});

function start(stateDir: string): ChildProcess {
  const child = spawn(process.execPath, [entry, "--state", stateDir], { stdio: "ignore" });
  children.push(child);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | string> {
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  child.kill(signal);
  const [code, by] = await ended;
  return code ?? by ?? "";
}

test("observer ends in order on SIGTERM, with World on disk and no suspects", async () => {
  const { stateDir, remove } = temporaryState();
  const origin = await httpOrigin((_, response) => response.end());
  const child = start(stateDir);
  const reader = readWorldOf(stateDir);
  try {
    await accept(stateDir, observedPolicy([origin], { monitor: quick }));
    await reader.until((world) => isUp(world, 0));
    assert.equal(await end(child, "SIGTERM"), 0);
    const onDisk = await readWorld(stateDir);
    assert.ok(onDisk.ok && onDisk.value.endpoints.verdict[0] === verdict.up);
    assert.ok(existsSync(join(stateDir, "probes.journal")));
  } finally {
    reader.close();
    remove();
  }
});

test("observer killed by SIGSEGV is back with the verdicts it had", async () => {
  const { stateDir, remove } = temporaryState();
  let wellMs = Number.POSITIVE_INFINITY;
  const origin = await httpOrigin((_, response) => {
    if (performance.now() < wellMs) response.end();
  });
  await accept(stateDir, observedPolicy([origin], { monitor: { ...quick, downThreshold: 100 } }));
  const reader = readWorldOf(stateDir);
  try {
    let child = start(stateDir);
    await reader.until((world) => isUp(world, 0));
    // Within this, World is on disk after a change that decides.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    assert.equal(await end(child, "SIGSEGV"), "SIGSEGV");
    // From now on nothing answers: what is up at the start was remembered.
    wellMs = 0;
    let changes = 0;
    const second = readWorldOf(stateDir);
    child = start(stateDir);
    const first = await second.until(() => ++changes > 0);
    second.close();
    assert.ok(isUp(first, 0));
    await end(child, "SIGTERM");
  } finally {
    reader.close();
    remove();
  }
});

test("observer that stood still holds its own silence against nobody", async () => {
  const { stateDir, remove } = temporaryState();
  const origin = await httpOrigin((_, response) => response.end());
  await accept(stateDir, observedPolicy([origin, origin], { monitor: quick }));
  const child = start(stateDir);
  const reader = readWorldOf(stateDir);
  try {
    const before = await reader.until((world) => isUp(world, 0) && isUp(world, 1));
    for (let i = 0; i < 3; i++) {
      child.kill("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, 2600));
      child.kill("SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    const now = reader.world();
    assert.ok(now !== undefined && isUp(now, 0) && isUp(now, 1));
    assert.equal(now.generation, before.generation, "nothing changed meanwhile");
  } finally {
    reader.close();
    await end(child, "SIGTERM");
    remove();
  }
});
