/** Steps 2, 3, 4 and 7: every row of the tables of docs/steering.md. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type EndpointSketch,
  policyOf,
  pool,
  serviceAt,
  worldOf,
} from "../../test/support/steer-fixture.ts";
import type { EndpointIndex, Fallback, Pool } from "../policy/policy.ts";
import { forced, verdict } from "../world/world.ts";
import {
  condition,
  conditions,
  levelCount,
  levels,
  poolRow,
  serviceCarry,
  upAvailability,
} from "./carry.ts";

interface OnePool {
  readonly weights: readonly number[];
  readonly world: readonly EndpointSketch[];
  readonly minimum?: number;
  readonly standby?: Pool["standby"];
  readonly fallback?: Fallback;
}

function onePool(given: OnePool) {
  const policy = policyOf([
    {
      pools: [
        { weights: given.weights, minimum: given.minimum ?? 1, standby: given.standby ?? "no" },
      ],
      classes: [{ plan: pool(0) }],
      fallback: given.fallback ?? "serve-all",
    },
  ]);
  return { policy, world: worldOf(policy, given.world) };
}

function carryOf(given: OnePool): readonly number[] {
  const { policy, world } = onePool(given);
  return [...serviceCarry(policy, world, serviceAt(0))];
}

function rowOf(given: OnePool): readonly number[] {
  const { policy, world } = onePool(given);
  const [only] = policy.pools;
  assert.ok(only);
  return poolRow(policy, world, { pool: only, fallback: given.fallback ?? "serve-all" });
}

describe("condition()", () => {
  const { out, down, held, unknown, up } = conditions;
  const any = [verdict.unknown, verdict.up, verdict.down, verdict.disabled];
  /** word, verdicts, availabilities, quarantined, condition, availability of an `up`. */
  type Row = readonly [
    string,
    number,
    readonly number[],
    readonly number[],
    number,
    number,
    number?,
  ];
  const rows: readonly Row[] = [
    ["is out when forced down", forced.down, any, [0, 7, 256], 0, out],
    ["is out when drained", forced.drain, any, [0, 7, 256], 0, out],
    ["is out when forced down in quarantine", forced.down, any, [256], 1, out],
    ["is up and whole when forced up", forced.up, any, [0, 7, 256], 0, up, 256],
    ["is up when forced up in quarantine", forced.up, any, [256], 1, up, 256],
    ["is unknown in quarantine, whatever the verdict", forced.none, any, [0, 256], 1, unknown],
    ["is up and whole without a monitor", forced.none, [verdict.disabled], [0, 256], 0, up, 256],
    ["is up at its ramp step", forced.none, [verdict.up], [1], 0, up, 1],
    ["is up and whole after its ramp", forced.none, [verdict.up], [256], 0, up, 256],
    ["is held at availability 0", forced.none, [verdict.up], [0], 0, held],
    ["is unknown while unknown", forced.none, [verdict.unknown], [0, 256], 0, unknown],
    ["is down while down", forced.none, [verdict.down], [0, 256], 0, down],
  ];
  for (const [claim, word, verdicts, availabilities, quarantined, expected, whole] of rows) {
    test(claim, () => {
      const { world } = onePool({ weights: [1], world: [] });
      const columns = world.endpoints;
      for (const said of verdicts) {
        for (const availability of availabilities) {
          columns.forced[0] = word;
          columns.verdict[0] = said;
          columns.availability[0] = availability;
          columns.quarantined[0] = quarantined;
          assert.equal(condition(world, 0 as EndpointIndex), expected);
          if (whole !== undefined) assert.equal(upAvailability(world, 0 as EndpointIndex), whole);
        }
      }
    });
  }
});

