import assert from "node:assert/strict";
import { test } from "node:test";
import { policyOf, pool, split } from "../../test/support/steer-fixture.ts";
import { endpointsOfTarget, findTarget, parseTarget } from "./target.ts";

const plan = split([1, pool(0)], [1, pool(1)], [1, pool(2)]);
const sketch = policyOf([
  {
    name: "shop",
    pools: [
      { region: "fra", weights: [1, 1], name: "fra/canary" },
      { region: "fra", weights: [1], name: "fra/stable" },
      { region: "iad", weights: [1] },
    ],
    classes: [{ plan }],
  },
  { name: "iad", pools: [{ region: "fra", weights: [1] }], classes: [{ plan: pool(0) }] },
]);
const names = ["192.0.2.1", "[2001:db8::1]:8443", "192.0.2.2", "a.example:80", "192.0.2.9"];
const policy = {
  ...sketch,
  endpoints: sketch.endpoints.map((endpoint, row) => ({ ...endpoint, name: names[row]! })),
};

test("parseTarget() reads stored and bare forms", () => {
  const cases: readonly (readonly [string, string, readonly number[]])[] = [
    ["region:fra", "region:fra", [0, 1, 2, 4]],
    ["fra", "region:fra", [0, 1, 2, 4]],
    [" shop ", "service:shop", [0, 1, 2, 3]],
    ["service:iad", "service:iad", [4]],
    ["region:iad", "region:iad", [3]],
    ["shop/iad", "pool:shop/iad", [3]],
    ["shop/fra/canary", "pool:shop/fra/canary", [0, 1]],
    ["shop/iad/a.example:80", "endpoint:shop/iad/a.example:80", [3]],
    [
      "endpoint:shop/fra/canary/[2001:db8::1]:8443",
      "endpoint:shop/fra/canary/[2001:db8::1]:8443",
      [1],
    ],
    ["shop/fra/stable/192.0.2.2", "endpoint:shop/fra/stable/192.0.2.2", [2]],
  ];
  for (const [text, stored, rows] of cases) {
    const parsed = parseTarget(policy, text);
    assert.ok(parsed.ok, text);
    assert.equal(parsed.target.text, stored);
    assert.deepEqual(endpointsOfTarget(policy, parsed.target), rows, text);
    assert.deepEqual(findTarget(policy, stored), parsed.target);
  }
});

test("parseTarget() says what is wrong and what was perhaps meant", () => {
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    ["iad", /both a region and a service/, /region:iad or service:iad/],
    ["fro", /no region, service, pool or endpoint named "fro"/, /did you mean fra/],
    ["shop/fra/canry", /no region/, /did you mean shop\/fra\/canary/],
    ["region:shpo", /no region named "shpo"/, /region:\.\.\., service/],
    ["service:shpo", /no service named "shpo"/, /did you mean shop/],
    ["", /named ""/, /or a name alone/],
    ["nonsense:fra", /no region/, /write region/],
    ["x".repeat(5000), /named "x{100}"/, /write region/],
  ];
  for (const [text, message, hint] of cases) {
    const parsed = parseTarget(policy, text);
    assert.ok(!parsed.ok, text);
    assert.match(parsed.message, message);
    assert.match(parsed.hint, hint);
  }
});

test("findTarget() takes the stored form only", () => {
  for (const text of [
    "fra",
    "shop",
    "region:",
    "region:nowhere",
    "planet:fra",
    "endpoint:shop/iad",
  ]) {
    assert.equal(findTarget(policy, text), undefined, text);
  }
});
