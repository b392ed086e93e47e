/**
 * `npm test`: every check and every test by node:test, with one summary of all as the closing
 * lines. `npm test -- src/geo test/oracle` runs the tests below these paths only. Programs that
 * tests call are installed first, by root on Debian; anyone else is told their names, and a run of
 * everything then fails. Tests that watch the time real servers take run after the others and one
 * by one, or they would measure their neighbours.
 */
import { spawn } from "node:child_process";
import { globSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { installTools } from "./install-tools.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const everything = ["src/**/*.test.ts", "test/**/*.test.ts", "scripts/**/*.test.ts"];
const watchesTime = /^test\/(?:demo|probes|process)\//;
const summaryLine = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

function testFiles(paths: readonly string[]): readonly string[] {
  const patterns = paths.map((path) => {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isFolder ? `${path.replace(/\/$/, "")}/**/*.test.ts` : path;
  });
  return globSync(patterns.length === 0 ? everything : patterns, { cwd: root }).sort();
}

/** Counts of all runs so far, in node:test's words. */
const summary = new Map<string, number>();

/** One run of node:test; its output is passed on and its summary added. True if all passed. */
function run(files: readonly string[], options: readonly string[]): Promise<boolean> {
  const child = spawn(
    process.execPath,
    // A test that hangs is a failure, not a wait for ever.
    ["--test", "--test-reporter=spec", "--test-timeout=300000", ...options, ...files],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}) },
    },
  );
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on("SIGINT", forward);
  process.on("SIGTERM", forward);
  let rest = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    process.stdout.write(chunk);
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, name, value] = summaryLine.exec(stripVTControlCharacters(line)) ?? [];
      if (name !== undefined) summary.set(name, (summary.get(name) ?? 0) + Number(value));
    }
  });
  return new Promise((resolve) => {
    child.on("close", (code, signal) => {
      process.off("SIGINT", forward);
      process.off("SIGTERM", forward);
      if (signal !== null) console.log(`node --test ended by ${signal}`);
      resolve(code === 0);
    });
  });
}

const missing = installTools();
if (missing !== "") console.log(`${missing}\n`);

const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith("--"));
const paths = words.filter((word) => !word.startsWith("--"));
const files = testFiles(paths);
const alone = files.filter((file) => watchesTime.test(file));
const together = files.filter((file) => !watchesTime.test(file));
const passed: boolean[] = [];
if (together.length > 0) passed.push(await run(together, ["--test-concurrency=2", ...options]));
if (alone.length > 0) passed.push(await run(alone, ["--test-concurrency=1", ...options]));

if (files.length === 0) console.log("no tests there");
if (missing !== "") console.log(`\n${missing}`);
console.log(`\n${[...summary].map(([name, value]) => `ℹ ${name} ${value}`).join("\n")}`);
const isWhole = missing === "" || paths.length > 0;
process.exitCode = files.length > 0 && isWhole && passed.every(Boolean) ? 0 : 1;
