/** `rhumb prove` through the real executable, and the commands that its counter-examples are. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { writeMmdb } from "../support/mmdb-writer.ts";
import { rhumb } from "./run.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-prove-"));
after(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "geo.mmdb"), writeMmdb([["5.0.0.0/8", { country_code: "DE" }]]));

function write(assertions: string): string {
  const path = join(folder, "rhumb.yaml");
  writeFileSync(
    path,
    `version: 1
zones: {gslb.example.com: {ns: ns1.example.net}}
geo: {database: ${join(folder, "geo.mmdb")}}
regions: {fra: {at: FRA, in: EU}, iad: {at: IAD, in: US}, muc: {at: MUC, in: EU}}
services:
  shop:
    check: {http: /}
    endpoints: {fra: [192.0.2.1, 192.0.2.2], iad: 192.0.2.3, muc: 192.0.2.4}
    steer: [fra, iad]
    standby: {region: muc}
    fallback: refuse
assert: ${assertions}
`,
  );
  return path;
}

test("prove exits 0 when all is proved, and says what is assumed", async () => {
  const path = write("[residency, answer while 1 region down, ttl at most 30s]");
  const { code, out } = await rhumb(["prove", "-c", path]);
  assert.equal(code, 0, out);
  assert.match(out, /^proved {5}residency/m);
  assert.match(out, /131,072 states of endpoints/);
  assert.match(out, /not covered: resolvers that do not send/);
});

test("prove exits 1 with a counter-example that explain shows", async () => {
  const path = write("[answer while 2 regions down]");
  const { code, out } = await rhumb(["prove", "-c", path, "--json"]);
  assert.equal(code, 1);
  const { verdicts } = JSON.parse(out) as {
    verdicts: readonly { counterExample: { command: string; changes: number } }[];
  };
  const found = verdicts[0]?.counterExample;
  assert.equal(found?.changes, 3);
  const [program, ...words] = found.command.split(" ");
  assert.equal(program, "rhumb");
  const shown = await rhumb([...words, "--json"]);
  assert.equal(shown.code, 0, shown.err);
  assert.equal((JSON.parse(shown.out) as { outcome: string }).outcome, "refuse");
  const checked = await rhumb(["check", "-c", path]);
  assert.equal(checked.code, 1);
  assert.match(checked.err, /rhumb\.yaml:12:10 assert\.violated assert\.0: .*see: rhumb explain/);
});

test("prove exits 4 when the budget is not enough", async () => {
  const path = write("[answer while 1 endpoint up]");
  const { code, out } = await rhumb(["prove", "-c", path, "--decisions", "3"]);
  assert.equal(code, 4, out);
  assert.match(out, /^undecided .*decisions were not enough/m);
});

test("explain takes the states of counter-examples, and refuses what is none", async () => {
  const path = write("[residency]");
  const args = ["explain", "shop", "-c", path, "--force-down", "fra", "--down", "iad"];
  const awake = await rhumb([...args, "--activate", "shop/muc", "--json"]);
  const { pools } = JSON.parse(awake.out) as { pools: { pool: string; share: number }[] };
  assert.equal(pools.find(({ pool }) => pool === "muc")?.share, 65_536);
  const bad = await rhumb([...args, "--ramp", "shop/muc=300"]);
  assert.equal(bad.code, 1);
  assert.match(bad.err, /is no ramp/);
});
