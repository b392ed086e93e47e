/**
 * The tree is tidy; and each rule of tidy fails on a file made to break it, or it would say
 * nothing.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { checkBans } from "./tidy/bans.ts";
import { checkCycles, checkDirections, parseDirections } from "./tidy/directions.ts";
import { type Finding, formatFinding } from "./tidy/finding.ts";
import { checkColumns, checkFileLengths, checkFunctionLengths } from "./tidy/lengths.ts";
import { checkDependencies, checkMachine } from "./tidy/project.ts";
import { blank, type SourceFile, sourceFile } from "./tidy/source.ts";
import { wrapComments } from "./tidy/wrap.ts";
import { tidy } from "./tidy.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const head = "/** A seeded file. */\n";
const source = (path: string, body: string): SourceFile => sourceFile(path, head + body);
const rules = (findings: readonly Finding[]): string[] => findings.map((finding) => finding.rule);

test("tidy() finds nothing in the tree", () => {
  assert.deepEqual(tidy(root).map(formatFinding), []);
});

const page = readFileSync(new URL("../docs/architecture.md", import.meta.url), "utf8");
const directions = parseDirections(page);

test("parseDirections() reads the table of docs/architecture.md", () => {
  assert.deepEqual([...(directions.get("lib") ?? ["?"])], []);
  assert.deepEqual([...(directions.get("policy") ?? [])], ["config", "geo", "wire", "lib"]);
  assert.equal(directions.get("control")?.has("fronts"), false);
  assert.equal(directions.get("control")?.has("policy"), true);
  assert.equal(directions.get("serve.ts")?.has("parts"), false);
});

const wrongWay: readonly (readonly [string, string, string])[] = [
  ["an earlier stage imports a later one", "src/policy/compile.ts", '"../steer/decide.ts"'],
  ["lib imports a stage", "src/lib/watch.ts", '"../policy/policy.ts"'],
  ["a type alone counts too", "src/lib/watch.ts", '"../world/world.ts"'],
  ["a front imports another front", "src/fronts/dns/answer.ts", '"../redirect/server.ts"'],
  ["limits.ts imports a stage", "src/limits.ts", '"./lib/brand.ts"'],
  ["a folder has no row", "src/helpers/x.ts", '"../lib/brand.ts"'],
];
for (const [title, path, specifier] of wrongWay) {
  test(`checkDirections() refuses it when ${title}`, () => {
    const file = source(path, `import type { X } from ${specifier};\n`);
    assert.deepEqual(rules(checkDirections([file], directions)), ["directions"]);
  });
}

test("checkDirections() sees dynamic imports and re-exports", () => {
  const file = source(
    "src/lib/a.ts",
    'export { x } from "../geo/x.ts";\nawait import("../geo/y.ts");\n',
  );
  assert.equal(checkDirections([file], directions).length, 2);
});

test("checkDirections() lets limits.ts, errors.ts and the stages to the left be imported", () => {
  const file = source(
    "src/steer/decide.ts",
    'import { a } from "../limits.ts";\nimport { b } from "../policy/policy.ts";\n// from "../cli/main.ts"\n',
  );
  assert.deepEqual(checkDirections([file], directions), []);
});

test("checkCycles() reports a cycle of types once, with its way round", () => {
  const a = source("src/lib/a.ts", 'import type { B } from "./b.ts";\n');
  const b = source("src/lib/b.ts", 'import type { C } from "./c.ts";\n');
  const c = source("src/lib/c.ts", 'import type { A } from "./a.ts";\n');
  const findings = checkCycles([c, b, a]);
  assert.equal(findings.length, 1);
  assert.match(
    findings[0]?.message ?? "",
    /a\.ts -> src\/lib\/b\.ts -> src\/lib\/c\.ts -> src\/lib\/a/,
  );
  assert.deepEqual(checkCycles([b, c]), []);
});

