/** The tree passes the compiler and the linters, and the machine has the programs tests call. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { missingToolsMessage } from "./tools.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

function run(command: string, ...args: readonly string[]): void {
  const path = fileURLToPath(new URL(`../node_modules/.bin/${command}`, import.meta.url));
  const result = spawnSync(path, args, { cwd: root, encoding: "utf8" });
  assert.equal(result.status, 0, `${command} ${args.join(" ")}\n${result.stdout}${result.stderr}`);
}

test("the programs that tests call are installed", () => {
  assert.equal(missingToolsMessage(), "");
});

test("tsc finds no error", () => run("tsc", "--noEmit"));

test("biome finds nothing to say", () => run("biome", "check", "--error-on-warnings", "."));

test("oxlint finds nothing to say", () => run("oxlint", "--type-aware", "--deny-warnings"));
