/**
 * Mutants of the truth tables: one wrong cell each, and the tests that must notice. A mutant whose
 * `was` no longer stands exactly once in its file is an error, so the list cannot rot.
 */
export interface Mutant {
  readonly file: string;
  readonly was: string;
  readonly becomes: string;
  /** What the product would then do. */
  readonly claim: string;
}

const carry = "src/steer/carry.ts";
const plan = "src/steer/plan-shares.ts";
const availability = "src/steer/plan-availability.ts";
const nodeHealth = "src/steer/plan-health.ts";
const health = "src/world/health.ts";
const check = "src/world/check-value.ts";

/** Tests that hold each folder to its tables. */
export const testsOf: Readonly<Record<string, readonly string[]>> = {
  "src/steer": [
    "src/steer/carry.test.ts",
    "src/steer/decide.test.ts",
    "src/steer/shares.test.ts",
    "test/steer/health-vectors.test.ts",
    "test/steer/panic.test.ts",
    "test/steer/latency.test.ts",
    "test/steer/capacity.test.ts",
    "test/oracle/differential.test.ts",
  ],
  "src/world": [
    "src/world/health.test.ts",
    "src/world/health-search.test.ts",
    "src/world/check-value.test.ts",
    "src/world/checks.test.ts",
    "src/world/dependencies.test.ts",
    "test/steer/latency.test.ts",
    "src/world/failback.test.ts",
    "src/world/removals.test.ts",
    "src/world/flap-bound.test.ts",
  ],
};

