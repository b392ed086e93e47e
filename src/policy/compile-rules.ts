/**
 * Rules: nested lists -> one flat list, with their conditions. Called by compile.ts for each
 * service; equal conditions are read once. The last flat rule has no condition, which the checks of
 * the configuration have seen to.
 */
import type { SteerInput } from "../config/schema-steer.ts";
import { limits } from "../limits.ts";
import { steerText } from "./compile-plan.ts";
import { type Findings, reportError } from "./compile-problems.ts";
import { compileWhen, type KnownJurisdictions, type When, type WhenResult } from "./when.ts";

export interface FlatRule {
  /** Conditions that must all hold. */
  readonly conditions: readonly When[];
  /** "" for none; nested ones joined by `&&`. */
  readonly text: string;
  readonly steer: Exclude<SteerInput, { rules: unknown }>;
  readonly steerText: string;
  /** Where it is written: of its `when` if it has one. */
  readonly path: string;
}

/** Conditions by text, so that one of ten thousand equal services is parsed. */
export type WhenCache = Map<string, WhenResult>;

interface Flattening {
  readonly findings: Findings;
  readonly cache: WhenCache;
  readonly known: KnownJurisdictions;
  readonly rules: FlatRule[];
  readonly servicePath: string;
  full: boolean;
}

interface Above {
  readonly path: string;
  readonly conditions: readonly When[];
  readonly texts: readonly string[];
  readonly rulePath: string;
}

/** undefined: something in it is wrong and has been reported. */
export function flattenRules(
  steer: SteerInput,
  of: Pick<Flattening, "servicePath" | "findings" | "cache" | "known">,
): readonly FlatRule[] | undefined {
  const flattening: Flattening = { ...of, rules: [], full: false };
  const before = of.findings.problems.length;
  const path = `${of.servicePath}.steer`;
  flatten(flattening, steer, { path, conditions: [], texts: [], rulePath: path });
  const errors = of.findings.problems.slice(before).some(({ severity }) => severity === "error");
  return errors ? undefined : flattening.rules;
}

function flatten(flattening: Flattening, steer: SteerInput, above: Above): void {
  if (typeof steer === "string" || !("rules" in steer)) {
    pushRule(flattening, steer, above);
    return;
  }
  steer.rules.forEach((rule, i) => {
    const path = `${above.path}.rules.${i}`;
    const text = rule.when?.replace(/\s+/g, " ").trim() ?? "";
    const when = text === "" ? undefined : readWhen(flattening, text, `${path}.when`);
    flatten(flattening, rule.steer, {
      path: `${path}.steer`,
      conditions: when === undefined ? above.conditions : [...above.conditions, when],
      texts: text === "" ? above.texts : [...above.texts, text],
      rulePath: text === "" ? path : `${path}.when`,
    });
  });
}

function pushRule(flattening: Flattening, steer: FlatRule["steer"], above: Above): void {
  const { rules, findings, servicePath } = flattening;
  if (rules.length === limits.rulesPerServiceMax) {
    if (flattening.full) return;
    flattening.full = true;
    reportError(findings, {
      code: "config.limit",
      path: `${servicePath}.steer`,
      message: `over ${limits.rulesPerServiceMax} rules, those inside rules counted`,
      hint: "join rules that steer alike with `||` or `in`",
    });
    return;
  }
  const [only = ""] = above.texts;
  rules.push({
    conditions: above.conditions,
    text: above.texts.length > 1 ? above.texts.map((text) => `(${text})`).join(" && ") : only,
    steer,
    steerText: steerText(steer),
    path: above.rulePath,
  });
}

function readWhen(flattening: Flattening, text: string, path: string): When | undefined {
  const { cache, findings, known } = flattening;
  const result = cache.get(text) ?? compileWhen(text, known);
  cache.set(text, result);
  if (result.ok) return result.when;
  for (const fault of result.faults) reportError(findings, { ...fault, path });
  return undefined;
}
