/**
 * Configurations -> compiled policies, as text: test/golden/policy/NAME.yaml and NAME.txt. Run with
 * `--update` to write what comes out now, then read the difference.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import { printPolicy } from "../../src/policy/print.ts";
import { smallWorld } from "../support/geography-fixture.ts";

const folder = new URL("../golden/policy/", import.meta.url);
const update = process.argv.includes("--update");

/** Digests and serials change with every default of the language; they have tests of their own. */
function withoutDigests(text: string): string {
  return text.replace(/^(policy|config) [0-9a-f]{64}$/gm, "$1 ...").replace(/ serial \d+$/gm, "");
}

function compiled(name: string): string {
  const text = readFileSync(new URL(`${name}.yaml`, folder), "utf8");
  const loaded = loadConfig([{ file: `${name}.yaml`, text }]);
  if (!loaded.ok) return loaded.problems.map((problem) => `${formatProblem(problem)}\n`).join("");
  const result = compile(loaded.config, smallWorld, { placeOf: loaded.placeOf });
  const problems = [...loaded.problems, ...result.problems].map(formatProblem);
  const said = problems.length === 0 ? "" : `${problems.join("\n")}\n\n`;
  return result.ok ? `${said}${withoutDigests(printPolicy(result.policy))}` : said;
}

for (const file of readdirSync(folder)) {
  if (!file.endsWith(".yaml")) continue;
  const name = file.slice(0, -".yaml".length);
  test(`compile() of ${file} is the policy in ${name}.txt`, () => {
    const path = new URL(`${name}.txt`, folder);
    const now = compiled(name);
    if (update) writeFileSync(path, now);
    assert.equal(now, readFileSync(path, "utf8"));
  });
}
