/** Snapshot files, whole, cut short, damaged and pruned, on a real disk. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import type { World } from "../world/world.ts";
import { policyFile, statePaths } from "./paths.ts";
import {
  readCurrent,
  readPointer,
  readPolicy,
  readWorld,
  writePolicy,
  writeWorld,
} from "./snapshot.ts";

/** Only what a snapshot looks at, and a typed column to see that bytes survive. */
function policyOf(number: number): Policy {
  const digest = number.toString(16).padStart(64, "0");
  const leaves = { words: 1, starts: new Uint32Array([0, 1 << 31, number]) };
  return { digest, configDigest: "c", v4: leaves } as unknown as Policy;
}

async function inStateDir(run: (stateDir: string) => Promise<void>): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "rhumb-snapshot-"));
  try {
    await run(stateDir);
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function writeMany(stateDir: string, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) {
    const written = await writePolicy(stateDir, policyOf(i), { at: i });
    assert.ok(written.ok, JSON.stringify(written));
  }
}

async function currentNumber(stateDir: string): Promise<{ number: number; skipped: string[] }> {
  const read = await readCurrent(stateDir);
  assert.ok(read.ok, JSON.stringify(read));
  const skipped = read.value.skipped.map((failure) => failure.reason);
  return { number: Number.parseInt(read.value.policy.digest, 16), skipped };
}

void test("writePolicy() then readPolicy() gives an equal policy", () =>
  inStateDir(async (stateDir) => {
    await writeMany(stateDir, 1);
    const read = await readPolicy(stateDir, policyOf(1).digest);
    assert.ok(read.ok);
    assert.deepEqual(read.value, policyOf(1));
  }));

void test("writePolicy() keeps the newest policies and no leftovers", () =>
  inStateDir(async (stateDir) => {
    await writeFile(join(stateDir, "keep"), "");
    await writeMany(stateDir, 1);
    await writeFile(join(statePaths(stateDir).snapshots, "x.policy.1.tmp"), "died half-way");
    await writeMany(stateDir, limits.policySnapshotsMax + 3);
    const names = await readdir(statePaths(stateDir).snapshots);
    assert.equal(names.length, limits.policySnapshotsMax + 1);
    assert.ok(names.includes("current"));
    const pointer = await readPointer(stateDir);
    assert.ok(pointer.ok);
    assert.equal(pointer.value.at, limits.policySnapshotsMax + 3);
    assert.equal(pointer.value.history.length, limits.policySnapshotsMax - 1);
  }));

void test("writePolicy() of an older policy makes it current again, once in the history", () =>
  inStateDir(async (stateDir) => {
    await writeMany(stateDir, 3);
    await writePolicy(stateDir, policyOf(1), { at: 9 });
    const pointer = await readPointer(stateDir);
    assert.ok(pointer.ok);
    const order = [pointer.value.digest, ...pointer.value.history];
    assert.deepEqual(
      order,
      [1, 3, 2].map((number) => policyOf(number).digest),
    );
  }));

void test("readPolicy() names a truncated file at every length, and never throws", () =>
  inStateDir(async (stateDir) => {
    await writeMany(stateDir, 1);
    const file = policyFile(stateDir, policyOf(1).digest);
    const whole = await readFile(file);
    for (let length = 0; length < whole.length; length += 7) {
      await writeFile(file, whole.subarray(0, length));
      const read = await readPolicy(stateDir, policyOf(1).digest);
      assert.equal(read.ok ? "ok" : read.reason, "truncated", `at ${length} bytes`);
    }
  }));

void test("readPolicy() refuses a file in which any one byte differs", () =>
  inStateDir(async (stateDir) => {
    await writeMany(stateDir, 1);
    const file = policyFile(stateDir, policyOf(1).digest);
    const whole = await readFile(file);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      await writeFile(file, damaged);
      const read = await readPolicy(stateDir, policyOf(1).digest);
      assert.ok(!read.ok, `byte ${at}`);
    }
  }));

void test("readPolicy() refuses another policy under the name, and a name that is no digest", () =>
  inStateDir(async (stateDir) => {
    await writeMany(stateDir, 1);
    const bytes = await readFile(policyFile(stateDir, policyOf(1).digest));
    await writeFile(policyFile(stateDir, policyOf(2).digest), bytes);
    const other = await readPolicy(stateDir, policyOf(2).digest);
    assert.equal(other.ok ? "ok" : other.reason, "corrupt");
    const outside = await readPolicy(stateDir, "../../etc/passwd");
    assert.equal(outside.ok ? "ok" : outside.reason, "corrupt");
  }));

void test("readCurrent() uses the older policy when the newest is damaged, and says so", () =>
  inStateDir(async (stateDir) => {
    await writeMany(stateDir, 3);
    assert.deepEqual(await currentNumber(stateDir), { number: 3, skipped: [] });
    await truncate(policyFile(stateDir, policyOf(3).digest), 40);
    assert.deepEqual(await currentNumber(stateDir), { number: 2, skipped: ["truncated"] });
    await rm(policyFile(stateDir, policyOf(2).digest));
    assert.deepEqual(await currentNumber(stateDir), { number: 1, skipped: ["truncated"] });
  }));

void test("readCurrent() finds a policy without its pointer", () =>
  inStateDir(async (stateDir) => {
    await writeMany(stateDir, 1);
    await writeFile(statePaths(stateDir).current, "{}");
    assert.deepEqual(await currentNumber(stateDir), { number: 1, skipped: ["corrupt"] });
    await rm(statePaths(stateDir).current);
    assert.deepEqual(await currentNumber(stateDir), { number: 1, skipped: ["missing"] });
  }));

void test("readCurrent() of an empty state directory says missing", () =>
  inStateDir(async (stateDir) => {
    const read = await readCurrent(stateDir);
    assert.equal(read.ok ? "ok" : read.reason, "missing");
  }));

void test("writePolicy() into a place that cannot be written is a value, not a throw", () =>
  inStateDir(async (stateDir) => {
    await writeFile(join(stateDir, "snapshots"), "a file where the folder should be");
    const written = await writePolicy(stateDir, policyOf(1), { at: 1 });
    assert.equal(written.ok ? "ok" : written.reason, "unwritable");
  }));

void test("readWorld() returns what writeWorld() was given, and refuses a policy in its place", () =>
  inStateDir(async (stateDir) => {
    const world = { policyDigest: "d", resolved: new Map([[1, 2]]) } as unknown as World;
    assert.ok((await writeWorld(stateDir, world)).ok);
    const read = await readWorld(stateDir);
    assert.ok(read.ok);
    assert.deepEqual(read.value, world);
    await writeMany(stateDir, 1);
    const policy = await readFile(policyFile(stateDir, policyOf(1).digest));
    await writeFile(statePaths(stateDir).worldSnapshot, policy);
    const wrong = await readWorld(stateDir);
    assert.equal(wrong.ok ? "ok" : wrong.reason, "format");
  }));
