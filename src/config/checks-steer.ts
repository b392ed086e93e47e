/**
 * Steering: references, order of rules, plans that lead nowhere. Called by load.ts for each
 * service, on `steer` as written, so that one invalid rule does not hide what is wrong with the
 * next. What `when` means is compiled in policy/; here only words that are refused and rules in
 * each other's shadow are found.
 */
import { limits } from "../limits.ts";
import type { ServiceChecks } from "./checks.ts";
import { checkRegionReference, isInside, placeText, referenceHint, residencyOf } from "./checks.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";
import { laterConditionWords, unsupportedParams } from "./unsupported.ts";

interface RegionAt {
  readonly region: string;
  readonly path: Path;
  readonly at?: "key";
}

export function checkSteer(checks: ServiceChecks): void {
  const { raw } = checks;
  const named = raw["policy"] !== undefined;
  const path = [...checks.path, named ? "policy" : "steer"];
  if (named && raw["steer"] !== undefined) {
    const message = "`policy` stands for the whole of `steer`";
    checks.report({ code: "config.conflict", path, message, hint: "remove one of the two" });
  }
  const steer = named ? { policy: raw["policy"] } : (raw["steer"] ?? "nearest");
  const used = new Set<string>();
  checkPlan(checks, steer, { path, depth: 0, used, ...freshPlan() });
  const cohorts = isMapping(raw["cohorts"]) ? Object.values(raw["cohorts"]) : [];
  for (const cohort of cohorts) {
    const regions = isMapping(cohort) ? planRegions(cohort["steer"], path) : [];
    for (const { region } of regions ?? []) used.add(region);
  }
  // A name that is wrong may have meant any region: only a plan without one leaves some out.
  const known = checks.draft.regions;
  if ([...used].every((region) => known?.has(region) && checks.regions?.has(region))) {
    warnUnused(checks, path, used);
  }
}

/** The way of steering of a cohort, beside the service's own. */
export function checkCohortSteer(checks: ServiceChecks, steer: unknown, path: Path): void {
  checkPlan(checks, steer, { path, depth: 0, used: new Set(), ...freshPlan() });
}

/** A policy by itself: what is wrong with it whoever refers to it. */
export function checkPolicy(checks: ServiceChecks, steer: unknown): void {
  const { path } = checks;
  checkPlan(checks, steer, { path, depth: 0, used: new Set(), ...freshPlan() });
}

interface PlanAt {
  readonly path: Path;
  /** Ways of steering around this one. */
  readonly depth: number;
  /** Regions that some plan names; collected. */
  readonly used: Set<string>;
  /** Regions of this plan, and where each was named first. */
  readonly seen: Map<string, Path>;
  /** Where a way of steering stands that takes all regions nobody names. */
  readonly open: { at: Path | undefined };
  /** False inside another way of steering: no plan by itself. */
  readonly alone?: boolean;
  /** Below this policy, whose own mistakes are reported there; `path` is that of the reference. */
  readonly policy?: string;
}

const freshPlan = (): Pick<PlanAt, "seen" | "open"> => ({
  seen: new Map(),
  open: { at: undefined },
});

function below(where: PlanAt, ...steps: readonly (string | number)[]): PlanAt {
  return where.policy === undefined ? { ...where, path: [...where.path, ...steps] } : where;
}

/** A whole plan: what it names, in all of its parts, is looked at together. */
function checkPlan(checks: ServiceChecks, steer: unknown, where: PlanAt): void {
  if (isMapping(steer) && Array.isArray(steer["rules"])) {
    checkPart(checks, steer, where);
    return;
  }
  checkPart(checks, steer, where);
  const named = where.open.at === undefined ? [...where.seen.keys()] : [...(checks.regions ?? [])];
  const known = named.filter((region) => checks.regions?.has(region));
  checkResidency(checks, known, where.path);
}

/** One way of steering, with those inside it. */
function checkPart(checks: ServiceChecks, steer: unknown, where: PlanAt): void {
  if (where.depth >= limits.planDepthMax) {
    const hint = `at most ${limits.planDepthMax} levels`;
    const { path } = where;
    checks.report({
      code: "config.limit",
      path,
      message: "ways of steering are nested too deep",
      hint,
    });
    return;
  }
  const at = { ...where, depth: where.depth + 1 };
  if (Array.isArray(steer)) checkTiers(checks, steer, at);
  else if (typeof steer === "string") checkOpen(checks, at);
  else if (isMapping(steer)) checkForm(checks, steer, at);
}

