/**
 * A prober with a native bug: the answer of one origin (the status 299) ends the process on the
 * spot, as a fault in a TLS library would. For crash.test.ts, in the observer and in its sandboxes.
 */
import { systemEntropy } from "../../src/lib/entropy.ts";
import type { Probe } from "../../src/probes/probe.ts";
import { createProber } from "../../src/probes/prober.ts";

export const poisonStatus = 299;

export function poisonedProbe(): Probe {
  const probe = createProber({ entropy: systemEntropy() });
  return (request, handlers) =>
    probe(request, {
      ...handlers,
      result(result) {
        if (result.detail === String(poisonStatus)) process.abort();
        handlers.result(result);
      },
    });
}
