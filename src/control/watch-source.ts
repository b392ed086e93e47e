/**
 * Notices that the operator saved: the file, or the folder of files, of the configuration, and the
 * databases it names. The system's notice makes it quick, a look once a second makes it certain
 * (some file systems send none, and an editor that renames takes the watched file away). A change
 * is reported once what is on disk has stood still for limits.sourceSettleMs, so no half-written
 * file is read.
 */
import { type FSWatcher, watch } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";

export interface SourceWatch {
  /** Further files whose change counts: the databases of the last configuration read. */
  alsoWatch(files: readonly string[]): void;
  close(): void;
}

export async function watchSource(options: {
  /** File or folder. */
  readonly path: string;
  readonly entropy: Entropy;
  readonly onChange: () => void;
}): Promise<SourceWatch> {
  const { path, entropy, onChange } = options;
  let extra: readonly string[] = [];
  let closed = false;
  /** What was reported last, or seen at the start. */
  let reported = await signature(path, extra);
  let last = reported;
  let timer: Timer | undefined;
  let looking = false;

  const lookIn = (delayMs: number): void => {
    timer?.cancel();
    timer = entropy.after(delayMs, () => void look());
  };
  const look = async (): Promise<void> => {
    if (looking || closed) return;
    looking = true;
    const now = await signature(path, extra);
    looking = false;
    if (closed) return;
    const settled = now === last;
    last = now;
    if (settled && now !== reported) {
      reported = now;
      onChange();
    }
    lookIn(settled ? limits.sourcePollMs : limits.sourceSettleMs);
  };
  const watcher = await watchQuietly(path, () => lookIn(limits.sourceSettleMs));
  lookIn(limits.sourcePollMs);
  return {
    alsoWatch(files) {
      if (files.join("\0") === extra.join("\0")) return;
      extra = [...files];
      // The new names are no change by themselves: what they hold has just been read.
      void signature(path, extra).then((now) => {
        if (last === reported) reported = now;
        last = now;
      });
    },
    close() {
      closed = true;
      timer?.cancel();
      watcher?.close();
    },
  };
}

/** A file is watched by its folder: a rename over it is then a notice too. */
async function watchQuietly(path: string, onNotice: () => void): Promise<FSWatcher | undefined> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const watcher = watch(isFolder ? path : dirname(path), { persistent: false }, onNotice);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

/** Identity, size and times of every file that counts; equal as long as nobody wrote one. */
async function signature(path: string, extra: readonly string[]): Promise<string> {
  const files = [...(await filesOf(path)), ...extra];
  const lines = await Promise.all(
    files.map(async (file) => {
      const found = await stat(file, { bigint: true }).catch(() => undefined);
      if (found === undefined) return `${file} missing`;
      return `${file} ${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
    }),
  );
  return lines.join("\n");
}

async function filesOf(path: string): Promise<readonly string[]> {
  const names = await readdir(path).catch(() => undefined);
  if (names === undefined) return [path];
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}
