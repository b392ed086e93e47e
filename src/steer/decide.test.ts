/** Steps 5, 6, 8, 9 and 10: plans, attempts, answers and reasons, by vectors and by promises. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  classAt,
  type EndpointSketch,
  first,
  policyOf,
  pool,
  type ServiceSketch,
  serviceAt,
  split,
  worldOf,
} from "../../test/support/steer-fixture.ts";
import { limits } from "../limits.ts";
import type { Plan } from "../policy/policy.ts";
import { decide } from "./decide.ts";
import type { Decision, Seen } from "./decision.ts";

const total = limits.shareTotal;

function decideOf(
  sketch: ServiceSketch,
  world: readonly EndpointSketch[],
  options: { readonly active?: readonly number[]; readonly seen?: Seen } = {},
): Decision {
  const policy = policyOf([sketch]);
  const made = worldOf(policy, world);
  for (const index of options.active ?? []) made.pools.active[index] = 1;
  return decide(policy, made, serviceAt(0), classAt(0), options.seen);
}

/** Pools of one endpoint each, as many as the world has words. */
function poolsOf(
  plan: Plan,
  world: readonly EndpointSketch[],
  rest: Partial<ServiceSketch> = {},
): readonly number[] {
  const sketch = { pools: world.map(() => ({ weights: [1] })), classes: [{ plan }], ...rest };
  const shares = world.map(() => 0);
  for (const { pool: ordinal, share } of decideOf(sketch, world).pools) shares[ordinal] = share;
  return shares;
}

const parts = (of: number, ...numbers: readonly number[]) => numbers.map((n) => (n * total) / of);

describe("decide() a first", () => {
  type Row = readonly [string, readonly EndpointSketch[], readonly number[]];
  const rows: readonly Row[] = [
    ["serves from its first tier", ["up", "up"], parts(1, 1, 0)],
    ["serves from an unknown tier before a later one", ["unknown", "up"], parts(1, 1, 0)],
    ["passes a down tier", ["down", "unknown"], parts(1, 0, 1)],
    ["leaves the rest of a ramp with the next tier", [64, "up"], parts(4, 1, 3)],
    ["leaves the rest of a ramp with an unknown tier", [64, "unknown"], parts(4, 1, 3)],
    ["leaves what remains with the greatest", [64, 128], parts(4, 1, 3)],
    ["leaves what remains with the first of equals", [64, 64], parts(16, 13, 3)],
    ["gives a lone ramping tier everything", [64, "down"], parts(1, 1, 0)],
    ["does not skip a held tier that would do", ["held", "down"], parts(1, 1, 0)],
    ["skips a held tier while another can", ["held", "unknown"], parts(1, 0, 1)],
    ["goes through three tiers", [128, 128, "up"], parts(4, 2, 1, 1)],
  ];
  for (const [claim, world, expected] of rows) {
    test(claim, () => {
      assert.deepEqual(poolsOf(first(...world.map((_, i) => pool(i))), world), expected);
    });
  }

  test("inside a first keeps its own tiers", () => {
    const plan = first(first(pool(0), pool(1)), pool(2));
    assert.deepEqual(poolsOf(plan, ["unknown", "up", "up"]), parts(1, 1, 0, 0));
    assert.deepEqual(poolsOf(plan, [128, "down", "up"]), parts(2, 1, 0, 1));
  });

  test("below a split is asked at the level of the split's tier", () => {
    const plan = split([1, first(pool(0), pool(1))], [1, pool(2)]);
    assert.deepEqual(poolsOf(plan, ["unknown", "up", "up"]), parts(2, 0, 1, 1));
    assert.deepEqual(poolsOf(plan, ["unknown", "down", "unknown"]), parts(2, 1, 0, 1));
  });
});

describe("decide() a split", () => {
  type Row = readonly [string, readonly EndpointSketch[], readonly number[]];
  const rows: readonly Row[] = [
    ["shares by weight", ["up", "up", "up"], parts(4, 1, 1, 2)],
    ["closes the gap of a down child", ["up", "up", "down"], parts(2, 1, 1, 0)],
    ["leaves the rest of a ramp where it was", ["up", "up", 128], parts(8, 3, 3, 2)],
    ["shares as always when all ramp alike", [64, 64, 64], parts(4, 1, 1, 2)],
    ["uses no unknown child while one is up", ["up", "unknown", "unknown"], parts(1, 1, 0, 0)],
    ["uses the unknown when none is up", ["unknown", "down", "unknown"], [21_845, 0, 43_691]],
  ];
  for (const [claim, world, expected] of rows) {
    test(claim, () => {
      const plan = split([1, pool(0)], [1, pool(1)], [2, pool(2)]);
      assert.deepEqual(poolsOf(plan, world), expected);
    });
  }

  test("leaves the rest to the whole only", () => {
    const plan = split([1, pool(0)], [1, pool(1)], [2, pool(2)]);
    // t = 1/3, 2/3; the ramping child has 1/3 and the whole one the rest.
    assert.deepEqual(poolsOf(plan, ["up", "unknown", 128]), [43_691, 0, 21_845]);
  });

  test("gives weight 0 nothing, even when nothing else is left", () => {
    const plan = split([0, pool(0)], [1, pool(1)]);
    assert.deepEqual(poolsOf(plan, ["up", "up"]), parts(1, 0, 1));
    assert.deepEqual(poolsOf(plan, ["up", "out"]), parts(1, 0, 0));
  });
});

