/** sandbox.ts with its real child: what it probes, and how each kind of end is told. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { systemEntropy } from "../../src/lib/entropy.ts";
import type { ProbeResult } from "../../src/probes/probe.ts";
import { buildRequest } from "../../src/probes/request.ts";
import { Sandbox, type SandboxEnd } from "../../src/probes/sandbox.ts";
import { httpMonitor } from "../../src/probes/testing.ts";
import { closeOrigins, httpOrigin, type Origin, rawOrigin } from "./origins.ts";

const entry = fileURLToPath(new URL("../../src/probes/sandbox-child.ts", import.meta.url));
const entropy = systemEntropy();

after(() => closeOrigins());

function open() {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<SandboxEnd>();
  const probed: string[] = [];
  const sandbox = new Sandbox({
    entropy,
    entry,
    onEnd,
    onProbed: (identity) => probed.push(identity),
  });
  const idle = async (): Promise<void> => {
    while (!sandbox.idle) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const ask = (origin: Origin, timeoutMs = 1000): Promise<ProbeResult> =>
    new Promise((resolve) => {
      const request = buildRequest(
        { host: "", port: origin.port },
        {
          monitor: httpMonitor({ timeoutMs }),
          address: { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) },
        },
      );
      const handlers = { result: resolve, closed: () => {} };
      assert.ok(sandbox.probe({ identity: `port ${origin.port}`, request, handlers }));
    });
  return { sandbox, ended, probed, ask, idle };
}

test("Sandbox probes as the observer does, and tells when a probe is over", async () => {
  const well = await httpOrigin((_, response) => response.end("fine"));
  const ill = await httpOrigin((_, response) => response.writeHead(500).end());
  const { sandbox, probed, ask, idle } = open();
  const results = await Promise.all([ask(well), ask(ill)]);
  assert.deepEqual(
    results.map(({ outcome, failure, detail }) => [outcome, failure, detail]),
    [
      ["ok", "none", ""],
      ["failed", "http.status", "500"],
    ],
  );
  await idle();
  assert.equal(probed.length, 2);
  sandbox.stop();
});

test("Sandbox tells a crash from being killed, and hands back what was under way", async () => {
  const mute = await rawOrigin(() => {});
  for (const [signal, kind] of [
    ["SIGSEGV", "crash"],
    ["SIGKILL", "killed"],
  ] as const) {
    const well = await httpOrigin((_, response) => response.end());
    const { sandbox, ended, ask, idle } = open();
    await ask(well);
    await idle();
    void ask(mute, 30_000);
    process.kill(sandbox.pid ?? 0, signal);
    const end = await ended;
    assert.deepEqual([end.kind, end.how], [kind, signal]);
    assert.deepEqual(
      end.outstanding.map(({ identity }) => identity),
      [`port ${mute.port}`],
    );
  }
});

test("Sandbox that hangs counts as crashed", async () => {
  const well = await httpOrigin((_, response) => response.end());
  const mute = await rawOrigin(() => {});
  const { sandbox, ended, ask, idle } = open();
  await ask(well);
  await idle();
  process.kill(sandbox.pid ?? 0, "SIGSTOP");
  void ask(mute, 100);
  const end = await ended;
  assert.deepEqual([end.kind, end.how, end.outstanding.length], ["crash", "hung", 1]);
});
