/**
 * A server that is short of something - descriptors, disk, a reader of its log, processor time -
 * goes on with what needs it least: answers.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { Resolver } from "node:dns/promises";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { get } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { partNames, statePaths } from "../../src/link/paths.ts";
import { isGone, pause, serviceName, type TestServer, withServer } from "./server.ts";

/** Clients that connect and say nothing, each from an address of its own. */
function holdOpen(port: number, count: number): readonly Socket[] {
  return Array.from({ length: count }, (_, i) => {
    const localAddress = `127.2.${i >> 6}.${1 + (i & 63)}`;
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    socket.on("error", () => undefined);
    return socket;
  });
}

/** A query over TCP on a connection of its own. */
async function overTcp(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const labels = serviceName
    .split(".")
    .map((label) => `${String.fromCharCode(label.length)}${label}`);
  const question = Buffer.from(`${labels.join("")}\0\0\x01\0\x01`, "latin1");
  const header = Buffer.from([0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  const length = Buffer.from([0, header.length + question.length]);
  return new Promise((resolve) => {
    socket.setTimeout(500, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(false));
    socket.on("data", (bytes: Buffer) => {
      resolve(bytes.readUInt16BE(2) === 7);
      socket.destroy();
    });
    socket.write(Buffer.concat([length, header, question]));
  });
}

function redirects(port: number): Promise<boolean> {
  const options = { port, host: "127.0.0.1", headers: { host: serviceName }, agent: false };
  return new Promise((resolve) => {
    const request = get({ ...options, timeout: 500 }, (response) => {
      response.resume();
      resolve(response.statusCode === 307);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
  });
}

async function assertNoneEnded(server: TestServer): Promise<void> {
  const { parts } = await server.ask("control", "status", {});
  for (const { name, restarts, lastEnd } of parts) assert.equal(restarts, 0, `${name}: ${lastEnd}`);
}

void test("serve with few descriptors outlives more clients than it has", async () => {
  await withServer(async (server) => {
    server.spawn("ulimit -n 256");
    await server.ready();
    await server.answersWith("fra");
    const { dns, redirect } = server.ports;
    const sockets = [...holdOpen(dns, 400), ...holdOpen(redirect, 400)];
    await pause(500);
    // UDP needs no descriptor; probes are another process.
    await server.answersWith("fra");
    await server.closeOrigin("fra");
    await server.answersWith("iad");
    await server.until("a new TCP client is served", () => overTcp(dns));
    await server.until("a new HTTP client is served", () => redirects(redirect));
    await assertNoneEnded(server);
    for (const socket of sockets) socket.destroy();
  });
});

void test("serve goes on while nobody reads its log", async () => {
  await withServer(async (server) => {
    const child = server.spawn();
    await server.ready();
    await server.spares();
    child.stderr?.pause();
    // Several times what pipe and reader hold.
    const word = { kind: "freeze", target: "service:shop", author: "me" } as const;
    for (let i = 0; i < 200; i++) {
      const reason = "x".repeat(1000);
      await server.ask("observer", "override", { ...word, reason, forMs: 60_000 });
    }
    const before = await server.pids();
    process.kill(before.dns, "SIGKILL");
    await server.until("dns is back", async () => {
      const { dns } = await server.pids();
      return dns !== 0 && dns !== before.dns;
    });
    await server.answersWith("fra");
    child.stderr?.resume();
    await server.until("the log goes on", () => server.messages().includes("dns ended"));
  });
});

void test("serve goes on with a full disk, says so, and starts on one", async (context) => {
  await withServer(async (server) => {
    const { stateDir } = server;
    mkdirSync(stateDir, { recursive: true });
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m,mode=0700", "none", stateDir]);
    } catch {
      context.skip("mounting a small file system needs root");
      return;
    }
    try {
      await server.start();
      await server.spares();
      await server.until("World on disk", () => existsSync(statePaths(stateDir).worldSnapshot));
      const fill = join(stateDir, "fill");
      execFileSync("/bin/sh", ["-c", `dd if=/dev/zero of=${fill} bs=4k 2>/dev/null || true`]);
      await server.closeOrigin("fra");
      await server.answersWith("iad");
      const word = { kind: "force-down", target: "region:iad", reason: "r", author: "me" } as const;
      const given = await server.ask("observer", "override", { ...word, forMs: 60_000 });
      assert.equal(given.onDisk, false);
      const before = await server.pids();
      for (const part of ["dns", "redirect"] as const) process.kill(before[part], "SIGKILL");
      await server.until("both are back", async () => {
        const now = await server.pids();
        return [now.dns, now.redirect].every((pid, i) => {
          return pid !== 0 && pid !== [before.dns, before.redirect][i];
        });
      });
      await server.until("DNS answers", async () => (await answers(server)) > 0);
      rmSync(fill);
      await server.until("the log says so", () => server.messages().includes("on disk again"));
      execFileSync("/bin/sh", ["-c", `dd if=/dev/zero of=${fill} bs=4k 2>/dev/null || true`]);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0);
      execFileSync("/bin/sh", ["-c", `dd if=/dev/zero of=${fill}2 bs=512 2>/dev/null || true`]);
      server.spawn();
      await server.until("DNS answers", async () => (await answers(server)) > 0);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0);
    } finally {
      for (const pid of server.processes()) process.kill(pid, "SIGKILL");
      await pause(200);
      execFileSync("umount", ["-l", stateDir]);
    }
  });
});

async function answers(server: TestServer): Promise<number> {
  const resolver = new Resolver({ timeout: 500, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.ports.dns}`]);
  return (await resolver.resolve4(serviceName).catch(() => [])).length;
}

void test("serve brings back a front that cannot have its own socket", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    await server.until("World on disk", () => {
      return existsSync(statePaths(server.stateDir).worldSnapshot);
    });
    const before = await server.pids();
    // Neither a new socket nor one of the others can be had, as on a disk gone read-only.
    const { run } = statePaths(server.stateDir);
    renameSync(run, `${run}.away`);
    writeFileSync(run, "");
    for (const name of ["dns", "redirect"] as const) process.kill(before[name], "SIGKILL");
    await server.until("both are gone", () => isGone(before.dns) && isGone(before.redirect));
    await server.answersWith("fra");
    await server.until("HTTP is answered", () => redirects(server.ports.redirect));
    rmSync(run);
    renameSync(`${run}.away`, run);
    await server.until("its socket is back", async () => {
      return (await server.tryAsk("dns", "metrics", {})) !== undefined;
    });
    await server.closeOrigin("fra");
    await server.answersWith("iad");
  });
});

void test("serve lets every part stand still for a while, and none is replaced", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    const pids = await server.pids();
    const all = [...partNames.map((name) => pids[name]), server.pid];
    for (const pid of all) process.kill(pid, "SIGSTOP");
    await pause(3000);
    for (const pid of all) process.kill(pid, "SIGCONT");
    await server.answersWith("fra");
    await pause(1000);
    await assertNoneEnded(server);
    assert.deepEqual(await server.pids(), pids);
    assert.doesNotMatch(
      server.messages(),
      /-> (down|unknown)/,
      "a pause is not the origins' fault",
    );
  });
});

void test("serve starts on a state directory in which every file is damaged", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    const { stateDir } = server;
    const paths = statePaths(stateDir);
    await server.until("World on disk", () => existsSync(paths.worldSnapshot));
    // No time to tidy up: as after a power failure.
    server.signal("SIGKILL");
    await server.ended();
    await server.until("its parts are gone", () => server.processes().length === 0);
    const files = readdirSync(stateDir, { recursive: true, withFileTypes: true });
    const rubbish = Buffer.alloc(5000, "rubbish ");
    for (const file of files) {
      if (file.isFile()) writeFileSync(join(file.parentPath, file.name), rubbish);
    }
    rmSync(paths.worldSnapshot);
    mkdirSync(join(paths.worldSnapshot, "a folder"), { recursive: true });
    await server.start();
    await server.answersWith("fra");
    await server.closeOrigin("fra");
    await server.answersWith("iad");
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.messages());
  });
});

void test("serve refuses a state directory that anybody may write to", async () => {
  await withServer(async (server) => {
    mkdirSync(server.stateDir, { recursive: true });
    chmodSync(server.stateDir, 0o777);
    writeFileSync(join(server.stateDir, "lock"), "");
    server.spawn();
    assert.equal(await server.ended(), 1);
    assert.match(server.messages(), /state\.unusable anybody may write/);
  });
});
