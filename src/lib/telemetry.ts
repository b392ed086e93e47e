/**
 * Counters, gauges and histograms in typed arrays. A family declares all its rows (label sets) when
 * it is made, so labels are bounded by construction and an increment is one array write: it
 * allocates nothing and looks nothing up. Each part has one registry and hands out its `dump()`;
 * whoever serves the metrics page merges the parts' dumps and renders them (Prometheus text 0.0.4).
 */
import { assert } from "../errors.ts";
import { limits } from "../limits.ts";

export type FamilyKind = "counter" | "gauge" | "histogram";

/** One family as plain data: what crosses a local socket and what the page is made of. */
export interface FamilyDump {
  readonly name: string;
  readonly help: string;
  readonly kind: FamilyKind;
  readonly labels: readonly string[];
  /** Label values, one list a row. */
  readonly rows: readonly (readonly string[])[];
  /** Upper bounds of a histogram's buckets, ascending, without +Inf; else empty. */
  readonly bounds: readonly number[];
  /**
   * One number a row; for a histogram bounds.length + 2 a row: the buckets, each by itself, the one
   * beyond the last bound, then the sum of what was observed.
   */
  readonly values: readonly number[];
}

/**
 * The rows of a family. `values` is the product of each label's values, laid out with the last
 * label running fastest; `rows` lists label sets one by one. Neither: a single row without labels.
 */
export type Rows =
  | { readonly values: Readonly<Record<string, readonly string[]>> }
  | { readonly labels: readonly string[]; readonly rows: readonly (readonly string[])[] };

export interface Counter {
  /** Adds to row `row`; rows count from 0 in the order of their declaration. */
  add(row: number, amount: number): void;
  read(row: number): number;
  /** The row with these label values, in label order: for set-up, not for hot paths. */
  row(...labelValues: readonly string[]): number;
}

export interface Gauge {
  set(row: number, value: number): void;
  read(row: number): number;
  row(...labelValues: readonly string[]): number;
}

export interface Histogram {
  observe(row: number, value: number): void;
  row(...labelValues: readonly string[]): number;
}

export interface Registry {
  counter(name: string, help: string, rows?: Rows): Counter;
  /** Declaring a gauge again replaces it: rows follow the revision in use. */
  gauge(name: string, help: string, rows?: Rows): Gauge;
  histogram(
    name: string,
    help: string,
    options: { readonly bounds: readonly number[]; readonly rows?: Rows },
  ): Histogram;
  /** Runs before every dump: for gauges that are read from elsewhere. */
  collect(action: () => void): void;
  dump(): readonly FamilyDump[];
}

interface Family extends Omit<FamilyDump, "values"> {
  readonly cells: Float64Array;
}

const namePattern = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Bounds in seconds for what takes from a tenth of a millisecond to ten seconds. */
export const secondsBounds: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

function expandRows(rows: Rows | undefined): { labels: string[]; rows: string[][] } {
  if (rows === undefined) return { labels: [], rows: [[]] };
  if ("rows" in rows) return { labels: [...rows.labels], rows: rows.rows.map((row) => [...row]) };
  let product: string[][] = [[]];
  for (const values of Object.values(rows.values)) {
    product = product.flatMap((row) => values.map((value) => [...row, value]));
    assert(product.length <= limits.metricRowsMax, "a metric family has a bounded number of rows");
  }
  return { labels: Object.keys(rows.values), rows: product };
}

function createFamily(
  head: { readonly name: string; readonly help: string; readonly kind: FamilyKind },
  bounds: readonly number[],
  of: { readonly rows: Rows | undefined; readonly cellsOf: (count: number) => Float64Array },
): Family {
  const { labels, rows } = expandRows(of.rows);
  assert(namePattern.test(head.name), `metric name ${head.name}`);
  assert(rows.length <= limits.metricRowsMax, `rows of metric ${head.name} are bounded`);
  for (const label of labels) assert(namePattern.test(label) && label !== "le", `label ${label}`);
  for (const row of rows) assert(row.length === labels.length, `a row of ${head.name} is whole`);
  bounds.forEach((bound, index) => {
    assert(index === 0 || bound > bounds[index - 1]!, `bounds of ${head.name} ascend`);
  });
  const cellsPerRow = head.kind === "histogram" ? bounds.length + 2 : 1;
  return { ...head, labels, rows, bounds, cells: of.cellsOf(rows.length * cellsPerRow) };
}

function rowFinder(family: Family): (...labelValues: readonly string[]) => number {
  const rowOf = new Map(family.rows.map((row, index) => [JSON.stringify(row), index]));
  assert(rowOf.size === family.rows.length, `rows of metric ${family.name} differ`);
  return (...labelValues) => {
    const row = rowOf.get(JSON.stringify(labelValues));
    assert(row !== undefined, `metric ${family.name} has a row ${JSON.stringify(labelValues)}`);
    return row;
  };
}

function createHistogram(family: Family): Histogram {
  const { cells, bounds } = family;
  const cellsPerRow = bounds.length + 2;
  return {
    row: rowFinder(family),
    observe(row, value) {
      const first = row * cellsPerRow;
      let bucket = 0;
      while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
      cells[first + bucket]! += 1;
      cells[first + cellsPerRow - 1]! += value;
    },
  };
}