/** Rule, path, code that breaks it. */
const broken: readonly (readonly [string, string, string])[] = [
  ["clock", "src/world/x.ts", "const t = Date.now();"],
  ["clock", "src/world/x.ts", "const t = new Date();"],
  ["clock", "src/probes/x.ts", "const t = performance.now();"],
  ["chance", "src/steer/x.ts", "const r = Math.random();"],
  ["timers", "src/probes/x.ts", "setTimeout(() => {}, 10);"],
  ["timers", "src/probes/x.ts", "const t = setInterval(f, 10);"],
  ["timers", "src/demo/x.ts", "setImmediate(f);"],
  ["timers", "src/probes/x.ts", "const s = AbortSignal.timeout(5);"],
  ["timers", "src/probes/x.ts", 'import { setTimeout } from "node:timers/promises";'],
  ["environment", "src/parts/x.ts", "const home = process.env.HOME;"],
  ["default-export", "src/lib/x.ts", "export default 1;"],
  ["any", "src/lib/x.ts", "const x = y as any;"],
  ["any", "test/x.ts", "const x: any = y;"],
  ["pure-stage", "src/policy/x.ts", 'import { createHash } from "node:crypto";'],
  ["pure-stage", "src/steer/x.ts", 'import { x } from "node:fs";'],
  ["pure-stage", "src/wire/x.ts", 'import { x } from "node:net";'],
  ["pure-stage", "src/world/step.ts", 'import { x } from "node:os";'],
  ["todo", "src/lib/x.ts", "// TODO: later"],
  ["todo", "src/lib/x.ts", "/** FIXME */"],
  ["file-name", "src/lib/index.ts", ""],
  ["file-name", "src/lib/fooBar.ts", ""],
  ["test-only", "src/lib/x.test.ts", "test.only('x', () => {});"],
];
for (const [rule, path, code] of broken) {
  test(`checkBans() refuses by ${rule}: ${code || path}`, () => {
    const found = rules(checkBans([source(path, `${code}\n`)]));
    assert.ok(found.includes(rule), `${rule} not in ${found.join()}`);
  });
}

test("checkBans() refuses a file without a head that says what it is", () => {
  assert.deepEqual(rules(checkBans([sourceFile("src/lib/x.ts", "export const x = 1;\n")])), [
    "header",
  ]);
  assert.deepEqual(checkBans([sourceFile("src/cli/x.ts", `#!/usr/bin/env node\n${head}`)]), []);
  const beside = [sourceFile("src/lib/x.ts", head), sourceFile("src/lib/x.test.ts", "\n")];
  assert.deepEqual(checkBans(beside), []);
  assert.deepEqual(rules(checkBans(beside.slice(1))), ["header"]);
});

/** What looks like a breach and is none. */
const fine: readonly (readonly [string, string])[] = [
  ["src/lib/entropy.ts", "const t = Date.now(); setTimeout(f, 1);"],
  ["src/lib/x.ts", "// Date.now() is banned, and so is Math.random()"],
  ["src/lib/x.ts", 'const text = "Math.random()";'],
  ["src/lib/x.ts", "const text = `setTimeout(${x}) Date.now`;"],
  ["src/fronts/dns/x.ts", "socket.setTimeout(10_000);"],
  ["src/fronts/dns/x.ts", "const day = new Date(stamp);"],
  ["src/cli/x.ts", "const home = process.env.HOME;"],
  ["src/lib/x.ts", "// TODO(#12): later"],
  ["src/lib/x.ts", "const r = /[/'\"]Date.now/.test(x); const half = a / 2;"],
  ["src/probes/x.test.ts", "setTimeout(f, 10);"],
];
for (const [path, code] of fine) {
  test(`checkBans() lets be: ${path} ${code}`, () => {
    assert.deepEqual(checkBans([source(path, `${code}\n`)]), []);
  });
}