function checkForm(
  checks: ServiceChecks,
  steer: Readonly<Record<string, unknown>>,
  where: PlanAt,
): void {
  if (Array.isArray(steer["rules"])) {
    checkRules(checks, steer["rules"], where);
  } else if (Array.isArray(steer["order"])) {
    checkTiers(checks, steer["order"], below(where, "order"));
  } else if (Array.isArray(steer["weights"])) {
    const parts = steer["weights"].map((part: unknown) => (isMapping(part) ? part["steer"] : part));
    parts.forEach((part: unknown, i) => {
      checkTier(checks, part, below(where, "weights", i, "steer"));
    });
    checkWeights(checks, steer, where);
  } else if (isMapping(steer["weights"])) {
    for (const region of Object.keys(steer["weights"])) {
      const { path } = below(where, "weights", region);
      checkReference(checks, { region, path, at: "key" }, where);
    }
    checkWeights(checks, steer, where);
  } else if (typeof steer["policy"] === "string") {
    checkPolicyReference(checks, steer["policy"], where);
  } else checkRanked(checks, steer, where);
}

/** `nearest` and `latency`. */
function checkRanked(
  checks: ServiceChecks,
  steer: Readonly<Record<string, unknown>>,
  where: PlanAt,
): void {
  const way = ["nearest", "latency"].find((each) => isMapping(steer[each]));
  if (way === undefined) {
    // No form at all, which its schema says: it may have meant any region.
    for (const region of checks.regions ?? []) where.used.add(region);
    return;
  }
  if (way === "latency" && where.alone === false) {
    const message = "`latency` cannot stand inside another way of steering";
    const hint = "let it be the whole of `steer`, or of a rule's, or use `nearest` here";
    checks.report({ code: "config.conflict", path: where.path, message, hint });
  }
  if (where.policy === undefined) checkBias(checks, steer, where.path);
  const ranked = steer[way];
  const of = isMapping(ranked) ? ranked["of"] : undefined;
  if (Array.isArray(of)) checkTiers(checks, of, below(where, way, "of"));
  else checkOpen(checks, where);
}

function checkOpen(checks: ServiceChecks, where: PlanAt): void {
  for (const region of checks.regions ?? []) where.used.add(region);
  const { at } = where.open;
  where.open.at = where.path;
  if (at === undefined) return;
  checks.report({
    code: "config.duplicate",
    path: where.path,
    message: `a way of steering over all regions that are left stands in this plan already (${placeText(checks, at)})`,
    hint: "say with `of` which regions each of them ranks",
  });
}

function checkTiers(checks: ServiceChecks, tiers: readonly unknown[], where: PlanAt): void {
  tiers.forEach((tier, index) => {
    checkTier(checks, tier, below(where, index));
  });
}

function checkTier(checks: ServiceChecks, tier: unknown, where: PlanAt): void {
  if (typeof tier === "string") checkReference(checks, { region: tier, path: where.path }, where);
  else if (Array.isArray(tier)) checkTiers(checks, tier, where);
  else checkPart(checks, tier, { ...where, alone: false });
}

/** The policy is walked in the words of who refers to it; its own mistakes stand elsewhere. */
function checkPolicyReference(checks: ServiceChecks, name: string, where: PlanAt): void {
  const { path } = where;
  const { policies } = checks;
  const names = [...policies.names];
  if (where.policy !== undefined) return;
  const made = policies.expand({ policy: name });
  // What it would have named cannot be told.
  if ("fault" in made) for (const region of checks.regions ?? []) where.used.add(region);
  if (!names.includes(name)) {
    checks.report({
      code: "config.unknown-reference",
      path,
      message: `there is no policy \`${name}\``,
      hint: referenceHint(name, names, "policies"),
    });
    return;
  }
  if ("fault" in made) return;
  const said = (finding: Parameters<ServiceChecks["report"]>[0]): void =>
    checks.report({ ...finding, message: `in policy \`${name}\`: ${finding.message}` });
  checkPart({ ...checks, report: said }, made.steer, {
    ...where,
    depth: where.depth - 1,
    policy: name,
  });
}

