/**
 * What is whole of a configuration that has errors, so that the stages after this one can report
 * theirs in the same run. Called by load.ts. Never put in force: only the errors found in it count.
 * What is at fault stands at its default or is left out, with all that refers to it.
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
  serviceSchema,
  type ZoneConfig,
} from "./schema.ts";

const origin = [0, 0] as const;

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
  const faults = (path: string): readonly (string | undefined)[] =>
    errors
      .filter((each) => each === path || each.startsWith(`${path}.`))
      .map((each) => each.slice(path.length + 1).split(".")[0] || undefined);
  // Where a region is matters to no error of the later stages; in what it is does.
  const regions = [...(draft.regions ?? [])]
    .filter(([name]) => faults(`regions.${name}`).every((key) => key === "at" || key === "labels"))
    .map(([name, region]) => [name, { labels: {}, ...region, at: region.at ?? origin }] as const);
  const zones = draft.zones.filter(({ path }) => isWhole(path.join(".")));
  const regionNames = new Set(regions.map(([name]) => name));
  const apexes = zones.map(({ apex }) => apex);
  const mended = services.map((checks) => mend(checks, faults(checks.path.join("."))));
  const usable = mended.filter((checks): checks is ServiceChecks => {
    if (checks === undefined) return false;
    const names = namesOf(checks);
    return (
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

/** Keys that the others of a service are about: with a mistake in one of them it is left out. */
const keystones: readonly (string | undefined)[] = [undefined, "endpoints", "names"];

/** The service with defaults for its keys at fault; undefined when too little of it is left. */
function mend(
  checks: ServiceChecks,
  faults: readonly (string | undefined)[],
): ServiceChecks | undefined {
  if (faults.some((key) => keystones.includes(key))) return undefined;
  const service: Record<string, unknown> = { ...checks.service };
  for (const key of new Set(faults)) {
    const shape = Object.entries(serviceSchema.shape).find(([name]) => name === key)?.[1];
    const standIn = shape?.safeParse(undefined);
    if (standIn?.success === true) service[key ?? ""] = standIn.data;
  }
  return { ...checks, service: service as ServiceChecks["service"] };
}

/** Every region a whole service refers to: it has endpoints there, or its fixed answer is there. */
function regionsOf(checks: ServiceChecks): readonly string[] {
  const { fallback } = checks.service;
  const fixed = isMapping(fallback) ? (fallback as { fixed: { region: string } }).fixed : undefined;
  return [...(checks.regions ?? []), ...(fixed === undefined ? [] : [fixed.region])];
}
