/**
 * What is whole of a configuration that has errors, so that the stages after this one can report
 * theirs in the same run. Called by load.ts. Never put in force: only the errors found in it count,
 * and nothing in it refers to what was left out.
 */
import type { Problem } from "../errors.ts";
import type { ConfigDraft, ServiceChecks } from "./checks.ts";
import { namesOf } from "./checks-zones.ts";
import { isMapping } from "./draft.ts";
import {
  type Config,
  configSchema,
  type RegionConfig,
  type ServiceConfig,
  type ZoneConfig,
} from "./schema.ts";

export function salvage(
  draft: ConfigDraft,
  services: readonly ServiceChecks[],
  problems: readonly Problem[],
): Config | undefined {
  const errors = problems.filter(({ severity }) => severity === "error").map(({ path }) => path);
  // Too many of something: what belongs together cannot be told.
  if (errors.some((path) => path === "regions" || path === "services" || path === "zones")) {
    return undefined;
  }
  const isWhole = (path: string): boolean =>
    !errors.some((each) => each === path || each.startsWith(`${path}.`));
  const regions = [...(draft.regions ?? [])].filter(([name]) => isWhole(`regions.${name}`));
  const zones = draft.zones.filter(({ path }) => isWhole(path.join(".")));
  const regionNames = new Set(regions.map(([name]) => name));
  const apexes = zones.map(({ apex }) => apex);
  const usable = services.filter((checks) => {
    const names = namesOf(checks);
    return (
      isWhole(checks.path.join(".")) &&
      names.length > 0 &&
      names.every(({ name }) => apexes.some((apex) => `.${name}`.endsWith(`.${apex}`))) &&
      regionsOf(checks).every((region) => regionNames.has(region))
    );
  });
  const shape = configSchema.shape;
  return {
    version: 1,
    listen: isWhole("listen") ? (draft.top.listen as Config["listen"]) : shape.listen.parse({}),
    geo: isWhole("geo") ? (draft.top.geo as Config["geo"]) : shape.geo.parse({}),
    trustedProxies: draft.top.trustedProxies ?? [],
    zones: Object.fromEntries(zones.map(({ apex, zone }) => [apex, zone as ZoneConfig])),
    regions: Object.fromEntries(regions as [string, RegionConfig][]),
    services: Object.fromEntries(
      usable.map((checks) => [
        checks.name,
        {
          ...(checks.service as ServiceConfig),
          names: namesOf(checks).map(({ name }) => name),
        },
      ]),
    ),
  };
}

/** Every region a whole service refers to: it has endpoints there, or its fixed answer is there. */
function regionsOf(checks: ServiceChecks): readonly string[] {
  const { fallback } = checks.service;
  const fixed = isMapping(fallback) ? (fallback as { fixed: { region: string } }).fixed : undefined;
  return [...(checks.regions ?? []), ...(fixed === undefined ? [] : [fixed.region])];
}
