/**
 * What the documentation shows is true: its configurations are accepted without a warning, its
 * links lead somewhere, and the demonstration's own configuration is one an operator could write.
 */
import assert from "node:assert/strict";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { compileRevision } from "../../src/control/rollout.ts";
import { demoConfig, demoPorts } from "../../src/demo/layout.ts";
import { formatProblem } from "../../src/errors.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";

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

const folder = mkdtempSync(join(tmpdir(), "rhumb-docs-"));
after(() => rmSync(folder, { recursive: true }));

for (const [name, text] of configurations) {
  test(`compileRevision() takes ${name} without a word`, async () => {
    const file = join(folder, "rhumb.yaml");
    writeFileSync(file, text);
    const result = await compileRevision(file, { stateDir: folder, entropy: systemEntropy() });
    const problems = result.ok ? result.revision.warnings : result.problems;
    // A page may show a part of something; what is there to be copied whole has no warnings either.
    const wrong = problems.filter(
      ({ severity }) => severity === "error" || !name.startsWith("docs/"),
    );
    assert.deepEqual(wrong.map(formatProblem), []);
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
