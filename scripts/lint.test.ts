/**
 * Each ban that is left to Biome, oxlint and tsc fires on a file made to break it: a rule that was
 * renamed or switched off by an update would otherwise be silent.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Inside the tree, or the linters would not use its configuration; .gitignore names it. */
const folder = join(root, ".rhumb/lint-test");

const seeds: readonly {
  readonly rule: string;
  readonly tool: "biome" | "oxlint" | "tsc";
  readonly path: string;
  readonly code: string;
  readonly fires: boolean;
}[] = [
  ...(
    [
      ["noConsole", "biome", "src/a.ts", 'console.log("x");'],
      ["noExplicitAny", "biome", "src/a.ts", "export const f = (x: any) => x;"],
      ["noDefaultExport", "biome", "src/a.ts", "export default 1;"],
      [
        "useImportType",
        "biome",
        "src/a.ts",
        'import { X } from "./b.ts"; export const x = {} as X;',
      ],
      ["noEnum", "biome", "src/a.ts", "export enum E { A }"],
      ["useNodejsImportProtocol", "biome", "src/a.ts", 'import "fs";'],
      ["no-floating-promises", "oxlint", "src/a.ts", "async function f() {}\nf();"],
      ["no-misused-promises", "oxlint", "src/a.ts", "[1].forEach(async () => {});"],
      ["await-thenable", "oxlint", "src/a.ts", "export const f = async () => await 1;"],
      ["no-explicit-any", "oxlint", "src/a.ts", "export const f = (x: any) => x;"],
      ["erasableSyntaxOnly", "tsc", "src/a.ts", "export enum E { A }"],
      [
        "exactOptionalPropertyTypes",
        "tsc",
        "src/a.ts",
        "export const a: { b?: 1 } = { b: undefined };",
      ],
      [
        "possibly 'undefined'",
        "tsc",
        "src/a.ts",
        "declare const a: { b: 1 }[]; export const b = a[0].b;",
      ],
    ] as const
  ).map(([rule, tool, path, code]) => ({ rule, tool, path, code, fires: true })),
  ...(
    [
      ["noConsole", "biome", "src/cli/a.ts", 'console.log("x");'],
      ["noConsole", "biome", "src/demo/a.ts", 'console.log("x");'],
      ["noConsole", "biome", "scripts/a.ts", 'console.log("x");'],
      ["noConsole", "biome", "src/lib/a.test.ts", 'console.log("x");'],
      [
        "no-floating-promises",
        "oxlint",
        "src/a.ts",
        'import { test } from "node:test";\ntest("x", () => {});',
      ],
    ] as const
  ).map(([rule, tool, path, code]) => ({ rule, tool, path, code, fires: false })),
];

before(() => mkdirSync(folder, { recursive: true }));
after(() => rmSync(folder, { recursive: true, force: true }));

function lint(tool: "biome" | "oxlint" | "tsc", place: string, path: string): string {
  const bin = (name: string) => join(root, "node_modules/.bin", name);
  const commands = {
    // Biome decides by path, so the text comes in under the path it would have.
    biome: ["biome", "lint", "--colors=off", "--vcs-enabled=false", path],
    oxlint: ["oxlint", "--type-aware", "-c", join(root, ".oxlintrc.json"), path],
    tsc: ["tsc", "--noEmit", "-p", "tsconfig.json"],
  } as const;
  const [name, ...args] = commands[tool];
  const result = spawnSync(bin(name), args, { cwd: place, encoding: "utf8" });
  return result.stdout + result.stderr;
}

for (const [index, { rule, tool, path, code, fires }] of seeds.entries()) {
  test(`${tool} ${rule} ${fires ? "fires on" : "lets be"} ${path}: ${code}`, () => {
    const place = join(folder, String(index));
    mkdirSync(dirname(join(place, path)), { recursive: true });
    mkdirSync(join(place, "src"), { recursive: true });
    writeFileSync(join(place, path), `${code}\n`);
    writeFileSync(join(place, "src/b.ts"), "export interface X { readonly x: 1 }\n");
    const base = { extends: "../../../tsconfig.json", include: ["src"] };
    writeFileSync(join(place, "tsconfig.json"), JSON.stringify(base));
    const biome = { root: true, extends: ["../../../biome.json"] };
    writeFileSync(join(place, "biome.json"), JSON.stringify(biome));
    const output = lint(tool, place, path);
    assert.equal(output.includes(rule), fires, output);
  });
}
