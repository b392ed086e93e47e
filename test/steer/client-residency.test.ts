/**
 * Residency that depends on the client, from the configuration to the class: every prefix is
 * decided inside the sets of all the places in it, against a naive reading of docs/steering.md.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { findLeaf, spanEnd } from "../../src/geo/lookup.ts";
import { maskPrefix } from "../../src/lib/ip.ts";
import { limits } from "../../src/limits.ts";
import { compile } from "../../src/policy/compile.ts";
import type { ClassPlan, Policy, ServiceIndex } from "../../src/policy/policy.ts";
import { classify, createClassified, createClient } from "../../src/steer/classify.ts";
import { decide } from "../../src/steer/decide.ts";
import { geographyOf } from "../support/geography-fixture.ts";
import { worldOf } from "../support/steer-fixture.ts";

const world = geographyOf({
  "192.0.2.0/26": "DE",
  "192.0.2.64/27": "FR",
  "192.0.2.128/26": "JP",
  "192.0.2.192/27": "US-CA",
  "192.0.2.224/28": "US-NY",
  "192.0.2.240/28": "US",
});

/** Regions are jurisdictions of their own, so that a set is a list of them. */
function policyFor(dns: string): Policy {
  const text = `version: 1
zone: example.com
regions: {a: {at: FRA, in: A}, b: {at: IAD, in: B}, c: {at: NRT, in: C}, d: {at: ZRH, in: D}}
jurisdictions: {WEST: [US-CA]}
services:
  shop:
    endpoints: {a: 192.0.2.1, b: 192.0.2.2, c: 192.0.2.3, d: 192.0.2.4}
    residency:
      only: [A, B, C]
      clients: {EU: [A, C, D], DE: [A, B], JP: [C, B], WEST: B}
      dns: ${dns}
`;
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, world);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result.policy;
}

/** Of one place, as the page says it. */
function setOf(
  location: { readonly country: string; readonly subdivision: string },
  loose: boolean,
) {
  const { country, subdivision } = location;
  const anywhere = country === "" && !loose;
  let set = ["a", "b", "c"];
  const bind = (holds: boolean, to: readonly string[]): void => {
    if (holds || anywhere) set = set.filter((each) => to.includes(each));
  };
  bind(["DE", "FR"].includes(country), ["a", "c", "d"]);
  bind(country === "DE", ["a", "b"]);
  bind(country === "JP", ["c", "b"]);
  bind(subdivision === "US-CA" || (country === "US" && subdivision === "" && !loose), ["b"]);
  return set;
}

const allowedOf = ({ allowed }: ClassPlan): readonly string[] =>
  ["a", "b", "c", "d"].filter((_, i) => allowed[i]);

for (const dns of ["strictest", "refuse-without-ecs", "best-effort"]) {
  test(`classify() keeps every prefix inside the sets of all its places, with ${dns}`, () => {
    const policy = policyFor(dns);
    const [ruleSet] = policy.ruleSets;
    assert.ok(ruleSet?.residency);
    const client = createClient();
    const out = createClassified();
    const inside = fc.record({ last: fc.nat(255), length: fc.integer({ min: 20, max: 32 }) });
    fc.assert(
      fc.property(inside, ({ last, length }) => {
        client.family = 4;
        client.before = 0;
        client.length = length;
        client.words.set(maskPrefix(Uint32Array.of(0xc000_0200 + last, 0, 0, 0), length));
        const first = findLeaf(policy.v4, client.words);
        const end = spanEnd(policy.v4, first, client.words, length);
        assert.ok(end !== -1 && end - first < limits.spanLeavesMax);
        let expected = ["a", "b", "c"];
        for (let leaf: number = first; leaf <= end; leaf++) {
          const location = policy.locations[policy.v4.locations[leaf] ?? 0];
          assert.ok(location);
          const own = setOf(location, dns === "best-effort");
          expected = expected.filter((each) => own.includes(each));
        }
        classify(policy, ruleSet, client, out);
        const decided = ruleSet.classes[out.classIndex];
        assert.ok(decided);
        assert.deepEqual(allowedOf(decided), expected);
        const decision = decide(policy, worldOf(policy, []), 0 as ServiceIndex, out.classIndex);
        assert.equal(decision.outcome, expected.length === 0 ? "refuse" : "answer");
      }),
    );
    assert.deepEqual(
      policy.services[0]?.withoutEcs,
      {
        strictest: "unknown",
        "refuse-without-ecs": "refuse",
        "best-effort": "resolver",
      }[dns],
    );
  });
}
