/** Compile: indices, sharing, classes against a naive reading of the rules, limits. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { geographyOf, smallWorld } from "../../test/support/geography-fixture.ts";
import { loadConfig } from "../config/load.ts";
import { formatProblem } from "../errors.ts";
import { distanceMetres } from "../geo/distance.ts";
import type { Geography } from "../geo/geography.ts";
import { findLeaf } from "../geo/lookup.ts";
import { parseAddress } from "../lib/ip.ts";
import { limits } from "../limits.ts";
import { type CompileResult, compile } from "./compile.ts";
import type { ClassPlan, Plan, Policy, Service } from "./policy.ts";
import { printPlan, printPolicy } from "./print.ts";

const regions = `
  ams: {at: AMS, in: EU}
  fra: {at: FRA, in: EU}
  iad: {at: IAD, in: US}
  nrt: {at: NRT, in: JP}`;

const plainEndpoints = "{ams: 192.0.2.1, fra: 192.0.2.2, iad: 192.0.2.3, nrt: 192.0.2.4}";

/** `services` is YAML, indented by two. */
function run(services: string, geography: Geography = smallWorld): CompileResult {
  const text = `version: 1\nzone: example.com\nregions:${regions}\nservices:\n${services}`;
  const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
  assert.ok(loaded.ok, loaded.ok ? "" : loaded.problems.map(formatProblem).join("\n"));
  return compile(loaded.config, geography, { placeOf: loaded.placeOf });
}

function policyFrom(services: string, geography?: Geography): Policy {
  const result = run(services, geography);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result.policy;
}

function serviceNamed(policy: Policy, name: string): Service {
  const found = policy.services.find((service) => service.name === name);
  assert.ok(found);
  return found;
}

function classAt(policy: Policy, service: Service, address: string): ClassPlan {
  const parsed = parseAddress(address);
  assert.ok(parsed);
  const leaves = parsed.family === 4 ? policy.v4 : policy.v6;
  const location = leaves.locations[findLeaf(leaves, parsed.words)] ?? 0;
  const ruleSet = policy.ruleSets[service.ruleSet];
  const found = ruleSet?.classes[ruleSet.classOfLocation[location] ?? 0];
  assert.ok(found);
  return found;
}

function planAt(policy: Policy, name: string, address: string): string {
  const service = serviceNamed(policy, name);
  return printPlan(
    classAt(policy, service, address).plan,
    (ordinal) => policy.pools[service.firstPool + ordinal]?.name ?? "?",
  );
}

describe("compile() on AS numbers", () => {
  const systems = geographyOf({
    "192.0.2.0/26": { country: "DE", asn: 3320 },
    "192.0.2.64/26": { country: "DE", asn: 64_500 },
    "192.0.2.128/26": { country: "DE", asn: 64_501 },
    "192.0.2.192/26": { country: "FR", asn: 64_502 },
  });
  const rules = `  app:
    endpoints: ${plainEndpoints}
    steer:
      rules:
        - {when: 'asn == 3320 || asn in [64500, 1]', steer: [fra]}
        - {when: asn == 0, steer: [ams]}
        - {when: asn != 64502 && country == "DE", steer: [nrt]}
        - {steer: [iad]}
`;

  test("tells those apart that a rule asks for", () => {
    const policy = policyFrom(rules, systems);
    const addresses = ["192.0.2.1", "192.0.2.65", "192.0.2.129", "192.0.2.193", "8.8.8.8"];
    assert.deepEqual(
      addresses.map((address) => planAt(policy, "app", address)),
      ["fra", "fra", "nrt", "iad", "ams"],
    );
  });

  test("warns where the geography has none", () => {
    const { problems } = run(rules);
    const found = problems.filter(({ path }) => path.startsWith("services."));
    assert.deepEqual(
      found
        .filter(({ code }) => code === "config.missing")
        .map(({ severity, path }) => `${severity} ${path}`),
      ["warning services.app.steer.rules.0.when"],
    );
  });
});

