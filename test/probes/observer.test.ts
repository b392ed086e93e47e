/** The observer as its readers see it: over its socket, with real origins, in one process. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { getVerdicts, listAudit, listOverrides } from "../../src/control/records.ts";
import { openSqliteStore } from "../../src/control/sqlite.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import { request } from "../../src/link/client.ts";
import type { CommandInput, CommandName } from "../../src/link/messages.ts";
import { partSocket, statePaths } from "../../src/link/paths.ts";
import { readWorld } from "../../src/link/snapshot.ts";
import { type ObserverOptions, runObserver } from "../../src/parts/observer.ts";
import type { LookUpResult } from "../../src/probes/look-up.ts";
import { failureAt } from "../../src/world/failures.ts";
import { decodeWorld } from "../../src/world/frame.ts";
import { forced, verdict, type World } from "../../src/world/world.ts";
import {
  accept,
  isDown,
  isUp,
  observedPolicy,
  readWorldOf,
  temporaryState,
  type WorldReader,
} from "./observed.ts";
import { closeOrigins, httpOrigin, type Origin } from "./origins.ts";

const entropy = systemEntropy();
const quick = { intervalMs: 250, timeoutMs: 200, downThreshold: 2, upThreshold: 2, okThreshold: 2 };

after(() => closeOrigins());

interface Scene {
  readonly stateDir: string;
  readonly reader: WorldReader;
  /** Stops the observer, and starts another on the same folder. */
  readonly restart: (options?: { readonly betweenRuns: () => void }) => Promise<void>;
  readonly command: <Name extends CommandName>(
    name: Name,
    input: CommandInput<Name>,
  ) => ReturnType<typeof request<Name>>;
}

async function scene(
  play: (scene: Scene) => Promise<void>,
  options: Partial<ObserverOptions> = {},
): Promise<void> {
  const { stateDir, remove } = temporaryState();
  const start = () =>
    runObserver({ stateDir, entropy, log: silentLogger(), registry: createRegistry(), ...options });
  let observer = await start();
  const reader = readWorldOf(stateDir);
  try {
    await play({
      stateDir,
      reader,
      async restart(options) {
        await observer.stop();
        options?.betweenRuns();
        observer = await start();
      },
      command: (name, input) =>
        request(partSocket(stateDir, "observer"), { name, input }, { timeoutMs: 3000, entropy }),
    });
  } finally {
    reader.close();
    await observer.stop();
    remove();
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`never: ${what}`);
}

/** An origin that can be ill, counting what it is asked. */
async function origin(): Promise<Origin & { status: number; asked: number }> {
  const state = { status: 200, asked: 0 };
  const made = await httpOrigin((_, response) => {
    state.asked++;
    response.statusCode = state.status;
    response.end();
  });
  return Object.assign(state, made);
}

test("observer publishes what its probes find, from unknown to up to down and back", () =>
  scene(async ({ stateDir, reader, command }) => {
    const [well, ill] = [await origin(), await origin()];
    ill.status = 503;
    await accept(stateDir, observedPolicy([well, ill], { monitor: quick }));
    await reader.until((world) => isUp(world, 0) && isDown(world, 1));
    const reply = await command("world", {});
    const whole = reply.ok ? decodeWorld(reply.value.world) : undefined;
    assert.equal(failureAt(whole?.endpoints.failure[1] ?? 0), "http.status");
    assert.ok((whole?.endpoints.latencyMs[0] ?? Number.NaN) < 1000);
    well.status = 500;
    ill.status = 200;
    await reader.until((world) => isDown(world, 0) && isUp(world, 1));
    well.status = 200;
    await reader.until((world) => isUp(world, 0));
  }));

test("observer carries World to the next policy by identity", () =>
  scene(async ({ stateDir, reader }) => {
    const [a, b, c] = [await origin(), await origin(), await origin()];
    await accept(stateDir, observedPolicy([a, b], { monitor: quick }));
    const before = await reader.until((world) => isUp(world, 0) && isUp(world, 1));
    const next = observedPolicy([c, b], { monitor: quick, revision: 1 });
    await accept(stateDir, next);
    const carried = await reader.until((world) => world.policyDigest === next.digest);
    assert.equal(carried.endpoints.verdict[1], verdict.up, "known from before");
    assert.ok(carried.generation > before.generation);
    await reader.until((world) => isUp(world, 0));
    const asked = a.asked;
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(a.asked, asked, "what the policy no longer has is not probed");
  }));

