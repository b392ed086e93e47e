/** The worked examples of docs/steering.md on latency and capacity, by the code. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { compile } from "../../src/policy/compile.ts";
import type {
  CellIndex,
  ClassIndex,
  Policy,
  RegionIndex,
  ServiceIndex,
} from "../../src/policy/policy.ts";
import { withAllocation } from "../../src/steer/allocate.ts";
import { decide } from "../../src/steer/decide.ts";
import { measuredOrder } from "../../src/steer/measured.ts";
import type { WorldEvent } from "../../src/world/event.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { step } from "../../src/world/step.ts";
import { smallWorld } from "../support/geography-fixture.ts";
import { worldOf } from "../support/steer-fixture.ts";

const page = readFileSync(new URL("../../docs/steering.md", import.meta.url), "utf8");

function rowsOf(head: string): readonly (readonly string[])[] {
  const start = page.indexOf(`${head}\n`);
  assert.notEqual(start, -1, head);
  const lines = page.slice(start).split("\n").slice(2);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function policyOf(lines: readonly string[]): Policy {
  const text = ["version: 1", "zone: example.com", ...lines].join("\n");
  const loaded = loadConfig([{ file: "page.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, smallWorld);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result.policy;
}

test("step() and measuredOrder() give the plans of the page", () => {
  const rows = rowsOf("| by distance | measured, in the cell's order | plan |");
  assert.equal(rows.length, 4);
  const policy = policyOf([
    "regions: {ams: {at: AMS}, fra: {at: FRA}, iad: {at: IAD}}",
    "services: {s: {endpoints: {ams: 192.0.2.1, fra: 192.0.2.2, iad: 192.0.2.3}, steer: latency}}",
  ]);
  const nameOf = (region: number): string => policy.regions[region]?.name ?? "";
  for (const [distance = "", measured = "", plan = ""] of rows) {
    const [now = "", before] = measured.split(" against ");
    const texts = before === undefined ? now.split(", ") : [before, now];
    const events = texts.flatMap((text): WorldEvent[] => {
      const match = /^(\w+) (\d+) ms/.exec(text);
      if (match === null) return [];
      const region = policy.regions.findIndex(({ name }) => name === match[1]) as RegionIndex;
      const microseconds = Number(match[2]) * 1000;
      const at = { cell: 0 as CellIndex, region, at: 0, microseconds };
      return [{ kind: "latency", policyDigest: policy.digest, ...at }];
    });
    const { world } = step(policy, initialWorld(policy, 0), events, 0);
    const byDistance = distance.split(", ");
    const ranks = byDistance.map(
      (name) => world.latency.rank[policy.regions.findIndex((each) => each.name === name)] ?? 0,
    );
    assert.ok(nameOf(0) === "ams");
    const order = measuredOrder(ranks)?.map((place) => byDistance[place]) ?? byDistance;
    assert.equal(order.join(", "), /^(\w+, )*\w+/.exec(plan)?.[0], measured);
  }
});

test("allocate() and decide() give the loads of the page", () => {
  const rows = rowsOf("| `steer: [a, b]`, a and b of 100 each, target 70 % | a | b |");
  assert.equal(rows.length, 7);
  for (const [words = "", a, b] of rows) {
    const demand = Number(/demand (\d+)/.exec(words)?.[1]);
    const [, some = "", all = "1"] = /(one) of (two|five) endpoints/.exec(words) ?? [];
    const count = { two: 2, five: 5 }[all] ?? 1;
    const up = words.includes("of a up") ? 1 : some === "" ? count : count - 1;
    const list = Array.from({ length: count }, (_, i) => `192.0.2.${i + 1}`).join(", ");
    const policy = policyOf([
      "regions: {a: {at: FRA}, b: {at: IAD}}",
      "services:",
      `  s: {check: {tcp: true, port: 80}, endpoints: {a: [${list}], b: 192.0.2.99}, steer: [a, b], capacity: {a: 100, b: 100}}`,
      `demand: {s: {DE: ${demand}}}`,
    ]);
    const down = new Array<string>(count - up).fill("down");
    const world = withAllocation(policy, worldOf(policy, down));
    const { pools } = decide(policy, world, 0 as ServiceIndex, 0 as ClassIndex);
    const loads = [0, 1].map((ordinal) => {
      const share = pools.find(({ pool }) => pool === ordinal)?.share ?? 0;
      return String(Math.round((share * demand) / limits.shareTotal));
    });
    assert.deepEqual(loads, [a, b], words);
  }
});
