/**
 * Any combination of the mistakes in mistakes.ts is reported: all of them, each on its own line,
 * and nothing else.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import fc from "fast-check";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { type Mistake, mistakes } from "./mistakes.ts";

const base = readFileSync(new URL("base.yaml", import.meta.url), "utf8");

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

function expectExactly(made: readonly Mistake[]): void {
  const text = applyEdits(made.flatMap(editsOf));
  const lines = text.split("\n");
  const expected = made.map((mistake) => {
    const marker = `# !${mistakes.indexOf(mistake)}!`;
    const line = lines.findIndex((each) => each.includes(marker)) + 1;
    assert.notEqual(line, 0, `${mistake.id} has a line`);
    return `${line} ${mistake.code} ${mistake.id}`;
  });
  const result = loadConfig([{ file: "base.yaml", text }]);
  const idAt = (line: number, code: string): string =>
    made.find((each) => expected.includes(`${line} ${code} ${each.id}`))?.id ?? "";
  const found = result.problems.map((problem) => {
    const line = problem.place?.line ?? 0;
    return `${line} ${problem.code} ${idAt(line, problem.code) || formatProblem(problem)}`;
  });
  assert.deepEqual(found.sort(), expected.sort(), text);
}

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

test("mistakes are at least 40 and name what exists", () => {
  assert.ok(mistakes.length >= 40);
  const ids = new Set(mistakes.map(({ id }) => id));
  assert.equal(ids.size, mistakes.length);
  for (const { without = [] } of mistakes) for (const id of without) assert.ok(ids.has(id), id);
});

for (const mistake of mistakes) {
  test(`loadConfig() reports one mistake: ${mistake.id}`, () => expectExactly([mistake]));
}

test("loadConfig() reports all mistakes together", () => {
  expectExactly(compatible(mistakes));
  expectExactly(compatible(mistakes.toReversed()));
});

test("loadConfig() reports any combination of mistakes, and only those", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...mistakes]), (made) => expectExactly(compatible(made))),
    { numRuns: 150 },
  );
});
