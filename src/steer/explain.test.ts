/** explain() finds services and clients, and says what decide(), classify() and pick() say. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  classAt,
  first,
  policyOf,
  pool,
  serviceAt,
  split,
  worldOf,
} from "../../test/support/steer-fixture.ts";
import type { Policy } from "../policy/policy.ts";
import { decide } from "./decide.ts";
import { type Explanation, explain, formatExplanation } from "./explain.ts";
import { clientKey } from "./key.ts";
import { createPicked, pick } from "./pick.ts";
import { buildTable } from "./table.ts";

const plain = policyOf([
  {
    name: "shop",
    pools: [{ weights: [1, 2] }, { weights: [1] }, { weights: [1], monitored: false }],
    classes: [{ plan: first(split([1, pool(0)], [1, pool(1)]), pool(2)) }],
    key: "client",
  },
  { name: "mail", pools: [{ weights: [1] }], classes: [{ plan: pool(0) }] },
]);
const policy: Policy = {
  ...plain,
  services: plain.services.map((service, i) => ({
    ...service,
    names: i === 0 ? ["shop.example.com", "*.example.com"] : ["*.mail.example.com", "example.com"],
  })),
};
const world = worldOf(policy, []);

function explained(service: string, client: string, state = world): Explanation {
  const result = explain(policy, state, { service, client });
  assert.ok(result.ok, JSON.stringify(result));
  return result.explanation;
}

describe("explain()", () => {
  const names: readonly [string, string][] = [
    ["shop", "shop"],
    ["SHOP.example.com.", "shop"],
    ["www.example.com", "shop"],
    ["a.b.example.com", "shop"],
    ["example.com", "mail"],
    ["x.mail.example.com", "mail"],
    ["mail.example.com", "shop"],
  ];
  for (const [asked, expected] of names) {
    test(`finds ${expected} by ${asked}`, () => {
      assert.equal(explained(asked, "").service, expected);
    });
  }

  test("says what it does not know, with a hint", () => {
    const nothing = explain(policy, world, { service: "example.org", client: "" });
    assert.deepEqual(nothing, {
      ok: false,
      message: 'no service is or answers to "example.org"',
      hint: "services are shop, mail",
    });
    assert.equal(explain(policy, world, { service: "shop", client: "1.2.3" }).ok, false);
  });

  test("keeps the client where pick() keeps it", () => {
    const table = buildTable(policy, world);
    const [service] = policy.services;
    assert.ok(service);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (word) => {
        const text = [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join(".");
        const picked = createPicked();
        const key = clientKey(service, 4, Uint32Array.of(word));
        assert.ok(pick(table, serviceAt(0), classAt(0), key, picked));
        const name = policy.endpoints[picked.endpoint]?.name ?? "";
        assert.ok(explained("shop", text).picked?.endsWith(`/${name}`));
      }),
      { numRuns: 20 },
    );
    assert.equal(explained("mail", "192.0.2.1").picked, null);
    assert.equal(explained("shop", "").picked, null);
  });

  test("shows the shares and reasons of decide()", () => {
    const state = worldOf(policy, ["down", 64, "unknown", "up"]);
    const decision = decide(policy, state, serviceAt(0), classAt(0), "unknown");
    const { pools, reasons } = explained("shop", "192.0.2.1", state);
    const shares = pools.flatMap(({ endpoints }) => endpoints.map(({ share }) => share));
    const expected = policy.endpoints.slice(0, 4).map((_, i) => {
      return decision.answers.find(({ endpoints }) => endpoints[0] === i)?.share ?? 0;
    });
    assert.deepEqual(shares, expected);
    assert.deepEqual(
      reasons.map(({ code }) => code),
      decision.reasons.map(({ code }) => code),
    );
    const text = formatExplanation(explained("shop", "192.0.2.1", state));
    for (const { sentence } of reasons) assert.ok(text.includes(sentence));
  });
});
