/**
 * Measured latency: samples -> averages -> the order of a cell's regions, docs/steering.md
 * "Latency". Called by step.ts. Everything is a whole number; the order depends on the samples and
 * their times alone, however they are cut into steps, because what is too old is dropped before a
 * sample counts and dropping never changes the order of the rest.
 */
import { limits } from "../limits.ts";
import type { EndpointIndex, Policy } from "../policy/policy.ts";
import type { Draft } from "./draft.ts";
import type { ProbeResult, WorldEvent } from "./event.ts";
import type { LatencyColumns } from "./world.ts";

/** Parts of 256 for which a sample counts at least. */
const leastWeight = 32;
const wholeWeight = 256;

export function latencyRows(policy: Policy): number {
  return (policy.latency?.cells.length ?? 0) * policy.regions.length;
}

type Sample = Extract<WorldEvent, { readonly kind: "latency" }>;

/** False when it is not of this policy, or no round trip. */
export function addSample(draft: Draft, sample: Sample): boolean {
  const { policy } = draft;
  const cells = policy.latency?.cells.length ?? 0;
  const { cell, region, microseconds } = sample;
  const good =
    sample.policyDigest === policy.digest &&
    isIndex(cell, cells) &&
    isIndex(region, policy.regions.length) &&
    isIndex(microseconds, limits.latencyMicrosecondsMax + 1);
  if (good) take(draft, { cell, region, microseconds });
  return good;
}

const isIndex = (value: number, below: number): boolean =>
  Number.isInteger(value) && value >= 0 && value < below;

/** A good probe is a sample of the cell that this server stands in, if it is said to. */
export function noteProbe(draft: Draft, probe: ProbeResult): void {
  const { policy } = draft;
  const cell = policy.latency?.observerCell ?? -1;
  if (cell === -1 || !probe.ok || !(probe.latencyMs >= 0)) return;
  const pool = policy.endpoints[probe.endpoint as EndpointIndex]?.pool ?? 0;
  const region = policy.pools[pool]?.region ?? 0;
  const microseconds = Math.round(probe.latencyMs * 1000);
  take(draft, {
    cell,
    region,
    microseconds: Math.min(microseconds, limits.latencyMicrosecondsMax),
  });
}

function take(
  draft: Draft,
  sample: { readonly cell: number; readonly region: number; readonly microseconds: number },
): void {
  const { latency, regions } = draft.policy;
  if (latency === undefined) return;
  const { cell, region, microseconds } = sample;
  dropOld(draft, cell);
  draft.touchedCells.add(cell);
  const row = cell * regions.length + region;
  const { rank, microseconds: averages, sampledAt } = draft.latency;
  let next = microseconds;
  if (rank[row] !== 0) {
    const old = averages[row] ?? 0;
    const passedMs = Math.max(0, draft.at - (sampledAt[row] ?? 0));
    const part = Math.floor((wholeWeight * passedMs) / latency.windowMs);
    const weight = Math.min(wholeWeight, Math.max(leastWeight, part));
    next = old + Math.trunc(((microseconds - old) * weight) / wholeWeight);
  }
  if (averages[row] !== next) draft.ownLatency("microseconds")[row] = next;
  draft.ownLatency("sampledAt")[row] = draft.at;
  reorder(draft, { cell, fresh: region });
}

/** Regions of a cell in its order, those that are measured. */
export function orderOfCell(
  columns: Pick<LatencyColumns, "rank">,
  cell: number,
  regionCount: number,
): readonly number[] {
  const order: number[] = [];
  for (let region = 0; region < regionCount; region++) {
    const rank = columns.rank[cell * regionCount + region] ?? 0;
    if (rank > 0) order[rank - 1] = region;
  }
  return order;
}

/** `fresh` has a new average, and perhaps no place yet. */
function reorder(draft: Draft, at: { readonly cell: number; readonly fresh: number }): void {
  const { regions, latency } = draft.policy;
  const first = at.cell * regions.length;
  const before = orderOfCell(draft.latency, at.cell, regions.length);
  const left = before.includes(at.fresh) ? [...before] : [...before, at.fresh];
  const margin = latency?.marginHundredths ?? 0;
  const averageOf = (region: number): number => draft.latency.microseconds[first + region] ?? 0;
  for (let place = 1; left.length > 0; place++) {
    let taken = 0;
    // Regions stand in the order of names, so the lower index is the earlier name.
    const quickest = left.reduce((best, region) => {
      const less = averageOf(region) - averageOf(best) || region - best;
      return less < 0 ? region : best;
    });
    const incumbent = left[0] ?? 0;
    if (averageOf(quickest) * 10_000 < averageOf(incumbent) * (10_000 - margin)) {
      taken = left.indexOf(quickest);
    }
    const [region = 0] = left.splice(taken, 1);
    setRank(draft, first + region, place);
  }
}

function setRank(draft: Draft, row: number, rank: number): void {
  if (draft.latency.rank[row] !== rank) draft.ownLatency("rank")[row] = rank;
}

/** What is too old at `draft.at` counts as not measured; the others close up. */
function dropOld(draft: Draft, cell: number): number {
  const { regions, latency } = draft.policy;
  const ageMs = latency?.ageMs ?? 0;
  const first = cell * regions.length;
  let nextAt = Number.POSITIVE_INFINITY;
  let place = 0;
  for (const region of orderOfCell(draft.latency, cell, regions.length)) {
    // Too old is what is older than the age, so the moment itself is not yet.
    const oldAt = (draft.latency.sampledAt[first + region] ?? 0) + ageMs + 1;
    if (oldAt <= draft.at) setRank(draft, first + region, 0);
    else {
      place++;
      setRank(draft, first + region, place);
      nextAt = Math.min(nextAt, oldAt);
    }
  }
  return nextAt;
}

/** Of all cells, or of those with new samples. Returns when the next one of them gets too old. */
export function dropOldSamples(draft: Draft, options: { readonly all: boolean }): number {
  const cells = draft.policy.latency?.cells.length ?? 0;
  let nextAt = Number.POSITIVE_INFINITY;
  const look = (cell: number): void => {
    nextAt = Math.min(nextAt, dropOld(draft, cell));
  };
  if (options.all) for (let cell = 0; cell < cells; cell++) look(cell);
  else for (const cell of draft.touchedCells) look(cell);
  return nextAt;
}

interface Side {
  readonly policy: Policy;
  readonly columns: LatencyColumns;
}

/** Averages follow the names of cell and region; the order is closed up over what is left. */
export function carryLatency(from: Side, to: Side): LatencyColumns {
  const { columns } = to;
  const oldRegions = from.policy.regions.length;
  const newRegions = to.policy.regions.length;
  const cellOf = new Map(from.policy.latency?.cells.map(({ name }, i) => [name, i]));
  const regionOf = new Map(to.policy.regions.map(({ name }, i) => [name, i]));
  to.policy.latency?.cells.forEach(({ name }, cell) => {
    const old = cellOf.get(name);
    if (old === undefined) return;
    let place = 0;
    for (const region of orderOfCell(from.columns, old, oldRegions)) {
      const now = regionOf.get(from.policy.regions[region]?.name ?? "");
      if (now === undefined) continue;
      place++;
      const row = cell * newRegions + now;
      columns.rank[row] = place;
      columns.microseconds[row] = from.columns.microseconds[old * oldRegions + region] ?? 0;
      columns.sampledAt[row] = from.columns.sampledAt[old * oldRegions + region] ?? 0;
    }
  });
  return columns;
}
