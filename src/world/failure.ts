/**
 * Why a probe failed: the words that probes/ report, World stores by position and `rhumb world`
 * prints. Append only: a stored position is never given another meaning.
 */
export const failureCodes = [
  "none",
  "timeout",
  "refused",
  "reset",
  "unreachable",
  "closed",
  "tls",
  "certificate",
  "status",
  "body",
  "protocol",
  "no-address",
  "source",
  "other",
] as const;
export type FailureCode = (typeof failureCodes)[number];

const positions: ReadonlyMap<string, number> = new Map(
  failureCodes.map((code, position) => [code, position]),
);

/** The position to store; a word this version does not know is `other`. */
export function failurePosition(code: string): number {
  return positions.get(code) ?? failureCodes.length - 1;
}

export function failureCode(position: number): FailureCode {
  return failureCodes[position] ?? "other";
}
