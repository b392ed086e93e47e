/**
 * From files on a real disk to a revision in force and on record, and what is refused on the way.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { writeMmdb } from "../../test/support/mmdb-writer.ts";
import type { ZoneCache } from "../config/zone-source.ts";
import { systemEntropy } from "../lib/entropy.ts";
import { policyFile, statePaths } from "../link/paths.ts";
import { readCurrent, readPolicy } from "../link/snapshot.ts";
import { listAudit, listRevisions, unpackFile } from "./records.ts";
import {
  applyRevision,
  type CompiledRevision,
  compileRevision,
  recordRefusal,
  recordRevision,
} from "./rollout.ts";
import { openSqliteStore } from "./sqlite.ts";
import { readSerials } from "./zone-serials.ts";

const entropy = systemEntropy();

interface Setting {
  readonly stateDir: string;
  readonly source: string;
  readonly write: (steer: string, more?: string) => Promise<void>;
  readonly compiled: () => Promise<CompiledRevision>;
}

async function inFolder(run: (setting: Setting) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rhumb-rollout-"));
  const stateDir = join(folder, "state");
  const source = join(folder, "rhumb.yaml");
  const database = join(folder, "geo.mmdb");
  await writeFile(database, writeMmdb([["5.0.0.0/8", { country_code: "DE" }]]));
  const setting: Setting = {
    stateDir,
    source,
    write: (steer, more = "") =>
      writeFile(
        source,
        `version: 1
zones: {gslb.example.com: {ns: [ns1.example.net]}}
geo: {database: ${database}}
regions: {fra: {at: FRA}, iad: {at: IAD}}
services:
  shop: {endpoints: {fra: 192.0.2.1, iad: 192.0.2.2}, steer: ${steer}}
${more}`,
      ),
    async compiled() {
      const result = await compileRevision(source, { stateDir, entropy });
      if (!result.ok) assert.fail(JSON.stringify(result.problems));
      return result.revision;
    },
  };
  try {
    await run(setting);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

void test("compileRevision() gives a policy and says which files it read", async () => {
  await inFolder(async ({ write, compiled, source }) => {
    await write("[fra, iad]");
    const { policy, files, sources } = await compiled();
    assert.equal(policy.services[0]?.name, "shop");
    assert.equal(files.length, 1);
    assert.equal(sources[0]?.file, source);
  });
});

void test("compileRevision() returns every problem with its place, and writes no snapshot", async () => {
  await inFolder(async ({ write, source, stateDir }) => {
    await write("[fra, iad, far]", "extra: 1");
    const result = await compileRevision(source, { stateDir, entropy });
    assert.ok(!result.ok);
    const found = result.problems.map(({ code, place }) => `${place?.line} ${code}`).sort();
    assert.deepEqual(found, ["6 config.unknown-reference", "7 config.unknown-key"]);
    assert.equal((await readCurrent(stateDir)).ok, false);
  });
});

void test("compileRevision() returns mistakes of one entry that belong to several stages", async () => {
  await inFolder(async ({ source, stateDir }) => {
    const text = `version: 1
zones: {gslb.example.com: {ns: [ns1.example.net]}}
regions:
  fra: {at: FRAX}
services:
  shop:
    endpoints: {fra: 192.0.2.1}
    ttl: 5
    steer:
      rules:
        - {when: 'contry == "DE"', steer: [fra]}
        - {steer: nearest}
    records:
      - {type: MX, data: bogus}
`;
    await writeFile(source, text);
    const result = await compileRevision(source, { stateDir, entropy });
    assert.ok(!result.ok);
    const found = result.problems.map(({ code, place }) => `${place?.line} ${code}`);
    const expected = ["4", "8", "11", "14"].map((line) => `${line} config.invalid`);
    assert.deepEqual(found, expected);
  });
});

void test("applyRevision() puts a revision in force once, and mends a damaged snapshot", async () => {
  await inFolder(async ({ write, compiled, stateDir }) => {
    await write("[fra, iad]");
    const revision = await compiled();
    const { policy } = revision;
    const apply = () => applyRevision(revision, { stateDir, at: 1 });
    assert.deepEqual(await apply(), { ok: true, outcome: "applied" });
    assert.deepEqual(await apply(), { ok: true, outcome: "unchanged" });
    await writeFile(policyFile(stateDir, policy.digest), "damaged");
    assert.deepEqual(await apply(), { ok: true, outcome: "unchanged" });
    assert.ok((await readPolicy(stateDir, policy.digest)).ok);
  });
});

void test("applyRevision() that cannot write is a problem, and the old revision stays", async () => {
  await inFolder(async ({ write, compiled, stateDir }) => {
    await writeFile(stateDir, "a file where the folder should be");
    await write("[fra, iad]");
    const result = await applyRevision(await compiled(), { stateDir, at: 1 });
    assert.ok(!result.ok);
    assert.equal(result.problems[0]?.code, "state.unusable");
  });
});

void test("recordRevision() counts revisions, keeps their text, and does not count twice", async () => {
  await inFolder(async ({ write, compiled, stateDir, source }) => {
    await write("[fra, iad]");
    const first = await compiled();
    await applyRevision(first, { stateDir, at: 1 });
    const opened = await openSqliteStore(statePaths(stateDir).store, { entropy });
    if (!opened.ok) assert.fail(opened.message);
    const { store } = opened;
    const occasion = { author: "file", at: 2, source };
    assert.equal((await recordRevision(store, first, occasion)).number, 1);
    assert.equal((await recordRevision(store, first, occasion)).number, 1);
    await write("[iad, fra]");
    const second = await compiled();
    assert.equal((await recordRevision(store, second, occasion)).number, 2);
    assert.equal((await recordRevision(store, first, occasion)).number, 3);
    const [newest] = await listRevisions(store, 1);
    assert.equal(newest?.digest, first.policy.digest);
    const text = newest?.files[0] && unpackFile(newest.files[0]);
    assert.equal(text, first.sources[0]?.text);
    await recordRefusal(store, [], occasion);
    const outcomes = (await listAudit(store, 10)).map((record) => record.outcome);
    assert.deepEqual(outcomes, ["refused", "done", "done", "done"]);
    await store.close();
  });
});

test("compileRevision() refuses what breaks an assertion, and at a start warns of it", async () => {
  await inFolder(async ({ source, stateDir, write }) => {
    await write("[fra, iad]", "assert: [answer while 1 region down, answer while 2 regions down]");
    const refused = await compileRevision(source, { stateDir, entropy, assertions: "refuse" });
    assert.ok(!refused.ok);
    const problems = refused.problems.filter(({ code }) => code === "assert.violated");
    assert.equal(problems.length, 1);
    const [problem] = problems;
    assert.equal(problem?.path, "assert.1");
    assert.equal(problem?.place?.line, 7);
    assert.match(problem?.hint ?? "", /^see: rhumb explain shop .*shop\/iad .*-c /);
    const started = await compileRevision(source, { stateDir, entropy, assertions: "warn" });
    assert.ok(started.ok);
    assert.ok(started.revision.warnings.some(({ code }) => code === "assert.violated"));
    const left = await compileRevision(source, { stateDir, entropy });
    assert.ok(left.ok && left.revision.warnings.every(({ code }) => code !== "assert.violated"));
  });
});

void test("compileRevision() reads zone files, again only those that changed, with growing serials", async () => {
  await inFolder(async ({ source, stateDir }) => {
    const folder = dirname(source);
    const zone = (name: string, text: string) =>
      writeFile(
        join(folder, `${name}.zone`),
        `$TTL 60\n@ SOA ns1 h 5 1 1 1 1\n@ NS ns1\nns1 A 192.0.2.1\n${text}`,
      );
    await writeFile(
      source,
      `version: 1
zones:
  a.example: {file: a.zone}
  b.example: {file: b.zone, serial: file}
  c.example: {ns: [ns1.example.net]}
regions: {fra: {at: FRA}}
services:
  shop: {names: shop.a.example, endpoints: {fra: 192.0.2.1}}
`,
    );
    await zone("a", "");
    await zone("b", "$INCLUDE c.inc\n");
    await writeFile(join(folder, "c.inc"), "www A 192.0.2.2\n");
    const zoneCache: ZoneCache = new Map();
    const compiled = async () => {
      const serials = await readSerials(stateDir);
      const result = await compileRevision(source, { stateDir, entropy, serials, zoneCache });
      if (!result.ok)
        return { digest: "", serials: [], problems: result.problems, files: result.files };
      const { revision } = result;
      assert.ok((await applyRevision(revision, { stateDir, at: 1 })).ok);
      const { zones } = revision.policy.names;
      const chosen = zones.map(({ serial }) => serial);
      const { digest } = revision.policy;
      return { digest, serials: chosen, problems: revision.warnings, files: revision.files };
    };
    const first = await compiled();
    assert.deepEqual(first.serials.slice(0, 2), [5, 5]);
    assert.ok(Math.abs(first.serials[2]! - entropy.now() / 1000) < 10);
    assert.deepEqual(
      first.files.map((file) => basename(file)),
      ["a.zone", "b.zone", "c.inc"],
    );
    const [a, b] = [...zoneCache.values()];
    const again = await compiled();
    assert.deepEqual([again.serials, again.digest], [first.serials, first.digest]);
    // One zone changes, and the other is not parsed again.
    await writeFile(join(folder, "c.inc"), "www A 192.0.2.3\n");
    const changed = await compiled();
    assert.deepEqual(changed.serials, first.serials);
    assert.notEqual(changed.digest, first.digest);
    assert.match(
      changed.problems.map(({ message }) => message).join(),
      /its serial 5 is not after 5/,
    );
    assert.equal([...zoneCache.values()][0], a);
    assert.notEqual([...zoneCache.values()][1], b);
    // Serials of `auto` grow, back to what was there before as well.
    await zone("a", "x A 192.0.2.4\n");
    assert.equal((await compiled()).serials[0], 6);
    await zone("a", "");
    assert.equal((await compiled()).serials[0], 7);
    await zone("a", "x TXT\n");
    const refused = await compiled();
    assert.deepEqual(
      refused.problems.map(
        ({ code, place }) => `${code} ${basename(place?.file ?? "")}:${place?.line}`,
      ),
      ["zone.syntax a.zone:5"],
    );
    assert.ok(refused.files.some((file) => file.endsWith("a.zone")));
  });
});
