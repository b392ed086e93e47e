/** Rules that tell fronts apart: DNS and the redirect each steer by theirs; explain says so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { createRedirectContext, redirect } from "../../src/fronts/redirect/redirect.ts";
import { compile } from "../../src/policy/compile.ts";
import { explain } from "../../src/steer/explain.ts";
import { geographyOf } from "../support/geography-fixture.ts";
import { snapshotOf } from "../support/redirect-fixture.ts";
import { worldOf } from "../support/steer-fixture.ts";

const text = `
version: 1
zone: example.com
regions: {fra: {at: FRA, in: EU}, iad: {at: IAD, in: US}}
services:
  shop:
    endpoints: {fra: 192.0.2.1, iad: 192.0.2.2}
    redirect: "https://{region}.origin.example.org"
    steer: {rules: [{steer: [fra], fronts: [dns], else: [iad]}]}
`;

test("a rule for DNS steers DNS, and its else the redirect", () => {
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, geographyOf({}));
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  const { policy } = result;
  const world = worldOf(policy, []);
  for (const [front, region] of [
    ["dns", "fra"],
    ["redirect", "iad"],
  ] as const) {
    const made = explain(policy, world, { service: "shop", client: "192.0.2.9", front });
    assert.ok(made.ok);
    const serving = made.explanation.pools.filter(({ share }) => share > 0);
    assert.deepEqual(
      serving.map(({ pool }) => pool),
      [region],
    );
  }
  const response = redirect(createRedirectContext(snapshotOf(policy, [])), {
    method: "GET",
    target: "/",
    hosts: ["shop.example.com"],
    peer: "192.0.2.9",
    forwardedFor: undefined,
    draw: 1,
    draining: false,
  });
  const location = response.headers.find(([name]) => name === "location")?.[1];
  assert.equal(location, "https://iad.origin.example.org/");
});