test("observer keeps verdicts and overrides across a restart, without a probe between", () =>
  scene(async ({ stateDir, reader, restart, command }) => {
    const [a, b] = [await origin(), await origin()];
    // Twice an hour: nothing but the first round happens in this test.
    const rare = { ...quick, intervalMs: 1_800_000 };
    b.status = 500;
    await accept(stateDir, observedPolicy([a, b], { monitor: rare }));
    await reader.until((world) => isUp(world, 0) && isDown(world, 1));
    const drained = await command("override", {
      kind: "drain",
      target: "shop/fra",
      reason: "maintenance",
      author: "tester",
      forMs: 60_000,
    });
    assert.ok(drained.ok);
    await reader.until((world) => world.endpoints.forced[0] === forced.drain);
    const onDisk = await readWorld(stateDir);
    assert.ok(onDisk.ok && onDisk.value.overrides.length === 1, "acknowledged means on disk");
    const asked = a.asked + b.asked;
    await restart();
    await reader.until(
      (world) => isUp(world, 0) && isDown(world, 1) && world.overrides.length === 1,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(a.asked + b.asked, asked, "results younger than the interval stand");
    const lifted = await command("lift", { target: "shop/fra", author: "tester" });
    assert.ok(lifted.ok && lifted.value.lifted[0]?.id === drained.value.override.id);
    await reader.until((world) => world.endpoints.forced[0] === forced.none);
  }));

test("observer takes overrides while its disk takes nothing, says so, and writes them later", () =>
  scene(async ({ stateDir, reader, restart, command }) => {
    const well = await origin();
    await accept(stateDir, observedPolicy([well], { monitor: quick }));
    await reader.until((world) => isUp(world, 0));
    // A folder that is not empty cannot be replaced by a file, not even by root.
    const { worldSnapshot } = statePaths(stateDir);
    rmSync(worldSnapshot);
    mkdirSync(join(worldSnapshot, "in the way"), { recursive: true });
    const word = { kind: "drain", reason: "test", author: "ann", forMs: 3_600_000 } as const;
    const given = await command("override", { ...word, target: "shop" });
    assert.ok(given.ok && !given.value.onDisk, "in force, and not called kept");
    await reader.until((world) => world.endpoints.forced[0] === forced.drain);
    rmSync(worldSnapshot, { recursive: true });
    await until("World is on disk", async () => (await readWorld(stateDir)).ok);
    await restart();
    await until("it is lifted, on disk", async () => {
      const lifted = await command("lift", { target: "shop", author: "ann" });
      return lifted.ok && lifted.value.onDisk;
    });
  }));

test("observer records overrides and verdicts, and reads overrides back when World is lost", () =>
  scene(async ({ stateDir, reader, restart, command }) => {
    const a = await origin();
    await accept(stateDir, observedPolicy([a], { monitor: quick }));
    await reader.until((world) => isUp(world, 0));
    const word = { kind: "freeze", reason: "r", author: "ann", forMs: 60_000 } as const;
    const given = await command("override", { ...word, target: "shop" });
    const other = await command("override", { ...word, target: "shop/fra" });
    assert.ok(given.ok && other.ok);
    assert.ok((await command("lift", { target: "shop/fra", author: "bob" })).ok);
    // Verdicts are written a second after they change.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await restart();
    const store = await openSqliteStore(statePaths(stateDir).store, { entropy });
    assert.ok(store.ok);
    assert.deepEqual(await listOverrides(store.store), [given.value.override]);
    const verdicts = await getVerdicts(store.store, "shop");
    assert.deepEqual(
      verdicts?.endpoints.map(({ state }) => state),
      ["up"],
    );
    const trail = await listAudit(store.store, 10);
    assert.deepEqual(
      trail.map(({ action, author, target }) => [action, author, target]),
      [
        ["lift", "bob", "pool:shop/fra"],
        ["override", "ann", "pool:shop/fra"],
        ["override", "ann", "service:shop"],
      ],
    );
    await store.store.close();
    await restart({
      betweenRuns: () => writeFileSync(statePaths(stateDir).worldSnapshot, "damaged"),
    });
    await reader.until((world) => world.overrides.length === 1 && world.endpoints.frozen[0] === 1);
  }));

test("observer refuses commands it cannot carry out, saying why", () =>
  scene(async ({ stateDir, reader, command }) => {
    const word = { kind: "drain", reason: "r", author: "a", forMs: 60_000 } as const;
    const early = await command("override", { ...word, target: "shop" });
    assert.ok(!early.ok && early.reason === "refused" && early.refusal.code === "unavailable");
    const a = await origin();
    await accept(stateDir, observedPolicy([a], { monitor: quick }));
    await reader.until((world) => isUp(world, 0));
    const nobody = await command("override", { ...word, target: "shpo" });
    assert.ok(!nobody.ok && nobody.reason === "refused" && nobody.refusal.code === "not-found");
    assert.match(nobody.refusal.message, /did you mean shop/);
    const long = await command("override", { ...word, target: "shop", forMs: 48 * 3_600_000 });
    assert.ok(!long.ok && long.reason === "refused" && long.refusal.code === "invalid");
    const awake = await command("override", { ...word, kind: "activate", target: "shop" });
    assert.ok(!awake.ok && awake.reason === "refused" && awake.refusal.code === "invalid");
    assert.match(awake.refusal.message, /no standby that waits/);
    const none = await command("lift", { target: "shop", author: "a" });
    assert.ok(!none.ok && none.reason === "refused" && none.refusal.code === "not-found");
    const whole = await command("world", {});
    assert.ok(whole.ok && whole.value.policyDigest === reader.world()?.policyDigest);
  }));

test("observer goes on with the policy it has when the next one is damaged", () =>
  scene(async ({ stateDir, reader }) => {
    const a = await origin();
    const policy = observedPolicy([a], { monitor: quick });
    await accept(stateDir, policy);
    await reader.until((world) => isUp(world, 0));
    const { current } = statePaths(stateDir);
    const pointer = readFileSync(current, "utf8");
    writeFileSync(current, pointer.replace(policy.digest, "0".repeat(64)));
    a.status = 500;
    await reader.until((world) => isDown(world, 0) && world.policyDigest === policy.digest);
  }));

test("observer resolves host names ahead and keeps the last known good", async () => {
  const here = { kind: "addresses", addresses: [Uint8Array.of(127, 0, 0, 1)] } as const;
  const gone: LookUpResult = { kind: "none", reason: "NXDOMAIN", nameExists: false };
  let answer: LookUpResult = { ...here, ttlSeconds: 0 };
  const lookUp = {
    ask: (host: string, family: 4 | 6, done: (result: LookUpResult) => void) => {
      const empty: LookUpResult = { kind: "none", reason: "empty answer", nameExists: true };
      const found = host === "never.test" ? gone : answer;
      entropy.after(5, () => done(family === 6 && found !== gone ? empty : found));
    },
    cancel: () => {},
  };
  await scene(
    async ({ stateDir, reader, restart, command }) => {
      const a = await origin();
      const hosts = [
        { host: "a.test", port: a.port },
        { host: "never.test", port: a.port },
      ];
      await accept(stateDir, observedPolicy(hosts, { monitor: quick }));
      const first = await reader.until((world) => isUp(world, 0) && isDown(world, 1));
      assert.deepEqual(first.resolved.get(0)?.ipv4, [Uint8Array.of(127, 0, 0, 1)]);
      answer = gone;
      await restart();
      const asked = a.asked;
      // Why addresses are old decides nothing, so it is not streamed: it is asked for.
      let later: World | undefined;
      while (later?.resolved.get(0)?.staleReason !== "NXDOMAIN" || a.asked < asked + 2) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        const reply = await command("world", {});
        assert.ok(reply.ok);
        later = decodeWorld(reply.value.world);
        assert.ok(later !== undefined && isUp(later, 0), "still probed at the address it had");
      }
      assert.deepEqual(later.resolved.get(0)?.ipv4, [Uint8Array.of(127, 0, 0, 1)]);
    },
    { lookUp },
  );
});