describe("decide() when nothing is left", () => {
  const two = {
    pools: [{ weights: [1] }, { weights: [1] }],
    classes: [{ plan: first(pool(0), pool(1)) }],
  };
  const last = (decision: Decision) => decision.reasons.at(-1)?.code;

  test("serve-all keeps the plan, as if none were down", () => {
    const decision = decideOf(two, ["down", "down"]);
    assert.deepEqual(decision.pools, [{ pool: 0, share: total }]);
    assert.equal(last(decision), "fallback.serve-all");
  });

  test("serve-all passes what the operator took out, and refuses when that is all", () => {
    assert.deepEqual(decideOf(two, ["drain", "down"]).pools, [{ pool: 1, share: total }]);
    const refused = decideOf(two, ["drain", "out"]);
    assert.equal(refused.outcome, "refuse");
    assert.deepEqual([refused.answers, refused.pools], [[], []]);
    assert.equal(last(refused), "fallback.refuse");
  });

  test("serve-all does not wake a manual standby", () => {
    const sketch: ServiceSketch = {
      pools: [{ weights: [1] }, { weights: [1], standby: "manual" }],
      classes: two.classes,
    };
    assert.equal(decideOf(sketch, ["out", "up"]).outcome, "refuse");
    assert.equal(decideOf(sketch, ["out", "up"], { active: [1] }).outcome, "answer");
  });

  test("last-good uses what was good", () => {
    const sketch = { ...two, fallback: "last-good" } as const;
    const decision = decideOf(sketch, ["down", "down+good"]);
    assert.deepEqual(decision.pools, [{ pool: 1, share: total }]);
    assert.equal(last(decision), "fallback.last-good");
  });

  test("last-good refuses when nothing was", () => {
    const sketch = { ...two, fallback: "last-good" } as const;
    assert.equal(last(decideOf(sketch, ["down", "out+good"])), "fallback.refuse");
  });

  test("refuse refuses", () => {
    const sketch = { ...two, fallback: "refuse" } as const;
    assert.equal(last(decideOf(sketch, ["down", "down+good"])), "fallback.refuse");
  });

  const fixed: ServiceSketch = {
    pools: [...two.pools, { weights: [1, 1], fixed: true, region: "r00" }],
    classes: two.classes,
    fallback: "fixed",
  };
  test("fixed gives the fixed answer", () => {
    const decision = decideOf(fixed, ["down", "down"]);
    assert.deepEqual(decision.pools, [{ pool: 2, share: total }]);
    assert.deepEqual(
      decision.answers.map((answer) => answer.endpoints),
      [[2], [3]],
    );
    assert.equal(last(decision), "fallback.fixed");
  });

  test("fixed is used for nothing else", () => {
    assert.deepEqual(decideOf(fixed, ["down", "up"]).pools, [{ pool: 1, share: total }]);
  });

  test("fixed refuses outside the residency, and when the operator took it out", () => {
    const classes = [{ plan: first(pool(0), pool(1)), allowed: [true, true, false] }];
    assert.equal(decideOf({ ...fixed, classes }, ["down", "down"]).outcome, "refuse");
    assert.equal(decideOf(fixed, ["down", "down", "drain", "out"]).outcome, "refuse");
  });

  test("held endpoints come before any fallback", () => {
    const decision = decideOf({ ...two, fallback: "refuse" }, ["down", "held"]);
    assert.deepEqual(decision.pools, [{ pool: 1, share: total }]);
    assert.ok(decision.reasons.some((reason) => reason.code === "hold.overridden"));
  });
});

