/**
 * `npm test`: every check and every test, in one node:test run, so that its summary tells all.
 * `npm test -- src/geo test/oracle` runs the tests below these paths only. The summary is repeated
 * at the very end when node:test prints failures after it: the closing lines are what is read.
 */
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { missingToolsMessage } from "./tools.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const everything = ["src/**/*.test.ts", "test/**/*.test.ts", "scripts/**/*.test.ts"];
const summaryLine = /^ℹ (?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /;

function patterns(paths: readonly string[]): readonly string[] {
  if (paths.length === 0) return everything;
  return paths.map((path) => {
    const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isFolder ? `${path.replace(/\/$/, "")}/**/*.test.ts` : path;
  });
}

const missing = missingToolsMessage();
if (missing !== "") console.log(`${missing}\n`);

const options = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const paths = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const child = spawn(
  process.execPath,
  [
    "--test",
    "--test-reporter=spec",
    "--test-concurrency=2",
    // A test that hangs is a failure, not a wait for ever.
    "--test-timeout=300000",
    ...options,
    ...patterns(paths),
  ],
  {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}) },
  },
);

const summary: string[] = [];
let lastLine = "";
let rest = "";
child.stdout.setEncoding("utf8");
child.stdout.on("data", (chunk: string) => {
  process.stdout.write(chunk);
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const plain = stripVTControlCharacters(line);
    if (summaryLine.test(plain)) summary.push(plain);
    if (plain.trim() !== "") lastLine = plain;
  }
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.on("close", (code, signal) => {
  if (!summaryLine.test(lastLine)) console.log(`\n${summary.slice(-8).join("\n")}`);
  if (signal !== null) console.log(`node --test ended by ${signal}`);
  process.exitCode = code ?? 1;
});
