/**
 * Named policies: each by itself, and that none leads back to itself. Called by load.ts before the
 * services are looked at, which then find in a policy only what is wrong with it for them.
 */
import { limits } from "../limits.ts";
import type { Checks } from "./checks.ts";
import { checkPolicy } from "./checks-steer.ts";
import { isMapping } from "./draft.ts";
import { type ExpandFault, Policies } from "./expand-policies.ts";
import type { SteerInput } from "./schema-steer.ts";

export function checkPolicies(checks: Checks): Policies {
  const raw = checks.draft.merged.value["policies"];
  const written = isMapping(raw) ? raw : {};
  const valid = Object.entries(checks.draft.top.policies ?? {}) as [string, SteerInput][];
  const policies = new Policies(new Map(valid));
  const said = new Set<string>();
  for (const [name] of valid) {
    const made = policies.expand({ policy: name });
    if ("fault" in made) reportFault(checks, made, { name, written, said });
    const path = ["policies", name];
    checkPolicy(
      { ...checks, policies, name, path, service: {}, raw: {}, regions: undefined },
      written[name],
    );
  }
  return policies;
}

function reportFault(
  checks: Checks,
  made: ExpandFault,
  at: {
    readonly name: string;
    readonly written: Readonly<Record<string, unknown>>;
    readonly said: Set<string>;
  },
): void {
  const path = ["policies", at.name];
  if (made.fault === "cycle") {
    // Each of them leads to itself: one is enough.
    const key = [...new Set(made.names)].sort().join();
    if (at.said.has(key)) return;
    at.said.add(key);
    checks.report({
      code: "config.conflict",
      path,
      message: `the policy leads back to itself: ${made.names.join(" -> ")}`,
      hint: "let one of them name regions instead",
    });
    return;
  }
  // A name that is nowhere is reported where it stands.
  if (made.fault === "unknown") return;
  const deep = made.fault === "deep";
  checks.report({
    code: "config.limit",
    path,
    message: deep ? "ways of steering are nested too deep" : "the policy is too large",
    hint: deep ? `at most ${limits.planDepthMax} levels` : `at most ${limits.steerNodesMax} parts`,
  });
}
