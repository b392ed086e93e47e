/**
 * What the documentation shows is true: its configurations are accepted without a warning, its links
 * lead somewhere, and the demonstration's own configuration is one an operator could write.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../src/config/load.ts";
import { demoConfig, demoPorts } from "../../src/demo/layout.ts";
import { formatProblem } from "../../src/errors.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].concat(
  globSync("docs/**/*.md", { cwd: root }),
);

const configurations: readonly (readonly [string, string])[] = [
  ...globSync("examples/*.yaml", { cwd: root }).map((path) => [path, read(path)] as const),
  ...pages.flatMap((page) =>
    [...read(page).matchAll(/```yaml\n(version: 1\n[\s\S]*?)```/g)].map(
      (match, index) => [`${page} block ${index + 1}`, match[1] ?? ""] as const,
    ),
  ),
  ["the demonstration", demoConfig(demoPorts)],
];

test("the documentation shows configurations", () => assert.ok(configurations.length >= 5));

for (const [name, text] of configurations) {
  test(`loadConfig() takes ${name} without a word`, () => {
    const loaded = loadConfig([{ file: name, text }]);
    assert.deepEqual(loaded.problems.map(formatProblem), []);
    assert.ok(loaded.ok);
  });
}

for (const page of pages) {
  test(`links of ${page} lead to files`, () => {
    const links = [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((match) => match[1] ?? "");
    const broken = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !existsSync(join(root, dirname(page), link)));
    assert.deepEqual(broken, []);
  });
}
