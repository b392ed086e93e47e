/** What tidy reports: one line a finding, clickable, with the cure in the message. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  /** Name of the rule, stable. */
  readonly rule: string;
  readonly message: string;
}

export function formatFinding(finding: Finding): string {
  return `${finding.path}:${finding.line} ${finding.rule}: ${finding.message}`;
}
