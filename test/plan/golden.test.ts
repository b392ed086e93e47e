/**
 * test/golden/plan/NAME: old.yaml and new.yaml, perhaps demand.csv, beside plan.txt and plan.json,
 * as `rhumb plan` prints them. `node test/plan/golden.test.ts --update` writes the answers anew;
 * read the difference.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Plan } from "../../src/control/plan.ts";
import { formatPlan, worldText } from "../../src/control/plan-text.ts";
import { planOf, sideOf } from "../support/plan-fixture.ts";

const folder = fileURLToPath(new URL("../golden/plan", import.meta.url));
const update = process.argv.includes("--update");

function planAt(path: string): Plan {
  const read = (name: string) => readFileSync(join(path, name), "utf8");
  const csv = existsSync(join(path, "demand.csv")) ? read("demand.csv") : undefined;
  return planOf(sideOf(read("old.yaml")), sideOf(read("new.yaml")), csv);
}

/** Digests and serials follow from the engine's version and from everything else. */
const withoutDigests = (text: string): string =>
  text.replace(/[0-9a-f]{64}/g, "DIGEST").replace(/serial \d+/g, "serial N");

for (const name of readdirSync(folder)) {
  const path = join(folder, name);
  const plan = planAt(path);
  const text = formatPlan(plan, {
    before: "old.yaml",
    after: "new.yaml",
    demand: plan.demand.assumed ? "" : "demand.csv",
    world: worldText({ running: false }),
    paint: (_, line) => line,
  });
  const answers = { "plan.txt": text, "plan.json": `${JSON.stringify(plan, null, 2)}\n` };
  for (const [file, answer] of Object.entries(answers)) {
    test(`formatPlan() of ${name} says what ${file} says`, () => {
      const now = withoutDigests(answer);
      const at = join(path, file);
      if (update || !existsSync(at)) writeFileSync(at, now);
      assert.equal(now, readFileSync(at, "utf8"));
    });
  }
}

test("golden plans exist", () => assert.ok(readdirSync(folder).length >= 4));