/** The regions a plan names; undefined for a plan over every region of the service. */
export function planRegions(steer: unknown, path: Path): readonly RegionAt[] | undefined {
  if (Array.isArray(steer)) return tierRegions(steer, path);
  if (!isMapping(steer)) return undefined;
  if (Array.isArray(steer["order"])) return tierRegions(steer["order"], [...path, "order"]);
  if (Array.isArray(steer["weights"])) {
    const parts = steer["weights"].map((part: unknown) => (isMapping(part) ? part["steer"] : part));
    return tierRegions(parts, [...path, "weights"]);
  }
  if (Array.isArray(steer["rules"])) {
    return steer["rules"].flatMap((rule: unknown, i) =>
      isMapping(rule)
        ? [rule["steer"], rule["else"]].flatMap(
            (each) => planRegions(each, [...path, "rules", i]) ?? [],
          )
        : [],
    );
  }
  if (isMapping(steer["weights"])) {
    return Object.keys(steer["weights"]).map((region) => ({
      region,
      path: [...path, "weights", region],
      at: "key" as const,
    }));
  }
  for (const way of ["nearest", "latency"]) {
    const ranked = steer[way];
    if (isMapping(ranked) && Array.isArray(ranked["of"])) {
      return tierRegions(ranked["of"], [...path, way, "of"]);
    }
  }
  return undefined;
}

function tierRegions(tiers: readonly unknown[], path: Path): RegionAt[] {
  return tiers.flatMap((tier, index): readonly RegionAt[] => {
    if (typeof tier === "string") return [{ region: tier, path: [...path, index] }];
    if (Array.isArray(tier)) return tierRegions(tier, [...path, index]);
    return planRegions(tier, [...path, index]) ?? [];
  });
}

function checkReference(checks: ServiceChecks, reference: RegionAt, where: PlanAt): void {
  const { region, path } = reference;
  const { seen, used } = where;
  used.add(region);
  const first = seen.get(region);
  if (first !== undefined) {
    const message = `\`${region}\` stands in this plan already (${placeText(checks, first)})`;
    checks.report({ code: "config.duplicate", path, message, hint: "remove one of the two" });
    return;
  }
  seen.set(region, path);
  if (!checkRegionReference(checks, region, { ...reference, endpoints: true })) return;
  if (checks.service.standby?.region !== region) return;
  checks.report({
    code: "config.conflict",
    path,
    message: `\`${region}\` is the standby, which serves after every other region`,
    hint: "remove it here, or remove `standby`",
  });
}

/** A plan that residency leaves nothing of. */
function checkResidency(checks: ServiceChecks, regions: readonly string[], path: Path): void {
  const allowed = residencyOf(checks);
  if (allowed === undefined || regions.length === 0) return;
  const inside = regions.some((region) => isInside(checks, region, allowed));
  if (inside) return;
  // Reported once, at `residency`, when no region of the service is inside at all.
  const anywhere = [...(checks.regions ?? [])].some((each) => isInside(checks, each, allowed));
  if (!anywhere) return;
  checks.report({
    code: "residency.empty",
    path,
    message: `none of its regions is in ${allowed.join(", ")}`,
    hint: `name one that is, or change ${[...checks.path, "residency", "only"].join(".")}`,
  });
}

/** A bias on a region that this plan does not rank. */
function checkBias(checks: ServiceChecks, steer: unknown, path: Path): void {
  const nearest = isMapping(steer) ? steer["nearest"] : undefined;
  if (!isMapping(nearest) || !isMapping(nearest["bias"])) return;
  const { of } = nearest;
  for (const region of Object.keys(nearest["bias"])) {
    const at = { path: [...path, "nearest", "bias", region], at: "key" as const };
    if (!checkRegionReference(checks, region, { ...at, endpoints: true })) continue;
    const left = Array.isArray(of) && !of.includes(region);
    if (!left && checks.service.standby?.region !== region) continue;
    checks.report({
      ...at,
      code: "config.conflict",
      message: `\`${region}\` is not ranked here: ${left ? "`of` leaves it out" : "it is the standby"}`,
      hint: "remove its bias",
    });
  }
}

function checkWeights(
  checks: ServiceChecks,
  steer: Readonly<Record<string, unknown>>,
  { path, policy }: PlanAt,
): void {
  if (policy !== undefined) return;
  const weights: unknown = steer["weights"];
  const values: readonly unknown[] = Array.isArray(weights)
    ? weights.map((part: unknown) => (isMapping(part) ? part["weight"] : part))
    : isMapping(weights)
      ? Object.values(weights)
      : [];
  if (values.some((weight) => weight !== 0)) return;
  checks.report({
    code: "config.conflict",
    path: [...path, "weights"],
    message: values.length === 0 ? "no region has a weight" : "every weight is 0",
    hint: "give at least one region a positive weight",
  });
}

