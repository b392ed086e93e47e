/** Both ends of the local sockets, over real ones in a temporary folder. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { simulatedEntropy, systemEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import {
  capacityColumns,
  endpointColumns,
  latencyColumns,
  newColumns,
  poolColumns,
  serviceColumns,
} from "../world/columns.ts";
import { applyChanges, decodeWorld } from "../world/frame.ts";
import type { World } from "../world/world.ts";
import { reconnectMs, request, subscribeWorld } from "./client.ts";
import { lineReader } from "./lines.ts";
import { encodeFrame, protocolVersion } from "./messages.ts";
import { type CommandHandlers, serveSocket, socketPathFault } from "./server.ts";
import { publishWorld, type WorldPublisher } from "./world-server.ts";

const entropy = systemEntropy();
const digest = "a".repeat(64);
const within = { timeoutMs: 5000, entropy };

async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rhumb-link-"));
  try {
    await run(join(folder, "run", "x.sock"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function serving(
  path: string,
  handlers: CommandHandlers,
  run: (errors: string[]) => Promise<void>,
): Promise<void> {
  const errors: string[] = [];
  const server = await serveSocket(path, { handlers, onError: (message) => errors.push(message) });
  try {
    await run(errors);
  } finally {
    await server.close();
  }
}

/** A World without rows, whose reasons make it long. */
function worldOf(generation: number, pad = ""): World {
  const override = { id: "1", kind: "drain", target: "region:x", reason: pad, author: "" } as const;
  return {
    policyDigest: digest,
    generation,
    at: 1,
    nextAt: 0,
    watchedSince: 1,
    endpoints: newColumns(endpointColumns, 0),
    pools: newColumns(poolColumns, 0),
    services: newColumns(serviceColumns, 0),
    latency: newColumns(latencyColumns, 0),
    capacity: newColumns(capacityColumns, 0),
    resolved: new Map(),
    overrides: pad === "" ? [] : [{ ...override, createdAt: 1, expiresAt: 2 }],
  };
}

interface Published {
  readonly publisher: WorldPublisher;
  world: World;
}

async function published(path: string): Promise<Published> {
  const state = { world: worldOf(0) };
  const options = { path, getWorld: () => state.world, handlers: {}, onError: () => undefined };
  return Object.assign(state, { publisher: await publishWorld(options) });
}

const noRows = {
  changed: [],
  changedPools: [],
  changedServices: [],
  changedLatency: false,
  changedCapacity: false,
};

function step(state: Published, pad = ""): void {
  state.world = worldOf(state.world.generation + 1, pad);
  state.publisher.publish(state.world, { ...noRows, overrideChanges: [1] });
}

/** What a subscription hears, in words. */
function listening(path: string): { seen: string[]; close: () => void } {
  const seen: string[] = [];
  const subscription = subscribeWorld(
    path,
    {
      onWorld: (frame) => seen.push(`world ${frame.generation}`),
      onChange: (frame) => seen.push(`change ${frame.generation}`),
      onState: (connected) => seen.push(connected ? "connected" : "lost"),
    },
    { entropy, name: "test" },
  );
  return { seen, close: () => subscription.close() };
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (condition()) return;
    await new Promise<void>((resolve) => void setTimeout(resolve, 5));
  }
  assert.fail(`never came: ${what}`);
}

function raw(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** All a server says until it closes. */
function heard(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk) => {
    text += chunk;
  });
  return new Promise((resolve) => socket.on("close", () => resolve(text)));
}

void test("lineReader() gives the same lines however the bytes are cut", () => {
  const line = fc.string({ maxLength: 20 }).filter((text) => !text.includes("\n"));
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(9)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      const found: string[] = [];
      const reader = lineReader(1000, (text) => found.push(text));
      let from = 0;
      for (const cut of [...cuts, bytes.length]) {
        assert.ok(reader.push(bytes.subarray(from, Math.min(bytes.length, from + cut))));
        from = Math.min(bytes.length, from + cut);
      }
      reader.push(bytes.subarray(from));
      assert.deepEqual(found, lines);
    }),
  );
});