describe("serviceCarry()", () => {
  /** endpoints, minimum, availability at levels up, unknown, held, last-good, serve-all. */
  type Row = readonly [string, readonly EndpointSketch[], number, readonly number[]];
  const rows: readonly Row[] = [
    ["is whole at every level but last-good when up", ["up"], 1, [256, 256, 256, 0, 256]],
    ["takes the greatest availability", [7, 200], 1, [200, 256, 256, 0, 256]],
    ["cannot carry at level 0 below its minimum", ["up", "down"], 2, [0, 0, 0, 0, 256]],
    ["counts the unknown at level 1", ["up", "unknown"], 2, [0, 256, 256, 0, 256]],
    ["counts the held at level 2", ["up", "held"], 2, [0, 0, 256, 0, 256]],
    ["is carried by unknown alone at level 1", ["unknown"], 1, [0, 256, 256, 0, 256]],
    ["is carried by held alone at level 2", ["held"], 1, [0, 0, 256, 0, 256]],
    [
      "is carried by last-good at level 3, even below its minimum",
      ["down+good", "down"],
      2,
      [0, 0, 0, 256, 256],
    ],
    ["has no last-good that is out", ["out+good"], 1, [0, 0, 0, 0, 0]],
    ["serves all but what is out at level 4", ["out", "down"], 1, [0, 0, 0, 0, 256]],
    ["never carries what is drained", ["drain", "out"], 1, [0, 0, 0, 0, 0]],
    ["counts the forced up", ["forced", "down"], 1, [256, 256, 256, 0, 256]],
    ["counts quarantine as unknown", ["quarantined"], 1, [0, 256, 256, 0, 256]],
  ];
  for (const [claim, world, minimum, expected] of rows) {
    test(claim, () => {
      const weights = world.map(() => 1);
      assert.deepEqual(carryOf({ weights, world, minimum }), expected);
    });
  }

  test("does not count weight 0 at any level", () => {
    const nothing = [0, 0, 0, 0, 0];
    assert.deepEqual(carryOf({ weights: [0], world: ["up+good"] }), nothing);
    const two = { weights: [0, 1], world: ["up", "up"], minimum: 2 };
    assert.deepEqual(carryOf(two), [0, 0, 0, 0, 256]);
  });

  test("has nothing for a manual standby until it is active", () => {
    const { policy, world } = onePool({ weights: [1], world: ["up"], standby: "manual" });
    assert.deepEqual([...serviceCarry(policy, world, serviceAt(0))], [0, 0, 0, 0, 0]);
    world.pools.active[0] = 1;
    assert.equal(serviceCarry(policy, world, serviceAt(0))[levels.up], 256);
  });

  test("does not read `active` of other pools", () => {
    for (const standby of ["no", "auto"] as const) {
      const { policy, world } = onePool({ weights: [1], world: ["up"], standby });
      world.pools.active[0] = 0;
      assert.equal(serviceCarry(policy, world, serviceAt(0))[levels.up], 256);
    }
  });

  test("has one row of levels a pool", () => {
    const policy = policyOf([
      { pools: [{ weights: [1] }, { weights: [1] }], classes: [{ plan: pool(0) }] },
    ]);
    const carry = serviceCarry(policy, worldOf(policy, ["down", "up"]), serviceAt(0));
    assert.equal(carry.length, 2 * levelCount);
    assert.equal(carry[levelCount + levels.up], 256);
    assert.equal(carry[levels.up], 0);
  });
});

describe("poolRow()", () => {
  type Row = readonly [string, OnePool, readonly number[]];
  const half = 32_768;
  const one = 65_536;
  const rows: readonly Row[] = [
    ["shares by weight", { weights: [1, 3], world: [] }, [16_384, 49_152]],
    ["uses up before unknown", { weights: [1, 1], world: ["unknown", "up"] }, [0, one]],
    ["uses unknown before held", { weights: [1, 1], world: ["unknown", "held"] }, [one, 0]],
    ["uses held before down", { weights: [1, 1], world: ["down", "held"] }, [0, one]],
    ["serves all when nothing is left", { weights: [1, 1], world: ["down", "down"] }, [half, half]],
    ["never serves what is out", { weights: [1, 1], world: ["down", "out"] }, [one, 0]],
    [
      "serves the last good when the fallback says so",
      { weights: [1, 1], world: ["down", "down+good"], fallback: "last-good" },
      [0, one],
    ],
    [
      "has no candidate where nothing was good",
      { weights: [1, 1], world: ["down", "out+good"], fallback: "last-good" },
      [0, 0],
    ],
    [
      "has no candidate among the down when the fallback refuses",
      { weights: [1, 1], world: ["down", "down+good"], fallback: "refuse" },
      [0, 0],
    ],
    ["gives weight 0 nothing", { weights: [0, 1], world: [] }, [0, one]],
    ["gives a lone weight 0 nothing", { weights: [0], world: [] }, [0]],
    ["ramps against its neighbours", { weights: [1, 1], world: [128, "up"] }, [16_384, 49_152]],
    ["does not ramp alone", { weights: [1, 1], world: [1, "down"] }, [one, 0]],
    ["does not ramp twice", { weights: [1, 1], world: [64, 128] }, [16_384, 49_152]],
    ["rounds a scaled ramp down", { weights: [1, 1], world: [1, 255] }, [128, 65_408]],
  ];
  for (const [claim, given, expected] of rows) {
    test(claim, () => assert.deepEqual(rowOf(given), expected));
  }
});