describe("compile() plans", () => {
  const vectors: readonly [string, string, string, string][] = [
    ["nearest", "steer: nearest", "192.0.2.1", "first(fra, ams, iad, nrt)"],
    ["nearest without a point", "steer: nearest", "8.8.8.8", "split(1 ams, 1 fra, 1 iad, 1 nrt)"],
    [
      "the rest by distance from the first",
      "steer: {nearest: {candidates: 1}}",
      "203.0.113.1",
      "first(fra, ams, iad, nrt)",
    ],
    [
      "one candidate",
      "steer: {nearest: {candidates: 1}}",
      "198.51.100.1",
      "first(iad, ams, fra, nrt)",
    ],
    [
      "two candidates",
      "steer: {nearest: {candidates: 2}}",
      "198.51.100.1",
      "first(iad, nrt, ams, fra)",
    ],
    ["nearest of some", "steer: {nearest: {of: [nrt, iad]}}", "192.0.2.1", "first(iad, nrt)"],
    ["nearest of one", "steer: {nearest: {of: [nrt]}}", "192.0.2.1", "nrt"],
    [
      "a list",
      "steer: [iad, [nrt, fra], [ams]]",
      "192.0.2.1",
      "first(iad, split(1 nrt, 1 fra), ams)",
    ],
    ["order", "steer: {order: [iad, nrt]}", "192.0.2.1", "first(iad, nrt)"],
    ["weights, by name", "steer: {weights: {nrt: 2, fra: 0}}", "192.0.2.1", "split(0 fra, 2 nrt)"],
    ["one weight", "steer: {weights: {nrt: 2}}", "192.0.2.1", "nrt"],
    [
      "a standby after everything",
      "steer: nearest\n    standby: {region: fra}",
      "192.0.2.1",
      "first(first(ams, iad, nrt), fra)",
    ],
    [
      "residency before ranking",
      "steer: {nearest: {candidates: 2}}\n    residency: {only: [US, JP]}",
      "192.0.2.1",
      "first(iad, nrt)",
    ],
    [
      "residency after a written order",
      "steer: [ams, iad]\n    residency: {only: US}",
      "192.0.2.1",
      "first(ams, iad)",
    ],
  ];
  for (const [claim, words, address, expected] of vectors) {
    test(claim, () => {
      const policy = policyFrom(`  app:\n    endpoints: ${plainEndpoints}\n    ${words}\n`);
      assert.equal(planAt(policy, "app", address), expected);
    });
  }

  test("colours share by the weights of their endpoints", () => {
    const fra = "{b: [{ipv4: 192.0.2.1, weight: 3}], a: [192.0.2.2, 192.0.2.3]}";
    const policy = policyFrom(`  app:\n    endpoints: {fra: ${fra}, ams: 192.0.2.4}\n`);
    assert.equal(planAt(policy, "app", "192.0.2.1"), "first(split(2 fra/a, 3 fra/b), ams)");
  });

  test("residency is a column of the class", () => {
    const words =
      "residency: {only: EU}\n    fallback: {fixed: {region: ams, endpoints: 192.0.2.9}}";
    const policy = policyFrom(`  app:\n    endpoints: ${plainEndpoints}\n    ${words}\n`);
    const { allowed } = classAt(policy, serviceNamed(policy, "app"), "192.0.2.1");
    assert.deepEqual(allowed, [true, true, false, false, true]);
  });
});