test("blank() keeps code inside a template's braces, nested ones too", () => {
  const text = "f(`a ${b(`c ${d} e`)} g`); /* h */ // i\n'j' + k";
  const { code, comments } = blank(text);
  assert.equal(code.length, text.length);
  assert.deepEqual(code.match(/[a-z]/g), ["f", "b", "d", "k"]);
  assert.deepEqual(
    comments.map((comment) => comment.text),
    ["/* h */", "// i"],
  );
});

test("checkFileLengths() asks at 500 lines, ratchets, and ends at 800", () => {
  const long = (lines: number) => [sourceFile("src/x/y.ts", "//\n".repeat(lines))];
  const listed = (lines: number) => ({ "src/x/y.ts": { lines, why: "a table" } });
  assert.deepEqual(checkFileLengths(long(500), {}), []);
  assert.match(checkFileLengths(long(501), {})[0]?.message ?? "", /add it to longFiles/);
  assert.deepEqual(checkFileLengths(long(600), listed(600)), []);
  assert.match(checkFileLengths(long(601), listed(600))[0]?.message ?? "", /grew/);
  assert.match(checkFileLengths(long(400), listed(600))[0]?.message ?? "", /no longer long/);
  assert.match(checkFileLengths(long(801), listed(900))[0]?.message ?? "", /split it/);
});

test("checkFunctionLengths() finds a function over 70 lines and holds the listed to theirs", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tidy-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "src/giant.ts");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `export function giant() {\n${"  f();\n".repeat(75)}}\n`);
  const [finding] = checkFunctionLengths(folder, {});
  assert.match(finding?.message ?? "", /^giant has 77 lines; 70 are allowed/);
  const listed = (lines: number) => ({ "src/giant.ts giant": { lines, why: "a table" } });
  assert.deepEqual(checkFunctionLengths(folder, listed(77)), []);
  assert.equal(checkFunctionLengths(folder, listed(76)).length, 1);
  writeFileSync(path, "export function giant() {}\n");
  assert.match(checkFunctionLengths(folder, listed(77))[0]?.message ?? "", /no longer long/);
});

test("checkColumns() refuses long comments and code, not literals; wrapComments() mends", () => {
  const comment = `// ${"word ".repeat(30)}end\nconst x = 1;\n`;
  assert.deepEqual(rules(checkColumns([source("src/x.ts", comment)])), ["columns"]);
  assert.deepEqual(rules(checkColumns([source("src/x.ts", `${"f+".repeat(60)}g;\n`)])), [
    "columns",
  ]);
  assert.deepEqual(checkColumns([source("src/x.ts", `const x = "${"y".repeat(120)}";\n`)]), []);
  const wrapped = wrapComments(comment);
  assert.deepEqual(checkColumns([source("src/x.ts", wrapped)]), []);
  assert.equal(wrapped.replaceAll("\n// ", " "), comment.replaceAll("\n// ", " "));
});

test("checkMachine() refuses paths and registries of one machine", () => {
  const check = (path: string, text: string) => rules(checkMachine([{ path, text }]));
  assert.deepEqual(check("README.md", ["see ", "/home", "/ann/notes"].join("")), ["machine-path"]);
  assert.deepEqual(check("docs/x.md", "https://example.com/home/page"), []);
  assert.deepEqual(check(".npmrc", "registry=http://10.0.0.1:4873/"), ["registry"]);
  const lock = (url: string) => check("package-lock.json", `"resolved": "${url}"`);
  assert.deepEqual(lock("http://mirror.local/x.tgz"), ["registry"]);
  assert.deepEqual(lock("https://registry.npmjs.org/x/-/x-1.0.0.tgz"), []);
});

test("checkDependencies() wants exact versions and a reason for each", () => {
  const check = (version: string, docs: string) =>
    checkDependencies(JSON.stringify({ dependencies: { yaml: version } }), docs).length;
  assert.equal(check("2.9.1", "| `yaml` | 2.9.1 | ISC | reads configuration |"), 0);
  assert.equal(check("2.9.1", "| `yaml` | 2.9.0 | ISC | reads configuration |"), 1);
  assert.equal(check("^2.9.1", ""), 2);
});
