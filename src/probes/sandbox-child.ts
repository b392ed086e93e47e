/**
 * A process that probes suspects, so that an origin which crashes its prober crashes this one.
 * Started by sandbox.ts over an IPC channel; ends when the channel does, so it never outlives the
 * observer.
 */
import { systemEntropy } from "../lib/entropy.ts";
import type { Probe, ProbeRequest, ProbeResult } from "./probe.ts";
import { createProber } from "./prober.ts";

export interface SandboxCommand {
  readonly id: number;
  readonly request: ProbeRequest;
}

/** `closed` follows `result`: until then a crash may still be this probe's. */
export type SandboxReport =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly result: ProbeResult }
  | { readonly kind: "closed"; readonly id: number };

export function serveSandbox(probe: Probe): void {
  const report = (message: SandboxReport): void => {
    // The channel may be closing; `disconnect` then ends this process.
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  };
  process.on("message", (command: SandboxCommand) => {
    const { id, request } = command;
    probe(request, {
      result: (result) => report({ kind: "result", id, result }),
      closed: () => report({ kind: "closed", id }),
    });
  });
  process.on("disconnect", () => process.exit(0));
  report({ kind: "ready" });
}

if (import.meta.main) serveSandbox(createProber({ entropy: systemEntropy() }));
