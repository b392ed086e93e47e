/** Measured latency from samples to decisions: the vectors of docs/steering.md, "Latency". */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import type { Geography } from "../../src/geo/geography.ts";
import { compile } from "../../src/policy/compile.ts";
import type { CellIndex, Policy, RegionIndex } from "../../src/policy/policy.ts";
import { explain } from "../../src/steer/explain.ts";
import { buildTable, updateTable } from "../../src/steer/table.ts";
import { carry } from "../../src/world/carry.ts";
import type { WorldEvent } from "../../src/world/event.ts";
import { applyChanges, encodeChanges } from "../../src/world/frame.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { step } from "../../src/world/step.ts";
import type { World } from "../../src/world/world.ts";
import { geographyOf, smallWorld } from "../support/geography-fixture.ts";

const startMs = 1_000_000_000_000;
const client = "192.0.2.1";
const networks = geographyOf({
  "192.0.2.0/26": { country: "DE", asn: 3320 },
  "192.0.2.64/26": { country: "DE", asn: 6805 },
});

function policyOf(
  options: { readonly latency?: string; readonly steer?: string; readonly geo?: Geography } = {},
): Policy {
  const { latency = "{}", steer = "latency", geo = smallWorld } = options;
  const text = `version: 1
zone: example.com
latency: ${latency}
regions: {ams: {at: AMS, in: EU}, fra: {at: FRA, in: EU}, iad: {at: IAD, in: US}, muc: {at: MUC}}
services:
  shop:
    endpoints: {ams: 192.0.2.1, fra: 192.0.2.2, iad: 192.0.2.3, muc: 192.0.2.4}
    standby: {region: muc, activate: auto}
    steer: ${steer}
`;
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, geo);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result.policy;
}

type Sample = readonly [region: string, ms: number, afterMs?: number, cell?: string];

function events(policy: Policy, samples: readonly Sample[]): WorldEvent[] {
  return samples.map(([region, ms, afterMs = 0, cell = "DE"]) => ({
    kind: "latency",
    policyDigest: policy.digest,
    cell: policy.latency?.cells.findIndex(({ name }) => name === cell) as CellIndex,
    region: policy.regions.findIndex(({ name }) => name === region) as RegionIndex,
    at: startMs + afterMs,
    microseconds: ms * 1000,
  }));
}

function measured(policy: Policy, samples: readonly Sample[], nowMs = 0): World {
  const world = initialWorld(policy, startMs);
  const last = Math.max(nowMs, ...samples.map(([, , afterMs = 0]) => afterMs));
  return step(policy, world, events(policy, samples), startMs + last).world;
}

function explained(policy: Policy, world: World, from = client) {
  const result = explain(policy, world, { service: "shop", client: from });
  assert.ok(result.ok);
  return result.explanation;
}

/** The ranked tiers, without the standby. */
const planOf = (policy: Policy, world: World, from = client): string =>
  explained(policy, world, from).plan.replace(/^first\(first\((.*)\), muc\)$/, "$1");

