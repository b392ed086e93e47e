/**
 * Mutation testing of the truth tables: `node scripts/mutate.ts [WORD]`. Puts one mutant at a time
 * into a copy of the project, runs the tests that must notice, and exits 1 if a mutant lives. Takes
 * minutes, so it is no part of `npm test`; mutate.test.ts checks that the list still fits the code.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Mutant, mutants, testsOf } from "./mutate/mutants.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
/** A mutant that makes the tests hang is noticed as well. */
const timeoutMs = 300_000;

/** The mutated text; undefined when the mutant does not fit the file. */
export function mutated(text: string, mutant: Mutant): string | undefined {
  const parts = text.split(mutant.was);
  return parts.length === 2 ? parts.join(mutant.becomes) : undefined;
}

function copyProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "rhumb-mutate-"));
  const args = ["-c", "safe.directory=*", "ls-files", "-z"];
  const files = execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
  for (const file of files) if (file !== "") cpSync(join(root, file), join(folder, file));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** True when a test fails. */
function isNoticed(folder: string, mutant: Mutant): boolean {
  const tests = Object.entries(testsOf).find(([path]) => mutant.file.startsWith(path))?.[1] ?? [];
  const run = spawnSync(process.execPath, ["--test", ...tests], {
    cwd: folder,
    stdio: "ignore",
    timeout: timeoutMs,
  });
  return run.status !== 0;
}

function run(word: string): number {
  const folder = copyProject();
  const chosen = mutants.filter(({ file, claim }) => `${file} ${claim}`.includes(word));
  let alive = 0;
  try {
    for (const mutant of chosen) {
      const path = join(folder, mutant.file);
      const text = readFileSync(path, "utf8");
      const changed = mutated(text, mutant);
      if (changed === undefined) throw new Error(`does not fit ${mutant.file}: ${mutant.claim}`);
      writeFileSync(path, changed);
      const noticed = isNoticed(folder, mutant);
      writeFileSync(path, text);
      if (!noticed) alive++;
      console.log(`${noticed ? "killed" : "ALIVE "}  ${mutant.file}  ${mutant.claim}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`${chosen.length - alive} of ${chosen.length} mutants killed`);
  return alive === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = run(process.argv[2] ?? "");
