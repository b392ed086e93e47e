import assert from "node:assert/strict";
import { test } from "node:test";
import { first, policyOf, pool } from "../../test/support/steer-fixture.ts";
import { runOf } from "../../test/support/world-run.ts";
import type { EndpointIndex } from "../policy/policy.ts";
import { describeWorld, durationText, printWorld } from "./describe.ts";

const policy = policyOf([
  {
    name: "shop",
    pools: [
      { region: "fra", weights: [1, 1, 0] },
      { region: "muc", weights: [1], standby: "manual" },
    ],
    classes: [{ plan: first(pool(0), pool(1)) }],
    holdMs: 10_000,
    rampMs: 256_000,
  },
]);

test("describeWorld() and printWorld() show state, ages, counters and the operator's word", () => {
  const run = runOf(policy);
  run.probes(0, "oxxxooooo", 1000);
  run.probes(1, "ox", 1000);
  run.override({
    kind: "drain",
    target: "pool:shop/muc",
    reason: "new\u001b[31m disks",
    author: "ann",
  });
  run.wait(1500);
  run.step([
    {
      kind: "resolved",
      policyDigest: policy.digest,
      endpoint: 3 as EndpointIndex,
      at: run.now,
      resolved: {
        ipv4: [Uint8Array.of(192, 0, 2, 1)],
        ipv6: [],
        resolvedAt: run.now - 90_000,
        staleReason: "SERVFAIL",
      },
    },
  ]);
  const described = describeWorld(policy, run.world, run.now + 500);
  const endpoints = described.services[0]!.pools.flatMap((made) => made.endpoints);
  assert.equal(endpoints[0]!.state, "held");
  assert.equal(endpoints[0]!.holdLeftMs, 10_000 - 1000 - 2000 - 2000);
  assert.equal(endpoints[1]!.failures, 1);
  assert.equal(endpoints[1]!.lastFailure, "connect.timeout");
  assert.equal(endpoints[3]!.addressesAgeMs, 90_500);
  assert.equal(endpoints[3]!.forced, "drain");
  assert.deepEqual(JSON.parse(JSON.stringify(described)), described, "all of it survives JSON");
  const text = printWorld(described);
  assert.equal(text, expected, text);
});

const expected = `policy policy generation 6, 500ms old

shop  (ttl 30s)
  fra  10.0.0.0  held, 5.0s left  for 5.0s  5.0ms, seen 5.0s ago
  fra  10.0.0.1  up               for 4.0s  1 failed, connect.timeout, 5.0ms, seen 3.0s ago
  fra  10.0.0.2  unknown          -         weight 0
  muc  10.0.0.3  unknown          -         drain, standby inactive, 192.0.2.1, addresses old: SERVFAIL

overrides
  drain  pool:shop/muc  59m58s left  by ann: new\\u{1b}[31m disks  o1
`;

test("durationText() is short and ordered by unit", () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, "0ms"],
    [999, "999ms"],
    [1000, "1.0s"],
    [59_949, "59.9s"],
    [59_950, "1m00s"],
    [125_000, "2m05s"],
    [3_599_400, "59m59s"],
    [3_600_000, "1h00m"],
    [86_400_000, "24h00m"],
  ];
  for (const [ms, text] of cases) assert.equal(durationText(ms), text);
});
