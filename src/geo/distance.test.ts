/**
 * Distances and the airport table: against the haversine with Math.*, and as golden metres that
 * must not move between machines.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { airport, nearestAirport } from "./airports.ts";
import { biasedMetres, distanceMetres, type GeoPoint } from "./distance.ts";

const point = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});

/** The haversine formula with Math.*. */
function haversineMetres(a: GeoPoint, b: GeoPoint): number {
  const radians = Math.PI / 180;
  const dPhi = ((b.latitude - a.latitude) * radians) / 2;
  const dLambda = ((b.longitude - a.longitude) * radians) / 2;
  const h =
    Math.sin(dPhi) ** 2 +
    Math.cos(a.latitude * radians) * Math.cos(b.latitude * radians) * Math.sin(dLambda) ** 2;
  return 2 * 6_371_008.8 * Math.atan2(Math.sqrt(h), Math.sqrt(Math.max(0, 1 - h)));
}

test("distanceMetres agrees with the haversine, is symmetric and whole", () => {
  fc.assert(
    fc.property(point, point, (a, b) => {
      const metres = distanceMetres(a, b);
      assert.ok(Number.isInteger(metres));
      assert.equal(distanceMetres(b, a), metres);
      assert.equal(distanceMetres(a, a), 0);
      // Near the antipode the haversine itself is good to a metre only.
      assert.ok(Math.abs(metres - haversineMetres(a, b)) <= 1.5);
    }),
    { numRuns: 10_000 },
  );
});

test("distanceMetres gives these figures on every machine", () => {
  const at = (code: string): GeoPoint => airport(code) ?? assert.fail(code);
  assert.equal(
    distanceMetres({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 180 }),
    20015114,
  );
  assert.equal(
    distanceMetres({ latitude: 90, longitude: 7 }, { latitude: 0, longitude: 50 }),
    10007557,
  );
  assert.equal(distanceMetres(at("FRA"), at("IAD")), 6550246);
  assert.equal(distanceMetres(at("FRA"), at("NRT")), 9367138);
  assert.equal(distanceMetres(at("SYD"), at("GRU")), 13367240);
  assert.equal(distanceMetres(at("FRA"), at("AMS")), 365817);
});

test("distanceMetres is NaN where a point is not known", () => {
  assert.ok(
    Number.isNaN(
      distanceMetres({ latitude: Number.NaN, longitude: 1 }, { latitude: 1, longitude: 1 }),
    ),
  );
});

test("airport knows what operators write and nothing else", () => {
  for (const code of [
    "FRA",
    "AMS",
    "IAD",
    "NRT",
    "MUC",
    "SIN",
    "GRU",
    "SYD",
    "JNB",
    "DUB",
    "PDX",
  ]) {
    assert.equal(airport(code)?.code, code);
  }
  assert.deepEqual(airport("FRA"), {
    code: "FRA",
    country: "DE",
    latitude: 50.04,
    longitude: 8.56,
  });
  for (const code of ["", "fra", "ZZZ", "FRAX", "__proto__"])
    assert.equal(airport(code), undefined);
});

test("nearestAirport finds the airport beside a place", () => {
  assert.equal(nearestAirport({ latitude: 50.1, longitude: 8.7 }).code, "FRA");
  assert.equal(nearestAirport({ latitude: 35.68, longitude: 139.77 }).country, "JP");
});

test("biasedMetres is monotonic, whole, and exact to half a metre", () => {
  const metres = fc.integer({ min: 0, max: 20_015_115 });
  fc.assert(
    fc.property(metres, fc.integer({ min: -99, max: 99 }), (d, bias) => {
      const counted = biasedMetres(d, bias);
      const [times, over] = bias >= 0 ? [100 - bias, 100] : [100, 100 + bias];
      const doubled = 2n * BigInt(d) * BigInt(times) + BigInt(over);
      assert.equal(BigInt(counted), doubled / (2n * BigInt(over)));
      assert.equal(biasedMetres(d, 0), d);
      if (bias < 99) assert.ok(biasedMetres(d, bias + 1) <= counted);
    }),
  );
});
