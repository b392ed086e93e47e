/**
 * Great-circle distances in whole metres on a sphere, the same on every machine. policy/compile.ts
 * ranks regions with them for `nearest`. Points are turned into unit vectors once, so that ranking
 * many locations against many regions costs two square roots and one arctangent a pair.
 */
import { exactAtan2, exactCos, exactSin, pi } from "../lib/exact-math.ts";

/** IUGG mean radius R1. */
const earthRadiusMetres = 6_371_008.8;

/** A point as a vector of length 1. */
export interface SpherePoint {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

export interface GeoPoint {
  readonly latitude: number;
  readonly longitude: number;
}

export function onSphere(latitude: number, longitude: number): SpherePoint {
  const phi = (latitude * pi) / 180;
  const lambda = (longitude * pi) / 180;
  const ring = exactCos(phi);
  return { x: ring * exactCos(lambda), y: ring * exactSin(lambda), z: exactSin(phi) };
}

/**
 * The angle between two vectors is 2 atan2(|a - b|, |a + b|): accurate for neighbours, where the
 * arc cosine of the dot product is not, and for antipodes, where the haversine is not.
 */
export function metresBetween(a: SpherePoint, b: SpherePoint): number {
  const dx = a.x - b.x;
  const dy = a.y - b.y;
  const dz = a.z - b.z;
  const sx = a.x + b.x;
  const sy = a.y + b.y;
  const sz = a.z + b.z;
  const apart = Math.sqrt(dx * dx + dy * dy + dz * dz);
  const along = Math.sqrt(sx * sx + sy * sy + sz * sz);
  return Math.round(2 * earthRadiusMetres * exactAtan2(apart, along));
}

/**
 * A distance as `nearest` with a bias counts it, in whole metres, halves up: a bias b > 0 shortens
 * d to d (1 - b/100), a bias b < 0 lengthens it to d / (1 + b/100). At most 100 times half the
 * circumference, so every product is an exact integer and the quotient's half is exact too.
 */
export function biasedMetres(metres: number, bias: number): number {
  return Math.round(bias >= 0 ? (metres * (100 - bias)) / 100 : (metres * 100) / (100 + bias));
}

/** NaN when either point is not known. */
export function distanceMetres(a: GeoPoint, b: GeoPoint): number {
  return metresBetween(onSphere(a.latitude, a.longitude), onSphere(b.latitude, b.longitude));
}
