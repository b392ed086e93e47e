/**
 * What control counts for the metrics page: revisions, and the parts as the supervisor sees them.
 */
import type { Registry } from "../lib/telemetry.ts";
import type { PartReport, Revision } from "../link/messages.ts";
import { partNames } from "../link/paths.ts";

export interface ControlFacts {
  readonly parts: readonly PartReport[];
  readonly refused: boolean;
  readonly revision: Revision | undefined;
}

export interface ControlMetrics {
  reloaded(outcome: "applied" | "unchanged" | "refused"): void;
}

export function controlMetrics(registry: Registry, facts: () => ControlFacts): ControlMetrics {
  const outcomes = ["applied", "unchanged", "refused"] as const;
  const perPart = { values: { part: [...partNames] } };
  const reloads = registry.counter(
    "rhumb_config_reloads_total",
    "Times the configuration was read, by what came of it.",
    { values: { outcome: outcomes } },
  );
  const refused = registry.gauge(
    "rhumb_config_refused",
    "1 while the files on disk do not compile and an older revision serves.",
  );
  const number = registry.gauge("rhumb_config_revision", "Number of the revision in force.");
  const at = registry.gauge(
    "rhumb_config_revision_timestamp_seconds",
    "When the revision in force was accepted, in seconds since the epoch.",
  );
  const ready = registry.gauge("rhumb_part_ready", "1 while the part serves.", perPart);
  const spare = registry.gauge(
    "rhumb_part_spare",
    "1 while a loaded process waits to take the part's place.",
    perPart,
  );
  const restarts = registry.counter(
    "rhumb_part_restarts_total",
    "Times the supervisor started the part again.",
    perPart,
  );
  registry.collect(() => {
    const now = facts();
    refused.set(0, now.refused ? 1 : 0);
    number.set(0, now.revision?.number ?? 0);
    at.set(0, (now.revision?.at ?? 0) / 1000);
    for (const part of now.parts) {
      const row = ready.row(part.name);
      ready.set(row, part.state === "ready" ? 1 : 0);
      spare.set(row, part.spare ? 1 : 0);
      restarts.add(row, part.restarts - restarts.read(row));
    }
  });
  return { reloaded: (outcome) => reloads.add(outcomes.indexOf(outcome), 1) };
}
