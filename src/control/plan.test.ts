/** Plans of random pairs of configurations: what must hold of every plan. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { planOf, sideOf } from "../../test/support/plan-fixture.ts";
import { setEndpoint } from "../../test/support/steer-fixture.ts";
import type { ClassIndex, Policy, ServiceIndex } from "../policy/policy.ts";
import { decide } from "../steer/decide.ts";
import { createPicked, pick } from "../steer/pick.ts";
import { buildTable } from "../steer/table.ts";
import { parseDemand } from "./demand.ts";
import { makePlan, type Plan } from "./plan.ts";
import { Places } from "./plan-places.ts";
import { Steering } from "./plan-steering.ts";
import { tailOf } from "./plan-tail.ts";
import { allUpWorld, carriedWorld } from "./plan-world.ts";

const regionNames = ["fra", "iad", "nrt", "syd"] as const;
const codes = { fra: "FRA", iad: "IAD", nrt: "NRT", syd: "SYD" } as const;

interface ServiceDraft {
  readonly name: string;
  readonly regions: readonly (keyof typeof codes)[];
  readonly endpoints: number;
  readonly weights: readonly number[];
  readonly way: "nearest" | "order" | "weights" | "rules";
  readonly key: string;
}

const serviceDraft = (name: string): fc.Arbitrary<ServiceDraft> =>
  fc.record({
    name: fc.constant(name),
    regions: fc.shuffledSubarray([...regionNames], { minLength: 1 }),
    endpoints: fc.integer({ min: 1, max: 3 }),
    weights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 4, maxLength: 4 }),
    way: fc.constantFrom("nearest", "order", "weights", "rules"),
    key: fc.constantFrom("query", "client"),
  });

function steerText({ way, regions, weights }: ServiceDraft): string {
  const shares = `{weights: {${regions.map((name, i) => `${name}: ${weights[i]}`).join(", ")}}}`;
  if (way === "nearest") return "nearest";
  if (way === "order") return `[${regions.join(", ")}]`;
  if (way === "weights") return shares;
  return `{rules: [{when: 'inCidr(["192.0.2.0/27", "192.0.2.128/25"])', steer: ${shares}}, {steer: nearest}]}`;
}

function textOf(services: readonly ServiceDraft[]): string {
  const regions = regionNames.map((name) => `${name}: {at: ${codes[name]}}`).join(", ");
  const lines = services.map((service) => {
    const endpoints = service.regions.map((region) => {
      const third = regionNames.indexOf(region);
      const list = Array.from({ length: service.endpoints }, (_, k) => `10.0.${third}.${k + 1}`);
      return `${region}: [${list.join(", ")}]`;
    });
    return `  ${service.name}: {endpoints: {${endpoints.join(", ")}}, steer: ${steerText(service)}, key: ${service.key}}`;
  });
  return `version: 1\nzones: {g.example: {ns: ns1.example}}\nregions: {${regions}}\nservices:\n${lines.join("\n")}\n`;
}

const revision = fc
  .tuple(serviceDraft("a"), serviceDraft("b"), serviceDraft("c"), fc.integer({ min: 1, max: 7 }))
  .map(([a, b, c, mask]) => textOf([a, b, c].filter((_, i) => (mask >> i) & 1)));

const rows = ["a,DE,10", "a,US,5", "b,unknown,3", "b,JP,7", "c,US-CA,2", "c,DE,1"];
/** Demand of the services that either text has; undefined for none. */
function csvFor(...texts: readonly string[]): string | undefined {
  const own = rows.filter((row) => texts.some((text) => text.includes(`\n  ${row[0]}: {`)));
  return own.length === 0 ? undefined : `service,location,rps\n${own.join("\n")}\n`;
}

const near = (a: number, b: number, what: string) =>
  assert.ok(Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(a)), `${what}: ${a} is ${b}`);

function sums(plan: Plan): void {
  const total = (pick: (of: Plan["regions"][number]) => number) =>
    plan.regions.reduce((sum, each) => sum + pick(each), 0);
  near(
    total(({ shareBefore }) => shareBefore),
    plan.demand.before > 0 ? 1 : 0,
    "shares before",
  );
  near(
    total(({ shareAfter }) => shareAfter),
    plan.demand.after > 0 ? 1 : 0,
    "shares after",
  );
  for (const service of plan.services) {
    const of = (side: "shareBefore" | "shareAfter") =>
      service.regions.reduce((sum, each) => sum + each[side], 0);
    near(of("shareBefore"), service.change === "added" ? 0 : 1, "a service's shares before");
    near(of("shareAfter"), service.change === "removed" ? 0 : 1, "a service's shares after");
    for (const { region, shareBefore, shareAfter } of service.regions) {
      if (service.change !== "changed") continue;
      let net = 0;
      for (const { from, to, demand } of service.moves.flatMap(({ flows }) => flows)) {
        if (to === region) net += demand;
        if (from === region) net -= demand;
      }
      if (!service.assumed || service.demand > 0) {
        near(net, (shareAfter - shareBefore) * service.demand, "flows of a region");
      }
    }
    near(
      service.moves.reduce((sum, { moved }) => sum + moved, 0),
      service.movedBetweenRegions * service.demand,
      "moves of a service",
    );
  }
}

