import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { limits } from "../limits.ts";
import { connectionsWithin, openFilesMax, parseOpenFiles } from "./open-files.ts";

test("parseOpenFiles() reads the soft limit as Linux writes it", () => {
  const table = (soft: string) =>
    `Limit                     Soft Limit           Hard Limit           Units     \n` +
    `Max processes             96000                96000                processes \n` +
    `Max open files            ${soft.padEnd(20)} 1048576              files     \n`;
  assert.equal(parseOpenFiles(table("256")), 256);
  assert.equal(parseOpenFiles(table("unlimited")), Number.POSITIVE_INFINITY);
  assert.equal(parseOpenFiles("nothing of the kind"), Number.POSITIVE_INFINITY);
});

test("openFilesMax() is what `ulimit -n` says", { skip: process.platform !== "linux" }, () => {
  const module = new URL("./open-files.ts", import.meta.url).href;
  const code = `const { openFilesMax } = await import(${JSON.stringify(module)}); console.log(openFilesMax())`;
  const script = 'ulimit -n 200; exec "$0" --input-type=module -e "$1"';
  const said = execFileSync("/bin/sh", ["-c", script, process.execPath, code]).toString();
  assert.equal(Number(said), 200);
  assert.ok(openFilesMax() > 0);
});

test("connectionsWithin() leaves room for the process's own files", () => {
  assert.equal(connectionsWithin(1024, Number.POSITIVE_INFINITY), 1024);
  assert.equal(connectionsWithin(1024, 256), 256 - limits.ownFilesMax);
  assert.equal(connectionsWithin(1024, 10), 1);
});
