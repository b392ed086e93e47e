/**
 * Assertions on who may get a share at all: residency, and an answer of living endpoints. Called by
 * prove.ts for each subject. Amounts do not matter, so a returning pool is looked at with one
 * availability that stands for all.
 */
import type { Claim } from "../config/assertions.ts";
import type { attempt } from "../steer/plan-shares.ts";
import { Explorer } from "./explore.ts";
import { livesCell, type PoolState, panicLivesCell } from "./pool-states.ts";
import type { Subject } from "./subject.ts";

export type AttemptFunction = typeof attempt;
export type SupportClaim = Extract<
  Claim,
  { readonly kind: "residency" | "answer-regions" | "answer-endpoints" }
>;

export interface Found {
  readonly outcome: "holds" | "violated" | "undecided";
  /** Decisions that were made to find out. */
  readonly decisions: number;
  /** By ordinal of the subject; the cheapest where `minimal` was asked for. */
  readonly states: readonly PoolState[] | undefined;
}

export interface SupportInput {
  readonly claim: SupportClaim;
  readonly attempt: AttemptFunction;
  readonly decisionsMax: number;
  /** Goes on after a counter-example until none is cheaper. */
  readonly minimal: boolean;
  /** Counter-examples that cost so much are of no interest. */
  readonly costBelow: number;
}

export function proveSupport(subject: Subject, input: SupportInput): Found {
  const { claim } = input;
  // Where nothing is outside, no answer can leave.
  if (claim.kind === "residency" && !subject.outside.includes(true)) {
    return { outcome: "holds", decisions: 0, states: undefined };
  }
  const explorer = new Explorer({
    domains: subject.domains,
    regions: subject.regions,
    mayServe: subject.mayServe,
    before: subject.before,
    bounds: {
      regionsDown: claim.kind === "answer-regions" ? claim.regionsDown : Number.POSITIVE_INFINITY,
      endpointsUp: claim.kind === "answer-endpoints" ? claim.endpointsUp : 0,
    },
  });
  explorer.costBelow = input.costBelow;
  let decisions = 0;
  let states: readonly PoolState[] | undefined;
  const whole = explorer.all(
    () => {
      decisions++;
      const made = input.attempt(subject.service, subject.classPlan, explorer.carry);
      return holds(claim, { subject, made, explorer });
    },
    (good) => {
      if (decisions > input.decisionsMax) return false;
      if (good) return true;
      const found = explorer.cheapest();
      const cost = costOf(found);
      if (cost < explorer.costBelow) {
        states = found;
        explorer.costBelow = cost;
      }
      return input.minimal;
    },
  );
  if (states !== undefined) return { outcome: "violated", decisions, states };
  // Of living answers: how many live where says whether the service is in panic.
  const counted = subject.domains.some(
    ({ coarse, truncated }) => truncated || (coarse && claim.kind === "answer-endpoints"),
  );
  return { outcome: whole && !counted ? "holds" : "undecided", decisions, states };
}

export function costOf(states: readonly PoolState[]): number {
  return states.reduce((sum, { cost }) => sum + cost, 0);
}

/** May read more of the pools that have a share. */
function holds(
  claim: SupportClaim,
  at: {
    readonly subject: Subject;
    readonly made: ReturnType<AttemptFunction>;
    readonly explorer: Explorer;
  },
): boolean {
  const { subject, explorer } = at;
  const { shares, panic } = at.made;
  if (claim.kind === "residency") {
    return shares.every((share, pool) => share === 0 || subject.outside[pool] !== true);
  }
  const cell = panic === undefined ? livesCell : panicLivesCell;
  return (
    shares.some((share) => share > 0) &&
    shares.every((share, pool) => share === 0 || explorer.read(pool, cell) === 1)
  );
}