describe("makePlan()", () => {
  test("sums shares to 1 and moves what a region gains from those that lose", () => {
    const property = fc.property(revision, revision, fc.boolean(), (one, other, assumed) => {
      sums(planOf(sideOf(one), sideOf(other), assumed ? undefined : csvFor(one, other)));
    });
    fc.assert(property, { numRuns: 60 });
  });

  test("moves as much back as forth", () => {
    const property = fc.property(revision, revision, (one, other) => {
      const [a, b] = [sideOf(one), sideOf(other)];
      const there = planOf(a, b);
      const back = planOf(b, a);
      near(there.summary.moved, back.summary.moved, "moved");
      assert.equal(there.summary.added, back.summary.removed);
      const changed = (plan: Plan) => plan.services.filter(({ change }) => change === "changed");
      for (const service of changed(there)) {
        const other = changed(back).find((each) => each.service === service.service);
        assert.ok(other !== undefined);
        near(service.movedWithinRegions, other.movedWithinRegions, "moved within");
        near(service.repinned ?? 0, other.repinned ?? 0, "repinned");
      }
    });
    fc.assert(property, { numRuns: 30 });
  });

  test("of a revision and itself is empty", () => {
    const property = fc.property(revision, (text) => {
      const plan = planOf(sideOf(text), sideOf(text));
      assert.equal(plan.changed, false);
      assert.deepEqual(plan.services, []);
      assert.equal(plan.tail, null);
    });
    fc.assert(property, { numRuns: 30 });
  });

  test("gives a region what decide() gives it, leaf by leaf", () => {
    const property = fc.property(revision, (text) => {
      const side = sideOf(text);
      const { policy, world } = side;
      const plan = planOf(
        sideOf(
          "version: 1\nregions: {x: {at: FRA}}\nservices: {x: {names: x.example, endpoints: {x: 192.0.2.1}}}\nzones: {example: {ns: ns1.example}}\n",
        ),
        side,
      );
      policy.services.forEach((service, index) => {
        const shares = naiveShares(policy, (classIndex) =>
          decide(policy, world, index as ServiceIndex, classIndex),
        )(service.ruleSet, service.firstPool);
        const planned = plan.services.find((each) => each.service === service.name);
        assert.ok(planned !== undefined);
        for (const { region, shareAfter } of planned.regions) {
          near(shareAfter, shares.get(region) ?? 0, `share of ${region}`);
        }
      });
    });
    fc.assert(property, { numRuns: 20 });
  });

  test("counts the clients that pick() sends elsewhere", () => {
    const keyed = fc.tuple(serviceDraft("a"), serviceDraft("a"));
    const property = fc.property(keyed, ([one, other]) => {
      const client = (draft: ServiceDraft) =>
        sideOf(textOf([{ ...draft, key: "client", way: "weights" }]));
      const [a, b] = [client(one), client(other)];
      const [service] = planOf(a, b).services;
      const tables = [buildTable(a.policy, a.world), buildTable(b.policy, b.world)] as const;
      const endpointAt = (side: 0 | 1, key: number): string => {
        const picked = createPicked();
        assert.ok(pick(tables[side], 0 as ServiceIndex, 0 as ClassIndex, key, picked));
        return [a, b][side]!.policy.endpoints[picked.endpoint]!.name;
      };
      let moved = 0;
      const draws = 20_000;
      for (let i = 0; i < draws; i++) {
        const key = Math.imul(i, 0x9e37_79b1) >>> 0;
        if (endpointAt(0, key) !== endpointAt(1, key)) moved++;
      }
      const said = service?.repinned ?? 0;
      assert.ok(Math.abs(moved / draws - said) < 0.02, `${moved / draws} is ${said}`);
    });
    fc.assert(property, { numRuns: 15 });
  });

  test("reports demand of services and places that are not there, with a hint", () => {
    const side = sideOf(
      textOf([]).replace("services:\n", "services: {shop: {endpoints: {fra: 10.0.0.1}}}\n"),
    );
    const demand = parseDemand("d.csv", "service,location,rps\nshopp,DE,1\nshop,BR,2\n");
    assert.ok(demand.ok);
    const result = makePlan(side, side, { demand: demand.demand });
    assert.ok(!result.ok);
    assert.deepEqual(
      result.problems.map(({ code, place, hint }) => [code, place?.line, place?.column, hint]),
      [
        ["config.unknown-reference", 2, 1, "did you mean `shop`?"],
        [
          "config.unknown-reference",
          3,
          6,
          "the bundled database has countries only; see docs/geography.md",
        ],
      ],
    );
  });
});

