/**
 * Filling by feedback: from load reports to what a pool keeps, one damped step at a time,
 * docs/steering.md "Capacity". Called by allocate.ts for services without a declared demand. Gain
 * one half, one step in the longer of TTL and report interval, and a band in which nothing moves.
 */
import { limits } from "../limits.ts";
import type { CapacityService, PoolIndex } from "../policy/policy.ts";
import { keepsPerPool } from "../world/world.ts";
import { capacityRow, limitsOfPool } from "./capacity-index.ts";
import type { CapacityScene as Scene } from "./capacity-scene.ts";

/** Reports older than so many periods are old. */
const periodsFresh = 3;
const leastKeep = 64;

export interface FedBack {
  /** A pool of the service has a report that is not old. */
  readonly fresh: boolean;
  readonly nextAt: number;
}

export function feedbackStep(
  given: Scene & {
    readonly service: CapacityService;
    readonly fedAt: Float64Array;
    readonly nowMs: number;
  },
): FedBack {
  const { policy, world, capacity, service, keep, fedAt, nowMs } = given;
  const columns = world.capacity;
  const {
    firstPool = 0,
    poolCount = 0,
    ttlSecondsMax = 0,
  } = policy.services[service.service] ?? {};
  let fresh = false;
  let nextAt = Number.POSITIVE_INFINITY;
  const rows: { readonly row: number; readonly pool: PoolIndex }[] = [];
  for (let pool = firstPool as PoolIndex; pool < firstPool + poolCount; pool++) {
    const row = capacityRow(capacity, pool);
    if (row !== -1) rows.push({ row, pool });
  }
  const isFresh = (row: number): boolean => isFreshAt(columns, row, { ttlSecondsMax, nowMs });
  for (const { row } of rows) {
    if (!isFresh(row)) continue;
    fresh = true;
    nextAt = Math.min(nextAt, oldAt(columns, row, ttlSecondsMax));
  }
  for (const { row, pool } of rows) {
    const before = fresh ? (columns.keep[row * keepsPerPool] ?? 0) : limits.keepFull;
    // A pool that was drained or never fed begins whole.
    let now = before === 0 || fedAt[row] === 0 ? limits.keepFull : before;
    const dueAt = (fedAt[row] ?? 0) + periodOf(columns, row, ttlSecondsMax);
    if (isFresh(row) && (columns.loadAt[row] ?? 0) > (fedAt[row] ?? 0)) {
      if (nowMs >= dueAt) {
        now = nextKeep(now, utilisation(given, pool, isFresh), service);
        fedAt[row] = nowMs;
      } else nextAt = Math.min(nextAt, dueAt);
    }
    if (!fresh) fedAt[row] = 0;
    writeKeep(keep, row, fresh, given.drained.has(pool) ? 0 : now);
  }
  return { fresh, nextAt };
}

/** All of walk 1 are one number; there is no second walk. Whole while nothing is known. */
function writeKeep(keep: Uint16Array, row: number, fresh: boolean, now: number): void {
  const first = row * keepsPerPool;
  if (!fresh) keep.fill(limits.keepFull, first, first + keepsPerPool);
  else {
    keep.fill(now, first, first + limits.capacityTiersMax);
    keep.fill(0, first + limits.capacityTiersMax, first + keepsPerPool);
  }
}

interface Reports {
  readonly loadAt: Float64Array;
  readonly loadEveryMs: Float64Array;
}

/** The longer of TTL and report interval. */
function periodOf({ loadEveryMs }: Reports, row: number, ttlSecondsMax: number): number {
  return Math.max(ttlSecondsMax * 1000, loadEveryMs[row] ?? 0);
}

function oldAt(columns: Reports, row: number, ttlSecondsMax: number): number {
  return (columns.loadAt[row] ?? 0) + periodsFresh * periodOf(columns, row, ttlSecondsMax) + 1;
}

function isFreshAt(
  columns: Reports,
  row: number,
  at: { readonly ttlSecondsMax: number; readonly nowMs: number },
): boolean {
  return columns.loadAt[row] !== 0 && at.nowMs < oldAt(columns, row, at.ttlSecondsMax);
}

/** Load and what there is, where their quotient is greatest; thousandths. */
interface Utilisation {
  readonly load: number;
  readonly amount: number;
}

function utilisation(
  { policy, world, capacity, amounts }: Scene,
  pool: PoolIndex,
  isFresh: (row: number) => boolean,
): Utilisation {
  let most: Utilisation = { load: 0, amount: 1 };
  for (const limit of limitsOfPool(capacity, pool)) {
    const load = (capacity.limits[limit]?.pools ?? []).reduce((sum, each) => {
      const row = capacityRow(policy.capacity, each);
      return sum + (isFresh(row) ? Math.round((world.capacity.load[row] ?? 0) * 1000) : 0);
    }, 0);
    // Nothing left of it: as full as can be.
    const amount = Math.max(1, amounts[limit] ?? 0);
    if (load * most.amount > most.load * amount) most = { load, amount };
  }
  return most;
}

/** 1 up to the low mark, 0 from the high one on, in proportion between them. */
export function keptAfterShedding(
  share: number,
  { low, high }: { readonly low: number; readonly high: number },
): number {
  return Math.min(1, Math.max(0, (high - share) / (high - low)));
}

/** The band is 7/8 to 8/8 of the target; the aim is its middle. */
export function nextKeep(
  keep: number,
  at: Utilisation,
  { targetHundredths, shed }: Pick<CapacityService, "targetHundredths" | "shed">,
): number {
  const { load, amount } = at;
  const share = (load * 10_000) / amount;
  if (
    share <= targetHundredths &&
    (share * 8 >= targetHundredths * 7 || keep === limits.keepFull)
  ) {
    return keep;
  }
  const aim = (targetHundredths * 15) / 16;
  const plain = load === 0 ? limits.keepFull : Math.floor((keep * aim) / share);
  const ideal = Math.min(limits.keepFull, Math.max(leastKeep, plain));
  const half = (ideal - keep) / 2;
  const next = keep + (half < 0 ? Math.floor(half) : Math.ceil(half));
  if (shed === undefined || share <= shed.low) return next;
  const left = keptAfterShedding(share, shed);
  return Math.min(next, Math.max(leastKeep, Math.floor(keep * left)));
}
