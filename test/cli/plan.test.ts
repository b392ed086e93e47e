/** `rhumb plan` as a child process: exit codes, colour, JSON, complaints. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { rhumb } from "./run.ts";

// It would win over NO_COLOR.
delete process.env["FORCE_COLOR"];
const folder = mkdtempSync(join(tmpdir(), "rhumb-plan-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const base = [
  "version: 1",
  "zones: {gslb.example.com: {ns: ns1.example.net}}",
  "regions: {fra: {at: FRA}, iad: {at: IAD}}",
  "services: {shop: {endpoints: {fra: 192.0.2.10, iad: 198.51.100.10}}}",
].join("\n");
const old = write("old.yaml", base);
const next = write("new.yaml", `# a comment\n${base.replace("iad: 198", "iad: 203")}`);
const demand = write("demand.csv", "service,location,rps\nshop,DE,100\nshop,US,50\n");

test("plan exits 0 when nothing changes, though a comment does", async () => {
  const same = write("same.yaml", `# a comment\n${base}\n`);
  const { code, out } = await rhumb(["plan", old, same]);
  assert.equal(code, 0);
  assert.match(out, /nothing changes\n$/);
});

test("plan exits 2 on a change and says what moves", async () => {
  const { code, out, err } = await rhumb(["plan", old, next, "--demand", demand]);
  assert.equal(code, 2);
  assert.equal(err, "");
  assert.match(out, /^~ service shop, 150 rps$/m);
  assert.match(out, /^ {2}\+ endpoint iad\/203\.51\.100\.10$/m);
  assert.match(out, /33\.33 % of its demand changes endpoint within its region/);
});

test("plan colours lines unless NO_COLOR says not to", async () => {
  const esc = String.fromCharCode(27);
  const coloured = await rhumb(["plan", old, next], { env: { FORCE_COLOR: "1" } });
  assert.ok(coloured.out.includes(`${esc}[32m  + endpoint`));
  const plain = await rhumb(["plan", old, next], { env: { NO_COLOR: "1" } });
  assert.ok(!plain.out.includes(esc));
});

test("plan --json says the same as data", async () => {
  const { code, out } = await rhumb(["plan", old, next, "--demand", demand, "--json"]);
  assert.equal(code, 2);
  const plan = JSON.parse(out) as {
    old: string;
    changed: boolean;
    demand: { unit: string; before: number };
    services: readonly { service: string; endpoints: readonly { endpoint: string }[] }[];
  };
  assert.deepEqual([plan.old, plan.changed, plan.demand.unit], [old, true, "rps"]);
  assert.equal(plan.demand.before, 150);
  assert.deepEqual(
    plan.services[0]?.endpoints.map(({ endpoint }) => endpoint),
    ["iad/198.51.100.10", "iad/203.51.100.10"],
  );
});

test("plan exits 1 on problems and on wrong words, each said", async () => {
  const bad = write("bad.csv", "service,location,rps\nshop,Germany,1\nshop,DE,many\n");
  const rows = await rhumb(["plan", old, next, "--demand", bad]);
  assert.equal(rows.code, 1);
  assert.equal(rows.out, "");
  assert.match(rows.err, new RegExp(`${bad}:2:6 demand.invalid .*\\n.*:3:9 demand.invalid`));
  const mistaken = write("mistaken.yaml", base.replace("services", "servces"));
  const config = await rhumb(["plan", old, mistaken]);
  assert.equal(config.code, 1);
  assert.match(config.err, /mistaken\.yaml:4:1 config\.unknown-key/);
  for (const args of [
    ["plan", old],
    ["plan", "--what"],
    ["plan", old, next, "x"],
  ]) {
    const wrong = await rhumb(args);
    assert.equal(wrong.code, 1, args.join(" "));
    assert.notEqual(wrong.err, "");
  }
  const absent = await rhumb(["plan", next, "--state", join(folder, "none")]);
  assert.equal(absent.code, 3);
});