void test("lineReader() stops for good at a line over the bound, whole or not", () => {
  for (const pieces of [["aaaa", "aaaa", "a"], ["aaaaaaaaa\n"], ["ok\naaaaaaaaa"]]) {
    const found: string[] = [];
    const reader = lineReader(8, (text) => found.push(text));
    assert.equal(pieces.map((piece) => reader.push(piece)).at(-1), false);
    assert.equal(reader.push("b\n"), false);
    assert.deepEqual(found, pieces[0]?.startsWith("ok") ? ["ok"] : []);
  }
});

void test("request() carries a command, its reply and its refusal", async () => {
  await inFolder(async (path) => {
    const handlers: CommandHandlers = {
      overrides: () => ({ ok: true, value: { overrides: [] } }),
      lift: ({ target }) => ({
        ok: false,
        refusal: { code: "not-found", message: `no override on ${target}` },
      }),
      reload: () => Promise.reject(new Error("disk on fire")),
    };
    await serving(path, handlers, async (errors) => {
      assert.deepEqual(await request(path, { name: "overrides", input: {} }, within), {
        ok: true,
        value: { overrides: [] },
      });
      const input = { target: "region:fra", author: "me" };
      const lifted = await request(path, { name: "lift", input }, within);
      assert.ok(!lifted.ok && lifted.reason === "refused");
      assert.equal(lifted.refusal.message, "no override on region:fra");
      const failed = await request(path, { name: "reload", input: {} }, within);
      assert.ok(!failed.ok && failed.reason === "refused" && failed.refusal.code === "failed");
      assert.deepEqual(errors, ["reload: disk on fire"]);
      const unknown = await request(path, { name: "status", input: {} }, within);
      assert.ok(!unknown.ok && unknown.reason === "refused");
      assert.equal(unknown.refusal.code, "unknown-command");
      const bad = { target: "", author: "me" };
      const invalid = await request(path, { name: "lift", input: bad }, within);
      assert.ok(!invalid.ok && invalid.reason === "refused");
      assert.equal(invalid.refusal.code, "invalid");
    });
  });
});

void test("request() tells an absent server from a silent one", async () => {
  await inFolder(async (path) => {
    const absent = await request(path, { name: "status", input: {} }, within);
    assert.equal(absent.ok ? "ok" : absent.reason, "absent");
    const never = new Promise<never>(() => undefined);
    await serving(path, { status: () => never }, async () => {
      const options = { timeoutMs: 50, entropy };
      const silent = await request(path, { name: "status", input: {} }, options);
      assert.equal(silent.ok ? "ok" : silent.reason, "timeout");
    });
    const gone = await request(path, { name: "status", input: {} }, within);
    assert.equal(gone.ok ? "ok" : gone.reason, "absent");
  });
});

void test("serveSocket() is private, and replaces the file of a process that died", async () => {
  await inFolder(async (path) => {
    await serving(path, {}, async () => {
      assert.equal((await stat(path)).mode & 0o777, 0o600);
    });
    assert.ok((await stat(path)).isSocket(), "the name outlives the server");
    await serving(path, { overrides: () => ({ ok: true, value: { overrides: [] } }) }, async () => {
      assert.ok((await request(path, { name: "overrides", input: {} }, within)).ok);
    });
  });
});

void test("serveSocket() of a successor survives the end of its predecessor", async () => {
  await inFolder(async (path) => {
    const handlers: CommandHandlers = { overrides: () => ({ ok: true, value: { overrides: [] } }) };
    const old = await serveSocket(path, { handlers: {}, onError: () => undefined });
    await serving(path, handlers, async () => {
      await old.close();
      assert.ok((await request(path, { name: "overrides", input: {} }, within)).ok);
    });
  });
});

void test("socketPathFault() refuses what the kernel would cut short", () => {
  assert.equal(socketPathFault("/run/x.sock"), undefined);
  assert.match(socketPathFault(`/${"x".repeat(limits.socketPathBytesMax)}`) ?? "", /too long/);
});

void test("serveSocket() dismisses rubbish, long frames, other protocols and floods", async () => {
  await inFolder(async (path) => {
    const never = new Promise<never>(() => undefined);
    await serving(path, { status: () => never }, async () => {
      const other = { type: "hello", protocol: 99, name: "x", subscribe: true } as const;
      const command = { type: "command", id: 1, name: "status", input: {} } as const;
      const said: [string, RegExp][] = [
        ["not json\n", /not JSON/],
        ['{"type":"world"}\n', /bye/],
        ["x".repeat(limits.commandBytesMax + 1), /over the limit/],
        [encodeFrame(other), /protocol 99/],
        [encodeFrame(command).repeat(limits.linkCommandsMax + 1), /commands at once/],
      ];
      for (const [text, reply] of said) {
        const socket = await raw(path);
        const all = heard(socket);
        socket.write(text);
        assert.match(await all, reply);
      }
    });
  });
});

