/** Commands that ask a running server, through the real executable against a real `rhumb serve`. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { origins, serviceName, TestServer } from "../process/server.ts";
import { type Outcome, rhumb } from "./run.ts";

let server: TestServer;
before(async () => {
  server = await TestServer.create();
  await server.start();
  await server.answersWith("fra");
});
after(() => server.stop());

/** The command with the server's state directory. */
const ask = (...args: readonly string[]): Promise<Outcome> =>
  rhumb([...args, "--state", server.stateDir]);

async function good(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await ask(...args);
  assert.equal(code, 0, `${args.join(" ")}: ${err}`);
  return out;
}

test("status tells of parts and revision", async () => {
  const text = await good("status");
  for (const part of ["control", "observer", "dns", "redirect"]) {
    assert.match(text, new RegExp(`^  ${part} +ready`, "m"));
  }
  const json = JSON.parse(await good("status", "--json")) as { parts: object[]; refused: unknown };
  assert.equal(json.parts.length, 4);
  assert.equal(json.refused, null);
});

test("world tells what is believed of every endpoint", async () => {
  const text = await good("world");
  for (const address of Object.values(origins)) assert.ok(text.includes(address), text);
  JSON.parse(await good("world", "--json"));
});

test("explain --state tells of the server's World", async () => {
  const text = await good("explain", serviceName, "--client", "192.0.2.1");
  assert.match(text, /100\.00 % fra/);
});

test("drain moves answers, is listed, explained and lifted", async () => {
  const target = "region:fra";
  const drained = JSON.parse(
    await good(
      "drain",
      "fra",
      "--reason",
      "power work",
      "--for",
      "30m",
      "--author",
      "ann",
      "--json",
    ),
  ) as { id: string; kind: string; target: string; createdAt: number; expiresAt: number };
  assert.equal(drained.kind, "drain");
  assert.equal(drained.target, target);
  assert.equal(drained.expiresAt - drained.createdAt, 30 * 60_000);
  await server.answersWith("iad");
  const listed = await good("overrides");
  assert.match(listed, new RegExp(`${drained.id} .*drain ${target} .*by ann: power work`));
  assert.match(await good("explain", serviceName), /override\.drain/);
  assert.match(await good("overrides", "lift", drained.id, "--author", "bob"), /lifted drain/);
  await server.answersWith("fra");
  assert.equal(await good("overrides"), "no overrides\n");
});

test("force-down, force-up and freeze reach the observer", async () => {
  await good("force-down", "shop/fra", "--reason", "wrong data");
  await server.answersWith("iad");
  await good("force-up", `shop/fra/${origins.fra}:${server.ports.fra}`, "--reason", "it is fine");
  await server.answersWith("fra");
  await good("freeze", "service:shop", "--reason", "quiet please");
  const listed = JSON.parse(await good("overrides", "--json")) as { id: string; kind: string }[];
  assert.deepEqual(listed.map(({ kind }) => kind).sort(), ["force-down", "force-up", "freeze"]);
  for (const { id } of listed) await good("overrides", "lift", id);
});

test("an override of nothing is refused with the cure", async () => {
  const { code, out, err } = await ask("drain", "region:mars", "--reason", "x");
  assert.deepEqual([code, out], [1, ""]);
  assert.match(err, /^rhumb: .*mars/);
  const lift = await ask("overrides", "lift", "nothing-of-the-kind");
  assert.deepEqual([lift.code, lift.out], [1, ""]);
});

test("reload applies, leaves alone and refuses; revisions lists what was accepted", async () => {
  assert.match(await good("reload"), /^unchanged: /);
  server.write(server.text({ steer: "[iad, fra]" }));
  const applied = await ask("reload");
  // The watcher of files may have been quicker.
  assert.match(applied.out, /^(applied|unchanged): /);
  await server.answersWith("iad");
  const revisions = JSON.parse(await good("revisions", "--json")) as { number: number }[];
  assert.deepEqual(
    revisions.map(({ number }) => number),
    [2, 1],
  );
  assert.equal((await good("revisions", "--limit", "1")).trimEnd().split("\n").length, 1);

  server.write(server.text({ steer: "[iad, rfa]" }));
  const refused = await ask("reload");
  assert.equal(refused.code, 1);
  assert.match(refused.err, /rhumb\.yaml:\d+:\d+ config\.unknown-reference .*did you mean `fra`/);
  const status = await ask("status");
  assert.equal(status.code, 1);
  assert.match(status.out, /refused .* ago:\n {2}.*config\.unknown-reference/);
  await server.answersWith("iad");
  server.write(server.text());
  assert.match((await ask("reload")).out, /^(applied|unchanged): /);
  await server.answersWith("fra");
});

test("commands with a killed control part still override", async () => {
  const { control } = await server.pids();
  process.kill(control, "SIGSTOP");
  try {
    await good("drain", "fra", "--reason", "control hangs");
    await server.answersWith("iad");
    await good("overrides", "lift", "region:fra");
  } finally {
    process.kill(control, "SIGCONT");
  }
});

test("serve refuses a state directory that is in use", async () => {
  const { code, err } = await rhumb(["serve", "-c", server.config, "--state", server.stateDir]);
  assert.equal(code, 1);
  assert.match(err, /state\.in-use/);
});
