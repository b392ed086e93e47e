/**
 * The list of mutants fits the code it would change. That all are killed is `scripts/mutate.ts`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { mutants } from "./mutate/mutants.ts";
import { mutated } from "./mutate.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

test("mutants each change exactly one place of their file", () => {
  for (const mutant of mutants) {
    const text = readFileSync(`${root}/${mutant.file}`, "utf8");
    assert.ok(mutated(text, mutant) !== undefined, `${mutant.file}: ${mutant.claim}`);
  }
});

test("mutated() refuses a text that stands twice or not at all", () => {
  const mutant = { file: "x", was: "a", becomes: "b", claim: "" };
  assert.equal(mutated("cac", mutant), "cbc");
  assert.equal(mutated("aa", mutant), undefined);
  assert.equal(mutated("", mutant), undefined);
});
