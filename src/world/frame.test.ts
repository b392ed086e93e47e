import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { first, policyOf, pool } from "../../test/support/steer-fixture.ts";
import { result, runOf } from "../../test/support/world-run.ts";
import type { EndpointIndex } from "../policy/policy.ts";
import { endpointColumns, poolColumns, serviceColumns } from "./columns.ts";
import { worldDigest } from "./digest.ts";
import { applyChanges, decodeWorld, encodeChanges, encodeWorld, fitsPolicy } from "./frame.ts";
import { initialWorld } from "./initial.ts";
import type { World } from "./world.ts";

const policy = policyOf([
  {
    name: "shop",
    pools: [
      { region: "fra", weights: [1, 1] },
      { region: "iad", weights: [1], standby: "manual" },
    ],
    classes: [{ plan: first(pool(0), pool(1)) }],
    ttl: [1, 60],
    holdMs: 1000,
    rampMs: 2000,
  },
]);

function lived(): World {
  const run = runOf(policy);
  run.probes(0, "oxxxooooo", 300);
  run.probe(1, true);
  run.override({ kind: "activate", target: "pool:shop/iad" });
  run.step([
    {
      kind: "resolved",
      policyDigest: policy.digest,
      endpoint: 2 as EndpointIndex,
      at: run.now,
      resolved: {
        ipv4: [Uint8Array.of(192, 0, 2, 1)],
        ipv6: [new Uint8Array(16).fill(1)],
        resolvedAt: run.now,
        staleReason: "NXDOMAIN",
      },
    },
  ]);
  return run.world;
}

const overWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("decodeWorld() gives back the World of encodeWorld()", () => {
  const world = lived();
  const back = decodeWorld(overWire(encodeWorld(world)));
  assert.deepEqual(back, { ...world, nextAt: 0 });
  assert.equal(worldDigest(back!), worldDigest(world));
  assert.ok(fitsPolicy(back!, policy));
});

test("applyChanges() keeps a reader at the World of the writer, in all that decides", () => {
  const run = runOf(policy);
  let reader = decodeWorld(overWire(encodeWorld(run.world)))!;
  let changes = 0;
  const follow = (): void => {
    const done = run.last!;
    if (done.world.generation === reader.generation) return;
    changes++;
    const next = applyChanges(reader, overWire(encodeChanges(done.world, done)));
    assert.ok(next !== undefined);
    reader = next;
    assert.equal(reader.generation, done.world.generation);
    assert.equal(worldDigest(reader), worldDigest(done.world));
    assert.deepEqual(reader.overrides, done.world.overrides);
  };
  for (const [row, letters] of [
    [0, "oxxxooooo"],
    [1, "xooooo"],
    [2, "o"],
  ] as const) {
    for (const letter of letters) {
      run.probe(row, letter === "o");
      follow();
      run.now += 700;
      run.step([]);
      follow();
    }
  }
  run.override({ kind: "activate", target: "pool:shop/iad", id: "a" });
  follow();
  run.lift("a");
  follow();
  assert.ok(changes > 10);
  const [before, after] = [initialWorld(policy, 0), reader];
  const other = applyChanges({ ...before, policyDigest: "other" }, encodeChanges(after, run.last!));
  assert.equal(other, undefined, "changes of another policy");
});

test("applyChanges() keeps columns in which nothing differs", () => {
  const run = runOf(policy);
  const reader = decodeWorld(encodeWorld(run.world))!;
  const next = applyChanges(reader, encodeChanges(run.probe(0, true).world, run.last!))!;
  assert.equal(next.endpoints.forced, reader.endpoints.forced);
  assert.notEqual(next.endpoints.verdict, reader.endpoints.verdict);
});

const base64 = (bytes: readonly number[]): string => Uint8Array.from(bytes).toBase64();