describe("decide() answers", () => {
  const sketch = (answers: number): ServiceSketch => ({
    pools: [{ weights: [1, 0, 2, 1] }, { weights: [1] }],
    classes: [{ plan: split([1, pool(0)], [1, pool(1)]) }],
    answers,
  });

  test("name each candidate, then those that follow around the end", () => {
    const decision = decideOf(sketch(2), []);
    assert.deepEqual(decision.answers, [
      { endpoints: [0, 2], share: 8192 },
      { endpoints: [2, 3], share: 16_384 },
      { endpoints: [3, 0], share: 8192 },
      { endpoints: [4], share: 32_768 },
    ]);
  });

  test("name no more than there are", () => {
    const [one] = decideOf(sketch(8), []).answers;
    assert.deepEqual(one?.endpoints, [0, 2, 3]);
  });

  test("leave out what is down", () => {
    const [one] = decideOf(sketch(8), ["up", "up", "down", "up"]).answers;
    assert.deepEqual(one?.endpoints, [0, 3]);
  });
});

describe("decide() reasons", () => {
  test("stand in the order of the table, then of their subjects", () => {
    const sketch: ServiceSketch = {
      pools: [
        { weights: [1, 1, 0] },
        { weights: [1, 1], minimum: 2 },
        { weights: [1] },
        { weights: [1], standby: "manual" },
      ],
      classes: [
        {
          plan: first(pool(1), split([1, pool(0)], [0, pool(2)]), pool(3)),
          rule: 0,
          allowed: [true, true, true, true],
        },
      ],
      rules: ['country == "DE"', ""],
    };
    const world = [64, "unknown", "up", "up", "down", "up", "up"];
    const decision = decideOf(sketch, world, { seen: "span" });
    assert.deepEqual(
      decision.reasons.map(({ code, subject, detail }) =>
        [code, ...Object.values(subject), detail].join(" ").trim(),
      ),
      [
        'class.rule service country == "DE"',
        "class.span service",
        "health.down endpoint 4",
        "health.unknown-unused endpoint 1",
        "health.minimum pool 1 1 of 2",
        "standby.inactive pool 3",
        "tier.failover pool 0",
        "weight.zero pool 2",
        "weight.zero endpoint 2",
        "ramp.partial endpoint 0 64/256",
      ],
    );
  });

  test("say that a class is not known, and how it is ranked", () => {
    const sketch: ServiceSketch = {
      pools: [{ weights: [1] }],
      classes: [{ plan: pool(0), ranking: [0 as never] }],
    };
    const codes = decideOf(sketch, [], { seen: "unknown" }).reasons.map((reason) => reason.code);
    assert.deepEqual(codes, ["class.default", "class.unknown", "nearest.ranked"]);
  });
});

/** Any world: a word for each endpoint. */
const anyWord = fc.oneof(
  fc.constantFrom("up", "unknown", "down", "held", "quarantined", "out", "drain", "forced"),
  fc.integer({ min: 1, max: 256 }),
  fc.constantFrom("down+good", "up+good", "out+good"),
);

describe("decide() in any world", () => {
  test("stays inside the residency, the plan and what the operator left in", () => {
    const plan = first(split([1, pool(0)], [2, pool(1)]), pool(2), pool(3));
    const fallback = fc.constantFrom("refuse", "serve-all", "last-good", "fixed");
    const allowed = fc.array(fc.boolean(), { minLength: 6, maxLength: 6 });
    const words = fc.array(anyWord, { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(fallback, allowed, words, (what, may, world) => {
        const pools = may.map((_, i) => ({ weights: [1, 2], fixed: i === 5 }));
        const sketch = { pools, classes: [{ plan, allowed: may }], fallback: what };
        const decision = decideOf(sketch as ServiceSketch, world);
        let sum = 0;
        for (const answer of decision.answers) {
          sum += answer.share;
          assert.ok(answer.share > 0);
          for (const endpoint of answer.endpoints) {
            const ordinal = Math.floor(endpoint / 2);
            assert.ok(may[ordinal], "residency holds");
            assert.ok(ordinal !== 4, "a pool outside the plan serves nobody");
            assert.ok(!/^(out|drain)/.test(String(world[endpoint])), "out is out");
          }
        }
        assert.equal(sum, decision.outcome === "answer" ? total : 0);
      }),
      { numRuns: 2000 },
    );
  });

  test("a ramp alone never refuses, and serves the more the further it is", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 256 }), (a, b) => {
        const shares = (step: number) => poolsOf(first(pool(0), pool(1)), [step, b]);
        const [now = 0, then = 0] = [shares(a)[0], shares(a + 1)[0]];
        assert.ok(then >= now || b < 256, "monotone against a whole neighbour");
        assert.equal(
          shares(a).reduce((x, y) => x + y),
          total,
        );
      }),
    );
  });
});
