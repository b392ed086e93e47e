/**
 * Texts -> Config, or every problem found. The one way into the configuration for everyone: cli/,
 * control/ and tests. Pure. Sections are read entry by entry and the checks between values run on
 * whatever is valid, so all mistakes are reported together and none in a valid neighbour.
 */
import { assert, type Place, type Problem } from "../errors.ts";
import type { Checks, ConfigDraft, ServiceChecks, ZoneDraft } from "./checks.ts";
import { checkAssertions } from "./checks-assert.ts";
import { checkCohorts } from "./checks-cohorts.ts";
import { checkColours } from "./checks-colours.ts";
import { checkDependencies } from "./checks-dependencies.ts";
import { checkGeo, checkListen, checkSizes } from "./checks-geo.ts";
import { checkHealth } from "./checks-health.ts";
import { checkPolicies } from "./checks-policies.ts";
import { checkRedirects } from "./checks-redirect.ts";
import { checkService } from "./checks-service.ts";
import { checkSteer } from "./checks-steer.ts";
import { checkNames, checkZones, namesOf } from "./checks-zones.ts";
import { configDigest } from "./digest.ts";
import { type Path, readDocument } from "./document.ts";
import { type Draft, draftKey, draftOf, isMapping, type Report } from "./draft.ts";
import { type Merged, mergeDocuments, pathOf, problemOf } from "./merge.ts";
import { problemList } from "./problem-list.ts";
import { type Salvaged, salvage } from "./salvage.ts";
import {
  type Config,
  configSchema,
  type RegionConfig,
  regionSchema,
  type ServiceConfig,
  serviceSchema,
  type ZoneConfig,
  zoneSchema,
} from "./schema.ts";
import type { Source } from "./source.ts";
import { hostName, name as nameSchema } from "./values.ts";

export interface LoadedConfig {
  readonly ok: true;
  readonly config: Config;
  /** Warnings. */
  readonly problems: readonly Problem[];
  /** SHA-256 (hex) of the long form without `zone`: equal for texts that mean the same. */
  readonly digest: string;
  /** The operator's own values, all files together. */
  readonly written: Readonly<Record<string, unknown>>;
  /** Where a dotted path stands, or as much of it as is written. */
  readonly placeOf: (path: string) => Place | undefined;
}

export interface RefusedConfig {
  readonly ok: false;
  readonly problems: readonly Problem[];
  /**
   * What is whole of it, for the stages after this one to find their errors in; never to be put in
   * force. undefined when nothing can be said.
   */
  readonly salvaged: Salvaged | undefined;
  readonly placeOf: (path: string) => Place | undefined;
}

export type LoadResult = LoadedConfig | RefusedConfig;

export function loadConfig(
  sources: readonly Source[],
  options: {
    /** There are more files, which could not be read: never a whole configuration. */
    readonly partial?: boolean;
  } = {},
): LoadResult {
  const documents = sources.map(readDocument);
  const problems: Problem[] = documents.flatMap((document) =>
    document.problems.map(
      ({ path, ...problem }): Problem => ({ ...problem, severity: "error", path: path.join(".") }),
    ),
  );
  const merged = mergeDocuments(documents);
  problems.push(...merged.problems);
  const report: Report = (finding) =>
    problems.push(problemOf(finding, merged.locate(finding.path, finding.at)));
  const whole = documents.every(({ value }) => isMapping(value)) && options.partial !== true;
  // With a file missing, what the others lack or refer to may well be in it.
  const unsaid: Problem[] = [];
  const told: Report = whole ? report : exceptMissing(report, unsaid);
  const draft = readDraft(merged, { report: told, whole });
  const services = checkAll({ draft, report: told });
  const found = problemList(problems);
  const placeOf = placer(merged, draft);
  if (options.partial === true || found.some(({ severity }) => severity === "error")) {
    const salvaged = salvage(draft, services, { problems: [...problems, ...unsaid], whole });
    return { ok: false, problems: found, salvaged, placeOf };
  }
  const config = finish(draft, services);
  return {
    ok: true,
    config,
    problems: found,
    digest: configDigest(config),
    written: merged.value,
    placeOf,
  };
}

/** Later stages name zones by their apex, however it is written. */
function placer(merged: Merged, draft: ConfigDraft): (path: string) => Place {
  const keys = new Map(draft.zones.map(({ apex, path }) => [apex, path]));
  const apexes = { zones: Object.fromEntries([...keys].map(([apex]) => [apex, undefined])) };
  return (path) => {
    const steps = pathOf(path, path.startsWith("zones.") ? apexes : merged.value);
    const written = steps[0] === "zones" ? keys.get(String(steps[1])) : undefined;
    if (written === undefined) return merged.locate(steps);
    // `zone: x` is short for an entry of `zones` that stands nowhere.
    return merged.locate(written.length === 1 ? written : [...written, ...steps.slice(2)]);
  };
}

