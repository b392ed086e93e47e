/** Which regions a one-point-per-country database hides, on places everyone knows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { airport } from "./airports.ts";
import { checkDistinct, indistinctRegions, type RegionPoint } from "./distinct.ts";

function regions(...codes: readonly string[]): readonly RegionPoint[] {
  return codes.map((code) => {
    const { latitude, longitude } = airport(code) ?? assert.fail(code);
    return { name: code.toLowerCase(), latitude, longitude };
  });
}

function hidden(...codes: readonly string[]): readonly string[] {
  return indistinctRegions(regions(...codes), true).map(
    (pair) => `${pair.hidden.name} behind ${pair.by.name} in ${pair.country}`,
  );
}

test("indistinctRegions finds regions of one country that share its point", () => {
  assert.deepEqual(hidden("IAD", "PDX"), ["pdx behind iad in US"]);
  assert.deepEqual(hidden("FRA", "MUC", "NRT"), ["muc behind fra in DE"]);
  assert.deepEqual(hidden("SYD", "PER", "MEL"), ["syd behind mel in AU", "per behind mel in AU"]);
});

test("indistinctRegions finds nothing where each country has its own region", () => {
  assert.deepEqual(hidden("FRA", "AMS", "IAD", "NRT"), []);
  assert.deepEqual(hidden("FRA"), []);
  assert.deepEqual(hidden(), []);
});

test("indistinctRegions does not blame the database for regions in one place", () => {
  const [fra] = regions("FRA");
  assert.ok(fra !== undefined);
  const twin = { ...fra, name: "frb", longitude: fra.longitude + 0.2 };
  assert.deepEqual(indistinctRegions([fra, { ...fra, name: "a" }, twin], true), []);
});

test("indistinctRegions is silent for a database with coordinates", () => {
  assert.deepEqual(indistinctRegions(regions("IAD", "PDX"), false), []);
});

test("checkDistinct warns at the region, with the cure", () => {
  const source = {
    name: "test database",
    license: "",
    builtAtSeconds: 0,
    onePointPerCountry: true,
  };
  const place = { file: "rhumb.yaml", line: 4, column: 3 };
  const [problem, ...others] = checkDistinct(regions("IAD", "PDX"), source, () => place);
  assert.deepEqual(others, []);
  assert.equal(problem?.code, "config.indistinct");
  assert.equal(problem?.severity, "warning");
  assert.equal(problem?.path, "regions.pdx.at");
  assert.deepEqual(problem?.place, place);
  assert.match(problem?.message ?? "", /one point for all of US.*iad is nearer/);
  assert.match(problem?.hint ?? "", /coordinates/);
});
