/**
 * Any combination of the mistakes in mistakes.ts is reported in one run of what `rhumb check` does:
 * all of them, each on its own line, and nothing else.
 */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import fc from "fast-check";
import { loadConfig } from "../../src/config/load.ts";
import { compileRevision } from "../../src/control/rollout.ts";
import { formatProblem, type Problem } from "../../src/errors.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { writeMmdb } from "../support/mmdb-writer.ts";
import type { Mistake } from "./mistake.ts";
import { mistakes } from "./mistakes.ts";

const base = readFileSync(new URL("base.yaml", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "rhumb-mistakes-"));
const file = join(folder, "base.yaml");
after(() => rmSync(folder, { recursive: true, force: true }));

const place = (code: string, latitude: number, longitude: number) => ({
  country: { iso_code: code },
  location: { latitude, longitude },
});
writeFileSync(
  join(folder, "geo.mmdb"),
  writeMmdb([
    ["5.0.0.0/8", place("DE", 50, 8)],
    ["9.0.0.0/8", place("US", 39, -77)],
    ["14.0.0.0/8", place("JP", 35, 139)],
  ]),
);
const systems = writeMmdb([
  ["5.1.0.0/16", { autonomous_system_number: 64_500 }],
  ["9.1.0.0/16", { autonomous_system_number: 64_501 }],
  ["14.1.0.0/16", { autonomous_system_number: 64_502 }],
]);
writeFileSync(join(folder, "systems.mmdb"), systems);
writeFileSync(join(folder, "short.mmdb"), systems.subarray(0, systems.length / 2));

/** What `rhumb check` says of a text. */
async function check(text: string): Promise<readonly Problem[]> {
  writeFileSync(file, text);
  const options = { stateDir: join(folder, "state"), entropy: systemEntropy() };
  const result = await compileRevision(file, { ...options, assertions: "refuse" });
  return result.ok ? result.revision.warnings : result.problems;
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly write: string;
}

function editsOf(mistake: Mistake): readonly Edit[] {
  const pairs = [[mistake.find, mistake.write] as const, ...(mistake.and ? [mistake.and] : [])];
  return pairs.map(([find, write]) => {
    const from = base.indexOf(find);
    assert.notEqual(from, -1, `${mistake.id}: ${find} is in base.yaml`);
    assert.equal(base.indexOf(find, from + 1), -1, `${mistake.id}: ${find} stands once`);
    const index = mistakes.indexOf(mistake);
    return { from, to: from + find.length, write: write.replace("#!", `# !${index}!`) };
  });
}

function applyEdits(edits: readonly Edit[]): string {
  let text = "";
  let at = 0;
  for (const edit of edits.toSorted((a, b) => a.from - b.from)) {
    assert.ok(edit.from >= at, `edits do not overlap at ${base.slice(edit.from, edit.to)}`);
    text += base.slice(at, edit.from) + edit.write;
    at = edit.to;
  }
  return text + base.slice(at);
}

async function expectExactly(made: readonly Mistake[]): Promise<void> {
  const text = applyEdits(made.flatMap(editsOf));
  const lines = text.split("\n");
  const early = made.filter(({ late }) => late !== true);
  const said = early.length === 0 ? made : early;
  const expected = said.map((mistake) => {
    const marker = `# !${mistakes.indexOf(mistake)}!`;
    const line = lines.findIndex((each) => each.includes(marker)) + 1;
    assert.notEqual(line, 0, `${mistake.id} has a line`);
    return `${line} ${mistake.code} ${mistake.id}`;
  });
  const problems = await check(text);
  const idAt = (line: number, code: string): string =>
    made.find((each) => expected.includes(`${line} ${code} ${each.id}`))?.id ?? "";
  const errors = problems.filter(({ severity }) => severity === "error");
  const found = errors.map((problem) => {
    const line = problem.place?.line ?? 0;
    return `${line} ${problem.code} ${idAt(line, problem.code) || formatProblem(problem)}`;
  });
  assert.deepEqual(found.sort(), expected.sort(), `${problems.map(formatProblem).join("\n")}`);
  // Neighbours are not even warned of, but what the base itself is warned of.
  const warned = problems.filter(({ severity }) => severity === "warning").map(({ path }) => path);
  const known = (path: string) => baseWarnings.includes(path) || made.some(warns(path));
  assert.deepEqual(
    warned.filter((path) => !known(path)),
    [],
  );
}

