/** What the operator does to files and signals, and what the running server makes of it. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { configText, freePorts, isGone, withServer } from "./server.ts";

void test("serve refuses a revision with every problem, and the old one goes on serving", async () => {
  await withServer(async (server) => {
    await server.start();
    await server.answersWith("fra");
    const text = configText(server.ports, { steer: "[iad, fra, far]" }).replace("ttl:", "tll:");
    server.write(text);
    await server.until("the refusal", () => server.messages().includes("revision refused"));
    const lineOf = (word: string): number =>
      text.split("\n").findIndex((line) => line.includes(word)) + 1;
    const messages = server.messages();
    for (const [word, code] of [
      ["tll:", "config.unknown-key"],
      ["far]", "config.unknown-reference"],
    ] as const) {
      const place = `${server.config}:${lineOf(word)}:`;
      assert.match(messages, new RegExp(`${place}\\d+ ${code} .*\\(.+\\)`), messages);
    }
    const { refused, revision } = await server.ask("control", "status", {});
    assert.deepEqual(refused?.problems.map((problem) => problem.code).sort(), [
      "config.unknown-key",
      "config.unknown-reference",
    ]);
    await server.answersWith("fra");
    server.write(configText(server.ports, { steer: "[iad, fra]" }));
    await server.answersWith("iad");
    const after = await server.ask("control", "status", {});
    assert.equal(after.refused, null);
    assert.equal(after.revision?.number, (revision?.number ?? 0) + 1);
    const { revisions } = await server.ask("control", "revisions", { limit: 10 });
    assert.deepEqual(
      revisions.map((each) => each.number),
      [2, 1],
    );
  });
});

void test("serve reads again on SIGHUP and on the reload command, and says when nothing changed", async () => {
  await withServer(async (server) => {
    await server.start();
    server.signal("SIGHUP");
    await server.until("the reading", () => server.messages().includes("revision unchanged"));
    const unchanged = await server.ask("control", "reload", {});
    assert.equal(unchanged.outcome, "unchanged");
    server.write("version: [");
    const refused = await server.ask("control", "reload", {});
    assert.equal(refused.outcome, "refused");
    assert.ok(refused.problems.length > 0);
    await server.answersWith("fra");
  });
});

void test("serve moves its addresses with a revision, and stays where one cannot be had", async () => {
  await withServer(async (server) => {
    await server.start();
    const [other = 0, taken = 0] = await freePorts(2);
    const holder = createServer().listen(taken, "127.0.0.1");
    server.write(configText(server.ports, { dns: `127.0.0.1:${other}` }));
    await server.answersWith("fra", other);
    await server.until("the old address closed", async () =>
      server.resolve().then(
        () => false,
        () => true,
      ),
    );
    server.write(configText(server.ports, { dns: `127.0.0.1:${taken}` }));
    await server.until("the problem", async () => {
      const { parts } = await server.ask("control", "status", {});
      const dns = parts.find((part) => part.name === "dns");
      return dns?.problems.some((problem) => problem.code === "listen.in-use") ?? false;
    });
    await server.answersWith("fra", other);
    holder.close();
  });
});

void test("serve restarts on its last good snapshot when the files no longer compile", async () => {
  await withServer(async (server) => {
    await server.start();
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.messages());
    assert.deepEqual(server.processes(), []);
    server.write("version: 1\nregions: {fra: {at: XXX}}\n");
    await server.start();
    await server.answersWith("fra");
    const { refused, revision } = await server.ask("control", "status", {});
    assert.ok((refused?.problems.length ?? 0) > 0);
    assert.equal(revision?.number, 1);
  });
});

void test("serve with nothing to fall back to exits 1 with the problems and leaves no process", async () => {
  await withServer(async (server) => {
    server.write("version: 1\nzone: example.com\nregions: {fra: {at: 7}}\nservices: {}\n");
    server.spawn();
    assert.equal(await server.ended(), 1);
    assert.match(server.messages(), /rhumb\.yaml:3:\d+ config\.\S+ /);
    assert.deepEqual(server.processes(), []);
  });
});

void test("serve exits 1 when an address is taken, and names it and the cure", async () => {
  await withServer(async (server) => {
    const holder = createServer().listen(server.ports.redirect, "127.0.0.1");
    server.spawn();
    assert.equal(await server.ended(), 1, server.messages());
    const line = new RegExp(`listen\\.in-use .*127\\.0\\.0\\.1:${server.ports.redirect}.*\\(.+\\)`);
    assert.match(server.messages(), line);
    assert.deepEqual(server.processes(), []);
    holder.close();
  });
});

void test("serve starts on the files' addresses when its snapshot's are taken", async () => {
  await withServer(async (server) => {
    await server.start();
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.messages());
    const holder = createServer().listen(server.ports.dns, "127.0.0.1");
    const [other = 0] = await freePorts(1);
    server.write(server.text({ dns: `127.0.0.1:${other}` }));
    await server.start();
    await server.answersWith("fra", other);
    holder.close();
  });
});

void test("serve refuses a state directory that another server uses", async () => {
  await withServer(async (server) => {
    await server.start();
    const first = server.pid;
    const second = server.spawn();
    assert.equal(await server.ended(), 1);
    assert.match(server.messages(), /state\.in-use another server uses/);
    assert.notEqual(second.pid, first);
    assert.equal(isGone(first), false);
    await server.answersWith("fra");
    process.kill(first, "SIGTERM");
    await server.until("the first is gone", () => server.processes().length === 0);
  });
});
