/**
 * Why MMDB files are not read by mmdb-lib (docs/decisions/0014-own-mmdb-reader.md): files that make
 * it go on for ever or fill all memory, with its cache and without, are a fault here, at once.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { encodeValue, pointer } from "../../test/support/mmdb-writer.ts";
import { openMmdb } from "./mmdb.ts";
import { walkDatabase } from "./walk.ts";

const folder = mkdtempSync(join(tmpdir(), "rhumb-mmdb-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** An IPv4 tree whose leaves, left to right, are records at these offsets of the data. */
function fileOf(offsets: readonly number[], data: readonly number[]): Uint8Array {
  // A complete tree: node i has the children 2i + 1 and 2i + 2.
  const nodeCount = 2 ** Math.ceil(Math.log2(Math.max(2, offsets.length))) - 1;
  const tree: number[] = [];
  for (let child = 1; child <= 2 * nodeCount; child++) {
    const leaf = child - nodeCount;
    const record = leaf < 0 ? child : nodeCount + 16 + (offsets[leaf % offsets.length] ?? 0);
    tree.push((record >>> 16) & 255, (record >>> 8) & 255, record & 255);
  }
  const metadata = encodeValue({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1n,
    database_type: "test",
    description: {},
    ip_version: 4,
    languages: [],
    node_count: nodeCount,
    record_size: 24,
  });
  const marker = [0xab, 0xcd, 0xef, ...Buffer.from("MaxMind.com")];
  return Uint8Array.from([...tree, ...new Uint8Array(16), ...data, ...marker, ...metadata]);
}

/** 0x1f 0x04: an array with its size in three bytes. */
const arrayOf = (size: number): number[] => {
  const rest = size - 65_821;
  return rest < 0
    ? [0x1e, 0x04, ((size - 285) >>> 8) & 255, (size - 285) & 255]
    : [0x1f, 0x04, rest >>> 16, (rest >>> 8) & 255, rest & 255];
};

/** Ten levels of ten pointers each to the level below: 10^10 values in 500 bytes. */
function pointers(): Uint8Array {
  const data: number[] = [0x41, 0x78];
  let below = 0;
  for (let level = 0; level < 10; level++) {
    const at = data.length;
    // A list of ten.
    data.push(0x0a, 0x04, ...Array.from({ length: 10 }, () => pointer(below)).flat());
    below = at;
  }
  return fileOf([below], data);
}

/**
 * Every record a list of all that follows: texts, in each of which the next list begins. Each value
 * is at a place of its own, so that no cache helps: n^2 / 2 values in a file of n.
 */
function overlapping(): Uint8Array {
  const count = 16_000;
  const data: number[] = [];
  const offsets: number[] = [];
  for (let i = 0; i < count; i++) {
    const left = count - i - 1;
    const head = left >= 285 ? arrayOf(left) : [0x41];
    const text = [...new Uint8Array(20).fill(0x78), ...head];
    data.push(0x40 | text.length);
    if (left >= 285) offsets.push(data.length + 20);
    data.push(...text);
  }
  return fileOf(offsets, data);
}

/** In a process of its own with 256 MB, for three seconds: does mmdb-lib come to an end? */
function ends(file: string, cached: boolean): boolean {
  const library = createRequire(import.meta.url).resolve("mmdb-lib");
  const code = `
    const { Reader } = require(${JSON.stringify(library)});
    const cache = ${cached} ? { cache: new Map() } : {};
    const reader = new Reader(require("node:fs").readFileSync(${JSON.stringify(file)}), cache);
    for (let i = 0; i < 65536; i++) {
      try { reader.get((i >>> 8) + "." + (i & 255) + ".0.0"); } catch {}
    }`;
  const args = ["--max-old-space-size=256", "-e", code];
  return spawnSync(process.execPath, args, { timeout: 3000, killSignal: "SIGKILL" }).status === 0;
}

for (const [what, bytes, cached] of [
  ["pointers that multiply", pointers(), false],
  ["records that overlap", overlapping(), true],
] as const) {
  test(`openMmdb() and walkDatabase() end with a fault at ${what}, where mmdb-lib does not end`, () => {
    const opened = openMmdb(bytes);
    assert.ok(opened.ok, "its head and tree are good");
    const walked = walkDatabase(opened.database);
    assert.deepEqual(walked, {
      ok: false,
      reason: "it needs more steps than a file of its size may",
    });
    const file = join(folder, `${what}.mmdb`);
    writeFileSync(file, bytes);
    assert.equal(ends(file, cached), false);
  });
}

test("ends() is true of a good file", () => {
  const file = join(folder, "good.mmdb");
  writeFileSync(file, fileOf([0], [0x41, 0x78]));
  assert.equal(ends(file, false), true);
  assert.equal(ends(file, true), true);
});
