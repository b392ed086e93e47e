/** A configuration as text -> its policy, over the small geography. For tests above policy/. */
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { smallWorld } from "./geography-fixture.ts";

export function compiledFrom(text: string): Policy {
  const loaded = loadConfig([{ file: "test.yaml", text }]);
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, smallWorld, { placeOf: loaded.placeOf });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join("\n"));
  return result.policy;
}
