/**
 * World <-> plain values that JSON can carry: whole, or only the rows that changed. link/ carries
 * them between processes. Both derive from the table of columns. What comes in is not trusted: a
 * frame of another shape, length or range decodes to undefined, and its size is bounded first.
 * Columns are base64 of little-endian elements, which every platform Node runs on has natively.
 */
import { limits } from "../limits.ts";
import type { EndpointIndex, PoolIndex, ServiceIndex } from "../policy/policy.ts";
import {
  type Column,
  type ColumnSpec,
  capacityColumns,
  elements,
  endpointColumns,
  latencyColumns,
  newColumns,
  poolColumns,
  serviceColumns,
} from "./columns.ts";
import { overrideKinds } from "./override.ts";
import type {
  CapacityColumns,
  EndpointColumns,
  LatencyColumns,
  Override,
  PoolColumns,
  Resolved,
  ServiceColumns,
  World,
} from "./world.ts";

/** Grows when a frame changes its meaning. */
const frameFormat = 2;

type Packed = Readonly<Record<string, string>>;
type PackedResolved = readonly [
  row: number,
  ipv4: readonly string[],
  ipv6: readonly string[],
  resolvedAt: number,
  staleReason: string,
];

export interface WorldFrame {
  readonly format: number;
  readonly policyDigest: string;
  readonly generation: number;
  readonly at: number;
  readonly watchedSince: number;
  readonly rows: readonly [
    endpoints: number,
    pools: number,
    services: number,
    latency: number,
    capacity: number,
  ];
  readonly endpoints: Packed;
  readonly pools: Packed;
  readonly services: Packed;
  readonly latency: Packed;
  readonly capacity: Packed;
  readonly resolved: readonly PackedResolved[];
  readonly overrides: readonly Override[];
}

/**
 * Rows that changed since a reader's generation, with the values they have now in the columns that
 * decide. The other columns of a reader stay as they were when it got the whole World.
 */
export interface WorldChange {
  readonly format: number;
  readonly policyDigest: string;
  readonly generation: number;
  readonly at: number;
  readonly rows: readonly [
    endpoints: readonly number[],
    pools: readonly number[],
    services: readonly number[],
  ];
  readonly endpoints: Packed;
  readonly pools: Packed;
  readonly services: Packed;
  /** The whole column when it changed. */
  readonly latency?: Packed;
  readonly capacity?: Packed;
  readonly resolved: readonly PackedResolved[];
  /** The whole list when it changed. */
  readonly overrides?: readonly Override[];
}

export interface ChangedRows {
  readonly changed: readonly EndpointIndex[];
  readonly changedPools: readonly PoolIndex[];
  readonly changedServices: readonly ServiceIndex[];
  readonly changedLatency: boolean;
  readonly changedCapacity: boolean;
  /** Any overrides added, lifted or expired. */
  readonly overrideChanges: readonly unknown[];
}

export function encodeWorld(world: World): WorldFrame {
  return {
    format: frameFormat,
    policyDigest: world.policyDigest,
    generation: world.generation,
    at: world.at,
    watchedSince: world.watchedSince,
    rows: [
      world.endpoints.verdict.length,
      world.pools.active.length,
      world.services.ttlSeconds.length,
      world.latency.rank.length,
      world.capacity.load.length,
    ],
    endpoints: pack(endpointColumns, world.endpoints),
    pools: pack(poolColumns, world.pools),
    services: pack(serviceColumns, world.services),
    latency: pack(latencyColumns, world.latency),
    capacity: pack(capacityColumns, world.capacity),
    resolved: [...world.resolved].map(packResolved),
    overrides: world.overrides,
  };
}

/** A StepResult is a ChangedRows. Several steps may be encoded as one: give the union of rows. */
export function encodeChanges(world: World, changes: ChangedRows): WorldChange {
  const { changed, changedPools, changedServices } = changes;
  const resolved: PackedResolved[] = [];
  for (const row of changed) {
    const addresses = world.resolved.get(row);
    if (addresses !== undefined) resolved.push(packResolved([row, addresses]));
  }
  return {
    format: frameFormat,
    policyDigest: world.policyDigest,
    generation: world.generation,
    at: world.at,
    rows: [changed, changedPools, changedServices],
    endpoints: pack(endpointColumns, world.endpoints, changed),
    pools: pack(poolColumns, world.pools, changedPools),
    services: pack(serviceColumns, world.services, changedServices),
    resolved,
    ...(changes.changedLatency ? { latency: packDeciding(latencyColumns, world.latency) } : {}),
    ...(changes.changedCapacity ? { capacity: packDeciding(capacityColumns, world.capacity) } : {}),
    ...(changes.overrideChanges.length > 0 ? { overrides: world.overrides } : {}),
  };
}

