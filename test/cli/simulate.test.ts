/** `rhumb simulate` as a child process: chart, SVG, JSON, complaints. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { rhumb } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-simulate-"));
after(() => rmSync(folder, { recursive: true }));

const scenario = "examples/scenarios/region-failure.yaml";
const config = ["-c", "examples/two-regions.yaml"];

test("simulate prints chart, timeline and sum, and writes the picture", async () => {
  const svg = join(folder, "chart.svg");
  const { code, out } = await rhumb(["simulate", scenario, ...config, "--svg", svg]);
  assert.equal(code, 0);
  assert.match(out, /^ fra │/m);
  assert.match(out, /1 00:01:00 silent region:fra/);
  assert.match(out, /health {3}shop\/fra\/192\.0\.2\.10 up -> down: failures/);
  assert.match(out, /% of all requests met an endpoint that did not serve, or none/);
  assert.match(readFileSync(svg, "utf8"), /^<svg xmlns/);
});

test("simulate --json has every sample, and is the same each time", async () => {
  const args = ["simulate", scenario, ...config, "--json"];
  const [one, other] = [await rhumb(args), await rhumb(args)];
  assert.equal(one.out, other.out);
  const simulation = JSON.parse(one.out) as { unit: string; samples: readonly unknown[] };
  assert.deepEqual([simulation.unit, simulation.samples.length], ["rps", 361]);
});

test("simulate exits 1 on a bad scenario, with every place, and on a file it cannot write", async () => {
  const bad = join(folder, "bad.yaml");
  writeFileSync(bad, "version: 1\nduration: 1m\nevents: [{at: 2m, fail: far}]\nsteps: 3\n");
  const wrong = await rhumb(["simulate", bad, ...config]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /bad\.yaml:4:1 config\.unknown-key steps/);
  const absent = await rhumb(["simulate", join(folder, "none.yaml"), ...config]);
  assert.equal(absent.code, 1);
  assert.match(absent.err, /file\.unreadable/);
  const nowhere = await rhumb(["simulate", scenario, ...config, "--svg", join(folder, "no/x.svg")]);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.err, /cannot be written/);
  assert.equal((await rhumb(["simulate"])).code, 2);
});
