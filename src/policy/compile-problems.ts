/**
 * What compile finds wrong, collected with places. Shared by the compile-*.ts files of one run.
 */
import type { Place, Problem, ProblemCode } from "../errors.ts";

export type PlaceOf = (path: string) => Place | undefined;

export interface Findings {
  readonly problems: Problem[];
  readonly placeOf: PlaceOf;
  /**
   * Does something else than what the operator wrote stand at a path, or below it, because that is
   * wrong and has been reported? Then what follows from it is no mistake of its own.
   */
  readonly isStandIn: (path: string) => boolean;
}

export interface Finding {
  readonly code: ProblemCode;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

export function reportError(findings: Findings, finding: Finding): void {
  findings.problems.push(problemOf(findings, finding, "error"));
}

export function reportWarning(findings: Findings, finding: Finding): void {
  findings.problems.push(problemOf(findings, finding, "warning"));
}

/** What was found wrong with something, below its path. */
export interface Said {
  readonly path: string;
  readonly problems: readonly Problem[];
}

/** What is wrong with what is shared is wrong with everyone who has it. */
export function repeatProblems(
  { problems, placeOf }: Findings,
  said: Said | undefined,
  to: string,
): void {
  for (const { place: _, ...problem } of said?.problems ?? []) {
    if (said === undefined || !problem.path.startsWith(`${said.path}.`)) continue;
    const path = to + problem.path.slice(said.path.length);
    const place = placeOf(path);
    problems.push({ ...problem, path, ...(place === undefined ? {} : { place }) });
  }
}

function problemOf(
  findings: Findings,
  { code, path, message, hint }: Finding,
  severity: Problem["severity"],
): Problem {
  const place = findings.placeOf(path);
  const problem = { code, severity, path, message, hint };
  return place === undefined ? problem : { ...problem, place };
}
