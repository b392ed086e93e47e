import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Override } from "../world/world.ts";
import {
  addAudit,
  addRevision,
  dropOverride,
  getVerdicts,
  listAudit,
  listOverrides,
  listRevisions,
  packFiles,
  putOverride,
  putVerdicts,
  type RevisionRecord,
  unpackFile,
} from "./records.ts";
import { openSqliteStore } from "./sqlite.ts";
import type { Store } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-records-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

async function withStore(body: (store: Store, file: string) => Promise<void>): Promise<void> {
  const file = join(folder, `${++files}.db`);
  const opened = await openSqliteStore(file, { entropy: simulatedEntropy(1) });
  assert.ok(opened.ok);
  await body(opened.store, file);
  await opened.store.close();
}

const revision = (at: number): Omit<RevisionRecord, "number"> => ({
  digest: "d".repeat(64),
  configDigest: "c",
  geographyDigest: "g",
  at,
  author: "ann",
  source: "rhumb.yaml",
  ...packFiles([{ path: "rhumb.yaml", text: "version: 1\n# é\n" }]),
});

test("addRevision() numbers from 1, lists newest first and keeps a bounded number", () =>
  withStore(async (store) => {
    for (let i = 1; i <= limits.revisionRecordsMax + 3; i++) {
      assert.equal((await addRevision(store, revision(i))).number, i);
    }
    const newest = await listRevisions(store, 2);
    assert.deepEqual(
      newest.map(({ number, at }) => [number, at]),
      [
        [103, 103],
        [102, 102],
      ],
    );
    assert.equal(unpackFile(newest[0]!.files[0]!), "version: 1\n# é\n");
    const all = await listRevisions(store, 1000);
    assert.equal(all.length, limits.revisionRecordsMax);
    assert.equal(all.at(-1)?.number, 4);
  }));

test("addRevision() from two stores on one file gives each number once", () =>
  withStore(async (store, file) => {
    const other = await openSqliteStore(file, { entropy: simulatedEntropy(2) });
    assert.ok(other.ok);
    const both = [store, other.store];
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, i) => addRevision(both[i % 2]!, revision(i))),
    );
    assert.deepEqual(
      made.map(({ number }) => number).toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    await other.store.close();
  }));

test("packFiles() leaves out text that is too long to keep, and says how much", () => {
  const yaml = "services: {shop: {endpoints: {fra: 192.0.2.1}}}\n".repeat(200_000);
  const packed = packFiles([{ path: "a.yaml", text: yaml }]);
  assert.equal(packed.omittedBytes, 0);
  assert.equal(unpackFile(packed.files[0]!), yaml);
  const noise = randomBytes(3 * 1024 * 1024).toString("base64");
  assert.deepEqual(packFiles([{ path: "a.yaml", text: noise }]), {
    files: [],
    omittedBytes: noise.length,
  });
  const bomb = packFiles([{ path: "b", text: "\0".repeat(limits.configFileBytesMax + 1) }])
    .files[0]!;
  assert.equal(unpackFile(bomb), undefined);
  assert.equal(unpackFile({ path: "c", gzip: "bm90IGd6aXA=" }), undefined);
});

test("readers skip records that do not parse, and writers number past them", () =>
  withStore(async (store) => {
    await addRevision(store, revision(1));
    for (const [i, value] of ["not json", "null", '{"number":2}'].entries()) {
      await store.putIf(`revision/99999999999${7 - i}`, value, { ifRevision: 0 });
    }
    await addRevision(store, revision(5));
    assert.deepEqual(
      (await listRevisions(store, 10)).map(({ number }) => number),
      [5, 1],
    );
  }));

test("addAudit() keeps who did what, newest first, and refuses what does not fit", () =>
  withStore(async (store) => {
    const record = {
      at: 1,
      author: "ann",
      action: "override",
      target: "region:fra",
      outcome: "done",
      detail: "",
    } as const;
    await addAudit(store, record);
    await addAudit(store, { ...record, action: "lift", outcome: "refused" });
    assert.deepEqual(
      (await listAudit(store, 5)).map(({ number, action }) => [number, action]),
      [
        [2, "lift"],
        [1, "override"],
      ],
    );
    await assert.rejects(addAudit(store, { ...record, detail: "x".repeat(5000) }));
  }));

test("putOverride(), dropOverride() and listOverrides() keep the operator's word by id", () =>
  withStore(async (store) => {
    const override: Override = {
      id: "o/1 é",
      kind: "drain",
      target: "region:fra",
      reason: "disks",
      author: "ann",
      createdAt: 1,
      expiresAt: 2,
    };
    await putOverride(store, override);
    await putOverride(store, { ...override, reason: "new disks" });
    await putOverride(store, { ...override, id: "o2" });
    assert.deepEqual(await listOverrides(store), [
      { ...override, reason: "new disks" },
      { ...override, id: "o2" },
    ]);
    await dropOverride(store, "o/1 é");
    await dropOverride(store, "o/1 é");
    assert.deepEqual(
      (await listOverrides(store)).map(({ id }) => id),
      ["o2"],
    );
  }));

test("putVerdicts() and getVerdicts() hold a service of the largest size", () =>
  withStore(async (store) => {
    const endpoints = Array.from({ length: limits.endpointsPerServiceMax }, (_, i) => ({
      pool: "frankfurt/canary-colour",
      endpoint: `endpoint-${i}.frankfurt.shop.example.com:8443`,
      state: "down" as const,
      changedAt: 1_700_000_000_000,
    }));
    await putVerdicts(store, { service: "shop", at: 1, endpoints });
    assert.equal((await getVerdicts(store, "shop"))?.endpoints.length, endpoints.length);
    assert.equal(await getVerdicts(store, "blog"), undefined);
  }));
