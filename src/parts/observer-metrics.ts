/**
 * What the observer counts. Made once by parts/observer.ts; labels are words of fixed tables, never
 * names from outside.
 */
import { type Registry, secondsBounds } from "../lib/telemetry.ts";
import type { ProbeResult } from "../probes/probe.ts";
import type { SchedulerStatistics } from "../probes/scheduler.ts";
import { failureCodes, failureIndex } from "../world/failures.ts";
import { verdict, type World } from "../world/world.ts";

export interface ObserverMetrics {
  probed(result: ProbeResult): void;
  stepped(milliseconds: number): void;
}

export interface ObserverGauges {
  readonly world: World | undefined;
  readonly probing: (SchedulerStatistics & { readonly suspects: number }) | undefined;
}

const outcomes = ["ok", "failed", "void"] as const;
const verdicts = Object.keys(verdict) as (keyof typeof verdict)[];

/** `read` gives what is true when the page is asked for. */
export function observerMetrics(registry: Registry, read: () => ObserverGauges): ObserverMetrics {
  const probes = registry.counter("rhumb_probes_total", "Probes ended, by outcome.", {
    values: { outcome: outcomes },
  });
  const failures = registry.counter("rhumb_probe_failures_total", "Probes failed, by reason.", {
    values: { failure: failureCodes },
  });
  const seconds = registry.histogram("rhumb_probe_seconds", "Duration of probes that succeeded.", {
    bounds: secondsBounds,
  });
  const steps = registry.histogram("rhumb_world_step_seconds", "Time a step of World takes.", {
    bounds: secondsBounds,
  });
  const endpoints = registry.gauge("rhumb_endpoints", "Endpoints, by verdict.", {
    values: { verdict: verdicts },
  });
  const quarantined = registry.gauge("rhumb_endpoints_quarantined", "Endpoints not probed.");
  const retained = registry.gauge(
    "rhumb_endpoints_retained",
    "Endpoints that fail and are kept in use by the bound on removals.",
  );
  const origins = registry.gauge("rhumb_probe_origins", "Origins probed.");
  const inFlight = registry.gauge("rhumb_probes_in_flight", "Probes under way.");
  const queued = registry.gauge("rhumb_probes_queued", "Probes due and not started.");
  const suspects = registry.gauge("rhumb_probe_suspects", "Origins probed in a sandbox.");
  const generation = registry.gauge("rhumb_world_generation", "Published changes of World.");
  registry.collect(() => {
    const { world, probing } = read();
    const counts = new Float64Array(verdicts.length);
    for (const word of world?.endpoints.verdict ?? []) counts[word]! += 1;
    verdicts.forEach((word, row) => {
      endpoints.set(row, counts[verdict[word]] ?? 0);
    });
    quarantined.set(0, world?.endpoints.quarantined.reduce((sum, flag) => sum + flag, 0) ?? 0);
    retained.set(0, world?.endpoints.retained.reduce((sum, flag) => sum + flag, 0) ?? 0);
    generation.set(0, world?.generation ?? 0);
    origins.set(0, probing?.origins ?? 0);
    inFlight.set(0, probing?.inFlight ?? 0);
    queued.set(0, probing?.queued ?? 0);
    suspects.set(0, probing?.suspects ?? 0);
  });
  return {
    probed(result) {
      probes.add(outcomes.indexOf(result.outcome), 1);
      if (result.outcome === "failed") failures.add(failureIndex(result.failure), 1);
      else if (result.outcome === "ok") seconds.observe(0, result.latencyMs / 1000);
    },
    stepped: (milliseconds) => steps.observe(0, milliseconds / 1000),
  };
}