/** Equal demand per country, spread by IPv4 addresses: every leaf on its own. */
function naiveShares(
  policy: Policy,
  decided: (classIndex: ClassIndex) => ReturnType<typeof decide>,
): (ruleSet: number, firstPool: number) => ReadonlyMap<string, number> {
  return (ruleSet, firstPool) => {
    const countries = new Map<string, number>();
    const each = (visit: (country: string, location: number, addresses: number) => void) => {
      policy.v4.locations.forEach((location, leaf) => {
        const { country } = policy.locations[location]!;
        if (country !== "") visit(country, location, 2 ** (32 - policy.v4.lengths[leaf]!));
      });
    };
    each((country, _, addresses) =>
      countries.set(country, (countries.get(country) ?? 0) + addresses),
    );
    const shares = new Map<string, number>();
    each((country, location, addresses) => {
      const classIndex = policy.ruleSets[ruleSet]!.classOfLocation[location] as ClassIndex;
      for (const { pool, share } of decided(classIndex).pools) {
        const region = policy.regions[policy.pools[firstPool + pool]!.region]!.name;
        const part = (addresses / countries.get(country)! / countries.size) * (share / 65_536);
        shares.set(region, (shares.get(region) ?? 0) + part);
      }
    });
    return shares;
  };
}

test("Places parts a location by the addresses of both revisions", () => {
  const rule = (cidr: string) =>
    sideOf(
      textOf([]).replace(
        "services:\n",
        `services: {a: {endpoints: {fra: 10.0.0.1, iad: 10.0.0.2}, steer: {rules: [{when: 'inCidr(["${cidr}"])', steer: [fra]}, {steer: [iad]}]}}}\n`,
      ),
    ).policy;
  const [a, b] = [rule("192.0.2.0/28"), rule("192.0.2.0/27")];
  const pairs = new Places(a, b).pairsOf("DE", { before: a.ruleSets[0], after: b.ruleSets[0] });
  // 64 addresses are German: 16 in both rules, 16 in the second alone, 32 in neither.
  assert.deepEqual(
    pairs.map(({ part }) => part).sort((a, b) => a - b),
    [0.25, 0.25, 0.5],
  );
});

test("Steering asks decide() once for each group and class", () => {
  const drafts = Array.from(
    { length: 12 },
    (_, i): ServiceDraft => ({
      name: `s${i}`,
      regions: ["fra", "iad"],
      endpoints: 1 + (i % 2),
      weights: [1, 2, 3, 4],
      way: "weights",
      key: "query",
    }),
  );
  const { policy, world } = sideOf(textOf(drafts));
  const steering = new Steering(policy, world);
  for (const index of policy.services.keys()) steering.regionsOf(index as ServiceIndex, 0);
  assert.equal(steering.asked, 1);
});

test("allUpWorld() is whole, and carriedWorld() keeps what is known", () => {
  const text = textOf([]).replace(
    "services:\n",
    "services: {a: {check: {tcp: true}, endpoints: {fra: '10.0.0.1:80', iad: '10.0.0.2:80'}}}\n",
  );
  const { policy } = sideOf(text);
  const world = allUpWorld(policy, 1_790_000_000_000);
  assert.deepEqual([...world.endpoints.availability], [256, 256]);
  assert.deepEqual([...world.services.usable], [2]);
  setEndpoint(world, { index: 0, monitored: true }, "down");
  const after = sideOf(text.replace("10.0.0.2:80'", "10.0.0.2:80', syd: '10.0.0.3:80'")).policy;
  const carried = carriedWorld({ policy, world }, { policy: after, nowMs: 1_790_000_001_000 });
  assert.deepEqual([...carried.endpoints.verdict], [2, 1, 1]);
});

test("tailOf() inverts the sum of the services' own lines", () => {
  assert.equal(tailOf([]), undefined);
  assert.equal(tailOf([{ demand: 0, ttlSeconds: 30 }]), undefined);
  const one = tailOf([{ demand: 5, ttlSeconds: 30 }]);
  assert.ok(one !== undefined);
  near(one.p95, 28.5, "95 %");
  near(one.p999, 29.97, "99.9 %");
  const moving = [
    { demand: 1, ttlSeconds: 300 },
    { demand: 3, ttlSeconds: 30 },
    { demand: 2, ttlSeconds: 0 },
  ];
  const mixed = tailOf(moving);
  assert.ok(mixed !== undefined);
  const movedAt = (t: number) =>
    moving.reduce(
      (sum, { demand, ttlSeconds }) =>
        sum + demand * (ttlSeconds === 0 ? 1 : Math.min(1, t / ttlSeconds)),
      0,
    ) / 6;
  near(movedAt(mixed.p95), 0.95, "moved at 95 %");
  near(movedAt(mixed.p999), 0.999, "moved at 99.9 %");
});
