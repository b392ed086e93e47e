/**
 * Rules: nested lists -> one flat list, with their conditions. Called by compile.ts for each
 * service; equal conditions are read once. The last flat rule has no condition, which the checks of
 * the configuration have seen to.
 */
import { inFull, isList } from "../config/expand-policies.ts";
import type { ServiceConfig } from "../config/schema.ts";
import type { CohortConfig } from "../config/schema-cohorts.ts";
import type { SteerInput, SteerRule, SteerTier } from "../config/schema-steer.ts";
import { limits } from "../limits.ts";
import { steerText } from "./compile-plan.ts";
import { type Findings, reportError } from "./compile-problems.ts";
import { compileWhen, type KnownJurisdictions, type When, type WhenResult } from "./when.ts";

export interface FlatRule {
  /** Conditions that must all hold. */
  readonly conditions: readonly When[];
  /** "" for none; nested ones joined by `&&`. */
  readonly text: string;
  readonly steer: SteerInput;
  readonly steerText: string;
  /** One of several made of rules inside another way of steering: nobody may come to it. */
  readonly lifted: boolean;
  /** "" for none. */
  readonly cohort: string;
  /** The colour that serves where a region has it. */
  readonly colour: string | undefined;
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
  /** Inside another way of steering; so a rule there stands for several of the list. */
  readonly nested: boolean;
  readonly lifted: boolean;
  readonly cohort?: string;
  readonly colour?: string | undefined;
}

/** undefined: something in it is wrong and has been reported. */
export function flattenRules(
  config: Pick<ServiceConfig, "steer" | "cohorts">,
  of: Pick<Flattening, "servicePath" | "findings" | "cache" | "known">,
): readonly FlatRule[] | undefined {
  const flattening: Flattening = { ...of, rules: [], full: false };
  const before = of.findings.problems.length;
  const path = `${of.servicePath}.steer`;
  const above = { path, conditions: [], texts: [], rulePath: path, nested: false, lifted: false };
  const emit = (flat: SteerInput, at: Above): void => pushRule(flattening, flat, at);
  for (const { name, text, cohort } of cohortRules(config.cohorts ?? {})) {
    const at = `${of.servicePath}.cohorts.${name}`;
    const own = withCondition(flattening, { ...above, rulePath: at }, text);
    const { steer = config.steer, colour } = cohort;
    flatten(flattening, steer, { ...own, cohort: name, colour, lifted: true }, emit);
  }
  flatten(flattening, config.steer, above, emit);
  const errors = of.findings.problems.slice(before).some(({ severity }) => severity === "error");
  return errors ? undefined : flattening.rules;
}

/** Those of the longest prefix first: the one that counts. */
function cohortRules(cohorts: NonNullable<ServiceConfig["cohorts"]>) {
  const prefixes = Object.entries(cohorts).flatMap(([name, cohort]) =>
    cohort.cidrs.map((cidr) => ({ name, cohort, cidr, length: Number(cidr.split("/")[1]) })),
  );
  prefixes.sort((a, b) => b.length - a.length || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const rules: { name: string; cohort: CohortConfig; cidrs: string[] }[] = [];
  for (const { name, cohort, cidr } of prefixes) {
    const last = rules.at(-1);
    if (last?.name === name) last.cidrs.push(cidr);
    else rules.push({ name, cohort, cidrs: [cidr] });
  }
  return rules.map(({ name, cohort, cidrs }) => ({
    name,
    cohort,
    text: `inCidr(${JSON.stringify(cidrs)})`,
  }));
}

type Emit<T> = (steer: T, above: Above) => void;

/** Hands on each way of steering without rules, the first match first, and what must hold. */
function flatten(
  flattening: Flattening,
  steer: SteerInput,
  above: Above,
  emit: Emit<SteerInput>,
): void {
  if (flattening.full) return;
  const tiers = (list: readonly SteerTier[], key: string, make: (t: SteerTier[]) => SteerInput) => {
    const at = { ...above, path: `${above.path}${key}`, nested: true };
    if (!list.some(isForm)) emit(steer, above);
    else flattenTiers(flattening, list, at, (whole, inner) => emit(make(whole), inner));
  };
  if (typeof steer === "string") emit(steer, above);
  else if (isList(steer)) tiers(steer, "", (order) => order);
  else if ("order" in steer) tiers(steer.order, ".order", (order) => ({ order }));
  else if ("weights" in steer && isList(steer.weights)) {
    const { weights } = steer;
    const parts = weights.map((part) => part.steer);
    tiers(parts, ".weights", (whole) => ({
      weights: weights.map(({ weight, steer: own }, i) => ({ weight, steer: whole[i] ?? own })),
    }));
  } else if ("rules" in steer) flattenRuleList(flattening, steer.rules, above, emit);
  else emit(steer, above);
}

function flattenRuleList(
  flattening: Flattening,
  rules: readonly SteerRule[],
  above: Above,
  emit: Emit<SteerInput>,
): void {
  rules.forEach((rule, i) => {
    const path = `${above.path}.rules.${i}`;
    const text = rule.when?.replace(/\s+/g, " ").trim() ?? "";
    const when = text === "" ? undefined : readWhen(flattening, text, `${path}.when`);
    const inner = {
      ...above,
      path: `${path}.steer`,
      conditions: when === undefined ? above.conditions : [...above.conditions, when],
      texts: text === "" ? above.texts : [...above.texts, text],
      rulePath: text === "" ? path : `${path}.when`,
      lifted: above.lifted || above.nested,
    };
    if (rule.fronts === undefined) {
      flatten(flattening, rule.steer, inner, emit);
      return;
    }
    const only = `front in ${JSON.stringify(rule.fronts)}`;
    flatten(flattening, rule.steer, withCondition(flattening, inner, only), emit);
    if (rule.else === undefined) return;
    const others = withCondition(flattening, { ...inner, path: `${path}.else` }, `!(${only})`);
    flatten(flattening, rule.else, { ...others, lifted: true }, emit);
  });
}

function withCondition(flattening: Flattening, above: Above, text: string): Above {
  const when = readWhen(flattening, text, above.path);
  if (when === undefined) return above;
  return {
    ...above,
    conditions: [...above.conditions, when],
    texts: [...above.texts, text],
  };
}

const isForm = (tier: SteerTier): boolean => typeof tier !== "string" && !isList(tier);

/** Rules inside tiers are lifted out: one whole for each way to choose in all of them. */
function flattenTiers(
  flattening: Flattening,
  tiers: readonly SteerTier[],
  above: Above,
  emit: Emit<SteerTier[]>,
): void {
  const from = (i: number, before: readonly SteerTier[], around: Above): void => {
    const tier = tiers[i];
    if (tier === undefined) emit([...before], around);
    else if (typeof tier === "string" || isList(tier)) from(i + 1, [...before, tier], around);
    else {
      const at = { ...around, path: `${above.path}.${i}` };
      flatten(flattening, tier, at, (flat, inner) => {
        from(i + 1, [...before, inFull(flat)], { ...inner, path: above.path, nested: true });
      });
    }
  };
  from(0, [], above);
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
    cohort: above.cohort ?? "",
    colour: above.colour,
    lifted: above.lifted,
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
