/**
 * Clients of `client` keys that get another endpoint: counted over the slots of both tables, not
 * estimated from shares, since slots move less than any other way of sharing would. Called by
 * plan.ts for a class before and after. Endpoints are the same when region and name are.
 */
import { isDeepStrictEqual } from "node:util";
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Policy, Service, ServiceIndex } from "../policy/policy.ts";
import { recordSlots } from "../steer/slot-arena.ts";
import {
  buildTable,
  directRows,
  directShapes,
  narrowMembersMax,
  type Table,
} from "../steer/table.ts";
import type { World } from "../world/world.ts";

export interface RepinSide {
  readonly policy: Policy;
  readonly world: World;
}

/** Slots of a shape or a row: how many have each pair of members. */
type Counts = ReadonlyMap<string, number>;

export class Repinning {
  readonly #before: RepinSide;
  readonly #after: RepinSide;
  #tables: { readonly before: Table; readonly after: Table } | undefined;
  readonly #rows = new Map<string, number>();
  readonly #shapes = new Map<string, Counts>();

  constructor(before: RepinSide, after: RepinSide) {
    this.#before = before;
    this.#after = after;
  }

  /** Part of the keys of a class, 0 .. 1, that get another endpoint. */
  changed(at: {
    readonly before: { readonly service: ServiceIndex; readonly classIndex: number };
    readonly after: { readonly service: ServiceIndex; readonly classIndex: number };
  }): number {
    const tables = this.#built();
    const { before, after } = at;
    const old = this.#before.policy.services[before.service]!;
    const now = this.#after.policy.services[after.service]!;
    const shapes = {
      before: tables.before.columns[before.service]!.shapes[before.classIndex]!,
      after: tables.after.columns[after.service]!.shapes[after.classIndex]!,
    };
    if (shapes.before === 0 || shapes.after === 0) {
      return shapes.before === shapes.after ? 0 : 1;
    }
    // Another seed or mask draws every client anew: the two picks have nothing to do with each
    // other, so they meet as often as chance has it.
    const sameKeys =
      old.seed === now.seed &&
      old.affinityMask4 === now.affinityMask4 &&
      old.affinityMask6 === now.affinityMask6;
    const same = sameKeys
      ? this.#sameSlots(shapes, { before: old, after: now })
      : meeting(this.#partsOf(before), this.#partsOf(after, "after"));
    return Math.min(1, Math.max(0, 1 - same));
  }

  #built(): { readonly before: Table; readonly after: Table } {
    this.#tables ??= {
      before: buildTable(this.#before.policy, this.#before.world),
      after: buildTable(this.#after.policy, this.#after.world),
    };
    return this.#tables;
  }

  /** The two levels take their slots from unrelated keys, so their parts multiply. */
  #sameSlots(
    shapes: { readonly before: number; readonly after: number },
    services: { readonly before: Service; readonly after: Service },
  ): number {
    const key = `${shapes.before} ${shapes.after}`;
    let counts = this.#shapes.get(key);
    if (counts === undefined) {
      const { before, after } = this.#built();
      counts = countPairs(shapeSlots(before, shapes.before), shapeSlots(after, shapes.after));
      this.#shapes.set(key, counts);
    }
    let same = 0;
    for (const [pair, count] of counts) {
      const [before = 0, after = 0] = pair.split(" ").map(Number);
      const pools = {
        before: services.before.firstPool + before,
        after: services.after.firstPool + after,
      };
      same += (count / limits.slots) * this.#sameInRows(pools);
    }
    return same;
  }

  #sameInRows(pools: { readonly before: number; readonly after: number }): number {
    const key = `${pools.before} ${pools.after}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const tables = this.#built();
    const one = rowNames(this.#before.policy, tables.before, pools.before);
    const other = rowNames(this.#after.policy, tables.after, pools.after);
    if (one.key === other.key && isDeepStrictEqual(one.names, other.names)) {
      this.#rows.set(key, 1);
      return 1;
    }
    let same = 0;
    for (const [pair, count] of countPairs(one.slots, other.slots)) {
      const [before = 0, after = 0] = pair.split(" ").map(Number);
      if (one.names[before] === other.names[after]) same += count;
    }
    const part = same / limits.slots;
    this.#rows.set(key, part);
    return part;
  }

  /** Parts of the keys by endpoint. */
  #partsOf(
    at: { readonly service: ServiceIndex; readonly classIndex: number },
    side: "before" | "after" = "before",
  ): ReadonlyMap<string, number> {
    const { policy } = side === "before" ? this.#before : this.#after;
    const table = this.#built()[side];
    const parts = new Map<string, number>();
    const code = table.columns[at.service]!.shapes[at.classIndex]!;
    for (const [pool, inShape] of countPairs(shapeSlots(table, code), 0)) {
      const index = policy.services[at.service]!.firstPool + Number(pool.split(" ")[0]);
      const { names, slots } = rowNames(policy, table, index);
      for (const [position, inRow] of countPairs(slots, 0)) {
        const name = names[Number(position.split(" ")[0])]!;
        const part = (inShape * inRow) / (limits.slots * limits.slots);
        parts.set(name, (parts.get(name) ?? 0) + part);
      }
    }
    return parts;
  }
}

function meeting(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [name, part] of one) sum += part * (other.get(name) ?? 0);
  return sum;
}

/** A number where every slot holds it. */
type SlotView = ArrayLike<number> | number;

function shapeSlots(table: Table, code: number): SlotView {
  if (code <= directShapes) return code - 1;
  return recordSlots(table.shapeArena, code - directShapes - 1);
}

/** Slots of a pool's row, and the names of its members: `region/endpoint`. */
function rowNames(
  policy: Policy,
  table: Table,
  index: number,
): {
  readonly slots: SlotView;
  /** What the slots follow from. */
  readonly key: string;
  readonly names: readonly string[];
} {
  const pool = policy.pools[index];
  assert(pool !== undefined, "pool index in range");
  const { firstEndpoint, endpointCount } = pool;
  const region = policy.regions[pool.region]!.name;
  const names = policy.endpoints
    .slice(firstEndpoint, firstEndpoint + endpointCount)
    .map(({ name }) => `${region}/${name}`);
  const code = table.rows[index]!;
  assert(code > 0, "a pool with a share has a candidate");
  if (code <= directRows) return { slots: code - 1, key: String(code), names };
  const arena = endpointCount > narrowMembersMax ? table.wideRowArena : table.rowArena;
  const record = code - directRows - 1;
  return { slots: recordSlots(arena, record), key: arena.keys[record] ?? "", names };
}

function countPairs(one: SlotView, other: SlotView): Counts {
  const counts = new Map<string, number>();
  if (typeof one === "number" && typeof other === "number") {
    return counts.set(`${one} ${other}`, limits.slots);
  }
  const width = limits.endpointsPerPoolMax;
  const found = new Map<number, number>();
  for (let slot = 0; slot < limits.slots; slot++) {
    const a = typeof one === "number" ? one : one[slot]!;
    const b = typeof other === "number" ? other : other[slot]!;
    found.set(a * width + b, (found.get(a * width + b) ?? 0) + 1);
  }
  for (const [pair, count] of found) {
    counts.set(`${Math.floor(pair / width)} ${pair % width}`, count);
  }
  return counts;
}
