/** loadGeography on real files: the bundled database, the cache and its damage, bad paths. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeMmdb } from "../../test/support/mmdb-writer.ts";
import { simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { Geography } from "./geography.ts";
import { bundledDatabasePath, type LoadOptions, loadGeography } from "./load.ts";

const folder = await mkdtemp(join(tmpdir(), "rhumb-geo-"));
after(() => rm(folder, { recursive: true, force: true }));
const entropy = simulatedEntropy(1);
const small = join(folder, "small.mmdb");
await writeFile(small, writeMmdb([["5.0.0.0/8", { country_code: "DE" }]]));

interface Loaded {
  readonly geography: Geography;
  readonly fromCache: boolean;
  readonly cacheFailure: string;
}

async function load(options: Partial<LoadOptions>): Promise<Loaded> {
  const result = await loadGeography({ database: small, overrides: [], entropy, ...options });
  if (!result.ok) assert.fail(JSON.stringify(result.problems));
  return result;
}

async function problemsOf(database: string): Promise<string[]> {
  const result = await loadGeography({ database, overrides: [], entropy });
  assert.ok(!result.ok);
  return result.problems.map((problem) => `${problem.code} ${problem.path} ${problem.message}`);
}

test("loadGeography compiles the bundled database once and then takes it from the cache", async () => {
  const cacheDir = join(folder, "bundled");
  const first = await load({ database: "bundled", cacheDir });
  assert.deepEqual([first.fromCache, first.cacheFailure], [false, ""]);
  const { source } = first.geography;
  assert.match(source.license, /CC0-1\.0.*CC BY 4\.0.*Number Resource Organization/);
  assert.equal(new Date(source.builtAtSeconds * 1000).getUTCFullYear(), 2026);
  const second = await load({ database: "bundled", cacheDir });
  assert.equal(second.fromCache, true);
  // Column by column as bytes: deepEqual takes seconds over millions of numbers.
  for (const family of ["v4", "v6"] as const) {
    const { words, ...columns } = first.geography[family];
    assert.equal(second.geography[family].words, words);
    for (const [name, column] of Object.entries(columns)) {
      const other = second.geography[family][name as keyof typeof columns];
      assert.ok(
        Buffer.from(column.buffer).equals(
          Buffer.from(other.buffer, other.byteOffset, other.byteLength),
        ),
        name,
      );
    }
  }
  assert.deepEqual(second.geography.locations, first.geography.locations);
  assert.deepEqual(await readdir(cacheDir), [`${first.geography.digest}.geography`]);
});

test("loadGeography gives another digest for other bytes or overrides, and the same for a copy", async () => {
  const copy = join(folder, "copy.mmdb");
  await writeFile(copy, await readFile(small));
  const other = join(folder, "other.mmdb");
  await writeFile(other, writeMmdb([["5.0.0.0/8", { country_code: "FR" }]]));
  const digest = async (options: Partial<LoadOptions>): Promise<string> =>
    (await load(options)).geography.digest;
  const plain = await digest({});
  assert.match(plain, /^[0-9a-f]{64}$/);
  assert.equal(await digest({ database: copy }), plain);
  const all = [
    plain,
    await digest({ database: other }),
    await digest({ database: [small, other] }),
    await digest({ database: [other, small] }),
    await digest({ overrides: [{ cidr: "10.0.0.0/8", country: "DE" }] }),
    await digest({ overrides: [{ cidr: "10.0.0.0/8", at: "FRA" }] }),
  ];
  assert.equal(new Set(all).size, all.length);
});

test("loadGeography names the file it was given, also from the cache", async () => {
  const cacheDir = join(folder, "named");
  const renamed = join(folder, "renamed.mmdb");
  await writeFile(renamed, await readFile(small));
  assert.equal((await load({ cacheDir })).geography.source.name, "small.mmdb");
  const again = await load({ cacheDir, database: renamed });
  assert.equal(again.fromCache, true);
  assert.equal(again.geography.source.name, "renamed.mmdb");
});

test("loadGeography compiles again when the cached file is damaged, and mends it", async () => {
  const cacheDir = join(folder, "damaged");
  const { geography } = await load({ cacheDir });
  const file = join(cacheDir, `${geography.digest}.geography`);
  const whole = await readFile(file);
  const damages: (() => Promise<void>)[] = [
    () => truncate(file, whole.length - 1),
    () => truncate(file, 20),
    () => truncate(file, 0),
    () => writeFile(file, "something else"),
    ...[0, 20, 60, whole.length >> 1, whole.length - 1].map((at) => () => {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      return writeFile(file, flipped);
    }),
  ];
  for (const damage of damages) {
    await damage();
    const again = await load({ cacheDir });
    assert.deepEqual([again.fromCache, again.cacheFailure], [false, ""]);
    assert.deepEqual(again.geography, geography);
    assert.equal((await load({ cacheDir })).fromCache, true);
  }
});

test("loadGeography goes on without a cache it cannot write", async () => {
  const result = await load({ cacheDir: join(small, "below-a-file") });
  assert.equal(result.fromCache, false);
  assert.notEqual(result.cacheFailure, "");
});

test("loadGeography keeps the newest files of the cache and leaves others alone", async () => {
  const cacheDir = join(folder, "pruned");
  const digests: string[] = [];
  for (let i = 0; i < limits.geoCacheFilesMax + 2; i++) {
    const overrides = [{ cidr: `10.${i}.0.0/16`, country: "DE" }];
    const { digest } = (await load({ cacheDir, overrides })).geography;
    digests.push(`${digest}.geography`);
    await utimes(join(cacheDir, digests[i] ?? ""), 1000 + i, 1000 + i);
    if (i === 0) await writeFile(join(cacheDir, "notes.txt"), "");
  }
  const left = await readdir(cacheDir);
  assert.deepEqual(left.sort(), [...digests.slice(2), "notes.txt"].sort());
});

test("loadGeography says what is wrong with a path", async () => {
  assert.match(
    (await problemsOf(join(folder, "none.mmdb"))).join(),
    /geo\.unreadable.*it does not exist/,
  );
  assert.match((await problemsOf(folder)).join(), /geo\.unreadable.*it is a folder/);
  const text = join(folder, "text.mmdb");
  await writeFile(text, "not a database");
  assert.match((await problemsOf(text)).join(), /geo\.unreadable.*text\.mmdb.*no MMDB metadata/);
  const huge = join(folder, "huge.mmdb");
  await writeFile(huge, "");
  await truncate(huge, limits.geoDatabaseBytesMax + 1);
  assert.match((await problemsOf(huge)).join(), /file\.too-large/);
});

test("loadGeography refuses the bundled database cut in half", async () => {
  const half = join(folder, "half.mmdb");
  const bytes = await readFile(bundledDatabasePath());
  await writeFile(half, bytes.subarray(0, bytes.length >> 1));
  assert.equal((await problemsOf(half)).length, 1);
  // Its front alone gone: the metadata no longer fits what is before it.
  await writeFile(half, bytes.subarray(bytes.length >> 1));
  assert.match((await problemsOf(half)).join(), /cut short/);
});

test("loadGeography lays a database of AS numbers over the first, and names it when it is at fault", async () => {
  const asn = join(folder, "asn.mmdb");
  await writeFile(
    asn,
    writeMmdb([
      ["5.1.0.0/16", { autonomous_system_number: 64_500, country_code: "FR" }],
      ["6.0.0.0/8", { autonomous_system_number: 64_501 }],
    ]),
  );
  const { geography } = await load({ asn });
  const known = geography.locations.map((location) => `${location.country} ${location.asn}`);
  assert.deepEqual(known.sort(), [" 0", " 64501", "DE 0", "DE 64500"]);
  assert.equal(geography.source.name, "small.mmdb + asn.mmdb");
  assert.notEqual(geography.digest, (await load({})).geography.digest);
  const absent = join(folder, "absent.mmdb");
  const result = await loadGeography({ database: small, asn: absent, overrides: [], entropy });
  assert.ok(!result.ok);
  assert.deepEqual(
    result.problems.map(({ code, path }) => `${code} ${path}`),
    ["geo.unreadable geo.asn"],
  );
});
