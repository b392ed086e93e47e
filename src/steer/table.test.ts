/** The table against decide(), and incremental updates against a full rebuild, in random worlds. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  classAt,
  type EndpointSketch,
  first,
  policyOf,
  pool,
  type ServiceSketch,
  serviceAt,
  setEndpoint,
  split,
  worldOf,
} from "../../test/support/steer-fixture.ts";
import { modelPolicy } from "../../test/support/steer-model.ts";
import { limits } from "../limits.ts";
import type { EndpointIndex, Policy, PoolIndex } from "../policy/policy.ts";
import type { World } from "../world/world.ts";
import { poolRow } from "./carry.ts";
import { decide } from "./decide.ts";
import { createPicked, nextEndpoint, pick } from "./pick.ts";
import { arenaBytes, recordSlots, type SlotArena } from "./slot-arena.ts";
import { slotBounds } from "./slot-bounds.ts";
import {
  buildTable,
  directRows,
  directShapes,
  narrowMembersMax,
  type Table,
  updateTable,
} from "./table.ts";

const plans = [
  first(pool(0), pool(1), pool(2)),
  split([1, pool(0)], [2, pool(1)], [3, pool(2)]),
  first(split([1, pool(2)], [1, pool(0)]), pool(1)),
  first(pool(1), pool(3)),
  pool(2),
];

const service = (rest: Partial<ServiceSketch>): ServiceSketch => ({
  pools: [
    { weights: [1] },
    { weights: [1, 2], minimum: 2 },
    { weights: [3, 0, 1] },
    { weights: [1, 1], standby: "manual" },
    { weights: [1, 1], fixed: true },
  ],
  classes: [
    ...plans.map((plan) => ({ plan })),
    { plan: plans[0] ?? pool(0), allowed: [true, false, true, true, false] },
  ],
  ...rest,
});

const policy = policyOf([
  service({ fallback: "serve-all", answers: 3 }),
  service({ fallback: "last-good" }),
  service({ fallback: "fixed", answers: 2 }),
  service({ fallback: "refuse" }),
]);

const word: fc.Arbitrary<EndpointSketch> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("up", "unknown", "down", "held") },
  { weight: 1, arbitrary: fc.constantFrom("quarantined", "out", "drain", "forced", "down+good") },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 256 }) },
);
const words = fc.array(word, {
  minLength: policy.endpoints.length,
  maxLength: policy.endpoints.length,
});

/** What a code means: a list of slots, or the one member there is, or nothing. */
function content(arena: SlotArena, code: number, direct: number): string {
  if (code <= direct) return String(code - 1);
  return recordSlots(arena, code - direct - 1).join();
}

function rowArena(table: Table, index: PoolIndex): SlotArena {
  const wide = (table.endpointCount[index] ?? 0) > narrowMembersMax;
  return wide ? table.wideRowArena : table.rowArena;
}

/** All a table says, without record numbers. */
function described(table: Table): unknown {
  return {
    generation: table.generation,
    shapes: table.columns.map((column) =>
      [...column.shapes].map((code) => content(table.shapeArena, code, directShapes)),
    ),
    rows: [...table.rows].map((code, index) =>
      content(rowArena(table, index as PoolIndex), code, directRows),
    ),
    serving: [...table.serving],
    ttl: [...table.ttlSeconds],
  };
}

/** Slots a code gives each member. */
function slotCounts(
  arena: SlotArena,
  code: number,
  of: { direct: number; members: number },
): number[] {
  const counts = new Array<number>(of.members).fill(0);
  if (code === 0) return counts;
  if (code <= of.direct) {
    counts[code - 1] = limits.slots;
    return counts;
  }
  for (const member of recordSlots(arena, code - of.direct - 1)) {
    counts[member] = (counts[member] ?? 0) + 1;
  }
  return counts;
}

/** Slots as the shares allow, all of them. */
function assertWithin(counts: readonly number[], shares: readonly number[]): void {
  const { least, most } = slotBounds(shares);
  assert.equal(
    counts.reduce((sum, slots) => sum + slots, 0),
    limits.slots,
  );
  counts.forEach((slots, i) => {
    assert.ok(slots >= (least[i] ?? 0) && slots <= (most[i] ?? 0));
  });
}

