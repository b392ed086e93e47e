/**
 * Why a probe failed: stable words, used by probes/ (which sets them), by World's `failure` column
 * (which holds a position in this table) and by everything that prints World. World is persisted
 * and published by position, so rows are only ever added at the end, never renamed, moved or
 * reused.
 */
const rows = [
  ["none", "The last probe succeeded, or none has ended yet."],
  ["connect.refused", "Nothing listens on the port, or a firewall answered with a reset."],
  ["connect.unreachable", "No route to the address, or a firewall said so."],
  ["connect.reset", "The connection was reset before it stood."],
  ["connect.timeout", "No connection within the time-out."],
  ["connect.failed", "The connection failed for another reason; the detail says which."],
  ["tls.failed", "The handshake failed: no common version or cipher, or not TLS at all."],
  ["tls.untrusted", "The certificate does not lead to a trusted root."],
  ["tls.expired", "The certificate is not valid yet, or no longer."],
  ["tls.name", "The certificate is for another name."],
  ["tls.timeout", "The handshake did not end within the time-out."],
  ["http.timeout", "No whole answer within the time-out."],
  ["http.closed", "The connection ended before the answer did."],
  ["http.malformed", "The answer is not HTTP/1."],
  ["http.too-large", "The answer's head is longer than the limit, or does not end."],
  ["http.status", "The status is not among those expected."],
  ["http.body", "The expected text is not in the body."],
  ["resolve.no-address", "The host name does not exist or has no address."],
  ["probe.crashed", "Probing it crashed the prober; the endpoint is quarantined."],
] as const;

export type FailureCode = (typeof rows)[number][0];

/** Code by position; position 0 is `none`. */
export const failureCodes: readonly FailureCode[] = rows.map(([code]) => code);

/** Code -> what it means. */
export const failureMeanings = Object.fromEntries(rows) as Readonly<Record<FailureCode, string>>;

const positions: ReadonlyMap<FailureCode, number> = new Map(
  failureCodes.map((code, position) => [code, position]),
);

/** Position of a code, as World's `failure` column stores it. */
export function failureIndex(code: FailureCode): number {
  return positions.get(code) ?? 0;
}

/** The code at a position read from a World; `none` for one this version does not know. */
export function failureAt(position: number): FailureCode {
  return failureCodes[position] ?? "none";
}
