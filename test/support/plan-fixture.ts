/** Plans of configurations as text, over the small geography. */
import assert from "node:assert/strict";
import { loadConfig } from "../../src/config/load.ts";
import { parseDemand } from "../../src/control/demand.ts";
import { makePlan, type Plan, type PlanSide } from "../../src/control/plan.ts";
import { allUpWorld } from "../../src/control/plan-world.ts";
import { formatProblem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import { smallWorld } from "./geography-fixture.ts";

const nowMs = 1_790_000_000_000;

export function sideOf(text: string): PlanSide {
  const loaded = loadConfig([{ file: "plan.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const compiled = compile(loaded.config, smallWorld);
  assert.ok(compiled.ok, compiled.problems.map(formatProblem).join("\n"));
  return { policy: compiled.policy, world: allUpWorld(compiled.policy, nowMs) };
}

export function planOf(before: PlanSide, after: PlanSide, csv?: string): Plan {
  const parsed = csv === undefined ? undefined : parseDemand("demand.csv", csv);
  if (parsed !== undefined) assert.ok(parsed.ok);
  const given = parsed?.ok === true ? { demand: parsed.demand } : {};
  const result = makePlan(before, after, given);
  assert.ok(result.ok, result.ok ? "" : result.problems.map(formatProblem).join("\n"));
  return result.plan;
}