export const mutants: readonly Mutant[] = [
  {
    file: carry,
    was: "if (word === forced.down || word === forced.drain) return conditions.out;",
    becomes: "if (word === forced.down) return conditions.out;",
    claim: "a drained endpoint gets new work",
  },
  {
    file: carry,
    was: "if (word === forced.down || word === forced.drain) return conditions.out;",
    becomes: "if (word === forced.drain) return conditions.out;",
    claim: "an endpoint forced down serves",
  },
  {
    file: carry,
    was: "if (word === forced.up) return conditions.up;",
    becomes: "",
    claim: "force-up does nothing",
  },
  {
    file: carry,
    was: "if (columns.quarantined[endpoint] === 1) return conditions.unknown;",
    becomes: "",
    claim: "a quarantined endpoint counts by its old verdict",
  },
  {
    file: carry,
    was: "return columns.availability[endpoint] === 0 ? conditions.held : conditions.up;",
    becomes: "return conditions.up;",
    claim: "a held endpoint serves at once",
  },
  {
    file: carry,
    was: "case verdict.down:\n      return conditions.down;",
    becomes: "case verdict.down:\n      return conditions.unknown;",
    claim: "a dead endpoint counts as unknown",
  },
  {
    file: carry,
    was: "case verdict.disabled:\n      return conditions.up;",
    becomes: "case verdict.disabled:\n      return conditions.unknown;",
    claim: "an endpoint without a check is not known to be up",
  },
  {
    file: carry,
    was: "if (policy.endpoints[endpoint]?.weight === 0) continue;",
    becomes: "",
    claim: "an endpoint of weight 0 counts for its pool",
  },
  {
    file: carry,
    was: "const enough = (n: number) => n > 0 && n >= pool.minimum;",
    becomes: "const enough = (n: number) => n > 0;",
    claim: "the minimum of a pool is not asked",
  },
  {
    file: carry,
    was: "const enough = (n: number) => n > 0 && n >= pool.minimum;",
    becomes: "const enough = (n: number) => n > 0 && n > pool.minimum;",
    claim: "a pool of exactly its minimum is not whole",
  },
  {
    file: carry,
    was: "enough(up + unknown + held) ? full : 0;",
    becomes: "enough(up + unknown) ? full : 0;",
    claim: "a held endpoint is not used rather than nothing",
  },
  {
    file: carry,
    was: "up + unknown + held + down > 0 ? full : 0;",
    becomes: "up + unknown + held > 0 ? full : 0;",
    claim: "serve-all refuses when everything is down",
  },
  {
    file: carry,
    was: "return !isGated(pool) || world.pools.active[index] === activity.yes;",
    becomes: "return world.pools.active[index] === activity.yes;",
    claim: "the column of manual standbys decides about every pool",
  },
  {
    file: carry,
    was: "return !isGated(pool) || world.pools.active[index] === activity.yes;",
    becomes: "return !isGated(pool);",
    claim: "a manual standby can never be activated",
  },
  {
    file: carry,
    was: "const candidateRanks = { fallback: 1, held: 2, unknown: 3, up: 4 } as const;",
    becomes: "const candidateRanks = { fallback: 1, held: 3, unknown: 2, up: 4 } as const;",
    claim: "held endpoints of a pool serve before unknown ones",
  },
  {
    file: plan,
    was: "if (availability > (availabilities[greatest] ?? 0)) greatest = i;",
    becomes: "if (availability >= (availabilities[greatest] ?? 0)) greatest = i;",
    claim: "the rest of a ramp goes to the last of equal tiers",
  },
  {
    file: plan,
    was: 'ask("ordinary", "by-tier") ??\n    ask("held", levels.held) ??',
    becomes: 'ask("ordinary", "by-tier") ??',
    claim: "held endpoints are passed over for the fallback",
  },
  {
    file: plan,
    was: 'return ask("last-good", levels.lastGood);',
    becomes: 'return ask("last-good", levels.serveAll);',
    claim: "last-good serves what was never good",
  },
  {
    file: plan,
    was: 'return ask("serve-all", levels.serveAll);',
    becomes: "return undefined;",
    claim: "serve-all refuses",
  },
  {
    file: nodeHealth,
    was: "const numerator = BigInt(health.overprovisioningPercent) * BigInt(up);",
    becomes: "const numerator = 100n * BigInt(up);",
    claim: "overprovisioning makes nothing good",
  },
  {
    file: nodeHealth,
    was: 'if (plan.kind === "first" || plan.weights[i] !== 0) count(child, facts, into);',
    becomes: "count(child, facts, into);",
    claim: "endpoints below a weight of 0 count for the health of a tier",
  },
  {
    file: nodeHealth,
    was: "if (facts.allowed[plan.pool] !== true) return;",
    becomes: "",
    claim: "pools outside the residency count for the health of a tier",
  },
  {
    file: nodeHealth,
    was: "numerator: numerator * BigInt(availability),",
    becomes: "numerator: numerator * fullAvailability,",
    claim: "a returning tier takes all of its load at once",
  },
  {
    file: nodeHealth,
    was: "if (total > denominator) total = denominator;",
    becomes: "",
    claim: "tiers that are healthy enough share by health",
  },
  {
    file: nodeHealth,
    was: "* part.numerator * denominator) / part.denominator",
    becomes: "* denominator)",
    claim: "localities are not weighed by their health",
  },
  {
    file: nodeHealth,
    was: "if (levelBelow(plan, asked, facts) !== levels.up) return whole;",
    becomes: "",
    claim: "endpoints that are not known to be up make a tier unhealthy",
  },
  {
    file: carry,
    was: "((enough(up) ? up : 0) << upShift);",
    becomes: "(up << upShift);",
    claim: "endpoints of a pool below its minimum count for its tier",
  },
  {
    file: carry,
    was: "return usable > 0 && usable * 10_000 <",
    becomes: "return usable * 10_000 <",
    claim: "a service with nothing usable is in panic",
  },
  {
    file: carry,
    was: "usable * 10_000 < hundredths * all",
    becomes: "usable * 10_000 <= hundredths * all",
    claim: "a service is in panic at the threshold",
  },
  {
    file: carry,
    was: "return condition(world, endpoint) === conditions.out ? 0 : candidateRanks.fallback;",
    becomes: "return candidateRanks.fallback;",
    claim: "drained endpoints serve in panic",
  },
  {
    file: availability,
    was: "return isTier && facts.panic === true ? levels.serveAll :",
    becomes: "return isTier && facts.panic === undefined ? levels.serveAll :",
    claim: "panic changes nothing below the tiers",
  },
  {
    file: plan,
    was: "if (facts.health?.spill === true) return isWhole(planLoad(child, asked, facts));",
    becomes: "",
    claim: "a tier with an endpoint up never spills",
  },
  {
    file: health,
    was: "if (up && successes >= facts.okThreshold[row]! && endpoints.failures[row] !== 0) {",
    becomes: "if (up && endpoints.failures[row] !== 0) {",
    claim: "one success clears the failure counter",
  },
  {
    file: health,
    was: "if (now === verdict.up && endpoints.failures[row]! >= facts.downThreshold[row]!) {",
    becomes: "if (now === verdict.up && endpoints.failures[row]! > facts.downThreshold[row]!) {",
    claim: "one failure more than the threshold is needed",
  },
  {
    file: health,
    was: "} else if (now === verdict.down && endpoints.successes[row]! >= facts.upThreshold[row]!) {",
    becomes: "} else if (now === verdict.down && endpoints.successes[row]! >= 1) {",
    claim: "one success brings an endpoint back",
  },
  {
    file: health,
    was: 'set(draft, "successes", row, 0);\n    draft.staleTtl',
    becomes: "draft.staleTtl",
    claim: "successes need not be in a row",
  },
  {
    file: health,
    was: "const doublings = Math.max(0, flapsAt(downTimes, row, options.at) - 1);",
    becomes: "const doublings = 0;",
    claim: "flapping does not lengthen the hold",
  },
  {
    file: health,
    was: "if (endpoints.waits[row] === 1 || at < holdUntil) return;",
    becomes: "if (endpoints.waits[row] === 1) return;",
    claim: "a hold is not kept",
  },
  {
    file: "src/world/ramp.ts",
    was: "return Math.max(1, Math.floor((elapsedMs * whole) / ramp.ms));",
    becomes: "return whole;",
    claim: "a return is not ramped",
  },
  {
    file: health,
    was: "if (endpoints.frozen[row] === 1) return;\n  const silent",
    becomes: "const silent",
    claim: "time moves a frozen endpoint",
  },
  {
    file: check,
    was: "if (of.up >= of.atLeast) return verdict.up;",
    becomes: "if (of.up > of.atLeast) return verdict.up;",
    claim: "one of several checks too few passes",
  },
  {
    file: check,
    was: "if (of.all - of.down < of.atLeast) return verdict.down;",
    becomes: "if (of.all - of.down <= of.atLeast) return verdict.down;",
    claim: "a check fails that could still pass",
  },
  {
    file: check,
    was: "if (of.all - of.down < of.atLeast) return verdict.down;",
    becomes: "",
    claim: "a check that can no longer pass is not known",
  },
  {
    file: check,
    was: "else if (value === verdict.down) down++;",
    becomes: "else down++;",
    claim: "a part that is not known counts as failed",
  },
  {
    file: check,
    was: "if (value === verdict.up) return verdict.down;",
    becomes: "if (value !== verdict.down) return verdict.down;",
    claim: "the opposite of what is not known is failure",
  },
  {
    file: check,
    was: "return value === verdict.down ? verdict.up : value;",
    becomes: "return value;",
    claim: "the opposite of failure is failure",
  },
  {
    file: health,
    was: "const holdMs = draft.facts.part[row] === 1 ? 0 : service.holdMs;",
    becomes: "const holdMs = service.holdMs;",
    claim: "a part of a check is held before it counts",
  },
  {
    file: health,
    was: "if (draft.facts.part[row] === 1 && from !== to) follow(draft, row);",
    becomes: "",
    claim: "a part of a check changes and nobody notices",
  },
  {
    file: health,
    was: "(verdicts[part] === verdict.unknown ? kept[part]! : verdicts[part]!) as Verdict;",
    becomes: "verdicts[part]! as Verdict;",
    claim: "a standby is withdrawn because its requirement is silent",
  },
  {
    file: carry,
    was: "if (columns.blocked[endpoint] === 1) return conditions.down;",
    becomes: "",
    claim: "a pool serves whose dependency is down",
  },
  {
    file: "src/world/dependencies.ts",
    was: "anywhere ? serving.size > 0 : serving.has(pool.region),",
    becomes: "anywhere || serving.has(pool.region),",
    claim: "a dependency anywhere is never missed",
  },
  {
    file: "src/world/dependencies.ts",
    was: "if (endpoints.blocked[row] === 1) return false;",
    becomes: "",
    claim: "a blocked service does not block those that need it",
  },
  {
    file: "src/steer/measured.ts",
    was: "(ranks[a] ?? 0) - (ranks[b] ?? 0)",
    becomes: "(ranks[b] ?? 0) - (ranks[a] ?? 0)",
    claim: "the slowest measured region comes first",
  },
  {
    file: "src/steer/measured.ts",
    was: "order[place] = sorted[i] ?? place;",
    becomes: "order[i] = sorted[i] ?? place;",
    claim: "a measured region passes one that is not",
  },
  {
    file: "src/steer/walks.ts",
    was: "      left -= taken;",
    becomes: "",
    claim: "what a tier keeps is offered to the next one as well",
  },
  {
    file: "src/steer/allocate.ts",
    was: "room >= offer ? limits.keepFull",
    becomes: "room > 0 ? limits.keepFull",
    claim: "a limit with little room keeps all",
  },
  {
    file: "src/steer/allocate.ts",
    was: "usable * 4 < all",
    becomes: "usable * 4 <= all",
    claim: "a pool of which just a quarter is usable is drained",
  },
  {
    file: "src/steer/allocate.ts",
    was: "Math.floor(parts.length / 2)",
    becomes: "parts.length",
    claim: "more than half of a service is drained",
  },
  {
    file: "src/steer/feedback.ts",
    was: "if (nowMs >= dueAt) {",
    becomes: "if (nowMs >= 0) {",
    claim: "feedback makes several steps in a TTL",
  },
  {
    file: "src/steer/feedback.ts",
    was: "const half = (ideal - keep) / 2;",
    becomes: "const half = ideal - keep;",
    claim: "feedback goes the whole way at once",
  },
  {
    file: "src/world/latency.ts",
    was: "averageOf(quickest) * 10_000 < averageOf(incumbent) * (10_000 - margin)",
    becomes: "averageOf(quickest) < averageOf(incumbent)",
    claim: "any difference changes the order",
  },
  {
    file: "src/world/latency.ts",
    was: "if (oldAt <= draft.at) setRank",
    becomes: "if (oldAt > draft.at) setRank",
    claim: "an old sample counts",
  },
  {
    file: health,
    was: "if (endpoints.waits[row] === 1 || at < holdUntil) return;",
    becomes: "if (at < holdUntil) return;",
    claim: "a pool that was down returns without the operator's word",
  },
  {
    file: health,
    was: 'if (service.resumeManually === true && !poolCarries(draft, row)) set(draft, "waits", row, 1);',
    becomes: 'if (service.resumeManually === true) set(draft, "waits", row, 1);',
    claim: "an endpoint waits for a word although its pool never went down",
  },
  {
    file: "src/world/ramp.ts",
    was: "return serving ? undefined : at;",
    becomes: "return at;",
    claim: "a region ramps although it was never out",
  },
  {
    file: health,
    was: "return options.holdMs * Math.min(limits.holdFactorMax, 2 ** doublings);",
    becomes: "return options.holdMs;",
    claim: "an endpoint that flaps is held no longer than one that does not",
  },
  {
    file: "src/world/removals.ts",
    was: "if (services.removals[service]! < most) {",
    becomes: "if (services.removals[service]! <= most) {",
    claim: "one removal too many within the bound",
  },
  {
    file: "src/world/removals.ts",
    was: "if (bound === undefined || !isUsable(draft, row)) return true;",
    becomes: "if (bound === undefined) return true;",
    claim: "what is not in use counts as removed",
  },
];