test("decodeWorld() and applyChanges() refuse what is not a frame, and never throw", () => {
  const world = lived();
  const frame = encodeWorld(world);
  const change = encodeChanges(world, {
    changed: [0, 1] as EndpointIndex[],
    changedPools: [],
    changedServices: [],
    changedLatency: false,
    changedCapacity: false,
    overrideChanges: [1],
  });
  const badFrames: readonly unknown[] = [
    undefined,
    null,
    7,
    "frame",
    [],
    {},
    { ...frame, format: 1 },
    { ...frame, rows: [3, 2, 1, 0] },
    { ...frame, rows: [4, 2, 1, 0, 0] },
    { ...frame, rows: [3, 2, 1, 1, 0] },
    { ...frame, rows: [3, 2, 1, 0, 1] },
    { ...frame, rows: [2 ** 30, 2, 1, 0, 0] },
    { ...frame, rows: [-1, 2, 1, 0, 0] },
    { ...frame, at: "now" },
    { ...frame, generation: -1 },
    { ...frame, endpoints: { ...frame.endpoints, verdict: undefined } },
    { ...frame, endpoints: { ...frame.endpoints, verdict: "!!!!" } },
    { ...frame, endpoints: { ...frame.endpoints, verdict: base64([4, 0, 0]) } },
    { ...frame, endpoints: { ...frame.endpoints, availability: base64([1, 1, 1, 1, 1, 1]) } },
    { ...frame, services: {} },
    { ...frame, latency: {} },
    { ...frame, capacity: {} },
    { ...frame, resolved: [[9, [], [], 0, ""]] },
    { ...frame, resolved: [[0, ["AAAA"], [], 0, ""]] },
    { ...frame, resolved: [[0, Array(65).fill("AAAAAA=="), [], 0, ""]] },
    { ...frame, overrides: [{ ...frame.overrides[0], kind: "nuke" }] },
    { ...frame, overrides: Array(1025).fill(frame.overrides[0]) },
  ];
  for (const bad of badFrames) assert.equal(decodeWorld(bad), undefined, JSON.stringify(bad));
  const badChanges: readonly unknown[] = [
    ...badFrames.slice(0, 7),
    { ...change, rows: [[0, 3], [], []] },
    { ...change, rows: [[0, 0.5], [], []] },
    { ...change, rows: [[0, 1, 2, 0], [], []] },
    { ...change, generation: world.generation - 1 },
    { ...change, endpoints: {} },
    { ...change, latency: {} },
    { ...change, capacity: { keep: "AAA=" } },
    { ...change, endpoints: { ...change.endpoints, verdict: base64([9, 9]) } },
  ];
  for (const bad of badChanges) {
    assert.equal(applyChanges(world, bad), undefined, JSON.stringify(bad));
  }
  const texts = [JSON.stringify(frame), JSON.stringify(change)] as const;
  fc.assert(
    fc.property(fc.nat(), fc.string({ maxLength: 3 }), fc.boolean(), (at, insert, whole) => {
      const text = texts[whole ? 0 : 1];
      const cut = at % text.length;
      let value: unknown;
      try {
        value = JSON.parse(text.slice(0, cut) + insert + text.slice(cut + insert.length));
      } catch {
        return;
      }
      const made = whole ? decodeWorld(value) : applyChanges(world, value);
      if (made === undefined) return;
      assert.ok(fitsPolicy({ ...made, policyDigest: policy.digest }, policy));
    }),
    { numRuns: 2000 },
  );
});

test("worldDigest() covers every column that decides, and no other", () => {
  const world = lived();
  const digest = worldDigest(world);
  const kinds = [
    ["endpoints", endpointColumns],
    ["pools", poolColumns],
    ["services", serviceColumns],
  ] as const;
  for (const [kind, specs] of kinds) {
    for (const [name, spec] of Object.entries(specs)) {
      const other = structuredClone(world);
      const column = (other[kind] as unknown as Record<string, Uint8Array>)[name]!;
      column[0] = column[0] === 1 ? 0 : 1;
      assert.equal(worldDigest(other) !== digest, spec.decides, name);
    }
  }
  const other = structuredClone(world) as World & { at: number };
  other.at += 1;
  assert.equal(worldDigest(other), digest);
  const resolved = new Map([[2, { ...world.resolved.get(2)!, ipv6: [] }]]);
  assert.notEqual(worldDigest({ ...world, resolved }), digest);
});

test("fitsPolicy() is false for columns of another length or kind", () => {
  const world = initialWorld(policy, 0);
  const bent = (name: string, column: unknown): World => ({
    ...world,
    endpoints: { ...world.endpoints, [name]: column },
  });
  assert.ok(fitsPolicy(world, policy));
  assert.ok(!fitsPolicy(bent("verdict", new Uint8Array(4)), policy));
  assert.ok(!fitsPolicy(bent("verdict", new Uint16Array(3)), policy));
  assert.ok(!fitsPolicy(bent("kept", undefined), policy));
  assert.ok(!fitsPolicy({ ...world, policyDigest: "other" }, policy));
  const stepped = result(policy, { row: 0, ok: true, at: 0 });
  assert.equal(stepped.kind, "result");
});
