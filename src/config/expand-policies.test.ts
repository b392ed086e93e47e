import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../limits.ts";
import { Policies } from "./expand-policies.ts";
import type { SteerInput } from "./schema-steer.ts";

const over = (policies: Readonly<Record<string, SteerInput>>) =>
  new Policies(new Map(Object.entries(policies)));

/** p0 is a list of p1 and a region of its own, and so on. */
function chain(levels: number): Policies {
  const policies: Record<string, SteerInput> = { [`p${levels - 1}`]: ["end"] };
  for (let i = 0; i < levels - 1; i++) policies[`p${i}`] = [{ policy: `p${i + 1}` }, `r${i}`];
  return over(policies);
}

test("Policies.expand() puts in what a policy names, lists in tiers in full", () => {
  const policies = over({ europe: ["fra", "ams"], near: "nearest" });
  assert.deepEqual(policies.expand({ policy: "europe" }), {
    steer: ["fra", "ams"],
    depth: 1,
    nodes: 3,
  });
  const made = policies.expand([{ policy: "europe" }, { policy: "near" }]);
  assert.deepEqual("steer" in made && made.steer, [{ order: ["fra", "ams"] }, { nearest: {} }]);
});

test("Policies.expand() nests as deep as the bound, which is more than ten levels", () => {
  assert.ok(limits.planDepthMax >= 10);
  assert.ok("steer" in chain(limits.planDepthMax).expand({ policy: "p0" }));
  const tooDeep = chain(limits.planDepthMax + 1).expand({ policy: "p0" });
  assert.deepEqual(tooDeep, { fault: "deep" });
});

test("Policies.expand() refuses a cycle with the names on it, from each of them", () => {
  const policies = over({
    a: [{ policy: "b" }],
    b: { rules: [{ when: "true", steer: { policy: "c" } }, { steer: "nearest" }] },
    c: { weights: [{ weight: 1, steer: { policy: "b" } }] },
  });
  assert.deepEqual(policies.expand({ policy: "a" }), { fault: "cycle", names: ["b", "c", "b"] });
  assert.deepEqual(policies.expand({ policy: "nobody" }), { fault: "unknown", name: "nobody" });
});

test("Policies.expand() counts parts, so that policies cannot multiply without bound", () => {
  const policies: Record<string, SteerInput> = { p0: ["fra"] };
  for (let i = 1; i < 12; i++) {
    const part = { weight: 1, steer: { policy: `p${i - 1}` } };
    policies[`p${i}`] = { weights: new Array(8).fill(part) };
  }
  assert.deepEqual(over(policies).expand({ policy: "p11" }), { fault: "large" });
});