function pack<Columns extends { readonly [Name in keyof Columns]: Column }>(
  specs: SpecsOf<Columns>,
  columns: Columns,
  rows?: readonly number[],
): Packed {
  const packed: Record<string, string> = {};
  for (const name of Object.keys(specs) as (keyof Columns & string)[]) {
    if (rows !== undefined && !specs[name].decides) continue;
    const column: Column = rows === undefined ? columns[name] : gather(columns[name], rows);
    packed[name] = new Uint8Array(column.buffer, column.byteOffset, column.byteLength).toBase64();
  }
  return packed;
}

function packDeciding<Columns extends { readonly [Name in keyof Columns]: Column }>(
  specs: SpecsOf<Columns>,
  columns: Columns,
): Packed {
  const all = pack(specs, columns);
  const deciding = Object.entries(all).filter(([name]) => specs[name as keyof Columns].decides);
  return Object.fromEntries(deciding);
}

/** Columns that decide have one element a row. */
function gather(column: Column, rows: readonly number[]): Column {
  return column.slice(0, rows.length).map((_, i) => column[rows[i]!]!);
}

function packResolved([row, resolved]: readonly [number, Resolved]): PackedResolved {
  const { ipv4, ipv6, resolvedAt, staleReason } = resolved;
  const texts = (list: readonly Uint8Array[]): string[] => list.map((bytes) => bytes.toBase64());
  return [row, texts(ipv4), texts(ipv6), resolvedAt, staleReason];
}

/** The World of a frame; undefined when it is not one, or not of this version. */
export function decodeWorld(value: unknown): World | undefined {
  const frame = head(value);
  if (frame === undefined || !Array.isArray(frame.rows)) return undefined;
  const [endpointCount, poolCount, serviceCount, latencyCount, capacityCount] =
    frame.rows as unknown[];
  const countsFit =
    isCount(endpointCount, limits.endpointsMax) &&
    isCount(poolCount, limits.endpointsMax) &&
    isCount(serviceCount, limits.servicesMax) &&
    isCount(latencyCount, limits.latencyRowsMax) &&
    isCount(capacityCount, poolCount);
  if (!countsFit || !isTime(frame.watchedSince)) return undefined;
  const endpoints = unpack<EndpointColumns>(endpointColumns, frame.endpoints, endpointCount);
  const pools = unpack<PoolColumns>(poolColumns, frame.pools, poolCount);
  const services = unpack<ServiceColumns>(serviceColumns, frame.services, serviceCount);
  const latency = unpack<LatencyColumns>(latencyColumns, frame.latency, latencyCount);
  const capacity = unpack<CapacityColumns>(capacityColumns, frame.capacity, capacityCount);
  const resolved = unpackResolved(frame.resolved, endpointCount);
  const overrides = readOverrides(frame.overrides);
  if (endpoints === undefined || pools === undefined || services === undefined) return undefined;
  if (resolved === undefined || overrides === undefined) return undefined;
  if (latency === undefined || capacity === undefined) return undefined;
  return {
    policyDigest: frame.policyDigest,
    generation: frame.generation,
    at: frame.at,
    nextAt: 0,
    watchedSince: frame.watchedSince,
    endpoints,
    pools,
    services,
    latency,
    capacity,
    resolved: new Map(resolved),
    overrides,
  };
}

