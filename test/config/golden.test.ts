/**
 * test/golden/config: each NAME.yaml, or folder NAME of them, beside NAME.txt: the effective
 * configuration, or the problems as `rhumb check` prints them. `node test/config/golden.test.ts
 * --update` writes the answers anew.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { effective, formatEffective } from "../../src/config/effective.ts";
import { loadConfig } from "../../src/config/load.ts";
import { readSources } from "../../src/config/source.ts";
import { formatProblem } from "../../src/errors.ts";

const folder = fileURLToPath(new URL("../golden/config", import.meta.url));
const update = process.argv.includes("--update");

async function answerOf(path: string): Promise<string> {
  const read = await readSources(path);
  const sources = read.ok
    ? read.sources.map(({ file, text }) => ({ file: file.slice(folder.length + 1), text }))
    : [];
  const result = read.ok ? loadConfig(sources) : read;
  const problems = "problems" in result ? result.problems.map(formatProblem) : [];
  const lines = problems.map((line) => `${line}\n`).join("");
  if (!("config" in result)) return lines;
  return `${lines}${lines === "" ? "" : "\n"}${formatEffective(effective(result))}`;
}

const cases = readdirSync(folder).filter((name) => !name.endsWith(".txt"));

test("golden cases exist", () => assert.ok(cases.length >= 10));

for (const name of cases) {
  test(`loadConfig() of ${name} is as written down`, async () => {
    const answer = await answerOf(join(folder, name));
    const file = join(folder, `${name.replace(/\.yaml$/, "")}.txt`);
    if (update || !existsSync(file)) writeFileSync(file, answer);
    assert.equal(answer, readFileSync(file, "utf8"));
  });
}
