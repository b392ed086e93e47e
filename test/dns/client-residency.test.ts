/** answer() where residency depends on the client: what it does without the client's address. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Service } from "../../src/policy/policy.ts";
import {
  type Ask,
  ask,
  extendedErrorOf,
  formatResponse,
  frontFor,
  snapshotOf,
  subnetOption,
  zonesFrom,
} from "../support/dns-front.ts";
import { geographyOf } from "../support/geography-fixture.ts";
import { policyOf, pool } from "../support/steer-fixture.ts";

/** Clients of 198.51.100.0/24 are class 1, served by 10.0.0.1; all others class 0, by 10.0.0.0. */
function answered(withoutEcs: Service["withoutEcs"], more: Partial<Ask>): string {
  const base = policyOf([
    {
      pools: [{ weights: [1] }, { weights: [1] }],
      classes: [{ plan: pool(0) }, { plan: pool(1) }],
    },
  ]);
  const { v4, v6, locations } = geographyOf({ "198.51.100.0/24": "DE" });
  const policy = {
    ...base,
    v4,
    v6,
    locations,
    names: zonesFrom("$ORIGIN example.com\n@ STEERED 0"),
    services: base.services.map((service) => ({ ...service, withoutEcs })),
    ruleSets: base.ruleSets.map((ruleSet) => ({
      ...ruleSet,
      classOfLocation: Uint16Array.from(locations, ({ country }) => (country === "DE" ? 1 : 0)),
      scope4: v4.lengths,
      scope6: v6.lengths,
    })),
  };
  const front = frontFor(snapshotOf(policy, []));
  const message = ask(front, { name: "example.com", client: [4, 0xc633_6401], ...more });
  const [head = "", record = ""] = formatResponse(message);
  return `${head.split(" ")[0]} ${record.split(" ").at(-1)} ${extendedErrorOf(message) ?? "-"}`;
}

const near = { edns: { options: [subnetOption(1, 24, [198, 51, 100, 0])] } };
const hidden = { edns: { options: [subnetOption(1, 0, [])] } };
const plain = { edns: {} };

test("answer() takes the resolver for the client, unless residency depends on the client", () => {
  assert.match(answered("resolver", plain), /^NOERROR 10\.0\.0\.1 /);
  assert.match(answered("resolver", near), /^NOERROR 10\.0\.0\.1 /);
  assert.match(answered("resolver", hidden), /^NOERROR 10\.0\.0\.0 /);
});

test("answer() takes a client that is not shown for unknown where residency is strictest", () => {
  assert.match(answered("unknown", plain), /^NOERROR 10\.0\.0\.0 /);
  assert.match(answered("unknown", near), /^NOERROR 10\.0\.0\.1 /);
  assert.match(answered("unknown", hidden), /^NOERROR 10\.0\.0\.0 /);
});

test("answer() refuses a client that is not shown where residency asks for it", () => {
  assert.match(answered("refuse", plain), /^SERVFAIL .*address is needed/);
  assert.match(answered("refuse", {}), /^SERVFAIL /);
  assert.match(answered("refuse", hidden), /^SERVFAIL .*address is needed/);
  assert.match(answered("refuse", near), /^NOERROR 10\.0\.0\.1 /);
});
