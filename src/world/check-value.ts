/**
 * The value of a check made of several: three-valued logic over the verdicts of what it asks, the
 * tables of docs/health.md. Called by health.ts whenever one of those verdicts changes. A verdict
 * is never `disabled` here: every part of a check has a monitor.
 */
import type { CheckPlan } from "../policy/policy.ts";
import { type Verdict, verdict } from "./world.ts";

/** `verdictOf` is asked for rows of World's endpoints. */
export function checkValue(plan: CheckPlan, verdictOf: (row: number) => Verdict): Verdict {
  switch (plan.kind) {
    case "probe":
      return verdictOf(plan.endpoint);
    case "not":
      return opposite(checkValue(plan.of, verdictOf));
    case "count": {
      let [up, down] = [0, 0];
      for (const part of plan.of) {
        const value = checkValue(part, verdictOf);
        if (value === verdict.up) up++;
        else if (value === verdict.down) down++;
      }
      return countValue({ up, down, all: plan.of.length, atLeast: plan.atLeast });
    }
  }
}

/** Certain as soon as what is not known can make no difference. */
export function countValue(of: {
  readonly up: number;
  readonly down: number;
  readonly all: number;
  readonly atLeast: number;
}): Verdict {
  if (of.up >= of.atLeast) return verdict.up;
  if (of.all - of.down < of.atLeast) return verdict.down;
  return verdict.unknown;
}

function opposite(value: Verdict): Verdict {
  if (value === verdict.up) return verdict.down;
  return value === verdict.down ? verdict.up : value;
}
