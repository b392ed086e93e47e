/**
 * Assertions of the form "2 regions serve EU": how many regions of a jurisdiction can serve every
 * class alone, with the endpoints of all other regions out. Called by prove.ts for each subject.
 */
import type { Claim } from "../config/assertions.ts";
import type { Policy } from "../policy/policy.ts";
import { carriedAvailability, levelCount, levels } from "../steer/carry.ts";
import { livesCell, type PoolState } from "./pool-states.ts";
import type { Subject } from "./subject.ts";
import type { AttemptFunction, Found } from "./support.ts";

export type ServeClaim = Extract<Claim, { readonly kind: "serve" }>;

/** By ordinal: the pool's region is of the jurisdiction. */
export function inside(policy: Policy, subject: Subject, jurisdiction: string): readonly boolean[] {
  return subject.pools.map((pool) => {
    const region = policy.regions[policy.pools[pool]?.region ?? -1];
    return region?.jurisdictions.includes(jurisdiction) === true;
  });
}

export function proveServe(
  subject: Subject,
  input: {
    readonly claim: ServeClaim;
    readonly inside: readonly boolean[];
    readonly attempt: AttemptFunction;
  },
): Found {
  const { claim } = input;
  const regions = new Set(subject.regions.filter((_, pool) => input.inside[pool] === true));
  const serving = [...regions].filter((region) => servesAlone(subject, region, input.attempt));
  const decisions = regions.size;
  if (serving.length >= claim.regions + claim.regionsDown) {
    return { outcome: "holds", decisions, states: undefined };
  }
  // As many of them lost, the cheapest first, as it takes to have too few.
  const lost = new Set(
    serving
      .toSorted((a, b) => priceOf(subject, a) - priceOf(subject, b))
      .slice(0, Math.max(0, serving.length - claim.regions + 1)),
  );
  const states = subject.domains.map((domain, pool): PoolState => {
    const [goodDay, ...others] = domain.states;
    const state = lost.has(subject.regions[pool] ?? -1) ? others.find(isLost) : goodDay;
    return (state ?? goodDay) as PoolState;
  });
  return { outcome: "violated", decisions, states };
}

function servesAlone(subject: Subject, region: number, attempt: AttemptFunction): boolean {
  const carry = new Uint32Array(subject.pools.length * levelCount);
  subject.domains.forEach(({ states }, pool) => {
    if (subject.regions[pool] !== region) return;
    const cells = states[0]?.cells ?? [];
    carry.set(cells.slice(0, levelCount), pool * levelCount);
  });
  const { shares } = attempt(subject.service, subject.classPlan, carry);
  const used = shares.flatMap((share, pool) => (share > 0 ? [pool] : []));
  return (
    used.length > 0 &&
    used.every(
      (pool) =>
        subject.regions[pool] === region &&
        subject.outside[pool] !== true &&
        subject.domains[pool]?.states[0]?.cells[livesCell] === 1,
    )
  );
}

/** Nothing of it is up, unknown or held in the number it takes. */
function isLost({ cells }: PoolState): boolean {
  return [levels.up, levels.unknown, levels.held].every(
    (level) => carriedAvailability(cells[level] ?? 0) === 0,
  );
}

function priceOf(subject: Subject, region: number): number {
  return subject.domains.reduce((sum, { states }, pool) => {
    if (subject.regions[pool] !== region) return sum;
    return sum + (states.find(isLost)?.cost ?? 0);
  }, 0);
}
