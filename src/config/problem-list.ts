/**
 * A list of problems as an operator reads it: each once, by place, and not without end. Called
 * wherever stages put together what they found: load.ts, and control/ over all stages.
 */
import { byPlace, type Problem } from "../errors.ts";
import { limits } from "../limits.ts";

/** The same thing said twice of one place is said once; what is too much is counted. */
export function problemList(problems: readonly Problem[]): readonly Problem[] {
  const seen = new Set<string>();
  const unique = problems.filter(({ code, message, place }) => {
    const key = JSON.stringify([code, message, place]);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  const sorted = byPlace(unique);
  if (sorted.length <= limits.problemsMax) return sorted;
  // Errors first: behind a thousand warnings none is lost.
  const worst = [...unique].sort((a, b) => Number(isWarning(a)) - Number(isWarning(b)));
  const kept = byPlace(worst.slice(0, limits.problemsMax - 1));
  const message = `${sorted.length - kept.length} more problems are not shown`;
  const severity = worst.some((problem) => !isWarning(problem)) ? "error" : "warning";
  const hint = "put these right first";
  return [...kept, { code: "config.limit", severity, path: "", message, hint }];
}

const isWarning = ({ severity }: Problem): boolean => severity === "warning";
