/**
 * How the number of endpoints up counts: words that only have a meaning beside others. Called by
 * load.ts for each service.
 */
import type { ServiceChecks } from "./checks.ts";

export function checkHealth(checks: ServiceChecks): void {
  const { raw, path } = checks;
  if (raw["overprovisioning"] === undefined) return;
  if (raw["spill"] !== undefined || raw["locality"] !== undefined) return;
  checks.report({
    code: "config.missing",
    path: [...path, "overprovisioning"],
    message: "nothing reads the factor: a pool is whole while its `minimum` is up",
    hint: "add `spill: health` or `locality: health`, or remove it",
    at: "key",
  });
}