/** World with the changes in it; undefined when they are not changes to this World. */
export function applyChanges(world: World, value: unknown): World | undefined {
  const change = head(value);
  if (change === undefined || change.policyDigest !== world.policyDigest) return undefined;
  if (change.generation < world.generation || !Array.isArray(change.rows)) return undefined;
  const [endpointRows, poolRows, serviceRows] = change.rows as unknown[];
  const endpoints = scatter(endpointColumns, world.endpoints, {
    rows: endpointRows,
    packed: change.endpoints,
  });
  const pools = scatter(poolColumns, world.pools, { rows: poolRows, packed: change.pools });
  const services = scatter(serviceColumns, world.services, {
    rows: serviceRows,
    packed: change.services,
  });
  const latency = overwritten(latencyColumns, world.latency, change["latency"]);
  const capacity = overwritten(capacityColumns, world.capacity, change["capacity"]);
  const resolved = unpackResolved(change.resolved, world.endpoints.verdict.length);
  const overrides =
    change.overrides === undefined ? world.overrides : readOverrides(change.overrides);
  if (endpoints === undefined || pools === undefined || services === undefined) return undefined;
  if (resolved === undefined || overrides === undefined) return undefined;
  if (latency === undefined || capacity === undefined) return undefined;
  return {
    ...world,
    generation: change.generation,
    at: change.at,
    nextAt: 0,
    endpoints,
    pools,
    services,
    latency,
    capacity,
    resolved: resolved.length === 0 ? world.resolved : new Map([...world.resolved, ...resolved]),
    overrides,
  };
}

interface Head extends Readonly<Record<string, unknown>> {
  readonly policyDigest: string;
  readonly generation: number;
  readonly at: number;
}

function head(value: unknown): Head | undefined {
  if (!isRecord(value) || value["format"] !== frameFormat) return undefined;
  const { policyDigest, generation, at } = value;
  if (typeof policyDigest !== "string" || policyDigest.length > 128) return undefined;
  if (!isCount(generation, Number.MAX_SAFE_INTEGER) || !isTime(at)) return undefined;
  return { ...value, policyDigest, generation, at };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown, max: number): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;

const isTime = (value: unknown): value is number =>
  typeof value === "number" && Number.isFinite(value);

type SpecsOf<Columns> = { readonly [Name in keyof Columns]: ColumnSpec };

function unpack<Columns>(
  specs: SpecsOf<Columns>,
  packed: unknown,
  count: number,
): Columns | undefined {
  if (!isRecord(packed)) return undefined;
  const columns: Record<string, Column> = {};
  for (const name of Object.keys(specs) as (keyof Columns & string)[]) {
    const column = unpackColumn(specs[name], packed[name], count);
    if (column === undefined) return undefined;
    columns[name] = column;
  }
  return columns as Columns;
}

function unpackColumn(spec: ColumnSpec, text: unknown, count: number): Column | undefined {
  const column = new elements[spec.element](count * spec.width);
  const length = 4 * Math.ceil(column.byteLength / 3);
  if (typeof text !== "string" || text.length !== length) return undefined;
  try {
    const { written } = new Uint8Array(column.buffer).setFromBase64(text);
    if (written !== column.byteLength) return undefined;
  } catch {
    return undefined;
  }
  if (spec.max !== Number.POSITIVE_INFINITY) {
    for (const element of column) if (element > spec.max) return undefined;
  }
  return column;
}

/** Columns with the given rows written over; a column in which nothing differs is kept. */
function scatter<Columns extends { readonly [Name in keyof Columns]: Column }>(
  specs: SpecsOf<Columns>,
  columns: Columns,
  change: { readonly rows: unknown; readonly packed: unknown },
): Columns | undefined {
  const { rows, packed } = change;
  const names = Object.keys(specs).filter((name) => specs[name as keyof Columns].decides);
  const count = columns[names[0] as keyof Columns].length;
  if (!Array.isArray(rows) || rows.length > count || !isRecord(packed)) return undefined;
  if (!rows.every((row): row is number => isCount(row, count - 1))) return undefined;
  const written: { -readonly [Name in keyof Columns]: Column } = { ...columns };
  for (const name of names as (keyof Columns & string)[]) {
    const source = unpackColumn(specs[name], packed[name], rows.length);
    if (source === undefined) return undefined;
    let target: Column = columns[name];
    rows.forEach((row, i) => {
      if (target[row] === source[i]) return;
      if (target === columns[name]) target = columns[name].slice();
      target[row] = source[i]!;
    });
    written[name] = target;
  }
  return written as Columns;
}