describe("compile() columns", () => {
  const three = `
  c: {endpoints: {iad: 192.0.2.2, fra: [192.0.2.9, 192.0.2.1]}}
  a: {endpoints: {fra: 192.0.2.3}, check: {http: /}}
  b: {endpoints: {fra: 192.0.2.3}, check: {http: /}, group: a}
`;
  test("are ordered by name, whatever the order written", () => {
    const policy = policyFrom(three);
    const swapped = three.trimEnd().split("\n").reverse().join("\n");
    assert.deepEqual(
      printPolicy(policyFrom(`${swapped}\n`))
        .split("\n")
        .slice(2),
      printPolicy(policy).split("\n").slice(2),
    );
    assert.deepEqual(
      policy.services.map(({ name }) => name),
      ["a", "b", "c"],
    );
    assert.deepEqual(
      policy.endpoints.map(({ name }) => name),
      ["192.0.2.3", "192.0.2.3", "192.0.2.1", "192.0.2.9", "192.0.2.2"],
    );
  });

  test("share monitors, and identity is the monitor and the address", () => {
    const policy = policyFrom(three);
    assert.equal(policy.monitors.length, 1);
    const [a, b, c] = policy.endpoints;
    assert.equal(a?.identity, b?.identity);
    assert.match(c?.identity ?? "", /^none /);
    const other = policyFrom(three.replaceAll("http: /", "http: /x"));
    assert.notEqual(other.endpoints[0]?.identity, a?.identity);
  });

  test("give the services of a group one seed", () => {
    const [a, b, c] = policyFrom(three).services;
    assert.equal(a?.seed, b?.seed);
    assert.notEqual(a?.seed, c?.seed);
  });

  test("share a rule set where rules and pools are alike, and columns where classes are", () => {
    const { services, ruleSets } = policyFrom(three);
    assert.equal(services[0]?.ruleSet, services[1]?.ruleSet);
    assert.notEqual(services[0]?.ruleSet, services[2]?.ruleSet);
    assert.equal(ruleSets.length, 2);
    const many = policyFrom(
      `${three}  d: {endpoints: {iad: 192.0.2.7, fra: 192.0.2.8}, steer: [fra]}\n`,
    );
    const single = many.ruleSets.filter(({ classes }) => classes.length === 1);
    assert.equal(single.length, 2);
    assert.equal(single[0]?.scope4, single[1]?.scope4);
    assert.deepEqual([...new Set(single[0]?.scope4)], [0]);
  });

  test("have one digest for one meaning, and another for another", () => {
    const policy = policyFrom(three);
    assert.equal(policyFrom(three.replaceAll("\n  ", "\n\n  ")).digest, policy.digest);
    assert.notEqual(policyFrom(three.replace("192.0.2.9", "192.0.2.8")).digest, policy.digest);
    const elsewhere = { ...smallWorld, digest: "other" };
    assert.notEqual(policyFrom(three, elsewhere).digest, policy.digest);
    assert.equal(policyFrom(three, elsewhere).configDigest, policy.configDigest);
  });
});

/** A rule as a test writes it, and as a naive reader understands it. */
const places: readonly (readonly [string, (place: Place) => boolean])[] = [
  ['country == "DE"', (place) => place.country === "DE"],
  ['continent in ["EU", "AF"]', (place) => ["EU", "AF"].includes(place.continent)],
  ['subdivision.startsWith("US-")', (place) => place.subdivision.startsWith("US-")],
  ['inCidr(["192.0.2.8/29"])', (place) => place.address >>> 3 === 0xc000_0208 >>> 3],
  [
    '!(country == "US") && inCidr(["192.0.2.0/25"])',
    (place) => place.country !== "US" && place.address >>> 7 === 0xc000_0200 >>> 7,
  ],
];
interface Place {
  readonly address: number;
  readonly country: string;
  readonly continent: string;
  readonly subdivision: string;
}

