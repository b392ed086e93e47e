/**
 * A CSV of measurements, `client,region,ms` or `service,pool,load`: two names and a number a row.
 * Called by `rhumb latency import` and `rhumb load import`. Every row that cannot be read is a
 * problem with its line; whether what it names exists, the observer says.
 */
import type { Problem } from "../errors.ts";
import { limits } from "../limits.ts";

export interface MeasureKind {
  readonly header: string;
  /** A row, for hints. */
  readonly example: string;
  /** What the number is. */
  readonly what: string;
  readonly most: number;
}

export interface Measure {
  readonly of: string;
  readonly at: string;
  readonly value: number;
}

export type MeasuresResult =
  | { readonly ok: true; readonly measures: readonly Measure[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const number = /^(?:\d+(?:\.\d*)?|\.\d+)$/;
const nameCharsMax = 128;

/** Blank lines and lines that begin with `#` say nothing. */
export function parseMeasures(file: string, text: string, kind: MeasureKind): MeasuresResult {
  const problems: Problem[] = [];
  const measures: Measure[] = [];
  const fail = (line: number, message: string, hint: string): void => {
    if (problems.length >= limits.problemsMax) return;
    const place = { file, line, column: 1 };
    problems.push({ code: "measure.invalid", severity: "error", path: "", message, hint, place });
  };
  const begin = `begin with \`${kind.header}\``;
  let headed = false;
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const cells = line.split(",").map((cell) => cell.trim());
    if (!headed) {
      headed = cells.join() === kind.header;
      if (headed) continue;
      fail(index + 1, "the first line is not the header", begin);
      break;
    }
    if (measures.length === limits.measureRowsMax) {
      fail(index + 1, `over ${limits.measureRowsMax} rows`, "import it in several parts");
      break;
    }
    const read = readRow(cells, kind);
    if (typeof read === "string") fail(index + 1, read, `write a row as in \`${kind.example}\``);
    else measures.push(read);
  }
  if (!headed && problems.length === 0) fail(1, "the file is empty", begin);
  return problems.length > 0 ? { ok: false, problems } : { ok: true, measures };
}

/** What is wrong with it, or the measurement. */
function readRow(cells: readonly string[], kind: MeasureKind): Measure | string {
  const [of = "", at = "", amount = ""] = cells;
  if (cells.length !== 3 || of === "" || at === "") return `${cells.length} fields, not 3`;
  if (of.length > nameCharsMax || at.length > nameCharsMax) return "a name is too long";
  const value = number.test(amount) ? Number(amount) : Number.NaN;
  if (value <= kind.most) return { of, at, value };
  return `${JSON.stringify(amount.slice(0, 60))} is no ${kind.what} from 0 to ${kind.most}`;
}
