/** Round trips and load reports into a running server, and what it answers then. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { TestServer } from "../process/server.ts";
import { type Outcome, rhumb } from "./run.ts";

let server: TestServer;
before(async () => {
  server = await TestServer.create();
  const steer = "latency\n    capacity: {fra: 100, iad: 100}";
  // A report gets old after three TTLs: longer than this takes.
  server.write(server.text({ steer }).replace("ttl: 1s", "ttl: 1m"));
  await server.start();
});
after(() => server.stop());

const ask = (...args: readonly string[]): Promise<Outcome> =>
  rhumb([...args, "--state", server.stateDir]);

function file(name: string, text: string): string {
  const path = join(server.folder, name);
  writeFileSync(path, text);
  return path;
}

interface Explained {
  readonly pools: readonly { readonly pool: string; readonly share: number }[];
  readonly reasons: readonly { readonly code: string }[];
}

/** Pools with a share for a client in Germany, the greatest first, once `wanted` holds. */
async function explained(wanted: (now: Explained) => boolean): Promise<Explained> {
  for (let tries = 0; ; tries++) {
    const { out, err } = await ask("explain", "shop", "--client", "84.128.0.1", "--json");
    assert.ok(out !== "", err);
    const now = JSON.parse(out) as Explained;
    if (wanted(now) || tries === 20) return now;
    await sleep(100);
  }
}

const first = ({ pools }: Explained): string =>
  pools.toSorted((a, b) => b.share - a.share)[0]?.pool ?? "";

test("latency import moves a country to the region that is quicker for it", async () => {
  assert.equal(first(await explained((now) => first(now) === "fra")), "fra");
  const csv = file("rtt.csv", "client,region,ms\nDE,fra,80\n84.128.0.1,iad,12.5\nXX,fra,1\n");
  const { code, out } = await ask("latency", "import", csv);
  assert.equal(code, 1);
  assert.match(out, /^2 rows taken; 1 left out, not known: XX/);
  const now = await explained((each) => first(each) === "iad");
  assert.equal(first(now), "iad");
  assert.ok(now.reasons.some(({ code: each }) => each === "latency.ranked"));
  const { out: world } = await ask("world");
  assert.match(world, /round trips\n +DE +iad 12\.5ms .*, fra 80\.0ms/);
});

test("load import makes a region that is full hand on a part", async () => {
  const csv = file("load.csv", "service,pool,load\nshop,iad,140\nshop,fra,0\n");
  const { code, err } = await ask("load", "import", csv);
  assert.equal(code, 0, err);
  const now = await explained(({ pools }) => pools.every(({ share }) => share > 0));
  assert.ok(
    now.pools.every(({ share }) => share > 0),
    JSON.stringify(now.pools),
  );
  assert.ok(now.reasons.some(({ code: each }) => each === "capacity.full"));
  const { out: world } = await ask("world");
  assert.match(world, /capacity\n(.*\n)? +shop\/iad +by load +load 140 .* keeps [\d.]+% of what/);
});

test("a file that cannot be read names its lines, and nothing of it is taken", async () => {
  const csv = file("bad.csv", "service,pool,load\nshop,iad\nshop,iad,much\n");
  const { code, err } = await ask("load", "import", csv);
  assert.equal(code, 1);
  assert.match(err, /bad\.csv:2:1 measure\.invalid .*\n.*bad\.csv:3:1 measure\.invalid/);
  const { err: head } = await ask("latency", "import", file("head.csv", "a,b\n"));
  assert.match(head, /begin with `client,region,ms`/);
});
