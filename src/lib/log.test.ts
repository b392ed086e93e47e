/** log.ts: what stands on standard error, seen from outside the process. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const module = JSON.stringify(new URL("./log.ts", import.meta.url).href);

function run(script: string, shell = '"$0" --input-type=module -e "$1"') {
  const code = `const { logger } = await import(${module}); ${script}`;
  return spawnSync("/bin/sh", ["-c", shell, process.execPath, code], { encoding: "utf8" });
}

test("logger() writes one JSON line with its part to standard error", () => {
  const result = run(`logger("dns").info({ port: 53 }, "listening"); logger("dns").debug("no");`);
  const lines = result.stderr.trim().split("\n");
  assert.equal(lines.length, 1);
  const line: Record<string, unknown> = JSON.parse(lines[0] ?? "");
  assert.deepEqual(
    [line["level"], line["part"], line["port"], line["msg"]],
    ["info", "dns", 53, "listening"],
  );
  assert.equal(result.stdout, "");
});

test("logger() goes on when standard error is closed", () => {
  const script = `const log = logger("dns"); for (let i = 0; i < 5; i++) log.info("x");
    await new Promise((done) => setTimeout(done, 50)); log.info("y"); console.log("alive");`;
  const result = run(script, '"$0" --input-type=module -e "$1" 2>&-');
  assert.equal(result.stdout, "alive\n");
  const full = run(script, '"$0" --input-type=module -e "$1" 2>/dev/full');
  assert.equal(full.stdout, "alive\n");
});
