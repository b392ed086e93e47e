/** log.ts: what stands on standard error, seen from outside the process. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const entropyModule = JSON.stringify(new URL("./entropy.ts", import.meta.url).href);
const module = JSON.stringify(new URL("./log.ts", import.meta.url).href);

function run(script: string, shell = '"$0" --input-type=module -e "$1"') {
  const code = `const { logger } = await import(${module});
    const { systemEntropy } = await import(${entropyModule}); const entropy = systemEntropy(); ${script}`;
  return spawnSync("/bin/sh", ["-c", shell, process.execPath, code], {
    encoding: "utf8",
    maxBuffer: 8 * 1024 * 1024,
  });
}

test("logger() writes one JSON line with its part to standard error", () => {
  const result = run(
    `logger("dns", { entropy }).info({ port: 53 }, "listening"); logger("dns", { entropy }).debug("no");`,
  );
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
  const script = `const log = logger("dns", { entropy }); for (let i = 0; i < 5; i++) log.info("x");
    await new Promise((done) => setTimeout(done, 50)); log.info("y"); console.log("alive");`;
  const result = run(script, '"$0" --input-type=module -e "$1" 2>&-');
  assert.equal(result.stdout, "alive\n");
  const full = run(script, '"$0" --input-type=module -e "$1" 2>/dev/full');
  assert.equal(full.stdout, "alive\n");
});

test("logger() never waits for a reader that has stopped, and says what it dropped", () => {
  const script = `const log = logger("dns", { entropy }); const began = performance.now();
    for (let i = 0; i < 20000; i++) log.info({ i, text: "x".repeat(80) }, "line");
    console.log(String(performance.now() - began < 1500));`;
  // The reader comes to itself after two seconds, and the lines that waited go out.
  const shell = `{ "$0" --input-type=module -e "$1; setTimeout(() => log.info('last'), 2500);
    setTimeout(() => {}, 2700)" 2>&1 >&3 | { sleep 2; cat >&2; }; } 3>&1`;
  const result = run(script, shell);
  assert.equal(result.stdout, "true\n");
  const lines = result.stderr.trim().split("\n");
  const read = lines.map((line) => JSON.parse(line) as { i?: number; count?: number; msg: string });
  const kept = read.flatMap(({ i }) => (i === undefined ? [] : [i]));
  assert.deepEqual(kept, [...kept.keys()], "the first lines, in order");
  const counts = read.flatMap(({ count }) => (count === undefined ? [] : [count]));
  assert.equal(kept.length + (counts[0] ?? 0), 20_000, "each is there or counted");
  assert.equal(read.at(-1)?.msg, "last");
});

test("logger() writes what it can before its process ends", () => {
  const script = `const log = logger("dns", { entropy });
    for (let i = 0; i < 3000; i++) log.info({ text: "x".repeat(80) }, "line");
    log.fatal("ends"); process.exit(1);`;
  const result = run(script, '"$0" --input-type=module -e "$1" 2>&1 | { sleep 0.1; cat; }');
  assert.match(result.stdout.trim().split("\n").at(-1) ?? "", /"msg":"ends"/);
});
