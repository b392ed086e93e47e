/** Cohorts by address, from the configuration to the decision. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import { explain } from "../../src/steer/explain.ts";
import { geographyOf } from "../support/geography-fixture.ts";
import { type EndpointSketch, worldOf } from "../support/steer-fixture.ts";

const text = `
version: 1
zone: example.com
regions: {fra: {at: FRA, in: EU}, iad: {at: IAD, in: US}}
services:
  shop:
    endpoints: {fra: {stable: 192.0.2.1, canary: 192.0.2.2}, iad: 192.0.2.3}
    check: {tcp: true, port: 80}
    steer: [fra, iad]
    shares: {fra: {stable: 1, canary: 0}}
    cohorts:
      office: {cidrs: 203.0.113.0/24, colour: canary}
      lab: {cidrs: 203.0.113.64/26, steer: [iad, fra]}
`;

/** Pools with a share, and the cohort that the reasons name. */
function served(client: string, words: readonly EndpointSketch[] = []): string {
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, geographyOf({}));
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  const world = worldOf(result.policy, words);
  const made = explain(result.policy, world, { service: "shop", client });
  assert.ok(made.ok);
  const { pools, reasons } = made.explanation;
  const cohort = reasons.find(({ code }) => code === "class.cohort")?.sentence ?? "";
  const names = pools.filter(({ share }) => share > 0).map(({ pool }) => pool);
  return `${names.join(" ")}${/\(.*\)/.exec(cohort)?.[0] ?? ""}`;
}

test("a cohort has its colour or its way of steering, that of the longest prefix", () => {
  assert.equal(served("192.0.2.9"), "fra/stable");
  assert.equal(served("203.0.113.9"), "fra/canary(office)");
  assert.equal(served("203.0.113.70"), "iad(lab)");
});

test("a cohort whose colour is down stays in its region", () => {
  // Endpoints are in the order of pools: fra/canary, fra/stable, iad.
  assert.equal(served("203.0.113.9", ["down", "up", "up"]), "fra/stable(office)");
  assert.equal(served("203.0.113.9", ["down", "down", "up"]), "iad(office)");
});
