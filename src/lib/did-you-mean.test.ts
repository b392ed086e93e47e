import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestOf } from "./did-you-mean.ts";

test("nearestOf() finds the likely word and is silent when none is", () => {
  const words = ["interval", "timeout", "fra", "iad", "nrt", "shop", "accounts"];
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["intervall", "interval"],
    ["Timeout", "timeout"],
    ["fro", "fra"],
    ["rfa", "fra"],
    ["shp", "shop"],
    ["acounts", "accounts"],
    ["zzz", undefined],
    ["", undefined],
    ["x".repeat(1000), undefined],
  ];
  for (const [wanted, expected] of cases) assert.equal(nearestOf(wanted, words), expected, wanted);
});

test("nearestOf() prefers the nearest, and the first of equals", () => {
  assert.equal(nearestOf("shop", ["shot", "stop", "shop"]), "shop");
  assert.equal(nearestOf("shoq", ["shot", "shop"]), "shot");
});
