/**
 * Table: the fast path, in two levels. (service, class) -> shape, the shares over pool ordinals;
 * pool -> row, the shares over its endpoints, the same for every class. Built from decide.ts's own
 * functions, so that it can only say what the specification says; a change of World rewrites the
 * rows of the pools it touches and, where what a pool can carry has changed, the column of its
 * service. Read by pick.ts.
 */
import { assert } from "../errors.ts";
import { xxh32 } from "../lib/xxh32.ts";
import { limits } from "../limits.ts";
import type {
  ClassPlan,
  EndpointIndex,
  Policy,
  Pool,
  PoolIndex,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import type { World } from "../world/world.ts";
import { type Carry, levels, poolRow, serviceCarry } from "./carry.ts";
import { steeredClass } from "./measured.ts";
import { attemptNames, planShares } from "./plan-shares.ts";
import { roundSplit } from "./shares.ts";
import {
  type ArenaView,
  createArena,
  releaseRecord,
  type SlotArena,
  useRecord,
} from "./slot-arena.ts";
import { allocatedAttempt, keepText } from "./walks.ts";

/**
 * What a shape or a row is, in one number. Most give everything to one member and need no slots.
 *
 * | code              | shape: pools of a service | row: endpoints of a pool |
 * |-------------------|---------------------------|--------------------------|
 * | 0                 | refuse                    | no candidate             |
 * | 1 .. direct       | the pool of ordinal n - 1 | the endpoint n - 1 of it |
 * | direct + 1 ..     | record n - direct - 1     | the same                 |
 */
export const directShapes = limits.poolsPerServiceMax;
export const directRows = limits.endpointsPerPoolMax;

/** The most members that fit cells of one byte. */
export const narrowMembersMax = 256;

/** The shapes of every class of a service; services in the same state share one. */
export interface ColumnView {
  readonly shapes: Uint32Array;
  /** Which attempt made each shape: a position in `attemptNames`, for fronts that say why. */
  readonly attempts: Uint8Array;
}

interface Column extends ColumnView {
  readonly key: string;
  users: number;
}

/** What pick.ts and the fronts read: a Table, or another thread's view of one. */
export interface TableView {
  readonly policyDigest: string;
  readonly generation: number;
  /** By service. */
  readonly columns: readonly ColumnView[];
  readonly firstPool: Uint32Array;
  readonly ttlSeconds: Uint32Array;
  /** By pool. */
  readonly rows: Uint32Array;
  readonly firstEndpoint: Uint32Array;
  readonly endpointCount: Uint32Array;
  /** By endpoint: 1 while it has a share of its pool. */
  readonly serving: Uint8Array;
  readonly shapeArena: ArenaView;
  readonly rowArena: ArenaView;
  /** Rows of pools of more than narrowMembersMax endpoints. */
  readonly wideRowArena: ArenaView;
}

export interface Table extends TableView {
  generation: number;
  readonly columns: Column[];
  readonly shapeArena: SlotArena;
  readonly rowArena: SlotArena;
  readonly wideRowArena: SlotArena;
  readonly columnsByKey: Map<string, Column>;
  readonly measures: Measures;
}

/** Columns of World that are not of an endpoint, as the table has taken them in. */
interface Measures {
  /** LatencyColumns.rank, and how often it has changed. */
  ranks: Uint8Array;
  ranksVersion: number;
  readonly measuredRuleSets: readonly boolean[];
  /** CapacityColumns.keep, ServiceColumns.allocation. */
  keep: Uint16Array;
  allocation: Uint8Array;
}

export function buildTable(policy: Policy, world: World): Table {
  const table = emptyTable(policy, world);
  for (let pool = 0; pool < policy.pools.length; pool++) {
    updateRow(table, { policy, world, pool: pool as PoolIndex });
  }
  for (let service = 0; service < policy.services.length; service++) {
    updateColumn(table, { policy, world, service: service as ServiceIndex });
  }
  return table;
}

/** A table that answers for one service only: for explain.ts, which asks once. */
export function buildServiceTable(policy: Policy, world: World, service: ServiceIndex): Table {
  const table = emptyTable(policy, world);
  const { firstPool = 0, poolCount = 0 } = policy.services[service] ?? {};
  for (let pool = firstPool; pool < firstPool + poolCount; pool++) {
    updateRow(table, { policy, world, pool: pool as PoolIndex });
  }
  updateColumn(table, { policy, world, service });
  return table;
}

function emptyTable(policy: Policy, world: World): Table {
  assert(world.policyDigest === policy.digest, "policy and world belong together");
  return {
    policyDigest: policy.digest,
    generation: world.generation,
    columns: [],
    firstPool: Uint32Array.from(policy.services, (service) => service.firstPool),
    ttlSeconds: Uint32Array.from(world.services.ttlSeconds),
    rows: new Uint32Array(policy.pools.length),
    firstEndpoint: Uint32Array.from(policy.pools, (pool) => pool.firstEndpoint),
    endpointCount: Uint32Array.from(policy.pools, (pool) => pool.endpointCount),
    serving: new Uint8Array(policy.endpoints.length),
    shapeArena: createArena(false),
    rowArena: createArena(false),
    wideRowArena: createArena(true),
    columnsByKey: new Map(),
    measures: {
      ranks: world.latency.rank.slice(),
      ranksVersion: 0,
      measuredRuleSets: policy.ruleSets.map(({ classes }) =>
        classes.some(({ measured }) => measured !== undefined),
      ),
      keep: world.capacity.keep.slice(),
      allocation: world.services.allocation.slice(),
    },
  };
}

/**
 * Makes the table what buildTable would make of `world`, given every endpoint of which a column
 * that decides has changed since; an activated standby pool counts as a change of each of its
 * endpoints. What is measured is compared here.
 */
export function updateTable(
  table: Table,
  policy: Policy,
  world: World,
  changedEndpoints: readonly EndpointIndex[],
): void {
  assert(world.policyDigest === table.policyDigest, "policy and world belong together");
  assert(policy.digest === table.policyDigest, "the table is of this policy");
  const pools = new Set<PoolIndex>();
  const services = new Set<ServiceIndex>();
  for (const endpoint of changedEndpoints) {
    const index = policy.endpoints[endpoint]?.pool;
    const pool = index === undefined ? undefined : policy.pools[index];
    assert(index !== undefined && pool !== undefined, "endpoint index in range");
    pools.add(index);
    services.add(pool.service);
  }
  // A row of a service that may be in panic depends on all its pools.
  for (const service of services) {
    const { firstPool = 0, poolCount = 0, health } = policy.services[service] ?? {};
    if (health?.panic === undefined) continue;
    for (let k = 0; k < poolCount; k++) pools.add((firstPool + k) as PoolIndex);
  }
  for (const service of remeasured(table, policy, world)) services.add(service);
  for (const pool of pools) updateRow(table, { policy, world, pool });
  for (const service of services) updateColumn(table, { policy, world, service });
  table.ttlSeconds.set(world.services.ttlSeconds);
  table.generation = world.generation;
}

/** Services that read a column of World which is of no endpoint and has changed. */
function remeasured(table: Table, policy: Policy, world: World): readonly ServiceIndex[] {
  return [...reordered(table, policy, world), ...reallocated(table, policy, world)];
}

function reallocated({ measures }: Table, policy: Policy, world: World): readonly ServiceIndex[] {
  // Where nothing has a capacity the columns say nothing, however many services there are.
  if (policy.capacity === undefined) return [];
  const { keep } = world.capacity;
  const { allocation } = world.services;
  if (isEqual(keep, measures.keep) && isEqual(allocation, measures.allocation)) return [];
  measures.keep = keep.slice();
  measures.allocation = allocation.slice();
  return policy.capacity.services.map(({ service }) => service);
}

/** A plain loop: it runs at each change of World, over a cell a service or more. */
function isEqual(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function reordered({ measures }: Table, policy: Policy, world: World): readonly ServiceIndex[] {
  if (!measures.measuredRuleSets.includes(true)) return [];
  const { rank } = world.latency;
  if (isEqual(rank, measures.ranks)) return [];
  measures.ranks = rank.slice();
  measures.ranksVersion++;
  return policy.services.flatMap(({ ruleSet }, index) =>
    measures.measuredRuleSets[ruleSet] === true ? [index as ServiceIndex] : [],
  );
}

interface RowAt {
  readonly policy: Policy;
  readonly world: World;
  readonly pool: PoolIndex;
}

function updateRow(table: Table, at: RowAt): void {
  const { policy, world } = at;
  const pool = policy.pools[at.pool];
  const service = pool === undefined ? undefined : policy.services[pool.service];
  assert(pool !== undefined && service !== undefined, "pool index in range");
  const shares = poolRow(policy, world, { pool, fallback: service.fallback });
  shares.forEach((share, k) => {
    table.serving[pool.firstEndpoint + k] = share > 0 ? 1 : 0;
  });
  const arena = pool.endpointCount > narrowMembersMax ? table.wideRowArena : table.rowArena;
  const before = table.rows[at.pool] ?? 0;
  table.rows[at.pool] = rowCode(policy, { pool, shares, arena });
  // Released after, so that a row that did not change is not filled anew.
  if (before > directRows) releaseRecord(arena, before - directRows - 1);
}

/** Names are hashed with a seed for each level, so that no level follows another. */
const poolSeed = 0x706f_6f6c;
const endpointSeed = 0x656e_6470;
const encoder = new TextEncoder();

function idOf(name: string, seed: number): number {
  const bytes = encoder.encode(name);
  return xxh32(bytes, 0, bytes.length, seed);
}

function rowCode(
  policy: Policy,
  of: { readonly pool: Pool; readonly shares: readonly number[]; readonly arena: SlotArena },
): number {
  const { pool, shares, arena } = of;
  const only = onlyMember(shares);
  if (only !== several) return only + 1;
  const { firstEndpoint, endpointCount } = pool;
  const endpoints = policy.endpoints.slice(firstEndpoint, firstEndpoint + endpointCount);
  const weights = endpoints.map((endpoint) => endpoint.weight);
  const whole = weights.map(() => limits.availabilityFull);
  const base = roundSplit(weights, whole);
  const ids = endpoints.map((endpoint) => idOf(endpoint.name, endpointSeed));
  return directRows + 1 + useRecord(arena, { ids, base, shares });
}

const several = -2;

/** The position of the one member that has a share, -1 if there is none, or `several`. */
function onlyMember(shares: readonly number[]): number {
  let found = -1;
  for (let i = 0; i < shares.length; i++) {
    if (shares[i] === 0) continue;
    if (found !== -1) return several;
    found = i;
  }
  return found;
}

interface ColumnAt {
  readonly policy: Policy;
  readonly world: World;
  readonly service: ServiceIndex;
}

function updateColumn(table: Table, at: ColumnAt): void {
  const { policy, world } = at;
  const service = policy.services[at.service];
  assert(service !== undefined, "service index in range");
  const carry = serviceCarry(policy, world, at.service);
  const { ranksVersion, measuredRuleSets } = table.measures;
  const order = measuredRuleSets[service.ruleSet] === true ? ` ${ranksVersion}` : "";
  const opted = service.health === undefined ? "" : ` ${JSON.stringify(service.health)}`;
  const kept = keepText(policy, world, at.service);
  const key = `${service.ruleSet} ${service.fallback} ${carry.join()}${order}${opted}${kept}`;
  const before = table.columns[at.service];
  if (before?.key === key) return;
  const found = table.columnsByKey.get(key);
  const column =
    found ?? makeColumn(table, policy, { index: at.service, service, world, carry, key });
  if (found === undefined) table.columnsByKey.set(key, column);
  column.users++;
  table.columns[at.service] = column;
  if (before !== undefined) releaseColumn(table, before);
}

/** Services of one rule set have the same pools by name, so their shapes are the same as well. */
function makeColumn(
  table: Table,
  policy: Policy,
  of: {
    readonly index: ServiceIndex;
    readonly service: Service;
    readonly world: World;
    readonly carry: Carry;
    readonly key: string;
  },
): Column {
  const { index, service, world, carry, key } = of;
  const classes = policy.ruleSets[service.ruleSet]?.classes ?? [];
  const ids: number[] = [];
  for (let ordinal = 0; ordinal < service.poolCount; ordinal++) {
    ids.push(idOf(policy.pools[service.firstPool + ordinal]?.name ?? "", poolSeed));
  }
  const wholeCarry = new Uint32Array(carry.length).fill(limits.availabilityFull);
  const attempts = new Uint8Array(classes.length);
  const shapes = Uint32Array.from(classes, (written, classIndex) => {
    const classPlan = steeredClass(policy, world, written);
    const at = { index, service, classPlan, carry };
    const { name, shares } = allocatedAttempt(policy, world, at);
    attempts[classIndex] = attemptNames.indexOf(name);
    const only = onlyMember(shares);
    if (only !== several) return only + 1;
    const base = baseShares(classPlan, wholeCarry);
    return directShapes + 1 + useRecord(table.shapeArena, { ids, base, shares });
  });
  return { key, shapes, attempts, users: 0 };
}

/** The shares of a class when every pool of its plan is whole. */
function baseShares(classPlan: ClassPlan, wholeCarry: Carry): readonly number[] {
  const facts = { allowed: classPlan.allowed, carry: wholeCarry, health: undefined };
  const shares = planShares(classPlan.plan, levels.up, facts);
  assert(shares !== undefined, "a plan that gives shares gives them when all is well");
  return shares;
}

function releaseColumn(table: Table, column: Column): void {
  column.users--;
  if (column.users > 0) return;
  table.columnsByKey.delete(column.key);
  for (const code of column.shapes) {
    if (code > directShapes) releaseRecord(table.shapeArena, code - directShapes - 1);
  }
}
