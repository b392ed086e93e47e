/**
 * Demand: how much traffic comes from where, keyed by service and *stable location* (`DE`, `US-CA`,
 * `AS3320`, `unknown`): words that outlive a geography. Read from a CSV by the plan command, or
 * assumed. Every row that cannot be read is a problem with its line and column.
 */
import type { Place, Problem, ProblemCode } from "../errors.ts";
import { isStableLocation } from "../lib/stable-location.ts";
import { limits } from "../limits.ts";

/** What amounts are counted in. `share`: assumed, one unit a country and service. */
export type DemandUnit = "rps" | "count" | "share";

export interface DemandRow {
  readonly service: string;
  readonly location: string;
  readonly amount: number;
  readonly place: Place;
}

export interface Demand {
  readonly unit: DemandUnit;
  readonly rows: readonly DemandRow[];
}

export type DemandResult =
  | { readonly ok: true; readonly demand: Demand }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const nonNegative = /^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?$/;

interface Cell {
  readonly text: string;
  /** From 1. */
  readonly column: number;
}

/** Fields of a line with the column at which each begins; a field may stand in double quotes. */
function cellsOf(line: string): readonly Cell[] {
  const cells: Cell[] = [];
  let at = 0;
  while (at <= line.length) {
    let end = line.indexOf(",", at);
    if (end === -1) end = line.length;
    const raw = line.slice(at, end);
    const text = raw.trim();
    const column = at + raw.length - raw.trimStart().length + 1;
    cells.push({ text: /^".*"$/.test(text) ? text.slice(1, -1) : text, column });
    at = end + 1;
  }
  return cells;
}

class Reader {
  readonly problems: Problem[] = [];
  readonly rows: DemandRow[] = [];
  readonly #file: string;
  readonly #lines = new Map<string, number>();
  #total = 0;

  constructor(file: string) {
    this.#file = file;
  }

  fail(
    at: { readonly line: number; readonly column: number },
    words: { readonly code?: ProblemCode; readonly message: string; readonly hint: string },
  ): void {
    if (this.problems.length >= limits.problemsMax) return;
    const { code = "demand.invalid", message, hint } = words;
    const place = { file: this.#file, line: at.line, column: at.column };
    this.problems.push({ code, severity: "error", path: "", message, hint, place });
  }

  /** The unit, or undefined when the header is not one. */
  header(cells: readonly Cell[], line: number): DemandUnit | undefined {
    const [service, location, amount] = cells.map(({ text }) => text);
    const unit = amount === "rps" || amount === "count" ? amount : undefined;
    if (service === "service" && location === "location" && cells.length === 3 && unit) return unit;
    const message = "the first line is not the header of a demand file";
    const hint = "begin with `service,location,rps`, or `service,location,count`";
    this.fail({ line, column: 1 }, { message, hint });
    return undefined;
  }

  row(cells: readonly Cell[], line: number): void {
    const [service, location, amount] = cells;
    if (service === undefined || location === undefined || amount === undefined || cells[3]) {
      const message = `${cells.length} fields, not 3`;
      const hint = "write a row as in `shop,DE,120`";
      this.fail({ line, column: 1 }, { message, hint });
      return;
    }
    const bad = this.problems.length;
    if (service.text === "") {
      const hint = "name a service of the configuration";
      this.fail({ line, column: service.column }, { message: "no service is named", hint });
    }
    if (!isStableLocation(location.text)) {
      const message = `${quote(location.text)} is no location`;
      const hint = "write a country (DE), a subdivision (US-CA), a network (AS3320) or `unknown`";
      this.fail({ line, column: location.column }, { message, hint });
    }
    const value = nonNegative.test(amount.text) ? Number(amount.text) : Number.NaN;
    if (!(value <= limits.demandAmountMax)) {
      const message = `${quote(amount.text)} is no amount`;
      const hint = `write a number from 0 to ${limits.demandAmountMax}`;
      this.fail({ line, column: amount.column }, { message, hint });
    }
    const key = `${service.text},${location.text}`;
    const first = this.#lines.get(key);
    if (first !== undefined) {
      const message = `${key} stands twice; the first is on line ${first}`;
      const hint = "add the two up";
      this.fail({ line, column: 1 }, { code: "config.duplicate", message, hint });
    }
    if (this.problems.length > bad) return;
    this.#lines.set(key, line);
    this.#total += value;
    const place = { file: this.#file, line, column: location.column };
    this.rows.push({ service: service.text, location: location.text, amount: value, place });
  }

  finish(lines: number): void {
    if (this.problems.length > 0 || this.#total > 0) return;
    const message = "no demand: there is no row with an amount over 0";
    const hint = "add rows, or leave --demand out for equal demand from every country";
    this.fail({ line: lines, column: 1 }, { message, hint });
  }
}

const quote = (text: string): string => JSON.stringify(text.slice(0, 60));

/** Blank lines and lines that begin with `#` say nothing. */
export function parseDemand(file: string, text: string): DemandResult {
  const reader = new Reader(file);
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  let unit: DemandUnit | undefined;
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const number = index + 1;
    if (unit === undefined) {
      unit = reader.header(cellsOf(line), number);
      if (unit === undefined) break;
      continue;
    }
    if (reader.rows.length >= limits.demandRowsMax) {
      const message = `over ${limits.demandRowsMax} rows`;
      const hint = "add up the locations that matter least";
      reader.fail({ line: number, column: 1 }, { code: "config.limit", message, hint });
      break;
    }
    reader.row(cellsOf(line), number);
  }
  if (unit === undefined && reader.problems.length === 0) {
    reader.header([], 1);
  }
  reader.finish(lines.length);
  const { problems, rows } = reader;
  if (problems.length > 0 || unit === undefined) return { ok: false, problems };
  return { ok: true, demand: { unit, rows } };
}