function assertAgrees(table: Table, world: World): void {
  policy.services.forEach((of, s) => {
    policy.ruleSets[of.ruleSet]?.classes.forEach((_, c) => {
      const decision = decide(policy, world, serviceAt(s), classAt(c));
      const code = table.columns[s]?.shapes[c] ?? -1;
      assert.equal(code === 0, decision.outcome === "refuse");
      const shares = new Array<number>(of.poolCount).fill(0);
      for (const { pool: ordinal, share } of decision.pools) shares[ordinal] = share;
      const counts = slotCounts(table.shapeArena, code, {
        direct: directShapes,
        members: of.poolCount,
      });
      if (code !== 0) assertWithin(counts, shares);
    });
  });
  policy.pools.forEach((of, index) => {
    const fallback = policy.services[of.service]?.fallback ?? "refuse";
    const shares = poolRow(policy, world, { pool: of, fallback });
    const counts = slotCounts(rowArena(table, index as PoolIndex), table.rows[index] ?? 0, {
      direct: directRows,
      members: of.endpointCount,
    });
    if (shares.some((share) => share > 0)) assertWithin(counts, shares);
    else assert.deepEqual(counts, shares);
  });
}

describe("buildTable()", () => {
  test("says what decide() says, to within a slot, and refuses when it refuses", () => {
    fc.assert(
      fc.property(words, (sketch) => {
        const world = worldOf(policy, sketch);
        assertAgrees(buildTable(policy, world), world);
      }),
      { numRuns: 60 },
    );
  });

  test("shares a shape between services that are steered alike", () => {
    const alike = policyOf(
      Array.from({ length: 50 }, () => ({
        pools: [{ weights: [1] }, { weights: [1] }],
        classes: [{ plan: split([1, pool(0)], [1, pool(1)]) }],
      })),
    );
    const table = buildTable(alike, worldOf(alike, []));
    assert.equal(table.shapeArena.users.length, 1);
    assert.equal(table.shapeArena.users[0], 50);
    assert.equal(table.rowArena.users.length, 0);
  });

  test("shares a column between services of one rule set in one state", () => {
    const sketch = { pools: [{ weights: [1] }, { weights: [1] }], classes: [{ plan: pool(1) }] };
    const two = policyOf([sketch, sketch]);
    const shared: Policy = {
      ...two,
      services: two.services.map((of) => ({ ...of, ruleSet: 0 as never })),
    };
    const world = worldOf(shared, []);
    const table = buildTable(shared, world);
    assert.equal(table.columns[0], table.columns[1]);
    setEndpoint(world, { index: 3, monitored: true }, "unknown");
    updateTable(table, shared, world, [3 as EndpointIndex]);
    assert.notEqual(table.columns[0], table.columns[1]);
  });

  test("holds a pool of more endpoints than a byte counts", () => {
    const big = policyOf([
      { pools: [{ weights: Array(300).fill(1) }], classes: [{ plan: pool(0) }] },
    ]);
    const table = buildTable(big, worldOf(big, []));
    const out = createPicked();
    const seen = new Set<number>();
    for (let key = 0; key < 20_000; key++) {
      assert.ok(pick(table, serviceAt(0), classAt(0), Math.imul(key, 0x9e3779b1) >>> 0, out));
      seen.add(out.endpoint);
    }
    assert.equal(seen.size, 300);
    assert.ok(arenaBytes(table.wideRowArena) > 0);
  });
});

describe("buildTable() memory", () => {
  test("is a slot of a byte an endpoint's pool, so that 60,000 endpoints take under 300 MB", () => {
    const model = modelPolicy({ services: 300, classes: 50 });
    const table = buildTable(model, worldOf(model, []));
    const bytes =
      arenaBytes(table.rowArena) + arenaBytes(table.wideRowArena) + arenaBytes(table.shapeArena);
    const aService = bytes / model.services.length;
    assert.ok(aService * 10_000 < 200 * 1024 * 1024, `${aService} bytes a service`);
    assert.equal(table.columnsByKey.size, 1);
  });
});

