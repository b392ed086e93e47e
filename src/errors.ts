/**
 * Three kinds of error, never mixed: a bug is an `assert` and ends the process that has it; what is
 * expected is a returned value; an operator's mistake is a list of `Problem`s, all of them, each
 * with its place and its cure. Every code of a Problem stands in the table `problemCodes`.
 */

/** Where in the operator's files something stands. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  /** A stable code from `problemCodes`, such as `config.unknown-key`. */
  readonly code: ProblemCode;
  readonly severity: "error" | "warning";
  /** Dotted path of the value, such as `services.shop.check.interval`; empty for a whole file. */
  readonly path: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  readonly place?: Place;
}

/** Code -> what it means. docs/errors.md is generated from this table. */
export const problemCodes = {
  "file.unreadable": "A file or folder of the configuration cannot be read.",
  "file.too-large": "A file, or all of them together, is longer than the limit.",
  "yaml.syntax": "The text is not YAML.",
  "yaml.duplicate-key": "A key stands twice in one mapping.",
  "yaml.aliases": "Aliases stand for more than the limit, or for nothing.",
  "config.unknown-key": "A key that Rhumb does not know.",
  "config.invalid": "A value of the wrong kind or out of range.",
  "config.missing": "A value that must be written is not.",
  "config.unsupported": "A word of the language that this version does not carry out yet.",
  "config.unknown-reference": "A name that is defined nowhere.",
  "config.duplicate": "One thing defined twice, or one prefix with two values.",
  "config.conflict": "Two values that cannot both hold.",
  "config.unreachable": "A rule or an endpoint that no client can reach.",
  "config.empty-class": "A rule that no client of this geography reaches.",
  "config.indistinct": "One point per country cannot tell these regions apart.",
  "config.limit": "More of something than the limit allows.",
  "residency.empty": "No endpoint is inside the jurisdictions a service may use.",
  "assert.violated": "There is a state in which an assertion of `assert` does not hold.",
  "assert.undecided": "Whether an assertion of `assert` holds could not be told within the budget.",
  "geo.unreadable": "A geography database cannot be read, is cut short or is not of a known kind.",
  "demand.invalid": "A line of a demand file that cannot be read.",
  "measure.invalid": "A line of a file of round trips or loads that cannot be read.",
  "zone.syntax": "A line of a zone file that cannot be read.",
  "zone.invalid": "Records of a zone that do not make a zone, or do not belong into it.",
  "zone.digest": "The ZONEMD record of a zone file does not fit the zone (RFC 8976).",
  "zone.serial": "A zone that changed without a greater serial: secondaries would not notice.",
  "listen.in-use": "An address to listen on is taken.",
  "listen.refused": "An address to listen on cannot be had: not of this machine, or not permitted.",
  "listen.certificate": "The certificate or key for DNS over TLS and HTTPS cannot be used.",
  "state.in-use": "Another server uses the state directory.",
  "state.unusable": "The state directory cannot be written, or its path is too long.",
} as const;
export type ProblemCode = keyof typeof problemCodes;

/**
 * What moves, hides or turns round what a terminal shows beside it: control characters, line
 * separators, those that set the direction of writing, those without width, halves of characters.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;

/** Anybody's text, as it may stand in a line for people. */
export function visible(text: string): string {
  return text.replace(unseen, (each) => `\\u{${each.codePointAt(0)?.toString(16)}}`);
}

/** `file:line:col code message hint`, the one line every front of the product prints. */
export function formatProblem(problem: Problem): string {
  const at = problem.place;
  const place = at === undefined ? "" : `${at.file}:${at.line}:${at.column} `;
  const path = problem.path === "" ? "" : `${problem.path}: `;
  const hint = problem.hint === "" ? "" : ` (${problem.hint})`;
  const severity = problem.severity === "warning" ? "warning " : "";
  return visible(`${place}${severity}${problem.code} ${path}${problem.message}${hint}`);
}

/** In the order an operator reads: by file, line and column, those without a place first. */
export function byPlace(problems: readonly Problem[]): readonly Problem[] {
  const at = ({ place }: Problem): Place => place ?? { file: "", line: 0, column: 0 };
  return problems.toSorted((a, b) => {
    const [x, y] = [at(a), at(b)];
    if (x.file !== y.file) return x.file < y.file ? -1 : 1;
    return x.line - y.line || x.column - y.column;
  });
}

/** A broken invariant: a bug of ours. The process ends; its supervisor starts another. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}