/** `zone` alone names no name server. */
const baseWarnings: readonly string[] = ["zones.gslb.example.com"];

/** A wrong plan may leave out a region, and so its endpoints. */
const warns =
  (path: string) =>
  ({ leaves = [] }: Mistake): boolean =>
    leaves.includes(path);

function compatible(made: readonly Mistake[]): readonly Mistake[] {
  const chosen: Mistake[] = [];
  for (const mistake of made) {
    const clash = chosen.some(
      (each) => mistake.without?.includes(each.id) || each.without?.includes(mistake.id),
    );
    if (!clash) chosen.push(mistake);
  }
  return chosen;
}

test("loadConfig() finds nothing in the base", () => {
  const result = loadConfig([{ file: "base.yaml", text: base }]);
  assert.deepEqual(result.problems.map(formatProblem), []);
});

test("compileRevision() finds nothing in the base but that a zone has no name server", async () => {
  const problems = await check(base);
  assert.deepEqual(
    problems.map(({ path }) => path),
    baseWarnings,
    problems.map(formatProblem).join("\n"),
  );
});

test("mistakes are at least 40 and name what exists", () => {
  assert.ok(mistakes.length >= 40);
  const ids = new Set(mistakes.map(({ id }) => id));
  assert.equal(ids.size, mistakes.length);
  for (const { without = [] } of mistakes) for (const id of without) assert.ok(ids.has(id), id);
});

for (const mistake of mistakes) {
  test(`compileRevision() reports one mistake: ${mistake.id}`, () => expectExactly([mistake]));
}

test("compileRevision() reports all mistakes together", async () => {
  await expectExactly(compatible(mistakes));
  await expectExactly(compatible(mistakes.toReversed()));
});

test("compileRevision() reports any combination of mistakes, and only those", async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...mistakes], { minLength: 2 }), (made) =>
      expectExactly(compatible(made)),
    ),
    { numRuns: 400 },
  );
});

/** What is missing may be in the other file, and what is named, too; all else is found. */
for (const [what, broken] of [
  ["is no YAML", "services: ["],
  ["cannot be read", Buffer.from([0x61, 0xff])],
] as const) {
  test(`compileRevision() reports mistakes beside a file that ${what}`, async () => {
    const source = join(folder, what.replaceAll(" ", "-"));
    mkdirSync(source);
    for (const name of ["geo.mmdb", "systems.mmdb", "short.mmdb"]) {
      copyFileSync(join(folder, name), join(source, name));
    }
    writeFileSync(join(source, "z.yaml"), broken);
    const made = compatible(mistakes).filter(({ late }) => late !== true);
    writeFileSync(join(source, "base.yaml"), applyEdits(made.flatMap(editsOf)));
    const options = { stateDir: join(folder, "state"), entropy: systemEntropy() };
    const result = await compileRevision(source, { ...options, assertions: "refuse" });
    assert.ok(!result.ok);
    const mine = result.problems.filter(({ place }) => place?.file.endsWith("base.yaml"));
    const errors = mine.filter(({ severity }) => severity === "error");
    const found = Map.groupBy(errors, ({ code }) => code);
    for (const [code, expected] of Map.groupBy(made, (each) => each.code)) {
      const count = found.get(code)?.length ?? 0;
      const named = code === "config.unknown-reference" || code === "config.missing";
      if (named) assert.ok(count <= expected.length, code);
      else assert.equal(count, expected.length, `${code}\n${errors.map(formatProblem).join("\n")}`);
    }
    assert.equal(result.problems.length, mine.length + 1);
  });
}

/** All pairs take minutes: one in sixteen, unless RHUMB_ALL_PAIRS is set. */
test("compileRevision() reports any two mistakes", async () => {
  const pairs = mistakes.flatMap((a, i) => mistakes.slice(i + 1).map((b) => [a, b] as const));
  const step = process.env["RHUMB_ALL_PAIRS"] === undefined ? 16 : 1;
  for (let i = 0; i < pairs.length; i += step) {
    const made = compatible(pairs[i] ?? []);
    if (made.length === 2) await expectExactly(made);
  }
});
