/**
 * The extended DNS errors (RFC 8914) that this front sends, encoded once: why an answer is refused
 * or worse than usual. Sent only to queries with EDNS.
 */
import { extendedErrors as codes } from "../../wire/dns-constants.ts";

export interface ExtendedError {
  readonly code: number;
  readonly text: string;
  /** The option's data. */
  readonly data: Uint8Array;
}

function extendedError(code: number, text: string): ExtendedError {
  const data = Uint8Array.from([code >> 8, code & 0xff, ...new TextEncoder().encode(text)]);
  return { code, text, data };
}

export const extendedErrors = {
  notAuthoritative: extendedError(codes.notAuthoritative, "no zone here holds this name"),
  noTransfer: extendedError(codes.prohibited, "zones are not transferred from here"),
  noExplanation: extendedError(codes.prohibited, "not told to this address why"),
  queryType: extendedError(codes.invalidQueryType, "this type cannot be asked for"),
  queryClass: extendedError(codes.notSupported, "only class IN is served"),
  noSubnet: extendedError(codes.other, "the client's address is needed (EDNS client subnet)"),
  noEndpoint: extendedError(codes.other, "no endpoint may serve this client"),
  noAddress: extendedError(codes.other, "the endpoint's host name was never resolved"),
  serveAll: extendedError(codes.other, "fallback: nothing is known to be healthy"),
  lastGood: extendedError(codes.other, "fallback: the last good endpoints"),
  fixed: extendedError(codes.other, "fallback: the fixed answer"),
} as const;
