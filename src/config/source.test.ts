import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { limits } from "../limits.ts";
import { readSources } from "./source.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-source-"));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string): string => join(folder, name);

async function codesOf(file: string): Promise<readonly string[]> {
  const result = await readSources(file);
  return result.ok ? ["ok"] : result.problems.map(({ code, message }) => `${code} ${message}`);
}

test("readSources() reads a file", async () => {
  writeFileSync(path("one.yaml"), "version: 1\n");
  const result = await readSources(path("one.yaml"));
  assert.deepEqual(result, {
    ok: true,
    sources: [{ file: path("one.yaml"), text: "version: 1\n" }],
  });
});

test("readSources() reads a folder's YAML files in order", async () => {
  mkdirSync(path("dir"));
  for (const name of ["b.yml", "a.yaml", ".hidden.yaml", "c.txt", "d.yaml~"]) {
    writeFileSync(path(`dir/${name}`), name);
  }
  mkdirSync(path("dir/sub"));
  writeFileSync(path("dir/sub/e.yaml"), "e");
  const result = await readSources(path("dir"));
  assert.ok(result.ok);
  assert.deepEqual(
    result.sources.map(({ text }) => text),
    ["a.yaml", "b.yml"],
  );
});

test("readSources() says what is wrong with a path", async () => {
  assert.deepEqual(await codesOf(path("absent")), ["file.unreadable does not exist"]);
  mkdirSync(path("empty"));
  assert.deepEqual(await codesOf(path("empty")), ["file.unreadable holds no *.yaml or *.yml file"]);
  symlinkSync("loop.yaml", path("loop.yaml"));
  assert.deepEqual(await codesOf(path("loop.yaml")), [
    "file.unreadable is a circle of symbolic links",
  ]);
  writeFileSync(path("latin.yaml"), Buffer.from([0x61, 0xe9, 0x0a]));
  assert.deepEqual(await codesOf(path("latin.yaml")), ["file.unreadable is not UTF-8 text"]);
  assert.deepEqual(await codesOf(path("one.yaml/x")), [
    "file.unreadable lies below something that is no folder",
  ]);
});

test("readSources() does not wait for a pipe", { timeout: 10_000 }, async () => {
  execFileSync("mkfifo", [path("pipe.yaml")]);
  assert.deepEqual(await codesOf(path("pipe.yaml")), ["file.unreadable is not a regular file"]);
});

test("readSources() reports every unreadable file of a folder", async () => {
  mkdirSync(path("bad"));
  mkdirSync(path("bad/folder.yaml"));
  writeFileSync(path("bad/latin.yaml"), Buffer.from([0xff]));
  writeFileSync(path("bad/good.yaml"), "version: 1");
  assert.equal((await codesOf(path("bad"))).length, 2);
});

test("readSources() refuses a file over the limit without reading it", async () => {
  writeFileSync(path("large.yaml"), "");
  truncateSync(path("large.yaml"), 1024 ** 4);
  const [problem = ""] = await codesOf(path("large.yaml"));
  assert.match(problem, /^file\.too-large /);
});

test("readSources() bounds the files of a folder together", async () => {
  mkdirSync(path("many"));
  for (const name of ["a", "b", "c"]) {
    writeFileSync(path(`many/${name}.yaml`), "");
    truncateSync(path(`many/${name}.yaml`), limits.configFileBytesMax);
  }
  const [problem = ""] = await codesOf(path("many"));
  assert.match(problem, /^file\.too-large the files/);
});
