/** A plan over capacity with the demand that the new configuration declares. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planOf, sideOf } from "../support/plan-fixture.ts";

const config = (capacity: string) => `version: 1
zones: {g.example: {ns: ns1.example}}
regions: {a: {at: FRA}, b: {at: IAD}}
services:
  shop: {endpoints: {a: 192.0.2.1, b: 192.0.2.2}, steer: [a, b], capacity: ${capacity}}
demand: {shop: {DE: 100, XX: 5}}
`;

test("makePlan() takes the demand that the new configuration declares", () => {
  const plan = planOf(sideOf(config("{a: 200}")), sideOf(config("{a: 100, b: {rps: 50}}")));
  assert.deepEqual(plan.demand.declared && plan.demand.unit, "rps");
  const shares = plan.services[0]?.regions.map(({ shareAfter }) => Math.round(shareAfter * 100));
  assert.deepEqual(shares, [70, 30]);
  assert.deepEqual(
    plan.limits.map(({ loadBefore, loadAfter, ...rest }) => ({
      ...rest,
      loads: [loadBefore, loadAfter].map((load) => load && Math.round(load)),
    })),
    [
      { limit: "shop/a", unit: "rps", capacityBefore: 200, capacityAfter: 100, loads: [100, 70] },
      { limit: "shop/b", unit: "rps", capacityBefore: null, capacityAfter: 50, loads: [null, 30] },
    ],
  );
});

test("makePlan() weighs no load against a capacity in another unit", () => {
  const side = sideOf(config("{a: {connections: 1000}}"));
  const plan = planOf(side, side, "service,location,rps\nshop,DE,100\n");
  assert.deepEqual(
    plan.limits.map(({ unit, loadAfter }) => [unit, loadAfter]),
    [["connections", null]],
  );
});
