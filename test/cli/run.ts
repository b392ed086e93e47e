/** Runs the real command line as a child process, as a user would. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const launcher = join(root, "bin/rhumb");

/** Compiled geographies of these tests; gone with the process. */
const cacheHome = mkdtempSync(join(tmpdir(), "rhumb-cli-cache-"));
process.on("exit", () => rmSync(cacheHome, { recursive: true, force: true }));

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export function rhumb(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Outcome> {
  const env = { ...process.env, XDG_CACHE_HOME: cacheHome, ...options.env };
  return new Promise((resolve) => {
    execFile(
      launcher,
      args,
      { cwd: options.cwd ?? root, env, timeout: 120_000 },
      (error, out, err) => {
        const code = typeof error?.code === "number" ? error.code : error === null ? 0 : -1;
        resolve({ code, out, err });
      },
    );
  });
}
