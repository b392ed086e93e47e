/** `rhumb zone check` and `rhumb zone print`, as a user calls them. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { rhumb, root } from "./run.ts";

const zones = join(root, "test/dns/zones");

test("zone check says whether a zone file is good, and where it is not", async () => {
  const good = await rhumb(["zone", "check", "zonemd.zone"], { cwd: zones });
  assert.deepEqual([good.code, good.out], [0, ""]);
  assert.equal(good.err, "zonemd.zone: example: good, 6 records, serial 2018031900\n");
  const bad = await rhumb(["zone", "check", "bad-label.zone", "--zone", "example.com"], {
    cwd: zones,
  });
  assert.equal(bad.code, 1);
  assert.match(bad.err, /^bad-label\.zone:6:1 zone\.syntax "l+" holds a label of over 63 octets\n/);
  const args = ["zone", "check", "outside.zone", "--zone", "example.com", "--json"];
  const { code, out } = await rhumb(args, { cwd: zones });
  const json = JSON.parse(out) as { ok: boolean; serial: number; problems: { code: string }[] };
  assert.deepEqual([code, json.ok, json.serial], [0, true, 7]);
  assert.ok(json.problems.every((problem) => problem.code === "zone.invalid"));
  const gone = await rhumb(["zone", "check", "gone.zone"], { cwd: zones });
  assert.match(gone.err, /^gone\.zone:1:1 file\.unreadable gone\.zone does not exist/);
  assert.equal((await rhumb(["zone", "burn", "gone.zone"])).code, 2);
});

test("zone print writes a zone of the configuration with its file and its steered names", async () => {
  const home = mkdtempSync(join(tmpdir(), "rhumb-zone-"));
  try {
    copyFileSync(join(zones, "delegation.zone"), join(home, "a.zone"));
    writeFileSync(
      join(home, "rhumb.yaml"),
      `version: 1
zones: {example.com: {file: a.zone, records: [{name: www, type: CNAME, data: shop}]}}
regions: {fra: {at: FRA}}
services: {shop: {endpoints: {fra: 192.0.2.1}}}
`,
    );
    const printed = await rhumb(["zone", "print", "Example.com."], { cwd: home });
    assert.equal(printed.code, 0, printed.err);
    assert.match(printed.out, /^example\.com\.\t3600\tIN\tSOA\t/);
    assert.match(printed.out, /\nns\.kid\.example\.com\.\t3600\tIN\tA\t192\.0\.2\.9\n/);
    assert.match(printed.out, /\nwww\.example\.com\.\t3600\tIN\tCNAME\tshop\.example\.com\.\n/);
    assert.match(printed.out, /\n; shop\.example\.com\. is steered: shop\n$/);
    const { code, err } = await rhumb(["zone", "print", "example.net"], { cwd: home });
    assert.deepEqual([code, err], [1, "there is no zone example.net: zones are example.com\n"]);
    writeFileSync(join(home, "a.zone"), "$TTL 60\n@ SOA a b 1 1 1 1\n");
    const refused = await rhumb(["check"], { cwd: home });
    assert.equal(refused.code, 1);
    assert.match(
      refused.err,
      /^a\.zone:2:17 zone\.syntax zones\.example\.com\.file: SOA: a value is/,
    );
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
