/**
 * tidy: the house rules that no linter knows, checked on the whole tree. `npm test` runs it through
 * tidy.test.ts; `node scripts/tidy.ts [PATH...]` prints the findings by itself and exits 1 if there
 * are any; with `--write` it first wraps long comments. Each rule has a test that shows it failing.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkBans } from "./tidy/bans.ts";
import { checkCycles, checkDirections, parseDirections } from "./tidy/directions.ts";
import { type Finding, formatFinding } from "./tidy/finding.ts";
import {
  checkColumns,
  checkFileLengths,
  checkFunctionLengths,
  longFiles,
  longFunctions,
} from "./tidy/lengths.ts";
import { checkDependencies, checkMachine, type TextFile } from "./tidy/project.ts";
import { type SourceFile, sourceFile } from "./tidy/source.ts";
import { wrapComments } from "./tidy/wrap.ts";

const binary = /\.(?:mmdb|gz|bin|png|ico|sqlite)$/;

/** Tracked files and those not yet added, without what .gitignore names. */
function listPaths(root: string): string[] {
  // Whoever owns the checkout: a container's root reads the files of someone else's.
  const args = ["-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"];
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
}

function listFiles(root: string): TextFile[] {
  return listPaths(root)
    .filter((path) => path !== "" && !binary.test(path) && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}

/** All findings in the tree at `root`, by path and line. */
export function tidy(root: string): readonly Finding[] {
  const files = listFiles(root);
  const read = (path: string): string => files.find((file) => file.path === path)?.text ?? "";
  const sources: SourceFile[] = files
    .filter((file) => file.path.endsWith(".ts") && !/(^|\/)(golden|generated)\//.test(file.path))
    .map((file) => sourceFile(file.path, file.text));
  const findings = [
    ...checkDirections(sources, parseDirections(read("docs/architecture.md"))),
    ...checkCycles(sources),
    ...checkBans(sources),
    ...checkFileLengths(sources, longFiles),
    ...checkFunctionLengths(root, longFunctions),
    ...checkColumns(sources),
    ...checkMachine(files),
    ...checkDependencies(read("package.json"), read("docs/dependencies.md")),
  ];
  return findings.sort((a, b) => a.path.localeCompare(b.path) || a.line - b.line);
}

function writeWrapped(root: string, wanted: (path: string) => boolean): void {
  for (const { path, text } of listFiles(root)) {
    if (!path.endsWith(".ts") || !wanted(path)) continue;
    const wrapped = wrapComments(text);
    if (wrapped !== text) writeFileSync(join(root, path), wrapped);
  }
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const paths = process.argv.slice(2).filter((argument) => argument !== "--write");
  const wanted = (path: string): boolean =>
    paths.length === 0 || paths.some((prefix) => path.startsWith(prefix));
  if (process.argv.includes("--write")) writeWrapped(root, wanted);
  const findings = tidy(root).filter((finding) => wanted(finding.path));
  for (const finding of findings) console.log(formatFinding(finding));
  console.log(findings.length === 0 ? "tidy" : `${findings.length} findings`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}
