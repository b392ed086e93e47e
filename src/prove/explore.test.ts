/** The explorer covers every state once, and only those within the bounds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Explorer, type ExplorerInput } from "./explore.ts";
import type { PoolDomain, PoolState } from "./pool-states.ts";

const state = (cells: readonly number[], benign: boolean): PoolState => ({
  cells,
  benign,
  cost: benign ? 0 : 1,
  up: cells[0] === 0 ? 0 : 1,
  active: true,
  endpoints: [],
});
const domain: PoolDomain = {
  key: 0,
  costKey: 0,
  coarse: false,
  truncated: false,
  states: [
    state([256, 256, 256, 256, 256, 1], true),
    state([128, 256, 256, 256, 256, 1], false),
    state([0, 256, 256, 256, 256, 1], false),
    state([0, 0, 0, 256, 256, 0], false),
    state([0, 0, 0, 0, 0, 1], false),
  ],
};

function explorer(pools: number, more: Partial<ExplorerInput> = {}): Explorer {
  const all = Array.from({ length: pools }, (_, i) => i);
  return new Explorer({
    domains: all.map(() => domain),
    regions: all,
    mayServe: all.map(() => true),
    before: all.map(() => -1),
    bounds: { regionsDown: Number.POSITIVE_INFINITY, endpointsUp: 0 },
    ...more,
  });
}

test("Explorer.all() covers every state once, whatever a run reads", () => {
  const made = explorer(4);
  let covered = 0;
  let runs = 0;
  const whole = made.all(
    () => {
      // Reads what it found makes worth reading.
      for (let pool = 0; pool < 4; pool++) {
        if (made.read(pool, 0) === 256) return;
        if (made.read(pool, 1) === 0 && made.read(3 - pool, 4) === 0) return;
      }
    },
    () => {
      runs++;
      covered += made.covered();
      return true;
    },
  );
  assert.ok(whole);
  assert.equal(covered, 5 ** 4);
  assert.ok(runs > 10 && runs < 300, `${runs} runs`);
});

test("Explorer.all() stays within the number of regions", () => {
  const made = explorer(3, { bounds: { regionsDown: 1, endpointsUp: 0 } });
  const seen = new Set<string>();
  made.all(
    () => [0, 1, 2].map((pool) => [0, 1, 3, 4].map((cell) => made.read(pool, cell)).join()),
    (facts) => {
      seen.add(facts.join(" "));
      return true;
    },
  );
  assert.equal(seen.size, 1 + 3 * 4);
});

test("Explorer.all() leaves out states with too few endpoints up", () => {
  const made = explorer(3, { bounds: { regionsDown: Number.POSITIVE_INFINITY, endpointsUp: 2 } });
  let runs = 0;
  made.all(
    () => [0, 1, 2].map((pool) => made.read(pool, 0)),
    (values) => {
      runs++;
      assert.ok(values.filter((value) => value > 0).length >= 2, values.join());
      assert.ok(made.cheapest().reduce((sum, { up }) => sum + up, 0) >= 2);
      return true;
    },
  );
  assert.equal(runs, 2 ** 3 + 3 * 2 ** 2);
});

test("Explorer.all() looks at interchangeable pools in one order", () => {
  const made = explorer(3, { before: [-1, 0, 1] });
  const seen: string[] = [];
  made.all(
    () => [0, 1, 2].map((pool) => made.read(pool, 0)),
    (values) => seen.push(values.join()) > 0,
  );
  // Three values over three pools, sorted: C(5, 2) of them.
  assert.equal(seen.length, 10);
  assert.equal(new Set(seen).size, 10);
});
