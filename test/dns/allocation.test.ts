/** answer() allocates nothing: a million answers in a child process, and no scavenge among them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const child = fileURLToPath(new URL("allocation-child.ts", import.meta.url));

test("answer() a million times makes no work for the collector", async () => {
  // With a young generation of a megabyte, one octet an answer would be a scavenge.
  // Compiling in the foreground, so that it is over when the warm-up is, however busy the machine.
  const flags = ["--trace-gc", "--max-semi-space-size=1", "--no-concurrent-recompilation"];
  const args = [...flags, child, "1000000"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const measured = /begin\n([\s\S]*)end\n/.exec(stdout)?.[1];
  assert.ok(measured !== undefined, stdout);
  assert.equal(measured, "");
  // The collector's lines do come out here: loading the program made some.
  assert.match(stdout, /Scavenge/);
});
