/** An origin that crashes the observer natively is found and quarantined; nobody else is missed. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Server } from "node:net";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { request } from "../../src/link/client.ts";
import { partSocket } from "../../src/link/paths.ts";
import { failureAt } from "../../src/world/failures.ts";
import { decodeWorld } from "../../src/world/frame.ts";
import { accept, isUp, observedPolicy, readWorldOf, temporaryState } from "./observed.ts";
import { poisonStatus } from "./poisoned-probe.ts";

const count = 200;
const poisoned = 137;
const intervalMs = 2000;
/** Slow enough that many probes are under way at any moment, so that a crash has many suspects. */
const answerMs = 400;

const servers: Server[] = [];
const asked: number[][] = [];
after(() => {
  for (const server of servers) server.close();
});

async function slowOrigin(index: number, status: () => number): Promise<number> {
  const times: number[] = [];
  asked[index] = times;
  const server = createServer((socket) => {
    times.push(performance.now());
    socket.on("error", () => {});
    socket.resume();
    const answer = () => socket.end(`HTTP/1.1 ${status()} x\r\nContent-Length: 0\r\n\r\n`);
    setTimeout(answer, answerMs);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

/** Starts the observer again whenever it ends, as its supervisor does. */
function supervise(stateDir: string) {
  const entry = fileURLToPath(new URL("poisoned-observer.ts", import.meta.url));
  const ends: string[] = [];
  let child: ChildProcess | undefined;
  let over = false;
  const start = (): void => {
    if (over) return;
    child = spawn(process.execPath, [entry, stateDir], { stdio: ["ignore", "inherit", "ignore"] });
    child.on("exit", (code, signal) => {
      ends.push(signal ?? `exit ${code}`);
      setTimeout(start, 50);
    });
  };
  start();
  return {
    ends,
    stop() {
      over = true;
      child?.kill("SIGKILL");
    },
  };
}

test("an origin that crashes the prober is quarantined and no other misses two intervals", async (t) => {
  const { stateDir, remove } = temporaryState();
  let poison = false;
  const ports: number[] = [];
  for (let index = 0; index < count; index++) {
    ports.push(await slowOrigin(index, () => (index === poisoned && poison ? poisonStatus : 200)));
  }
  // Any other status is refused, and so its number reaches the result.
  const monitor = { intervalMs, timeoutMs: 1500, expectStatus: [[200, 200]] as const };
  await accept(
    stateDir,
    observedPolicy(
      ports.map((port) => ({ port })),
      { monitor },
    ),
  );
  const supervisor = supervise(stateDir);
  const reader = readWorldOf(stateDir);
  try {
    await reader.until((world) => ports.every((_, row) => isUp(world, row)), 15_000);
    const settledAt = performance.now();
    poison = true;
    await reader.until((world) => world.endpoints.quarantined[poisoned] === 1, 20_000);
    const foundMs = performance.now() - settledAt;
    await new Promise((resolve) => setTimeout(resolve, 2 * intervalMs));
    const world = reader.world();
    assert.ok(world !== undefined);
    assert.deepEqual([...world.endpoints.quarantined].filter(Boolean), [1], "nobody else");
    assert.ok(ports.every((_, row) => row === poisoned || isUp(world, row)));
    const gaps = asked.flatMap((times, index) =>
      index === poisoned ? [] : gapsOf(times, settledAt),
    );
    const longest = Math.max(...gaps);
    t.diagnostic(
      `found in ${Math.round(foundMs)} ms; ended ${supervisor.ends.join(", ")}; ` +
        `longest gap ${Math.round(longest)} ms of ${intervalMs}`,
    );
    assert.deepEqual(supervisor.ends, ["SIGABRT"], "sandboxes took the other crashes");
    assert.ok(longest < 3 * intervalMs, `${longest} ms without a probe`);
    const last = asked[poisoned]?.at(-1) ?? 0;
    assert.ok(performance.now() - last > intervalMs, "it is not probed any more");
    const reply = await request(
      partSocket(stateDir, "observer"),
      { name: "world", input: {} },
      { timeoutMs: 3000, entropy: systemEntropy() },
    );
    const whole = reply.ok ? decodeWorld(reply.value.world) : undefined;
    assert.equal(failureAt(whole?.endpoints.failure[poisoned] ?? 0), "probe.crashed");
  } finally {
    supervisor.stop();
    reader.close();
    remove();
  }
});

/** Between one probe and the next, from `fromMs` to now. */
function gapsOf(times: readonly number[], fromMs: number): readonly number[] {
  const all = [...times.filter((time) => time >= fromMs - intervalMs), performance.now()];
  return all.slice(1).map((time, index) => time - (all[index] ?? time));
}
