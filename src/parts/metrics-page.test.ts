/**
 * The page over a real connection, with parts that answer, that are silent and that are not there.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemEntropy } from "../lib/entropy.ts";
import { createRegistry } from "../lib/telemetry.ts";
import type { PartReport } from "../link/messages.ts";
import { partNames, partSocket } from "../link/paths.ts";
import { serveSocket } from "../link/server.ts";
import { createMetricsServer, type MetricsPageOptions } from "./metrics-page.ts";

const entropy = systemEntropy();

function reports(state: PartReport["state"]): readonly PartReport[] {
  const report = { pid: 1, restarts: 0, startedAt: 0, lastEnd: "", spare: false };
  return partNames.map((name) => ({ name, state, ...report, listening: [], problems: [] }));
}

async function serving(
  run: (setting: { base: string; stateDir: string; options: Mutable }) => Promise<void>,
): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "rhumb-page-"));
  const registry = createRegistry();
  registry.counter("rhumb_test_total", "Own.", { values: { part: ["control"] } }).add(0, 3);
  const options: Mutable = {
    stateDir,
    entropy,
    own: { name: "control", dump: () => registry.dump() },
    parts: () => reports("ready"),
  };
  const server = createMetricsServer(options);
  try {
    assert.deepEqual(await server.listen(["127.0.0.1:0"]), []);
    await run({ base: `http://${server.listening()[0]}`, stateDir, options });
  } finally {
    await server.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}
type Mutable = { -readonly [Key in keyof MetricsPageOptions]: MetricsPageOptions[Key] };

void test("/metrics merges what the parts give, and says who gave nothing", async () => {
  await serving(async ({ base, stateDir }) => {
    const registry = createRegistry();
    registry.counter("rhumb_test_total", "Own.", { values: { part: ["dns"] } }).add(0, 4);
    registry.gauge("rhumb_nothing", "Not known yet.").set(0, Number.NaN);
    const dns = await serveSocket(partSocket(stateDir, "dns"), {
      handlers: { metrics: () => ({ ok: true, value: { families: registry.dump() } }) },
      onError: () => undefined,
    });
    const silent = await serveSocket(partSocket(stateDir, "observer"), {
      handlers: { metrics: () => new Promise<never>(() => undefined) },
      onError: () => undefined,
    });
    const response = await fetch(`${base}/metrics`);
    assert.match(response.headers.get("content-type") ?? "", /version=0\.0\.4/);
    const text = await response.text();
    assert.match(text, /rhumb_test_total\{part="control"\} 3\n/);
    assert.match(text, /rhumb_test_total\{part="dns"\} 4\n/);
    assert.equal(text.split("# TYPE rhumb_test_total").length, 2);
    assert.match(text, /rhumb_nothing NaN\n/);
    const scraped = partNames.map((name) => {
      return new RegExp(`rhumb_part_scraped\\{part="${name}"\\} (\\d)`).exec(text)?.[1];
    });
    assert.deepEqual(scraped, ["1", "0", "1", "0"]);
    await dns.close();
    await silent.close();
  });
});

void test("/readyz is 503 with the names of the parts that are not ready, /livez is 200", async () => {
  await serving(async ({ base, options }) => {
    assert.equal((await fetch(`${base}/readyz`)).status, 200);
    options.parts = () => reports("waiting");
    const late = await fetch(`${base}/readyz`);
    assert.equal(late.status, 503);
    assert.match(await late.text(), /dns waiting\n/);
    options.parts = () => [];
    assert.equal((await fetch(`${base}/readyz`)).status, 503);
    assert.equal((await fetch(`${base}/livez`)).status, 200);
  });
});

void test("the page only reads: other paths are 404, other methods 405", async () => {
  await serving(async ({ base }) => {
    assert.equal((await fetch(`${base}/`)).status, 404);
    assert.equal((await fetch(`${base}/metrics`, { method: "POST", body: "x" })).status, 405);
    const head = await fetch(`${base}/livez`, { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
  });
});

void test("createMetricsServer() names an address that is taken", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => holder.once("listening", resolve));
  const address = holder.address();
  assert.ok(typeof address === "object" && address !== null);
  const options = { stateDir: "", entropy, parts: () => [] };
  const server = createMetricsServer({ ...options, own: { name: "control", dump: () => [] } });
  const problems = await server.listen([`127.0.0.1:${address.port}`]);
  assert.equal(problems[0]?.code, "listen.in-use");
  assert.deepEqual(server.listening(), []);
  await server.stop();
  holder.close();
});
