/** Capacity from configuration to decisions: the vectors of docs/steering.md, "Capacity". */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { compile } from "../../src/policy/compile.ts";
import type { ClassIndex, Policy, PoolIndex, ServiceIndex } from "../../src/policy/policy.ts";
import { allocate, withAllocation } from "../../src/steer/allocate.ts";
import { decide } from "../../src/steer/decide.ts";
import { keptAfterShedding, nextKeep } from "../../src/steer/feedback.ts";
import { buildTable, updateTable } from "../../src/steer/table.ts";
import { step } from "../../src/world/step.ts";
import { allocations, type World } from "../../src/world/world.ts";
import { smallWorld } from "../support/geography-fixture.ts";
import { worldOf } from "../support/steer-fixture.ts";

export function policyOf(text: string): Policy {
  const loaded = loadConfig([
    { file: "rhumb.yaml", text: `version: 1\nzone: example.com\n${text}` },
  ]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, smallWorld);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result.policy;
}

const list = (first: number, count: number): string =>
  `[${Array.from({ length: count }, (_, i) => `192.0.2.${first + i}`).join(", ")}]`;

function twoRegions(demand: number, count: number): Policy {
  return policyOf(`regions: {a: {at: FRA}, b: {at: IAD}}
services:
  shop:
    check: {https: /}
    endpoints: {a: ${list(1, count)}, b: 192.0.2.100}
    steer: [a, b]
    capacity: {a: 100, b: 100}
demand: {shop: {DE: ${demand}}}
`);
}

/** What each pool of a service gets of a class, in hundredths of the demand. */
function loads(policy: Policy, world: World, demand: number, service = 0): readonly number[] {
  const { firstPool = 0, poolCount = 0 } = policy.services[service] ?? {};
  const { pools } = decide(policy, world, service as ServiceIndex, 0 as ClassIndex);
  return Array.from({ length: poolCount }, (_, ordinal) => {
    assert.ok(firstPool >= 0);
    const share = pools.find(({ pool }) => pool === ordinal)?.share ?? 0;
    return Math.round((share * demand) / limits.shareTotal);
  });
}