void test("subscribeWorld() gets World whole, then each change in order", async () => {
  await inFolder(async (path) => {
    const state = await published(path);
    const { seen, close } = listening(path);
    await until("the first World", () => seen.length === 2);
    step(state);
    step(state);
    await until("both changes", () => seen.length === 4);
    assert.deepEqual(seen, ["connected", "world 0", "change 1", "change 2"]);
    close();
    await state.publisher.close();
  });
});

void test("subscribeWorld() applies to what it was given: the whole and the changes agree", async () => {
  await inFolder(async (path) => {
    const state = await published(path);
    let world: World | undefined;
    const subscription = subscribeWorld(
      path,
      {
        onWorld: (message) => {
          world = decodeWorld(message.world);
        },
        onChange: (message) => {
          world = world && applyChanges(world, message.change);
        },
      },
      { entropy, name: "test" },
    );
    await until("the first World", () => world !== undefined);
    step(state, "why");
    await until("the change", () => world?.generation === 1);
    assert.deepEqual(world, state.world);
    subscription.close();
    await state.publisher.close();
  });
});

void test("subscribeWorld() asks for a whole World after a gap, and drops changes until", async () => {
  await inFolder(async (path) => {
    let generation = 0;
    const server = await serveSocket(path, {
      handlers: {},
      onError: () => undefined,
      worldFrame: () => encodeFrame({ type: "world", policyDigest: digest, generation, world: {} }),
    });
    const change = (after: number): void => {
      generation = after + 1;
      server.broadcast({ type: "change", policyDigest: digest, after, generation, change: {} });
    };
    const { seen, close } = listening(path);
    await until("the first World", () => seen.length === 2);
    for (const after of [0, 4, 5]) change(after);
    await until("the second World", () => seen.length === 4);
    change(6);
    await until("the change after it", () => seen.length === 5);
    assert.deepEqual(seen, ["connected", "world 0", "change 1", "world 6", "change 7"]);
    close();
    await server.close();
  });
});

void test("subscribeWorld() comes back when the server does, and says both", async () => {
  await inFolder(async (path) => {
    const { seen, close } = listening(path);
    for (let turn = 1; turn <= 2; turn++) {
      const { publisher } = await published(path);
      await until("a World", () => seen.length === 3 * turn - 1);
      await publisher.close();
      await until("the loss of it", () => seen.length === 3 * turn);
    }
    const once = ["connected", "world 0", "lost"];
    assert.deepEqual(seen, [...once, ...once]);
    close();
  });
});

void test("publishWorld() gives a stopped reader one whole World, not every change", async () => {
  await inFolder(async (path) => {
    const state = await published(path);
    const socket = await raw(path);
    socket.pause();
    socket.write(
      encodeFrame({ type: "hello", protocol: protocolVersion, name: "slow", subscribe: true }),
    );
    await until("the subscription", () => state.publisher.subscribers() === 1);
    const pad = "x".repeat(1024 * 1024);
    const steps = (4 * limits.linkQueueBytesMax) / pad.length;
    for (let i = 0; i < steps; i++) step(state, pad);
    state.world = worldOf(state.world.generation);
    let bytes = 0;
    let tail = "";
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      tail = (tail + chunk).slice(-2000);
    });
    socket.resume();
    await until("the whole World", () => tail.includes(`{"type":"world"`));
    assert.ok(bytes < 2 * limits.linkQueueBytesMax, `${bytes} bytes were kept`);
    assert.ok(tail.includes(`"generation":${steps},"world"`), tail);
    socket.destroy();
    await state.publisher.close();
  });
});

void test("reconnectMs() grows to its bound and never waits less than half of it", () => {
  const dice = simulatedEntropy(7);
  for (let attempts = 0; attempts < 100; attempts++) {
    const waitMs = reconnectMs(attempts, dice);
    const whole = Math.min(limits.linkReconnectMsMax, limits.linkReconnectMsMin * 2 ** attempts);
    assert.ok(waitMs >= whole / 2 && waitMs <= whole, `${waitMs} ms after ${attempts}`);
  }
});
