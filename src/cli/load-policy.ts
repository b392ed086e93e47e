/**
 * A configuration on disk -> a policy, for the commands that need no server. Compiled geographies
 * are kept in the user's cache folder, so that only the first `rhumb check` of a database takes
 * time.
 */
import { homedir } from "node:os";
import { join } from "node:path";
import { type CompileOptions, compileRevision } from "../control/rollout.ts";
import type { Problem } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import type { Claims } from "../prove/claims.ts";
import { complainProblems, entropy, exitCodes, finish } from "./command.ts";

const cacheHome = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");

export type CompiledSource =
  | {
      readonly ok: true;
      readonly policy: Policy;
      readonly warnings: readonly Problem[];
      readonly claims: Claims;
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export async function compileSource(
  source: string,
  assertions: CompileOptions["assertions"] = "leave",
): Promise<CompiledSource> {
  const options = { stateDir: join(cacheHome, "rhumb"), entropy, assertions };
  const result = await compileRevision(source, options);
  if (!result.ok) return result;
  const { policy, warnings, claims } = result.revision;
  return { ok: true, policy, warnings, claims };
}

/** The policy, or undefined after having complained of every problem and set the exit code. */
export async function policyOf(source: string): Promise<Policy | undefined> {
  const result = await compileSource(source);
  complainProblems(result.ok ? result.warnings : result.problems);
  if (result.ok) return result.policy;
  finish(exitCodes.refused);
  return undefined;
}