describe("updateTable()", () => {
  test("makes what a full rebuild makes, through any changes", () => {
    const change = fc.tuple(fc.nat(policy.endpoints.length - 1), word);
    const round = fc.record({
      changes: fc.array(change, { minLength: 1, maxLength: 6 }),
      activate: fc.option(fc.tuple(fc.nat(3), fc.integer({ min: 0, max: 1 })), { nil: undefined }),
      ttl: fc.integer({ min: 1, max: 60 }),
    });
    fc.assert(
      fc.property(words, fc.array(round, { minLength: 1, maxLength: 6 }), (sketch, rounds) => {
        let world = worldOf(policy, sketch);
        const table = buildTable(policy, world);
        for (const { changes, activate, ttl } of rounds) {
          const changed: EndpointIndex[] = [];
          for (const [index, to] of changes) {
            const monitored = policy.endpoints[index]?.monitor !== -1;
            setEndpoint(world, { index, monitored }, to);
            changed.push(index as EndpointIndex);
          }
          if (activate !== undefined) {
            const standby = (activate[0] * 5 + 3) as PoolIndex;
            world.pools.active[standby] = activate[1];
            const from = policy.pools[standby]?.firstEndpoint ?? 0;
            changed.push(from as EndpointIndex, (from + 1) as EndpointIndex);
          }
          world.services.ttlSeconds.fill(ttl);
          world = { ...world, generation: world.generation + 1 };
          updateTable(table, policy, world, changed);
          assert.deepEqual(described(table), described(buildTable(policy, world)));
        }
      }),
      { numRuns: 30 },
    );
  });

  test("gives back the records it no longer uses", () => {
    const world = worldOf(policy, []);
    const table = buildTable(policy, world);
    const used = (arena: SlotArena) => arena.users.filter((users) => users > 0).length;
    const before = [used(table.shapeArena), used(table.rowArena), table.columnsByKey.size];
    for (let step = 1; step < 256; step += 5) {
      setEndpoint(world, { index: 1, monitored: true }, step);
      updateTable(table, policy, world, [1 as EndpointIndex]);
    }
    setEndpoint(world, { index: 1, monitored: true }, "up");
    updateTable(table, policy, world, [1 as EndpointIndex]);
    const after = [used(table.shapeArena), used(table.rowArena), table.columnsByKey.size];
    assert.deepEqual(after, before);
    assert.ok(table.rowArena.users.length <= (before[1] ?? 0) + 1);
  });
});

describe("pick()", () => {
  test("gives every endpoint its share of keys, and refuses when decide() does", () => {
    const keys = 40_000;
    fc.assert(
      fc.property(words, fc.nat(3), fc.nat(5), (sketch, s, c) => {
        const world = worldOf(policy, sketch);
        const table = buildTable(policy, world);
        const decision = decide(policy, world, serviceAt(s), classAt(c));
        const found = new Map<number, number>();
        const out = createPicked();
        for (let i = 0; i < keys; i++) {
          const answered = pick(
            table,
            serviceAt(s),
            classAt(c),
            Math.imul(i, 0x9e3779b1) >>> 0,
            out,
          );
          assert.equal(answered, decision.outcome === "answer");
          if (!answered) return assert.equal(out.endpoint, -1);
          found.set(out.endpoint, (found.get(out.endpoint) ?? 0) + 1);
          assert.equal(policy.endpoints[out.endpoint]?.pool, out.pool);
        }
        for (const { endpoints, share } of decision.answers) {
          const picked = (found.get(endpoints[0] ?? -1) ?? 0) / keys;
          assert.ok(Math.abs(picked - share / limits.shareTotal) < 0.02, `${picked} of ${share}`);
        }
        return assert.ok(found.size <= decision.answers.length);
      }),
      { numRuns: 25 },
    );
  });

  test("lists, with nextEndpoint(), what the answer of decide() lists", () => {
    fc.assert(
      fc.property(words, fc.nat(5), (sketch, c) => {
        const world = worldOf(policy, sketch);
        const table = buildTable(policy, world);
        for (const { endpoints } of decide(policy, world, serviceAt(0), classAt(c)).answers) {
          const [start = 0 as EndpointIndex] = endpoints;
          const index = policy.endpoints[start]?.pool ?? (0 as PoolIndex);
          const listed = [start];
          for (let next = nextEndpoint(table, index, start); next !== start; ) {
            listed.push(next);
            next = nextEndpoint(table, index, next);
          }
          assert.deepEqual(listed.slice(0, policy.services[0]?.answers), endpoints);
        }
      }),
      { numRuns: 60 },
    );
  });
});
