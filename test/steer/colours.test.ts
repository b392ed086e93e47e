/** A canary's clients are a stable set: more of them as its share grows, and the same ones. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { compile } from "../../src/policy/compile.ts";
import type { ClassIndex, ServiceIndex } from "../../src/policy/policy.ts";
import { createPicked, pick } from "../../src/steer/pick.ts";
import { buildTable } from "../../src/steer/table.ts";
import { assumeDown } from "../support/assumed-world.ts";
import { smallWorld } from "../support/geography-fixture.ts";
import { worldOf } from "../support/steer-fixture.ts";

/** The keys, of one for each slot, that get the canary of fra. */
function canaryKeys(steer: string, share: string, down: readonly string[] = []): Set<number> {
  const text = `version: 1
zone: example.com
regions: {fra: {at: FRA}, iad: {at: IAD}, nrt: {at: NRT}}
services:
  shop:
    check: {https: /}
    endpoints:
      fra: {canary: 192.0.2.1, stable: [192.0.2.2, 192.0.2.3], old: 192.0.2.6}
      iad: 192.0.2.4
      nrt: 192.0.2.5
    steer: ${steer}
    canary: {region: fra, share: ${share}}
    key: client
`;
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, smallWorld);
  assert.ok(result.ok);
  const { policy } = result;
  const world = assumeDown(worldOf(policy, []), policy, down);
  const table = buildTable(policy, world);
  const picked = createPicked();
  const found = new Set<number>();
  for (let key = 0; key < limits.slots; key++) {
    pick(table, 0 as ServiceIndex, 0 as ClassIndex, key, picked);
    if (policy.pools[picked.pool]?.name === "fra/canary") found.add(key);
  }
  return found;
}

const inOrder = "[fra, iad, nrt]";
const shared = "{weights: {fra: 1, iad: 1, nrt: 1}}";

describe("pick() keeps the clients of a canary", () => {
  const vectors: readonly [string, () => Set<number>, () => Set<number>][] = [
    ["that grows from 1 to 5 %", () => canaryKeys(inOrder, "1%"), () => canaryKeys(inOrder, "5%")],
    [
      "that grows from 5 to 50 %",
      () => canaryKeys(inOrder, "5%"),
      () => canaryKeys(inOrder, "50%"),
    ],
    ["that takes all", () => canaryKeys(inOrder, "50%"), () => canaryKeys(inOrder, "100%")],
    [
      "while another region fails",
      () => canaryKeys(shared, "10%"),
      () => canaryKeys(shared, "10%", ["iad"]),
    ],
    [
      "in another plan",
      () => canaryKeys(inOrder, "5%"),
      () => canaryKeys("[iad, fra, nrt]", "5%", ["iad"]),
    ],
  ];
  for (const [claim, before, after] of vectors) {
    test(claim, () => {
      const kept = before();
      const now = after();
      const lost = [...kept].filter((key) => !now.has(key)).length;
      // The promise of the slots: its share + 1 %.
      assert.ok(lost <= limits.slots * 0.01, `${lost} of ${kept.size} left`);
      assert.ok(kept.size > 0 && now.size >= kept.size);
    });
  }
});