/** `cellsOf`: where the cells of a family lie, for counters that threads share. */
export function createRegistry(
  cellsOf: (count: number) => Float64Array = (count) => new Float64Array(count),
): Registry {
  const families = new Map<string, Family>();
  const collectors: (() => void)[] = [];
  const declare = (family: Family): Family => {
    const before = families.get(family.name);
    const replaces = before?.kind === "gauge" && family.kind === "gauge";
    assert(before === undefined || replaces, `metric ${family.name} is declared once`);
    families.set(family.name, family);
    return family;
  };
  return {
    counter(name, help, rows) {
      const family = declare(createFamily({ name, help, kind: "counter" }, [], { rows, cellsOf }));
      const { cells } = family;
      return {
        row: rowFinder(family),
        read: (row) => cells[row] ?? Number.NaN,
        add(row, amount) {
          cells[row]! += amount;
        },
      };
    },
    gauge(name, help, rows) {
      const family = declare(createFamily({ name, help, kind: "gauge" }, [], { rows, cellsOf }));
      const { cells } = family;
      return {
        row: rowFinder(family),
        read: (row) => cells[row] ?? Number.NaN,
        set(row, value) {
          cells[row] = value;
        },
      };
    },
    histogram(name, help, options) {
      const head = { name, help, kind: "histogram" } as const;
      return createHistogram(
        declare(createFamily(head, options.bounds, { rows: options.rows, cellsOf })),
      );
    },
    collect(action) {
      collectors.push(action);
    },
    dump() {
      for (const action of collectors) action();
      return [...families.values()].map(({ cells, ...head }) => ({
        ...head,
        values: [...cells],
      }));
    },
  };
}

/**
 * Adds up counters and histograms that several parts have; of equal gauge rows the last one wins.
 */
export function mergeDumps(dumps: readonly (readonly FamilyDump[])[]): readonly FamilyDump[] {
  const merged = new Map<string, { head: FamilyDump; rows: Map<string, MergedRow> }>();
  for (const family of dumps.flat()) {
    let entry = merged.get(family.name);
    if (entry === undefined) {
      entry = { head: family, rows: new Map() };
      merged.set(family.name, entry);
    }
    // Parts of one build declare a family alike; a part of another build must not spoil the page.
    if (!sameShape(entry.head, family)) continue;
    const cellsPerRow = family.kind === "histogram" ? family.bounds.length + 2 : 1;
    family.rows.forEach((labels, index) => {
      const cells = family.values.slice(index * cellsPerRow, (index + 1) * cellsPerRow);
      const key = JSON.stringify(labels);
      const before = entry.rows.get(key);
      const add = before !== undefined && family.kind !== "gauge";
      entry.rows.set(key, {
        labels,
        cells: add ? cells.map((cell, at) => cell + (before.cells[at] ?? 0)) : cells,
      });
    });
  }
  return [...merged.values()].map(({ head, rows }) => ({
    ...head,
    rows: [...rows.values()].map((row) => row.labels),
    values: [...rows.values()].flatMap((row) => row.cells),
  }));
}

interface MergedRow {
  readonly labels: readonly string[];
  readonly cells: readonly number[];
}

function sameShape(a: FamilyDump, b: FamilyDump): boolean {
  return (
    a.kind === b.kind && a.labels.join() === b.labels.join() && a.bounds.join() === b.bounds.join()
  );
}

/** Prometheus exposition text, version 0.0.4. Serve it as `text/plain; version=0.0.4`. */
export function renderPrometheus(families: readonly FamilyDump[]): string {
  const lines: string[] = [];
  for (const family of families) {
    lines.push(`# HELP ${family.name} ${escapeText(family.help)}`);
    lines.push(`# TYPE ${family.name} ${family.kind}`);
    family.rows.forEach((row, index) => {
      if (family.kind === "histogram") renderHistogramRow(lines, family, index);
      else lines.push(`${series(family.name, family.labels, row)} ${number(family.values[index])}`);
    });
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function renderHistogramRow(lines: string[], family: FamilyDump, index: number): void {
  const { name, labels, bounds } = family;
  const row = family.rows[index] ?? [];
  const first = index * (bounds.length + 2);
  let total = 0;
  for (let bucket = 0; bucket <= bounds.length; bucket++) {
    total += family.values[first + bucket] ?? 0;
    const le = number(bounds[bucket] ?? Number.POSITIVE_INFINITY);
    lines.push(`${series(`${name}_bucket`, [...labels, "le"], [...row, le])} ${number(total)}`);
  }
  const sum = family.values[first + bounds.length + 1];
  lines.push(`${series(`${name}_sum`, labels, row)} ${number(sum)}`);
  lines.push(`${series(`${name}_count`, labels, row)} ${number(total)}`);
}

function series(name: string, labels: readonly string[], values: readonly string[]): string {
  if (labels.length === 0) return name;
  const pairs = labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? "")}"`);
  return `${name}{${pairs.join(",")}}`;
}

function number(value = Number.NaN): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}

const escapeText = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
const escapeLabel = (text: string): string => escapeText(text).replaceAll('"', '\\"');
