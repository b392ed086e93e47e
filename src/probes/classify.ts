/**
 * A socket's error -> the failure code World stores, or the finding that the fault lies with this
 * machine. Called by the probes from their 'error' events; reads nothing but the error's code.
 */
import type { FailureCode } from "../world/failures.ts";
import type { Attempt, Phase } from "./probe.ts";

/** Errors before a connection stands. */
const connectFailures: Readonly<Record<string, FailureCode>> = {
  ECONNREFUSED: "connect.refused",
  ECONNRESET: "connect.reset",
  ETIMEDOUT: "connect.timeout",
  EHOSTUNREACH: "connect.unreachable",
  ENETUNREACH: "connect.unreachable",
  EHOSTDOWN: "connect.unreachable",
  // What the kernel makes of ICMPv6 "administratively prohibited".
  EACCES: "connect.unreachable",
};

/**
 * This machine's own trouble: descriptors, memory, ports, a source address it does not have, a
 * packet filter on the way out. It says nothing about the origin, so it must not take the origin
 * down.
 */
const localFaults: ReadonlySet<string> = new Set([
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EADDRNOTAVAIL",
  "EADDRINUSE",
  "EAFNOSUPPORT",
  "EINVAL",
  "EPERM",
]);

/** X.509 verification codes of Node (OpenSSL's names) that have a code of their own. */
const certificateFailures: Readonly<Record<string, FailureCode>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: "tls.name",
  HOSTNAME_MISMATCH: "tls.name",
  CERT_HAS_EXPIRED: "tls.expired",
  CERT_NOT_YET_VALID: "tls.expired",
};
const untrusted: ReadonlySet<string> = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "CERT_SIGNATURE_FAILURE",
  "CERT_CHAIN_TOO_LONG",
  "CERT_REVOKED",
  "CERT_REJECTED",
  "CERT_UNTRUSTED",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
]);

export function failureOf(code: string, phase: Phase): FailureCode | "local" {
  if (phase === "connect") {
    return localFaults.has(code) ? "local" : (connectFailures[code] ?? "connect.failed");
  }
  if (phase === "tls") {
    return certificateFailures[code] ?? (untrusted.has(code) ? "tls.untrusted" : "tls.failed");
  }
  return "http.closed";
}

/** Ends an attempt for an error of its socket. */
export function failForError(attempt: Attempt, error: unknown): void {
  const code = codeOf(error);
  const failure = failureOf(code, attempt.phase);
  if (failure === "local") attempt.abandon(code);
  else attempt.fail(failure, code);
}

/**
 * The error's code, never its message: a certificate's names stand in the message, they are the
 * origin's to choose, and a log is no place for them.
 */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" && code !== "" ? code : error.name;
}
