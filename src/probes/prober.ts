/**
 * `createProber`: the function that runs any probe, by its kind. Called by the observer and by the
 * sandbox child; holds nothing between probes but one TLS context.
 */
import type { SecureContext } from "node:tls";
import type { Entropy } from "../lib/entropy.ts";
import { probeHttp } from "./http.ts";
import { Attempt, type Probe } from "./probe.ts";
import { probeTcp } from "./tcp.ts";
import { createProbeContext, probeHttps } from "./tls.ts";

export interface ProberOptions {
  readonly entropy: Entropy;
  /** PEM roots instead of Node's own. */
  readonly ca?: string;
}

export function createProber(options: ProberOptions): Probe {
  let context: SecureContext | undefined;
  return (request, handlers) => {
    const attempt = new Attempt(request, handlers, options.entropy);
    if (request.kind === "tcp") probeTcp(request, attempt);
    else if (request.kind === "http") probeHttp(request, attempt);
    else {
      context ??= createProbeContext(options.ca);
      probeHttps(request, attempt, context);
    }
    return attempt;
  };
}
