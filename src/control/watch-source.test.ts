/** The watch on real files, saved in the ways editors and mounts do. */
import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { type SourceWatch, watchSource } from "./watch-source.ts";

const entropy = systemEntropy();
const pause = (ms: number): Promise<void> => new Promise((done) => void setTimeout(done, ms));

interface Setting {
  readonly folder: string;
  readonly watch: SourceWatch;
  /** Waits until so many changes were reported in all, and for one more that must not come. */
  readonly changes: (count: number) => Promise<void>;
}

/** `path` below a temporary folder in which `prepare` has put something. */
async function watching(
  path: string,
  prepare: (folder: string) => Promise<void>,
  run: (setting: Setting) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "rhumb-watch-"));
  await prepare(folder);
  let count = 0;
  const onChange = (): void => void count++;
  const watch = await watchSource({ path: join(folder, path), entropy, onChange });
  const changes = async (wanted: number): Promise<void> => {
    for (let turn = 0; turn < 200 && count < wanted; turn++) await pause(25);
    await pause(2 * limits.sourceSettleMs);
    assert.equal(count, wanted);
  };
  try {
    await run({ folder, watch, changes });
  } finally {
    watch.close();
    await rm(folder, { recursive: true, force: true });
  }
}

const oneFile = (folder: string): Promise<void> => writeFile(join(folder, "a.yaml"), "1");

void test("watchSource() reports a file written over, renamed over, removed and put back", async () => {
  await watching("a.yaml", oneFile, async ({ folder, changes }) => {
    const file = join(folder, "a.yaml");
    await changes(0);
    await writeFile(file, "2");
    await changes(1);
    await writeFile(join(folder, ".a.yaml.swp"), "3");
    await rename(join(folder, ".a.yaml.swp"), file);
    await changes(2);
    await rm(file);
    await changes(3);
    await writeFile(file, "4");
    await changes(4);
  });
});

void test("watchSource() waits until a file that is being written stands still", async () => {
  await watching("a.yaml", oneFile, async ({ folder, changes }) => {
    for (let i = 0; i < 8; i++) {
      await appendFile(join(folder, "a.yaml"), "x");
      await pause(limits.sourceSettleMs / 4);
    }
    await changes(1);
  });
});

void test("watchSource() of a folder reports its YAML files and no others", async () => {
  await watching(".", oneFile, async ({ folder, changes }) => {
    await writeFile(join(folder, "notes.txt"), "x");
    await changes(0);
    await writeFile(join(folder, "b.yml"), "x");
    await changes(1);
    await rm(join(folder, "a.yaml"));
    await changes(2);
  });
});

void test("watchSource() follows a link that is moved, as mounted configurations are", async () => {
  const prepare = async (folder: string): Promise<void> => {
    for (const name of ["one", "two"]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "a.yaml"), name);
    }
    await symlink("one", join(folder, "data"));
    await symlink(join("data", "a.yaml"), join(folder, "a.yaml"));
  };
  await watching("a.yaml", prepare, async ({ folder, changes }) => {
    await symlink("two", join(folder, "next"));
    await rename(join(folder, "next"), join(folder, "data"));
    await changes(1);
  });
});

void test("watchSource() reports databases it is told of, and not the telling", async () => {
  await watching("a.yaml", oneFile, async ({ folder, watch, changes }) => {
    const database = join(folder, "geo.mmdb");
    await writeFile(database, "1");
    watch.alsoWatch([database]);
    await changes(0);
    await writeFile(database, "22");
    await changes(1);
  });
});
