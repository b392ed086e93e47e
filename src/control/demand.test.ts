/** Demand files: what is taken, and every mistake at its line and column. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatProblem } from "../errors.ts";
import { locationKeys } from "../lib/stable-location.ts";
import { parseDemand } from "./demand.ts";

const problemsOf = (text: string): readonly string[] => {
  const result = parseDemand("d.csv", text);
  return result.ok ? [] : result.problems.map(formatProblem);
};

test("parseDemand() reads rows, past a mark, comments, blank lines, quotes and line ends", () => {
  const text =
    '\uFEFF# made by us\r\nservice,location,rps\r\n\r\nshop, DE ,1.5\r\n"shop",AS3320,2e3\n';
  const result = parseDemand("d.csv", text);
  assert.ok(result.ok);
  assert.equal(result.demand.unit, "rps");
  assert.deepEqual(
    result.demand.rows.map(({ service, location, amount, place }) => [
      service,
      location,
      amount,
      place.line,
    ]),
    [
      ["shop", "DE", 1.5, 4],
      ["shop", "AS3320", 2000, 5],
    ],
  );
});

test("parseDemand() reports every bad row with its place", () => {
  const rows = ["shop,de,1", "shop,DE,-1", "shop,DE", ",DE,1", "shop,FR,1", "shop,FR,2", "a,US,x"];
  const places = problemsOf(`service,location,count\n${rows.join("\n")}\n`).map((problem) =>
    problem.split(" ").slice(0, 2).join(" "),
  );
  assert.deepEqual(places, [
    "d.csv:2:6 demand.invalid",
    "d.csv:3:9 demand.invalid",
    "d.csv:4:1 demand.invalid",
    "d.csv:5:1 demand.invalid",
    "d.csv:7:1 config.duplicate",
    "d.csv:8:6 demand.invalid",
  ]);
});

test("parseDemand() wants a header and some demand", () => {
  assert.match(problemsOf("")[0] ?? "", /^d\.csv:1:1 demand\.invalid the first line is not/);
  assert.match(problemsOf("shop,DE,1\n")[0] ?? "", /^d\.csv:1:1 demand\.invalid the first line/);
  assert.match(problemsOf("service,location,rps\nshop,DE,0\n")[0] ?? "", /no demand/);
});

test("locationKeys() of a place are its country, subdivision and network", () => {
  const place = { continent: "NA", latitude: Number.NaN, longitude: Number.NaN };
  const keys = (country: string, subdivision: string, asn: number) =>
    locationKeys({ ...place, country, subdivision, asn });
  assert.deepEqual(keys("US", "US-CA", 64500), ["US", "US-CA", "AS64500"]);
  assert.deepEqual(keys("", "", 0), ["unknown"]);
});
