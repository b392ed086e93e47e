/**
 * The table of World's columns: name, element, width, what they start as, and whether a decision
 * reads them. Everything that must treat all columns alike derives from it: the first World, the
 * carry across revisions, frames on the wire and on disk, the digest.
 */
import { limits } from "../limits.ts";
import {
  activity,
  allocations,
  type CapacityColumns,
  downTimesKept,
  type EndpointColumns,
  forced,
  keepsPerPool,
  type LatencyColumns,
  type PoolColumns,
  type ServiceColumns,
  verdict,
} from "./world.ts";

export const elements = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  f32: Float32Array,
  f64: Float64Array,
} as const;
export type Column = Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;

export type Element = keyof typeof elements;

export interface ColumnSpec<E extends Element = Element> {
  readonly element: E;
  /** Elements a row. */
  readonly width: number;
  readonly initial: number;
  /** No row holds more. */
  readonly max: number;
  /**
   * decide.ts or a front reads it: a change of it is published, and it is in the digest. Such a
   * column has one element a row where changes are published by row.
   */
  readonly decides: boolean;
}

const column = <E extends Element>(
  element: E,
  options: {
    readonly width?: number;
    readonly initial?: number;
    readonly max?: number;
    readonly decides?: true;
  } = {},
): ColumnSpec<E> => ({
  element,
  width: options.width ?? 1,
  initial: options.initial ?? 0,
  max: options.max ?? Number.POSITIVE_INFINITY,
  decides: options.decides ?? false,
});

export const endpointColumns = {
  verdict: column("u8", { max: verdict.disabled, decides: true }),
  forced: column("u8", { max: forced.drain, decides: true }),
  frozen: column("u8", { max: 1, decides: true }),
  blocked: column("u8", { max: 1, decides: true }),
  waits: column("u8", { max: 1, decides: true }),
  retained: column("u8", { max: 1, decides: true }),
  availability: column("u16", {
    initial: limits.availabilityFull,
    max: limits.availabilityFull,
    decides: true,
  }),
  lastGood: column("u8", { max: 1, decides: true }),
  quarantined: column("u8", { max: 1, decides: true }),
  kept: column("u8", { max: verdict.down }),
  failures: column("u16"),
  successes: column("u16"),
  flaps: column("u16"),
  failure: column("u16"),
  lastResultAt: column("f64"),
  changedAt: column("f64"),
  downTimes: column("f64", { width: downTimesKept }),
  holdUntil: column("f64"),
  rampFrom: column("f64"),
  retryAt: column("f64"),
  regional: column("u8", { max: 1 }),
  latencyMs: column("f32", { initial: Number.NaN }),
} as const satisfies Record<keyof EndpointColumns, ColumnSpec>;

export const poolColumns = {
  active: column("u8", { initial: activity.yes, max: activity.unmet, decides: true }),
} as const satisfies Record<keyof PoolColumns, ColumnSpec>;

export const serviceColumns = {
  ttlSeconds: column("u32", { max: limits.ttlSecondsMax, decides: true }),
  usable: column("u32"),
  removals: column("u32"),
  removalsFrom: column("f64"),
  allocation: column("u8", { max: allocations.feedback, decides: true }),
} as const satisfies Record<keyof ServiceColumns, ColumnSpec>;

/** Published whole when a column that decides has changed, not by row. */
export const latencyColumns = {
  rank: column("u8", { max: limits.regionsMax, decides: true }),
  microseconds: column("u32", { max: limits.latencyMicrosecondsMax }),
  sampledAt: column("f64"),
} as const satisfies Record<keyof LatencyColumns, ColumnSpec>;

/** Published as latencyColumns are. */
export const capacityColumns = {
  keep: column("u16", {
    width: keepsPerPool,
    initial: limits.keepFull,
    max: limits.keepFull,
    decides: true,
  }),
  load: column("f64", { initial: Number.NaN }),
  loadAt: column("f64"),
  loadEveryMs: column("f64"),
  fedAt: column("f64"),
} as const satisfies Record<keyof CapacityColumns, ColumnSpec>;

type Columns<Specs extends Record<string, ColumnSpec>> = {
  readonly [Name in keyof Specs]: InstanceType<(typeof elements)[Specs[Name]["element"]]>;
};

/** A set of columns of `count` rows, each filled with its first value. */
export function newColumns<Specs extends Record<string, ColumnSpec>>(
  specs: Specs,
  count: number,
): Columns<Specs> {
  const columns: Record<string, Column> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const made = new elements[spec.element](count * spec.width);
    if (spec.initial !== 0) made.fill(spec.initial);
    columns[name] = made;
  }
  return columns as Columns<Specs>;
}
