/**
 * What the checks between values share: the draft they read, and how they report. The checks
 * themselves stand by subject in checks-*.ts and are called by load.ts. A check reads drafts, in
 * which anything may be missing because it was invalid; what is missing is not reported again.
 */
import { nearestOf } from "../lib/did-you-mean.ts";
import type { Path } from "./document.ts";
import { type Draft, isMapping, type Report } from "./draft.ts";
import type { Policies } from "./expand-policies.ts";
import { formatPlace, type Merged } from "./merge.ts";
import type { Config, RegionConfig, ServiceConfig, ZoneConfig } from "./schema.ts";

export interface ZoneDraft {
  /** Canonical. */
  readonly apex: string;
  readonly path: Path;
  readonly zone: Draft<ZoneConfig>;
}

export interface ConfigDraft {
  readonly top: Draft<Config>;
  /** undefined when the section as a whole is missing or no mapping: nothing can refer to it. */
  readonly regions: ReadonlyMap<string, Draft<RegionConfig>> | undefined;
  readonly services: ReadonlyMap<string, Draft<ServiceConfig>>;
  readonly zones: readonly ZoneDraft[];
  /** False when some apex was invalid: then "outside every zone" cannot be told. */
  readonly zonesKnown: boolean;
  readonly merged: Merged;
}

export interface Checks {
  readonly draft: ConfigDraft;
  readonly report: Report;
}

export interface ServiceChecks extends Checks {
  readonly policies: Policies;
  readonly name: string;
  readonly path: Path;
  readonly service: Draft<ServiceConfig>;
  /** As written. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** Regions the service has endpoints in, valid or not; undefined when that is not a mapping. */
  readonly regions: ReadonlySet<string> | undefined;
}

/** Where another thing stands, for messages. */
export function placeText(checks: Checks, path: Path): string {
  return formatPlace(checks.draft.merged.locate(path, "key"));
}

/** The cure for a name that is defined nowhere. */
export function referenceHint(name: string, known: Iterable<string>, what: string): string {
  const names = [...known];
  const near = nearestOf(name, names);
  if (near !== undefined) return `did you mean \`${near}\`?`;
  if (names.length === 0) return `there are no ${what}`;
  const shown = names.slice(0, 8).join(", ");
  return `${what} are ${shown}${names.length > 8 ? ` and ${names.length - 8} more` : ""}`;
}

/** Reports a region that is not defined, or that the service has no endpoints in. */
export function checkRegionReference(
  checks: ServiceChecks,
  region: string,
  where: { readonly path: Path; readonly at?: "key"; readonly endpoints: boolean },
): boolean {
  const { regions } = checks.draft;
  const at = where.at === undefined ? {} : { at: where.at };
  if (regions !== undefined && !regions.has(region)) {
    checks.report({
      code: "config.unknown-reference",
      path: where.path,
      message: `there is no region \`${region}\``,
      hint: referenceHint(region, regions.keys(), "regions"),
      ...at,
    });
    return false;
  }
  if (!where.endpoints || checks.regions === undefined || checks.regions.has(region)) {
    return regions !== undefined;
  }
  checks.report({
    code: "config.unknown-reference",
    path: where.path,
    message: `the service has no endpoints in \`${region}\``,
    hint: referenceHint(region, checks.regions, "its regions"),
    ...at,
  });
  return false;
}

/**
 * Every jurisdiction that some region is in, those of half valid lists included; undefined when
 * that cannot be told.
 */
export function jurisdictionsOf({ draft }: Checks): ReadonlySet<string> | undefined {
  if (draft.regions === undefined) return undefined;
  const regions = Object.values(draft.merged.sections.regions ?? {});
  const written = regions.flatMap((region) => (isMapping(region) ? [region["in"]] : []).flat());
  return new Set(written.filter((each): each is string => typeof each === "string"));
}

/**
 * The jurisdictions a service may use; undefined for anywhere, and when one of them is unknown,
 * which is reported for itself: what was meant by it cannot be told.
 */
export function residencyOf(checks: ServiceChecks): readonly string[] | undefined {
  const allowed = checks.service.residency?.only;
  if (allowed === undefined) return undefined;
  const known = jurisdictionsOf(checks);
  return allowed.every((each) => known?.has(each)) ? allowed : undefined;
}

/** Unknown and invalid regions count as inside: they have been reported for what they are. */
export function isInside(
  checks: ServiceChecks,
  region: string,
  allowed: readonly string[],
): boolean {
  const jurisdictions = checks.draft.regions?.get(region)?.in;
  return jurisdictions === undefined || jurisdictions.some((each) => allowed.includes(each));
}