/** What is missing may stand in the file that could not be read, and so may what is referred to. */
function exceptMissing(report: Report, unsaid: Problem[]): Report {
  return (finding) => {
    const { code, path } = finding;
    const elsewhere =
      code === "config.unknown-reference" || (code === "config.missing" && path.length < 2);
    if (elsewhere) unsaid.push(problemOf(finding, { file: "", line: 0, column: 0 }));
    else report(finding);
  };
}

function readDraft(
  merged: Merged,
  { report, whole }: { readonly report: Report; readonly whole: boolean },
): ConfigDraft {
  const { sections } = merged;
  const present = (section: "regions" | "services"): object | undefined =>
    sections[section] !== undefined || merged.broken.has(section) ? {} : undefined;
  const top: Record<string, unknown> = { ...merged.value };
  for (const section of ["regions", "services"] as const) {
    top[section] = present(section);
    if (top[section] === undefined) delete top[section];
  }
  delete top["zones"];
  const draft = draftOf(configSchema, top, { path: [], report }) ?? {};
  let zonesKnown = whole && !merged.broken.has("zones");
  const zones: ZoneDraft[] = [];
  if (draft.zone !== undefined) {
    const zone = zoneSchema.parse({});
    zones.push({ apex: draft.zone, path: ["zone"], zone });
  } else if (merged.value["zone"] !== undefined) zonesKnown = false;
  for (const [key, value] of Object.entries(sections.zones ?? {})) {
    const path: Path = ["zones", key];
    const apex = draftKey(hostName, key, ["zones"], report);
    const zone = draftOf(zoneSchema, value ?? {}, { path, report }) ?? {};
    if (apex === undefined) zonesKnown = false;
    else zones.push({ apex, path, zone });
  }
  return {
    top: draft,
    regions: sections.regions && readNamed(sections.regions, "regions", regionSchema, report),
    services: readNamed(sections.services ?? {}, "services", serviceSchema, report),
    zones,
    zonesKnown,
    merged,
  };
}

/** Entries by name. An invalid entry leaves an empty draft: its name is defined all the same. */
function readNamed<T extends typeof regionSchema | typeof serviceSchema>(
  values: Readonly<Record<string, unknown>>,
  section: "regions" | "services",
  schema: T,
  report: Report,
): Map<string, Draft<T["_output"]>> {
  const drafts = new Map<string, Draft<T["_output"]>>();
  for (const [key, value] of Object.entries(values)) {
    draftKey(nameSchema, key, [section], report);
    const draft = draftOf(schema, value, { path: [section, key], report });
    drafts.set(key, (draft ?? {}) as Draft<T["_output"]>);
  }
  return drafts;
}

function checkAll(checks: Checks): readonly ServiceChecks[] {
  const { draft } = checks;
  checkSizes(checks);
  checkZones(checks);
  checkGeo(checks);
  checkListen(checks);
  checkAssertions(checks);
  const policies = checkPolicies(checks);
  const services = [...draft.services].flatMap(([name, service]): ServiceChecks[] => {
    const raw = draft.merged.sections.services?.[name];
    if (!isMapping(raw)) return [];
    const endpoints = raw["endpoints"];
    const regions = isMapping(endpoints) ? new Set(Object.keys(endpoints)) : undefined;
    return [{ ...checks, policies, name, path: ["services", name], service, raw, regions }];
  });
  for (const service of services) {
    checkService(service);
    checkSteer(service);
    checkColours(service);
    checkCohorts(service);
    checkHealth(service);
  }
  checkNames(services);
  checkDependencies(services);
  checkRedirects(services);
  return services;
}

function withSteers(
  { policies }: ServiceChecks,
  cohorts: NonNullable<ServiceConfig["cohorts"]>,
): ServiceConfig["cohorts"] {
  return Object.fromEntries(
    Object.entries(cohorts).map(([name, { steer, ...rest }]) => {
      if (steer === undefined) return [name, rest];
      const made = policies.expand(steer);
      assert(!("fault" in made), "policies are checked before a configuration is whole");
      return [name, { ...rest, steer: made.steer }];
    }),
  );
}

/** Without errors a draft is whole: each part of it is what its schema gave. */
function finish(draft: ConfigDraft, services: readonly ServiceChecks[]): Config {
  const zones = Object.fromEntries(draft.zones.map(({ apex, zone }) => [apex, zone as ZoneConfig]));
  const named = services.map((checks): [string, ServiceConfig] => {
    const service = checks.service as ServiceConfig;
    const names = namesOf(checks).map(({ name }) => name);
    const { policy, ...rest } = service;
    const made = checks.policies.expand(policy === undefined ? service.steer : { policy });
    assert(!("fault" in made), "policies are checked before a configuration is whole");
    const cohorts = rest.cohorts && { cohorts: withSteers(checks, rest.cohorts) };
    const own = { names, steer: made.steer, ...cohorts };
    return [checks.name, Object.assign({ names }, rest, own)];
  });
  const { policies: _, ...top } = draft.top as Config;
  return {
    ...top,
    zones,
    regions: Object.fromEntries((draft.regions ?? new Map()) as Map<string, RegionConfig>),
    services: Object.fromEntries(named),
  };
}
