/**
 * `https` of a service -> the octets of its HTTPS records that are the same for everybody. Called
 * by compile-model.ts; fronts/dns/steered-https.ts puts the hints between them.
 */
import type { HttpsConfig } from "../config/schema-https.ts";
import { encodeSvcParams, svcKeys } from "../wire/rdata-svcb.ts";
import { joinBytes, numberBytes, parseBase64, withLength } from "../wire/rdata-tokens.ts";

/** Rdata in order: head, ipv4hint, ech, ipv6hint. */
export interface HttpsBinding {
  /** Priority 1, the owner itself as the target, and the parameters below ipv4hint. */
  readonly head: Uint8Array;
  /** The parameter ech, or nothing. */
  readonly ech: Uint8Array;
  readonly hints: boolean;
}

export function compileHttps(https: HttpsConfig): HttpsBinding {
  const protocols = https.alpn.map((text) => withLength(new TextEncoder().encode(text)));
  const params = new Map([[svcKeys.alpn as number, joinBytes(protocols)]]);
  if (https.port !== undefined) params.set(svcKeys.port, numberBytes(https.port, 2));
  const ech = https.ech === undefined ? undefined : parseBase64(https.ech);
  return {
    head: joinBytes([Uint8Array.of(0, 1, 0), encodeSvcParams(params)]),
    ech: ech === undefined ? new Uint8Array(0) : encodeSvcParams(new Map([[svcKeys.ech, ech]])),
    hints: https.hints,
  };
}
