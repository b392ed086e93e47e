/**
 * A revision's assertions as problems. Called by rollout.ts. What is violated is an error where a
 * revision is to be taken, and a warning where it must be lived with, as at a start; what is
 * undecided is a warning always.
 */
import type { Problem } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import type { Claims } from "../prove/claims.ts";
import { commandFor } from "../prove/counter-example.ts";
import { prove, type Verdict } from "../prove/prove.ts";

export function assertionProblems(
  policy: Policy,
  claims: Claims,
  as: { readonly violated: Problem["severity"]; readonly source: string },
): readonly Problem[] {
  // Together within the time that control may be busy; `rhumb prove` takes more.
  const count = Math.max(1, claims.assertions.length);
  const decisionsMax = Math.floor(limits.proveApplyDecisionsMax / count);
  const points = Math.floor(limits.provePoints / count);
  return prove(policy, claims, { decisionsMax, points }).verdicts.flatMap((verdict) => {
    if (verdict.outcome === "proved") return [];
    const severity = verdict.outcome === "violated" ? as.violated : "warning";
    return [problemOf(verdict, severity, as.source)];
  });
}

function problemOf(verdict: Verdict, severity: Problem["severity"], source: string): Problem {
  const { assertion, counterExample, detail, decisions } = verdict;
  const { path, place, text } = assertion;
  const base = { severity, path, ...(place === undefined ? {} : { place }) };
  if (counterExample === undefined) {
    const message = `\`${text}\` is neither proved nor refuted: ${detail}`;
    const hint = `after ${decisions} decisions; \`rhumb prove --decisions\` takes more of them`;
    return { ...base, code: "assert.undecided", message, hint };
  }
  const { service, sentence } = counterExample;
  const message = `\`${text}\` does not hold: for ${service} ${sentence}`;
  return {
    ...base,
    code: "assert.violated",
    message,
    hint: `see: ${commandFor(counterExample, source)}`,
  };
}
