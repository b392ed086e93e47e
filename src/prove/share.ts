/**
 * Assertions on how much a region or pool may get of a class. Called by prove.ts for each subject.
 * What does not ramp is decided exactly, by the product. Of a returning pool three availabilities
 * are tried, to find a counter-example; that there is none between them is shown by bounds on the
 * plan's shares for any availability. Where the bounds are too wide to tell, it is undecided.
 */
import type { Claim } from "../config/assertions.ts";
import { limits } from "../limits.ts";
import { carriedAvailability, carriedUp, levels } from "../steer/carry.ts";
import { Explorer } from "./explore.ts";
import type { PoolState } from "./pool-states.ts";
import { shareBounds } from "./share-bounds.ts";
import type { Subject } from "./subject.ts";
import { type AttemptFunction, costOf, type Found } from "./support.ts";

export type ShareClaim = Extract<Claim, { readonly kind: "share" }>;

/** Availabilities tried of a returning pool. */
export const triedRamps: readonly number[] = [1, 128, limits.availabilityFull - 1];

export interface ShareFound extends Found {
  /** Of limits.shareTotal: what was seen, and what cannot be passed. */
  readonly seen: number;
  readonly atMost: number;
}

/** Each pool's share is rounded to 1/65,536. */
export function greatestShare(claim: ShareClaim, pools: number): number {
  return Math.ceil((claim.mostPercent * limits.shareTotal) / 100 - 1e-9) + pools - 1;
}

export function proveShare(
  subject: Subject,
  input: {
    readonly claim: ShareClaim;
    /** By ordinal: the pools it is about. */
    readonly of: readonly boolean[];
    readonly attempt: AttemptFunction;
    readonly decisionsMax: number;
    readonly minimal: boolean;
    readonly costBelow: number;
  },
): ShareFound {
  const { claim, of } = input;
  const greatest = greatestShare(claim, of.filter((is) => is).length);
  const explorer = new Explorer({
    domains: subject.domains,
    regions: subject.regions,
    mayServe: subject.mayServe,
    before: new Array<number>(of.length).fill(-1),
    bounds: { regionsDown: claim.regionsDown, endpointsUp: 0 },
  });
  explorer.costBelow = input.costBelow;
  let [decisions, seen, atMost] = [0, 0, 0];
  let states: readonly PoolState[] | undefined;
  const decide = (): { readonly share: number; readonly most: number } => {
    decisions++;
    const made = input.attempt(subject.service, subject.classPlan, explorer.carry);
    const share = made.shares.reduce((sum, each, pool) => sum + (of[pool] === true ? each : 0), 0);
    if (subject.service.health !== undefined) {
      return { share, most: isExact(subject, explorer) ? share : limits.shareTotal };
    }
    const ramping = of.some((_, pool) => isPartial(explorer.peek(pool, 0)));
    if (!ramping || made.name !== "ordinary") return { share, most: share };
    const [, most] = shareBounds(subject.classPlan, of, (pool, level) => {
      const value = explorer.read(pool, level);
      return isPartial(value) ? [1, limits.availabilityFull - 1] : [value, value];
    });
    return { share, most: Math.max(share, Math.ceil(most * limits.shareTotal - 1e-6)) };
  };
  const whole = explorer.all(decide, ({ share, most }) => {
    if (decisions > input.decisionsMax) return false;
    seen = Math.max(seen, share);
    atMost = Math.max(atMost, most);
    if (share <= greatest) return true;
    const found = explorer.cheapest();
    if (costOf(found) < explorer.costBelow) {
      states = found;
      explorer.costBelow = costOf(found);
    }
    return input.minimal;
  });
  const common = { decisions, seen, atMost: whole ? atMost : limits.shareTotal, states };
  if (states !== undefined) return { ...common, outcome: "violated" };
  return { ...common, outcome: whole && atMost <= greatest ? "holds" : "undecided" };
}

/**
 * Where health counts, every pool is as on a good day or carries nothing: other numbers of
 * endpoints lie between those looked at.
 */
function isExact({ domains }: Subject, explorer: Explorer): boolean {
  return domains.every(({ states: [good] }, pool) => {
    const cell = explorer.peek(pool, levels.up);
    const counted = carriedUp(explorer.peek(pool, levels.unknown) ?? 0);
    if (cell === undefined) return true;
    if (carriedAvailability(cell) === 0) return counted === 0;
    const usable = explorer.peek(pool, levels.unknown);
    return (
      cell === good?.cells[levels.up] &&
      (usable ?? good?.cells[levels.unknown]) === good?.cells[levels.unknown]
    );
  });
}

function isPartial(availability: number | undefined): boolean {
  return availability !== undefined && availability > 0 && availability < limits.availabilityFull;
}