/** Columns of which those that decide are replaced whole, if the change brings them. */
function overwritten<Columns extends { readonly [Name in keyof Columns]: Column }>(
  specs: SpecsOf<Columns>,
  columns: Columns,
  packed: unknown,
): Columns | undefined {
  if (packed === undefined) return columns;
  if (!isRecord(packed)) return undefined;
  const written: { -readonly [Name in keyof Columns]: Column } = { ...columns };
  for (const name of Object.keys(specs) as (keyof Columns & string)[]) {
    if (!specs[name].decides) continue;
    const rows = columns[name].length / specs[name].width;
    const column = unpackColumn(specs[name], packed[name], rows);
    if (column === undefined) return undefined;
    written[name] = column;
  }
  return written as Columns;
}

function unpackResolved(
  value: unknown,
  endpointCount: number,
): readonly (readonly [number, Resolved])[] | undefined {
  if (!Array.isArray(value) || value.length > endpointCount) return undefined;
  const resolved: (readonly [number, Resolved])[] = [];
  for (const item of value as unknown[]) {
    if (!Array.isArray(item)) return undefined;
    const [row, four, six, resolvedAt, staleReason] = item as unknown[];
    const ipv4 = unpackAddresses(four, 4);
    const ipv6 = unpackAddresses(six, 16);
    if (!isCount(row, endpointCount - 1) || ipv4 === undefined || ipv6 === undefined) {
      return undefined;
    }
    if (!isTime(resolvedAt) || typeof staleReason !== "string") return undefined;
    resolved.push([row, { ipv4, ipv6, resolvedAt, staleReason }]);
  }
  return resolved;
}

function unpackAddresses(value: unknown, bytes: 4 | 16): readonly Uint8Array[] | undefined {
  if (!Array.isArray(value) || value.length > limits.addressesPerHostMax) return undefined;
  const addresses: Uint8Array[] = [];
  for (const text of value as unknown[]) {
    const address = unpackColumn({ element: "u8", width: bytes, ...anyByte }, text, 1);
    if (!(address instanceof Uint8Array)) return undefined;
    addresses.push(address);
  }
  return addresses;
}

const anyByte = { initial: 0, max: Number.POSITIVE_INFINITY, decides: false } as const;

function readOverrides(value: unknown): readonly Override[] | undefined {
  if (!Array.isArray(value) || value.length > limits.overridesMax) return undefined;
  const overrides: Override[] = [];
  for (const item of value as unknown[]) {
    if (!isRecord(item)) return undefined;
    const { id, kind, target, reason, author, createdAt, expiresAt } = item;
    const known = overrideKinds.find((word) => word === kind);
    if (known === undefined || !isTime(createdAt) || !isTime(expiresAt)) return undefined;
    if (!isText(id) || !isText(target) || !isText(reason) || !isText(author)) return undefined;
    overrides.push({ id, kind: known, target, reason, author, createdAt, expiresAt });
  }
  return overrides;
}

const isText = (value: unknown): value is string =>
  typeof value === "string" && value.length <= limits.overrideTextCharsMax;

/** Does a World have exactly the rows of a policy? To be asked of one that comes from a file. */
export function fitsPolicy(
  world: World,
  policy: {
    readonly digest: string;
    readonly endpoints: readonly unknown[];
    readonly pools: readonly unknown[];
    readonly services: readonly unknown[];
    readonly regions: readonly unknown[];
    readonly latency?: { readonly cells: readonly unknown[] } | undefined;
    readonly capacity?: { readonly pools: readonly unknown[] } | undefined;
  },
): boolean {
  const fits = <Columns extends object>(
    specs: Readonly<Record<string, ColumnSpec>>,
    columns: Columns,
    count: number,
  ): boolean =>
    Object.entries(newColumns(specs, 0)).every(([name, empty]) => {
      const column = (columns as Readonly<Record<string, unknown>>)[name];
      const sameKind = column instanceof (empty.constructor as new () => Column);
      return sameKind && column.length === count * specs[name]!.width;
    });
  return (
    world.policyDigest === policy.digest &&
    fits(endpointColumns, world.endpoints, policy.endpoints.length) &&
    fits(poolColumns, world.pools, policy.pools.length) &&
    fits(serviceColumns, world.services, policy.services.length) &&
    fits(
      latencyColumns,
      world.latency,
      (policy.latency?.cells.length ?? 0) * policy.regions.length,
    ) &&
    fits(capacityColumns, world.capacity, policy.capacity?.pools.length ?? 0)
  );
}
