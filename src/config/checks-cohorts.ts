/**
 * Cohorts: each says one thing of its clients, and no prefix is in two of them. Called by load.ts
 * for each service, after its endpoints have been checked.
 */
import { placeText, referenceHint, type ServiceChecks } from "./checks.ts";
import { poolsAt } from "./checks-service.ts";
import { checkCohortSteer } from "./checks-steer.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";

export function checkCohorts(checks: ServiceChecks): void {
  const raw = checks.raw["cohorts"];
  if (!isMapping(raw)) return;
  const seen = new Map<string, Path>();
  for (const [name, cohort] of Object.entries(raw)) {
    if (!isMapping(cohort)) continue;
    const path = [...checks.path, "cohorts", name];
    checkOneThing(checks, cohort, path);
    if (typeof cohort["colour"] === "string") {
      checkColour(checks, cohort["colour"], [...path, "colour"]);
    }
    if (cohort["steer"] !== undefined)
      checkCohortSteer(checks, cohort["steer"], [...path, "steer"]);
    for (const cidr of checks.service.cohorts?.[name]?.cidrs ?? []) {
      const first = seen.get(cidr);
      if (first === undefined) seen.set(cidr, path);
      else {
        const message = `${cidr} is in another cohort already (${placeText(checks, first)})`;
        const hint = "remove it from one of the two";
        checks.report({ code: "config.duplicate", path: [...path, "cidrs"], message, hint });
      }
    }
  }
}

function checkOneThing(
  checks: ServiceChecks,
  cohort: Readonly<Record<string, unknown>>,
  path: Path,
): void {
  const both = cohort["colour"] !== undefined && cohort["steer"] !== undefined;
  const neither = cohort["colour"] === undefined && cohort["steer"] === undefined;
  if (!both && !neither) return;
  checks.report({
    code: both ? "config.conflict" : "config.missing",
    path,
    message: both ? "`colour` and `steer` of one cohort" : "nothing is said of its clients",
    hint: both ? "remove one of the two" : "add `colour` or `steer`",
    at: "key",
  });
}

function checkColour(checks: ServiceChecks, colour: string, path: Path): void {
  const endpoints = checks.raw["endpoints"];
  if (!isMapping(endpoints)) return;
  const colours = new Set(
    Object.values(endpoints).flatMap((pools) => poolsAt(pools, []).map((pool) => pool.colour)),
  );
  if (colours.has(colour)) return;
  checks.report({
    code: "config.unknown-reference",
    path,
    message: `no pool of the service has a colour \`${colour}\``,
    hint: referenceHint(colour, [...colours].filter(Boolean), "colours"),
  });
}
