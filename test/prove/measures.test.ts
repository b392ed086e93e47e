/** Proofs over what is measured: capacity with regions lost, any order by latency, any load. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { limits } from "../../src/limits.ts";
import { compile } from "../../src/policy/compile.ts";
import type { ClassIndex, Policy, ServiceIndex } from "../../src/policy/policy.ts";
import { assume } from "../../src/prove/assume.ts";
import { claimsOf } from "../../src/prove/claims.ts";
import { goodDayWorld } from "../../src/prove/good-day.ts";
import { prove, type Verdict } from "../../src/prove/prove.ts";
import { withAllocation } from "../../src/steer/allocate.ts";
import { decide } from "../../src/steer/decide.ts";
import { allocations } from "../../src/world/world.ts";
import { smallWorld } from "../support/geography-fixture.ts";
import { Dice } from "./brute-force.ts";

interface Proved {
  readonly policy: Policy;
  readonly verdict: Verdict;
}

function proved(assertion: string, service: string, more = ""): Proved {
  const text = `version: 1
zone: example.com
regions: {a: {at: FRA, in: EU}, b: {at: IAD, in: US}, c: {at: NRT, in: JP}}
services:
  shop:
    check: {https: /}
    endpoints: {a: 192.0.2.1, b: 192.0.2.2, c: 192.0.2.3}
    ${service}
${more}
assert: ["${assertion}"]
`;
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, smallWorld);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  const [verdict] = prove(
    result.policy,
    claimsOf(loaded.config, () => undefined),
    { points: 200 },
  ).verdicts;
  assert.ok(verdict !== undefined);
  return { policy: result.policy, verdict };
}

describe("assert: capacity survives", () => {
  const service = (each: number): string =>
    `steer: [a, b, c]\n    capacity: {a: ${each}, b: ${each}, c: ${each}}`;
  const demand = "demand: {shop: {DE: 150, US: 50}}";
  const vectors: readonly [string, string, number, string, Verdict["outcome"], RegExp][] = [
    ["no region lost", "capacity survives 0 regions", 100, demand, "proved", /fullest is 70\.0%/],
    ["one of three lost", "capacity survives 1 region", 110, demand, "proved", /fullest is/],
    ["two of three lost", "capacity survives 2 regions", 110, demand, "violated", /200 of 110/],
    ["just enough", "capacity survives 1 region", 100, demand, "proved", /fullest is 100\.0%/],
    ["a little too little", "capacity survives 1 region", 99, demand, "violated", /of 99/],
    ["too little when all is well", "capacity survives 1 region", 60, demand, "violated", /of 60/],
    ["no demand", "capacity survives 1 region", 60, "", "undecided", /declared demand/],
  ];
  for (const [claim, assertion, each, more, outcome, detail] of vectors) {
    test(claim, () => {
      const { verdict } = proved(assertion, service(each), more);
      assert.equal(verdict.outcome, outcome, verdict.detail);
      assert.match(verdict.detail, detail);
    });
  }

  test("the counter-example is a state in which the product passes the capacity", () => {
    const { policy, verdict } = proved("capacity survives 2 regions", service(110), demand);
    const world = goodDayWorld(policy);
    for (const [option, target] of verdict.counterExample?.options ?? []) {
      assert.equal(option, "--force-down");
      assert.ok(assume(policy, world, { name: "force-down", target }).ok);
    }
    const { pools } = decide(
      policy,
      withAllocation(policy, world),
      0 as ServiceIndex,
      0 as ClassIndex,
    );
    assert.deepEqual(
      pools.map(({ share }) => share),
      [limits.shareTotal],
    );
    assert.match(
      verdict.counterExample?.command ?? "",
      /--force-down region:a --force-down region:b/,
    );
  });

  test("a region that is lost may not be left with demand", () => {
    const refuse = "steer: [a]\n    fallback: refuse\n    capacity: {a: 1000}";
    const { verdict } = proved("capacity survives 1 region", refuse, demand);
    assert.equal(verdict.outcome, "violated");
    assert.match(verdict.counterExample?.sentence ?? "", /refused/);
  });
});

describe("assertions on shares", () => {
  test("hold for every order by latency, or name the region that is asked first", () => {
    const claim = "share of b at most 60%";
    assert.equal(proved(claim, "steer: [a, b, c]").verdict.outcome, "proved");
    const { verdict } = proved(claim, "steer: latency");
    assert.equal(verdict.outcome, "violated");
    assert.match(verdict.counterExample?.sentence ?? "", /b asked first, while it is the quickest/);
  });

  test("hold for every load", () => {
    const claim = "share of c at most 60% while 1 region down";
    const capacity = "steer: [a, b, c]\n    capacity: {a: 10}";
    assert.equal(proved(claim, "steer: [a, b, c]").verdict.outcome, "proved");
    const { verdict } = proved(claim, capacity);
    assert.equal(verdict.outcome, "violated");
    assert.match(
      verdict.counterExample?.sentence ?? "",
      /c asked first, while the others are full/,
    );
  });

  test("who gets a share does not hang on orders or loads", () => {
    for (const service of ["steer: latency", "steer: [a, b, c]\n    capacity: {a: 10, b: 5}"]) {
      const more = "\n    residency: {only: [EU, US]}";
      assert.equal(proved("residency", service + more).verdict.outcome, "proved");
      assert.equal(proved("answer while 2 regions down", service).verdict.outcome, "proved");
      assert.equal(proved("answer while 3 regions down", service).verdict.outcome, "violated");
    }
  });

  test("no share that decide() gives at some order and load passes what was proved", () => {
    for (const most of [50, 70, 100]) {
      const weights = "steer: {weights: {a: 1, b: 1}}\n    capacity: {a: 10, b: 10}";
      const { policy, verdict } = proved(`share of a at most ${most}%`, weights);
      let greatest = 0;
      for (let seed = 0; seed < 300; seed++) {
        const dice = new Dice(seed);
        const world = goodDayWorld(policy);
        world.services.allocation[0] = allocations.demand;
        world.capacity.keep.forEach((_, i) => {
          world.capacity.keep[i] = dice.pick([0, 1, 2000, limits.keepFull] as const);
        });
        const { pools } = decide(policy, world, 0 as ServiceIndex, 0 as ClassIndex);
        greatest = Math.max(greatest, pools.find(({ pool }) => pool === 0)?.share ?? 0);
      }
      assert.equal(greatest, limits.shareTotal);
      assert.equal(verdict.outcome, most === 100 ? "proved" : "violated");
    }
  });
});
