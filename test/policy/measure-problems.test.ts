/** What an operator can get wrong about capacity, demand and latency, each with its place. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem, type Problem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import { smallWorld } from "../support/geography-fixture.ts";

function problemsOf(service: string, more = "", region = ""): readonly string[] {
  const text = `version: 1
zone: example.com
regions: {a: {at: FRA${region}}, b: {at: IAD}}
services:
  shop:
    endpoints: {a: 192.0.2.1, b: 192.0.2.2}
    ${service}
${more}
`;
  const loaded = loadConfig([{ file: "c.yaml", text }]);
  const problems: readonly Problem[] = loaded.ok
    ? compile(loaded.config, smallWorld, loaded).problems
    : loaded.problems;
  return problems.filter(({ code }) => code !== "config.missing").map(formatProblem);
}

describe("compile() tells of mistakes about what is measured", () => {
  const vectors: readonly [string, readonly string[], RegExp][] = [
    [
      "a capacity in a region without endpoints",
      ["capacity: {c: 5}"],
      /capacity\.c: the service has no endpoints in `c`/,
    ],
    [
      "two units",
      ["capacity: {a: {connections: 5}, b: 5}"],
      /capacity\.b: this is in rps, and .* in connections/,
    ],
    [
      "a unit that is not the region's",
      ["capacity: {a: {amount: 5, unit: gpu}}", "", ", capacity: 9"],
      /this is in gpu, and regions\.a\.capacity in rps/,
    ],
    [
      "an amount without a unit",
      ["capacity: {a: {amount: 5}}"],
      /needs `rps`, or `connections`, or else `amount` with its `unit`/,
    ],
    ["two amounts", ["capacity: {a: {rps: 5, connections: 5}}"], /needs `rps`/],
    [
      "a target without a capacity",
      ["target: 50%"],
      /target: no capacity limits a pool of this service/,
    ],
    [
      "marks out of order",
      ["capacity: {a: 5}\n    shed: {low: 60%, high: 90%}"],
      /shed: the marks are out of order .*at least the target, 70%/,
    ],
    [
      "a spill by health as well",
      ["capacity: {a: 5}\n    spill: health"],
      /spill: a service with a capacity spills by load/,
    ],
    [
      "demand for no service",
      ["steer: nearest", "demand: {shopp: {DE: 5}}"],
      /demand\.shopp: there is no service `shopp`/,
    ],
    [
      "demand from nowhere",
      ["capacity: {a: 5}", "demand: {shop: {ZZ: 5}}"],
      /warning config\.empty-class demand\.shop\.ZZ/,
    ],
    [
      "demand from no location",
      ["capacity: {a: 5}", "demand: {shop: {germany: 5}}"],
      /expected DE, US-CA, AS3320 or unknown/,
    ],
    [
      "an observer in no country",
      ["steer: latency", "latency: {observer: ZZ}"],
      /latency\.observer: no client of this geography is in ZZ/,
    ],
    [
      "a margin over the whole",
      ["steer: latency", "latency: {margin: 120%}"],
      /120% is more than the whole/,
    ],
    ["a region that is not ranked", ["steer: {latency: {of: [c]}}"], /of\.0: .*`c`/],
  ];
  for (const [claim, args, expected] of vectors) {
    test(claim, () => {
      const [service = "", more, region] = args;
      const problems = problemsOf(service, more, region);
      assert.match(problems.join("\n"), expected);
      assert.ok(
        problems.every((problem) => /^c\.yaml:\d+:\d+ /.test(problem)),
        problems.join(),
      );
    });
  }

  test("some endpoints of a pool without a capacity", () => {
    const text = `version: 1
zone: example.com
regions: {a: {at: FRA}}
services:
  shop: {endpoints: {a: [{ipv4: 192.0.2.1, capacity: 5}, 192.0.2.2]}}
`;
    const loaded = loadConfig([{ file: "c.yaml", text }]);
    assert.ok(loaded.ok);
    const problems = compile(loaded.config, smallWorld).problems.map(formatProblem);
    assert.match(
      problems.join("\n"),
      /some endpoints of the pool have a capacity and others have none/,
    );
  });

  test("nothing where nothing is wrong", () => {
    const service = "capacity: {a: {rps: 5, scaler: 50%}}\n    shed: {low: 70%, high: 90%}";
    assert.deepEqual(
      problemsOf(service, "demand: {shop: {DE: 5, unknown: 1}}", ", capacity: 9"),
      [],
    );
  });
});