/** Of several rules one holds: each is looked at beside what stands around them all. */
function checkRules(checks: ServiceChecks, rules: readonly unknown[], where: PlanAt): void {
  const seen = new Map<string, Path>();
  const whole = where.alone !== false;
  const around = { seen: new Map(where.seen), open: where.open.at };
  let end: Path | undefined;
  for (const [index, rule] of rules.entries()) {
    const { path } = below(where, "rules", index);
    if (!isMapping(rule)) continue;
    const { when } = rule;
    if (where.policy !== undefined) {
      // Said of the policy itself.
    } else if (end !== undefined) {
      const message = `no client comes this far: the rule at ${placeText(checks, end)} takes all`;
      const hint = "move it up, or remove it";
      checks.report({ code: "config.unreachable", path, message, hint });
    } else if (takesAll(rule)) end = path;
    else if (typeof when === "string") {
      checkWhen(checks, when, { path, seen, fronts: rule["fronts"] });
    }
    if (rule["else"] !== undefined && rule["fronts"] === undefined && where.policy === undefined) {
      const message = "`else` is for the fronts that `fronts` leaves out, and it stands nowhere";
      const hint = "add `fronts`, or remove it";
      checks.report({ code: "config.missing", path: [...path, "else"], message, hint, at: "key" });
    }
    for (const key of ["steer", "else"] as const) {
      if (rule[key] === undefined) continue;
      const next = below(where, "rules", index, key);
      const own = { seen: new Map(around.seen), open: { at: around.open } };
      if (whole) checkPlan(checks, rule[key], { ...next, ...own });
      else checkPart(checks, rule[key], { ...next, ...own });
      for (const [region, at] of own.seen) where.seen.set(region, at);
      where.open.at ??= own.open.at;
    }
  }
  if (end !== undefined || rules.length === 0 || where.policy !== undefined) return;
  const message = "the last rule has a condition, so some clients match none";
  const hint = "end with a rule that has no `when`";
  const { path } = below(where, "rules", rules.length - 1);
  checks.report({ code: "config.missing", path, message, hint });
}

/** No condition, and every front steers by it. */
function takesAll(rule: Readonly<Record<string, unknown>>): boolean {
  const { when } = rule;
  const everywhere = rule["fronts"] === undefined || rule["else"] !== undefined;
  return everywhere && (when === undefined || when === "true");
}

function checkWhen(
  checks: ServiceChecks,
  when: string,
  where: {
    readonly path: Path;
    readonly seen: Map<string, Path>;
    readonly fronts: unknown;
  },
): void {
  const path = [...where.path, "when"];
  const text = `${when.replace(/\s+/g, " ").trim()} ${JSON.stringify(where.fronts ?? "")}`;
  const first = where.seen.get(text);
  if (first === undefined) where.seen.set(text, path);
  else {
    const message = `the same condition stands at ${placeText(checks, first)}, which matches first`;
    const hint = "remove the rule, or change its condition";
    checks.report({ code: "config.unreachable", path, message, hint });
  }
  for (const word of refusedWords(when)) {
    const message = `\`${word}\` in a condition is not supported yet`;
    checks.report({ ...unsupportedParams, path, message });
  }
}

/** Names used in a condition, outside quoted text and not as a member of something. */
function refusedWords(when: string): readonly string[] {
  const bare = when.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  const words = new Set(bare.match(/(?<![\w.])[a-z_]\w*/gi) ?? []);
  return [...words].filter((word) => laterConditionWords.has(word));
}

/** Endpoints that no plan ever leads to. */
function warnUnused(checks: ServiceChecks, steerPath: Path, used: ReadonlySet<string>): void {
  const { standby } = checks.service;
  if (checks.raw["standby"] !== undefined && standby === undefined) return;
  for (const region of checks.regions ?? []) {
    if (used.has(region) || region === standby?.region) continue;
    if (checks.draft.regions?.has(region) !== true) continue;
    checks.report({
      code: "config.unreachable",
      severity: "warning",
      path: [...checks.path, "endpoints", region],
      message: `\`steer\` (${placeText(checks, steerPath)}) never names \`${region}\``,
      hint: "name it, make it the standby, or remove its endpoints",
      at: "key",
    });
  }
}