describe("allocate() by demand", () => {
  const vectors: readonly [string, number, number, readonly string[], readonly number[]][] = [
    ["below the target", 60, 1, [], [60, 0]],
    ["above it the rest spills", 100, 1, [], [70, 30]],
    ["both to the target", 140, 1, [], [70, 70]],
    ["then to the whole", 180, 1, [], [100, 80]],
    ["then in proportion", 300, 1, [], [150, 150]],
    ["one of two endpoints is down", 100, 2, ["down"], [35, 65]],
    ["four of five are: drained", 100, 5, ["down", "down", "down", "down"], [0, 100]],
    ["three of four are: not drained", 10, 4, ["down", "down", "down"], [10, 0]],
    ["all are: health comes first", 100, 2, ["down", "down"], [0, 100]],
    ["a is drained by the operator", 50, 1, ["drain"], [0, 50]],
  ];
  for (const [claim, demand, count, sketch, expected] of vectors) {
    test(claim, () => {
      const policy = twoRegions(demand, count);
      const world = withAllocation(policy, worldOf(policy, sketch));
      assert.deepEqual(loads(policy, world, demand), expected);
    });
  }

  test("never more than half of a service is drained: the least part first", () => {
    const policy = policyOf(`regions: {a: {at: FRA}, b: {at: IAD}}
services:
  shop:
    check: {https: /}
    endpoints: {a: ${list(1, 5)}, b: ${list(100, 9)}}
    steer: [b, a]
    capacity: {a: 500, b: 900}
demand: {shop: {DE: 100}}
`);
    const down = (count: number): string[] => new Array<string>(count).fill("down");
    const sketch = [...down(4), "up", ...down(8), "up"];
    // 1 of 9 is less than 1 of 5, so b is drained: a takes its 100 of 100.
    assert.deepEqual(loads(policy, withAllocation(policy, worldOf(policy, sketch)), 100), [100, 0]);
  });

  test("classes share a region's room, the nearest ones first", () => {
    const policy = policyOf(`regions: {fra: {at: FRA, capacity: 100}, iad: {at: IAD, capacity: 400}}
services:
  one: {endpoints: {fra: 192.0.2.1, iad: 192.0.2.2}, steer: nearest}
  two: {endpoints: {fra: 192.0.2.3, iad: 192.0.2.4}, steer: [fra, iad]}
demand: {one: {DE: 100, US: 20}, two: {FR: 40}}
`);
    const world = withAllocation(policy, worldOf(policy, []));
    // 140 ask for 70 in fra: each keeps a half.
    const classOf = (service: number, country: string): ClassIndex => {
      const { ruleSet = 0 } = policy.services[service] ?? {};
      const location = policy.locations.findIndex((each) => each.country === country);
      return policy.ruleSets[ruleSet]?.classOfLocation[location] as ClassIndex;
    };
    const share = (service: number, country: string): number => {
      const { pools } = decide(policy, world, service as ServiceIndex, classOf(service, country));
      return pools.find(({ pool }) => pool === 0)?.share ?? 0;
    };
    assert.equal(share(0, "DE"), 32_768);
    assert.equal(share(1, "FR"), 32_768);
    assert.equal(share(0, "US"), 0);
  });

  test("a standby and a region outside the residency are offered nothing", () => {
    const policy =
      policyOf(`regions: {a: {at: FRA, in: EU}, b: {at: IAD, in: US}, c: {at: MUC, in: EU}}
services:
  shop:
    endpoints: {a: 192.0.2.1, b: 192.0.2.2, c: 192.0.2.3}
    steer: nearest
    residency: {only: EU}
    standby: {region: c, activate: manual}
    capacity: {a: 100}
demand: {shop: {DE: 500}}
`);
    const world = withAllocation(policy, worldOf(policy, []));
    assert.deepEqual(loads(policy, world, 500), [500, 0, 0]);
    world.pools.active[2] = 1;
    assert.deepEqual(loads(policy, withAllocation(policy, world), 500), [70, 0, 430]);
  });

  test("capacities of endpoints add up, and a scaler counts", () => {
    const policy = policyOf(`regions: {a: {at: FRA}, b: {at: IAD}}
services:
  shop:
    check: {https: /}
    endpoints:
      a: [{ipv4: 192.0.2.1, capacity: {rps: 200, scaler: 50%}}, {ipv4: 192.0.2.2, capacity: 300}]
      b: 192.0.2.3
    steer: [a, b]
    target: 50%
demand: {shop: {DE: 1000}}
`);
    assert.deepEqual(loads(policy, withAllocation(policy, worldOf(policy, [])), 1000), [200, 800]);
    const down = worldOf(policy, ["up", "down"]);
    assert.deepEqual(loads(policy, withAllocation(policy, down), 1000), [50, 950]);
  });

  test("is the same however often it is made, and says when nothing changed", () => {
    const policy = twoRegions(100, 2);
    const world = withAllocation(policy, worldOf(policy, []));
    assert.equal(allocate(policy, world, 0)?.changed, false);
    assert.equal(withAllocation(policy, world), world);
  });

  test("no limit is passed while another region has room", () => {
    const amounts = fc.array(fc.integer({ min: 10, max: 300 }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(amounts, fc.integer({ min: 1, max: 900 }), ([a = 1, b = 1, c = 1], demand) => {
        const policy = policyOf(`regions: {a: {at: FRA}, b: {at: IAD}, c: {at: NRT}}
services:
  shop:
    endpoints: {a: 192.0.2.1, b: 192.0.2.2, c: 192.0.2.3}
    steer: [a, b, c]
    capacity: {a: ${a}, b: ${b}, c: ${c}}
demand: {shop: {DE: ${demand}}}
`);
        const world = withAllocation(policy, worldOf(policy, []));
        const got = loads(policy, world, demand);
        const most = [a, b, c].map((amount) => (demand <= a + b + c ? amount : demand));
        for (const [i, load] of got.entries()) assert.ok(load <= (most[i] ?? 0) + 1, got.join());
        assert.ok(Math.abs(got.reduce((sum, each) => sum + each, 0) - demand) <= 2);
      }),
      { numRuns: 60 },
    );
  });

  test("a table follows a change of what pools keep", () => {
    const policy = twoRegions(100, 2);
    const before = withAllocation(policy, worldOf(policy, []));
    const table = buildTable(policy, before);
    const after = withAllocation(policy, worldOf(policy, ["down"]));
    updateTable(table, policy, after, [0 as never]);
    const fresh = buildTable(policy, after);
    const of = (each: typeof table) => each.columns.map(({ key }) => key);
    assert.deepEqual(of(table), of(fresh));
    assert.notDeepEqual(of(fresh), of(buildTable(policy, before)));
  });
});

describe("allocate() by feedback", () => {
  const policy = policyOf(`regions: {a: {at: FRA}, b: {at: IAD}}
services:
  shop: {endpoints: {a: 192.0.2.1, b: 192.0.2.2}, steer: [a, b], capacity: {a: 100, b: 100}}
`);
  const startMs = 1_000_000_000_000;
  const report = (world: World, pool: number, load: number, atMs: number): World => {
    const at = startMs + atMs;
    const { digest: policyDigest } = policy;
    const event = { kind: "load", policyDigest, pool: pool as PoolIndex, at, load } as const;
    return withAllocation(policy, step(policy, world, [event], at).world, at);
  };
  const begin = (): World => {
    const { world } = step(policy, worldOf(policy, []), [], startMs);
    return withAllocation(policy, world, startMs);
  };

  test("without demand and load it is steered as if nothing were limited", () => {
    const world = begin();
    assert.equal(world.services.allocation[0], allocations.noDemand);
    const { pools, reasons } = decide(policy, world, 0 as ServiceIndex, 0 as ClassIndex);
    assert.deepEqual(
      pools.map(({ share }) => share),
      [limits.shareTotal],
    );
    assert.ok(reasons.some(({ code }) => code === "capacity.no-demand"));
  });

  test("a report above the target makes the pool keep less, one below more", () => {
    let world = report(begin(), 0, 90, 0);
    assert.equal(world.services.allocation[0], allocations.feedback);
    const once = world.capacity.keep[0] ?? 0;
    assert.ok(once < limits.keepFull);
    // Half of the way from 4,096 to 4,096 x 15/16 x 70 / 90.
    assert.equal(once, 3541);
    world = report(world, 0, 40, 30_000);
    assert.ok((world.capacity.keep[0] ?? 0) > once);
  });

  test("there is one step in a TTL at most, and none without a newer report", () => {
    const world = report(begin(), 0, 90, 0);
    const soon = report(world, 0, 95, 29_999);
    assert.equal(soon.capacity.keep[0], world.capacity.keep[0]);
    const due = allocate(policy, soon, startMs + 29_999)?.nextAt;
    assert.equal(due, startMs + 30_000);
    const later = withAllocation(policy, step(policy, soon, [], startMs + 30_000).world);
    assert.ok((later.capacity.keep[0] ?? 0) < (soon.capacity.keep[0] ?? 0));
    const again = withAllocation(policy, step(policy, later, [], startMs + 65_000).world);
    assert.equal(again.capacity.keep[0], later.capacity.keep[0]);
  });

  test("old reports are forgotten", () => {
    const world = report(begin(), 0, 90, 0);
    const { nextAt = 0 } = allocate(policy, world, startMs) ?? {};
    assert.equal(nextAt, startMs + 90_001);
    const old = withAllocation(policy, step(policy, world, [], nextAt).world);
    assert.equal(old.services.allocation[0], allocations.noDemand);
    assert.equal(old.capacity.keep[0], limits.keepFull);
  });

  test("nextKeep() has a band in which nothing moves", () => {
    const service = { targetHundredths: 7000, shed: undefined };
    const next = (load: number): number => nextKeep(2000, { load, amount: 100 }, service);
    assert.equal(next(70), 2000);
    assert.equal(next(62), 2000);
    assert.ok(next(61) > 2000 && next(71) < 2000);
    assert.equal(nextKeep(limits.keepFull, { load: 1, amount: 100 }, service), limits.keepFull);
    assert.equal(next(0), 3048);
  });

  test("nextKeep() sheds in proportion between the marks", () => {
    const shed = { low: 8000, high: 10_000 };
    const next = (load: number): number =>
      nextKeep(4000, { load, amount: 100 }, { targetHundredths: 7000, shed });
    const page = [80, 85, 90, 95, 100, 150].map((load) => keptAfterShedding(load * 100, shed));
    assert.deepEqual(page, [1, 0.75, 0.5, 0.25, 0, 0]);
    assert.equal(next(90), 2000);
    assert.equal(next(120), 64);
    // Just above the low mark the step of half the way is the greater one.
    assert.equal(
      next(81),
      nextKeep(4000, { load: 81, amount: 100 }, { targetHundredths: 7000, shed: undefined }),
    );
  });
});
