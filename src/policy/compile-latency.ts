/**
 * Cells of measured latency: which clients are averaged together, docs/steering.md "Latency".
 * Called by compile.ts when some rule steers by latency. Cells are those of locations of this
 * geography, in the order of their names.
 */
import type { Config } from "../config/schema.ts";
import { latencySchema } from "../config/schema-latency.ts";
import type { Location } from "../geo/geography.ts";
import { limits } from "../limits.ts";
import { type Findings, reportError, reportWarning } from "./compile-problems.ts";
import type { CellIndex, Latency, LatencyCell } from "./policy.ts";

export interface LatencyCells {
  readonly latency: Latency;
  /** Per location; -1 where no country is known. */
  readonly cellOfLocation: Int32Array;
}

export function compileLatency(
  config: Config,
  locations: readonly Location[],
  findings: Findings,
): LatencyCells {
  const { window, age, margin, networks, observer } = config.latency ?? latencySchema.parse({});
  const apart = new Set(networks);
  const byName = new Map<string, LatencyCell>();
  const names = locations.map(({ country, asn }) => {
    if (country === "") return "";
    const own = apart.has(asn);
    const name = own ? `${country}/AS${asn}` : country;
    if (!byName.has(name)) byName.set(name, { name, country, asn: own ? asn : 0 });
    return name;
  });
  const cells = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const indexOf = new Map(cells.map(({ name }, i) => [name, i]));
  checkBounds(cells.length, Object.keys(config.regions).length, findings);
  if (networks.length > 0 && locations.every(({ asn }) => asn === 0)) {
    reportWarning(findings, {
      code: "config.missing",
      path: "latency.networks",
      message: "the geography knows no AS numbers, so no client is in a network",
      hint: "name a database of them: `geo: {asn: FILE}`",
    });
  }
  const observerCell = observer === undefined ? -1 : indexOf.get(observer);
  if (observerCell === undefined) {
    reportError(findings, {
      code: "config.unknown-reference",
      path: "latency.observer",
      message: `no client of this geography is in ${observer}`,
      hint: "write the country in which this server stands among its clients, such as DE",
    });
  }
  return {
    latency: {
      cells,
      windowMs: window,
      ageMs: age,
      marginHundredths: margin,
      observerCell: (observerCell ?? -1) as CellIndex | -1,
    },
    cellOfLocation: Int32Array.from(names, (name) => indexOf.get(name) ?? -1),
  };
}

function checkBounds(cells: number, regions: number, findings: Findings): void {
  const most = Math.min(limits.latencyCellsMax, Math.floor(limits.latencyRowsMax / regions));
  if (cells <= most) return;
  reportError(findings, {
    code: "config.limit",
    path: "latency.networks",
    message: `${cells} cells of clients to measure, over ${most} with ${regions} regions`,
    hint: "name fewer networks",
  });
}