describe("compile() classes", () => {
  test("are those of a naive reading of the rules, for any address", () => {
    const rule = fc.tuple(fc.constantFrom(...places), fc.constantFrom("[ams]", "[fra]", "nearest"));
    const address = fc.oneof(
      fc.integer({ min: 0xc000_0200, max: 0xc000_02ff }),
      fc.integer({ min: 0xc633_6400, max: 0xc633_64ff }),
      fc.integer({ min: 0, max: 0xffff_ffff }),
    );
    const addresses = fc.array(address, { minLength: 20, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.uniqueArray(rule, { selector: ([[when]]) => when }),
        addresses,
        (rules, asked) => {
          const lines = rules.map(
            ([[when], steer]) => `      - {when: '${when}', steer: ${steer}}\n`,
          );
          const steer = `    steer:\n      rules:\n${lines.join("")}      - steer: [nrt]\n`;
          const policy = policyFrom(`  app:\n    endpoints: ${plainEndpoints}\n${steer}`);
          for (const each of asked) {
            const text = [24, 16, 8, 0].map((shift) => (each >>> shift) & 255).join(".");
            const words = Uint32Array.of(each, 0, 0, 0);
            const leaf = findLeaf(smallWorld.v4, words);
            const location = smallWorld.locations[smallWorld.v4.locations[leaf] ?? 0];
            assert.ok(location);
            const place = { ...location, address: each };
            const found = rules.find(([[, holds]]) => holds(place));
            const expected = found === undefined ? "nrt" : naivePlan(found[1], policy, location);
            assert.equal(planAt(policy, "app", text), expected, `${text} by ${lines.join("")}`);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("have class 0 for the unknown, and the scope of their class", () => {
    const policy = policyFrom(`  app:\n    endpoints: ${plainEndpoints}\n`);
    const [ruleSet] = policy.ruleSets;
    assert.equal(ruleSet?.classOfLocation[0], 0);
    const leaf = findLeaf(policy.v4, Uint32Array.of(0xc000_0201, 0, 0, 0));
    // Germany and France are steered alike: one class over both /26.
    assert.equal(ruleSet?.scope4[leaf], 25);
  });

  test("over the limit are refused, naming the rule that splits most", () => {
    const cells = Array.from({ length: 64 * 72 }, (_, i): [string, object] => {
      const [row, column] = [Math.floor(i / 72), i % 72];
      const at = { country: "DE", latitude: row * 2.5 - 79, longitude: column * 5 - 180 };
      return [`10.${i >> 8}.${i & 255}.0/24`, at];
    });
    const world = geographyOf(Object.fromEntries(cells));
    const many = Array.from({ length: 40 }, (_, i) => {
      return `  p${i}: {at: [${((i * 37) % 140) - 70}, ${((i * 97) % 360) - 180}]}`;
    });
    const text = `version: 1
zone: example.com
regions:
${many.join("\n")}
services:
  app:
    endpoints: {${many.map((_, i) => `p${i}: 192.0.2.${i}`).join(", ")}}
    steer:
      rules:
        - {when: 'country == "FR"', steer: [p0]}
        - {when: 'country != ""', steer: {nearest: {candidates: 40}}}
        - steer: [p1]
`;
    const loaded = loadConfig([{ file: "rhumb.yaml", text }]);
    assert.ok(loaded.ok);
    const result = compile(loaded.config, world, { placeOf: loaded.placeOf });
    const errors = result.problems.filter(({ severity }) => severity === "error");
    assert.equal(errors.length, 1);
    const [problem = assert.fail()] = errors;
    assert.match(formatProblem(problem), / services.app.steer.rules.1.when: \d+ classes/);
    assert.match(problem.message, /`nearest 40` makes/);
    assert.match(problem.hint, new RegExp(`at most ${limits.classesPerRuleSetMax}`));
  });
});

function naivePlan(
  steer: string,
  policy: Policy,
  location: { readonly latitude: number; readonly longitude: number },
): string {
  if (steer !== "nearest") return steer.slice(1, -1);
  const ranked = (point: { latitude: number; longitude: number }) =>
    [...policy.regions].sort(
      (a, b) => distanceMetres(point, a) - distanceMetres(point, b) || (a.name < b.name ? -1 : 1),
    );
  if (Number.isNaN(location.latitude)) return "split(1 ams, 1 fra, 1 iad, 1 nrt)";
  const near = ranked(location).slice(0, 3);
  const [nearest] = near;
  assert.ok(nearest);
  const rest = ranked(nearest).filter((region) => !near.includes(region));
  return `first(${[...near, ...rest].map(({ name }) => name).join(", ")})`;
}

test("a pool stands at most once in a plan", () => {
  const seen = (plan: Plan): readonly number[] =>
    plan.kind === "pool" ? [plan.pool] : plan.children.flatMap(seen);
  const policy = policyFrom(
    `  app:\n    endpoints: ${plainEndpoints}\n    standby: {region: nrt, activate: auto}\n`,
  );
  for (const { plan } of policy.ruleSets[0]?.classes ?? []) {
    assert.equal(new Set(seen(plan)).size, seen(plan).length);
    assert.equal(seen(plan).length, 4);
  }
});

test("compile() warns of every service whose rules nobody reaches, equal ones included", () => {
  const service = (name: string) =>
    [
      `  ${name}:`,
      `    endpoints: ${plainEndpoints}`,
      "    steer:",
      "      rules:",
      "        - {when: 'country == \"DE\"', steer: [fra]}",
      "        - {when: 'country in [\"DE\"]', steer: [iad]}",
      "        - {when: 'country == \"QQ\"', steer: [iad]}",
      "        - steer: nearest\n",
    ].join("\n");
  const { problems } = run(`${service("a")}${service("b")}`);
  const found = problems.filter(({ code }) => code === "config.empty-class");
  assert.deepEqual(
    found.map(({ path, place }) => `${path} ${place?.line}`),
    [
      "services.a.steer.rules.1.when 14",
      "services.a.steer.rules.2.when 15",
      "services.b.steer.rules.1.when 22",
      "services.b.steer.rules.2.when 23",
    ],
  );
});