describe("steer: latency", () => {
  const vectors: readonly [string, readonly Sample[], string][] = [
    ["nothing measured: distance", [], "fra, ams, iad"],
    [
      "all measured",
      [
        ["iad", 8],
        ["ams", 9],
        ["fra", 14],
      ],
      "iad, ams, fra",
    ],
    [
      "the nearest is slower than the second",
      [
        ["fra", 14],
        ["ams", 9],
      ],
      "ams, fra, iad",
    ],
    [
      "what is not measured keeps its place",
      [
        ["fra", 90],
        ["iad", 80],
      ],
      "iad, ams, fra",
    ],
    ["one alone stays where distance puts it", [["iad", 1]], "fra, ams, iad"],
    [
      "7 % is within the margin",
      [
        ["fra", 14],
        ["ams", 13],
      ],
      "fra, ams, iad",
    ],
    [
      "exactly the margin is not enough",
      [
        ["fra", 10],
        ["ams", 9],
      ],
      "fra, ams, iad",
    ],
    [
      "more than the margin is",
      [
        ["fra", 10],
        ["ams", 8.999],
      ],
      "ams, fra, iad",
    ],
    [
      "another cell's samples are not this one's",
      [
        ["ams", 1, 0, "FR"],
        ["fra", 90, 0, "FR"],
      ],
      "fra, ams, iad",
    ],
    // The third sample weighs 1/8: 14 + (6 - 14) / 8 = 13.
    [
      "a sample counts for an eighth",
      [
        ["ams", 14],
        ["fra", 14],
        ["fra", 6],
      ],
      "ams, fra, iad",
    ],
    // 5 of 10 minutes later it weighs a half: 14 + (6 - 14) / 2 = 10.
    [
      "and for more when it is long after",
      [
        ["ams", 14],
        ["fra", 14],
        ["fra", 6, 300_000],
      ],
      "fra, ams, iad",
    ],
  ];
  for (const [claim, samples, plan] of vectors) {
    test(claim, () => {
      const policy = policyOf();
      assert.equal(planOf(policy, measured(policy, samples)), plan);
    });
  }

  test("averages are whole microseconds, moved by whole parts", () => {
    const policy = policyOf();
    const world = measured(policy, [
      ["fra", 0.007],
      ["fra", 0],
    ]);
    // 7 + trunc(-7 * 32 / 256) = 7.
    assert.equal(
      world.latency.microseconds.find((each) => each > 0),
      7,
    );
  });

  test("a region is not measured any more when its last sample is too old", () => {
    const policy = policyOf({ latency: "{age: 10s}" });
    const samples: readonly Sample[] = [
      ["fra", 20],
      ["ams", 5],
      ["fra", 20, 5000],
    ];
    const at = (ms: number): string => planOf(policy, measured(policy, samples, ms));
    assert.equal(at(10_000), "ams, fra, iad");
    assert.equal(at(10_001), "fra, ams, iad");
    assert.equal(measured(policy, samples).nextAt, startMs + 10_001);
  });

  test("reasons and milliseconds say what was measured where", () => {
    const policy = policyOf();
    const world = measured(policy, [
      ["fra", 14],
      ["ams", 9],
    ]);
    const { pools, reasons } = explained(policy, world);
    assert.deepEqual(
      pools.map(({ pool, milliseconds }) => [pool, milliseconds]),
      [
        ["ams", 9],
        ["fra", 14],
        ["iad", null],
        ["muc", null],
      ],
    );
    const codes = reasons.map(({ code }) => code);
    assert.ok(codes.includes("latency.ranked") && !codes.includes("nearest.ranked"));
    assert.match(reasons.map(({ sentence }) => sentence).join(), /\(DE\)/);
    const far = explained(policy, world, "192.0.2.200").reasons.map(({ code }) => code);
    assert.ok(far.includes("nearest.ranked") && !far.includes("latency.ranked"));
  });

  test("a network named in the configuration has cells of its own", () => {
    const policy = policyOf({ latency: "{networks: [3320]}", geo: networks });
    const world = measured(policy, [
      ["fra", 90, 0, "DE/AS3320"],
      ["ams", 9, 0, "DE/AS3320"],
    ]);
    assert.equal(planOf(policy, world, "192.0.2.1"), "ams, fra, iad");
    assert.equal(planOf(policy, world, "192.0.2.65"), "fra, ams, iad");
  });

  test("probes count only for the country where the server is said to stand", () => {
    const probe = (policy: Policy, region: string, latencyMs: number): WorldEvent => ({
      kind: "result",
      policyDigest: policy.digest,
      endpoint: policy.endpoints.findIndex(
        ({ pool }) => policy.pools[pool]?.name === region,
      ) as never,
      at: startMs,
      ok: true,
      latencyMs,
      failure: "none",
    });
    for (const [latency, plan] of [
      ["{}", "fra, ams, iad"],
      ["{observer: DE}", "ams, fra, iad"],
      ["{observer: FR}", "fra, ams, iad"],
    ] as const) {
      const policy = withMonitors(policyOf({ latency }));
      const probes = [probe(policy, "fra", 30), probe(policy, "ams", 3)];
      const { world } = step(policy, initialWorld(policy, startMs), probes, startMs);
      assert.equal(planOf(policy, world), plan, latency);
    }
  });

  test("the order does not depend on how samples are cut into steps", () => {
    const policy = policyOf({ latency: "{age: 30s, window: 20s}" });
    const sample = fc.tuple(
      fc.constantFrom("ams", "fra", "iad", "muc"),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 0, max: 20_000 }),
    );
    const property = fc.property(fc.array(sample, { maxLength: 30 }), fc.nat(30), (list, cut) => {
      let afterMs = 0;
      const samples = list.map(([region, ms, gap]): Sample => {
        afterMs += gap;
        return [region, ms, afterMs];
      });
      const whole = measured(policy, samples);
      const [one, two] = [samples.slice(0, cut), samples.slice(cut)];
      const half = measured(policy, one);
      const parts = step(policy, half, events(policy, two), startMs + afterMs).world;
      assert.deepEqual(parts.latency, whole.latency);
    });
    fc.assert(property, { numRuns: 300 });
  });

  test("carry() follows the names of cells and regions", () => {
    const before = policyOf();
    const world = measured(before, [
      ["fra", 14],
      ["ams", 9],
      ["iad", 90],
    ]);
    const after = policyOf({ steer: "{latency: {of: [iad, fra]}}" });
    const now = carry(before, world, after, startMs + 1);
    const ranked = explained(after, now).pools.map(({ pool, milliseconds }) => [
      pool,
      milliseconds,
    ]);
    assert.deepEqual(ranked.slice(0, 2), [
      ["fra", 14],
      ["iad", 90],
    ]);
  });

  test("a table and a reader of the stream follow a change of order", () => {
    const policy = policyOf();
    const world = initialWorld(policy, startMs);
    const table = buildTable(policy, world);
    const result = step(
      policy,
      world,
      events(policy, [
        ["fra", 14],
        ["ams", 9],
      ]),
      startMs,
    );
    assert.ok(result.changedLatency);
    const change = JSON.parse(JSON.stringify(encodeChanges(result.world, result))) as unknown;
    const read = applyChanges(world, change);
    assert.ok(read !== undefined);
    updateTable(table, policy, read, []);
    const fresh = buildTable(policy, result.world);
    assert.deepEqual(table.columns[0]?.shapes, fresh.columns[0]?.shapes);
    assert.notDeepEqual(table.columns[0]?.shapes, buildTable(policy, world).columns[0]?.shapes);
  });
});

/** As if every endpoint were checked. */
function withMonitors(policy: Policy): Policy {
  const monitor = {
    intervalMs: 2000,
    timeoutMs: 1000,
    downThreshold: 3,
    upThreshold: 5,
    okThreshold: 3,
  };
  return {
    ...policy,
    monitors: [monitor],
    endpoints: policy.endpoints.map((endpoint) => ({ ...endpoint, monitor: 0 })),
  } as unknown as Policy;
}
