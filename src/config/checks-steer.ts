/**
 * Steering: references, order of rules, plans that lead nowhere. Called by load.ts for each
 * service, on `steer` as written, so that one invalid rule does not hide what is wrong with the
 * next. What `when` means is compiled in policy/; here only words that are refused and rules in
 * each other's shadow are found.
 */
import { limits } from "../limits.ts";
import type { ServiceChecks } from "./checks.ts";
import { checkRegionReference, isInside, placeText, residencyOf } from "./checks.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";
import { laterConditionWords, unsupportedParams } from "./unsupported.ts";

interface RegionAt {
  readonly region: string;
  readonly path: Path;
  readonly at?: "key";
}

export function checkSteer(checks: ServiceChecks): void {
  const path = [...checks.path, "steer"];
  const steer = checks.raw["steer"] ?? "nearest";
  const used = new Set<string>();
  checkPlan(checks, steer, { path, depth: 0, used });
  // A name that is wrong may have meant any region: only a plan without one leaves some out.
  const known = checks.draft.regions;
  if ([...used].every((region) => known?.has(region) && checks.regions?.has(region))) {
    warnUnused(checks, path, used);
  }
}

interface PlanAt {
  readonly path: Path;
  readonly depth: number;
  /** Regions that some plan names; collected. */
  readonly used: Set<string>;
}

function checkPlan(checks: ServiceChecks, steer: unknown, where: PlanAt): void {
  const { path, used } = where;
  if (isMapping(steer) && Array.isArray(steer["rules"])) {
    if (where.depth >= limits.planDepthMax) {
      const hint = `at most ${limits.planDepthMax} levels`;
      const message = "rules are nested too deep";
      checks.report({ code: "config.limit", path, message, hint });
    } else checkRules(checks, steer["rules"], { ...where, path: [...path, "rules"] });
    return;
  }
  checkBias(checks, steer, path);
  const named = planRegions(steer, path);
  if (named === undefined) {
    for (const region of checks.regions ?? []) used.add(region);
    checkResidency(checks, [...(checks.regions ?? [])], path);
    return;
  }
  const seen = new Map<string, Path>();
  for (const reference of named) {
    used.add(reference.region);
    checkReference(checks, reference, seen);
  }
  const known = named.map(({ region }) => region).filter((region) => checks.regions?.has(region));
  checkResidency(checks, known, path);
  checkWeights(checks, steer, path);
}

/** The regions a plan names; undefined for a plan over every region of the service. */
export function planRegions(steer: unknown, path: Path): readonly RegionAt[] | undefined {
  if (Array.isArray(steer)) return tierRegions(steer, path);
  if (!isMapping(steer)) return undefined;
  if (Array.isArray(steer["order"])) return tierRegions(steer["order"], [...path, "order"]);
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
  return tiers.flatMap((tier, index): RegionAt[] => {
    if (typeof tier === "string") return [{ region: tier, path: [...path, index] }];
    return Array.isArray(tier) ? tierRegions(tier, [...path, index]) : [];
  });
}

function checkReference(checks: ServiceChecks, reference: RegionAt, seen: Map<string, Path>): void {
  const { region, path } = reference;
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

function checkWeights(checks: ServiceChecks, steer: unknown, path: Path): void {
  const weights = isMapping(steer) ? steer["weights"] : undefined;
  if (!isMapping(weights)) return;
  const values = Object.values(weights);
  if (values.some((weight) => weight !== 0)) return;
  checks.report({
    code: "config.conflict",
    path: [...path, "weights"],
    message: values.length === 0 ? "no region has a weight" : "every weight is 0",
    hint: "give at least one region a positive weight",
  });
}

function checkRules(checks: ServiceChecks, rules: readonly unknown[], where: PlanAt): void {
  const seen = new Map<string, Path>();
  let open: Path | undefined;
  for (const [index, rule] of rules.entries()) {
    const path = [...where.path, index];
    if (!isMapping(rule)) continue;
    const { when } = rule;
    if (open !== undefined) {
      const message = `no client comes this far: the rule at ${placeText(checks, open)} takes all`;
      const hint = "move it up, or remove it";
      checks.report({ code: "config.unreachable", path, message, hint });
    } else if (when === undefined || when === "true") open = path;
    else if (typeof when === "string") checkWhen(checks, when, { path, seen });
    const next = { ...where, path: [...path, "steer"], depth: where.depth + 1 };
    if (rule["steer"] !== undefined) checkPlan(checks, rule["steer"], next);
  }
  if (open !== undefined || rules.length === 0) return;
  const message = "the last rule has a condition, so some clients match none";
  const hint = "end with a rule that has no `when`";
  const path = [...where.path, rules.length - 1];
  checks.report({ code: "config.missing", path, message, hint });
}

function checkWhen(
  checks: ServiceChecks,
  when: string,
  where: { readonly path: Path; readonly seen: Map<string, Path> },
): void {
  const path = [...where.path, "when"];
  const text = when.replace(/\s+/g, " ").trim();
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
