/** The lock, against another process that holds it and is killed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { takeLock } from "./lock.ts";

const source = `
  import { takeLock } from ${JSON.stringify(new URL("lock.ts", import.meta.url).href)};
  console.log(takeLock(process.argv[1]).ok);
  process.stdin.resume();
`;

void test("takeLock() refuses a second holder until the first is gone, however it went", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rhumb-lock-"));
  const file = join(folder, "state", "lock");
  const other = spawn(process.execPath, ["--input-type=module", "-e", source, file], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [said] = (await once(other.stdout, "data")) as [Buffer];
  assert.equal(said.toString().trim(), "true");
  const refused = takeLock(file);
  assert.equal(refused.ok ? "ok" : refused.reason, "held");
  other.kill("SIGKILL");
  await once(other, "exit");
  const taken = takeLock(file);
  assert.ok(taken.ok);
  assert.equal(takeLock(file).ok, false);
  taken.lock.release();
  const again = takeLock(file);
  assert.ok(again.ok);
  again.lock.release();
  rmSync(folder, { recursive: true });
});

void test("takeLock() takes what is left of a damaged file, and never writes twice", () => {
  const folder = mkdtempSync(join(tmpdir(), "rhumb-lock-"));
  const file = join(folder, "lock");
  for (const left of ["", "garbage, and more of it than a header ".repeat(200)]) {
    writeFileSync(file, left);
    const taken = takeLock(file);
    assert.ok(taken.ok, left);
    assert.equal(takeLock(file).ok, false);
    taken.lock.release();
    const written = statSync(file).mtimeMs;
    const again = takeLock(file);
    assert.ok(again.ok);
    again.lock.release();
    assert.equal(statSync(file).mtimeMs, written);
  }
  rmSync(folder, { recursive: true });
});

void test("takeLock() where nothing can be written says failed, not held", () => {
  const result = takeLock(join(process.execPath, "lock"));
  assert.equal(result.ok ? "ok" : result.reason, "failed");
});
