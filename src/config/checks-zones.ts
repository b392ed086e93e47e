/**
 * Zones and the names in them: every service has its names, each inside a zone and nobody else's.
 * Called by load.ts. What DNS asks of records and delegations is checked by policy/names.ts when it
 * builds the tree.
 */
import { canonicalOwner } from "./address.ts";
import type { Checks, ServiceChecks } from "./checks.ts";
import { placeText } from "./checks.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";

export function checkZones(checks: Checks): void {
  const { draft, report } = checks;
  if (draft.zonesKnown && draft.zones.length === 0) {
    report({
      code: "config.missing",
      path: [],
      message: "no zone is written",
      hint: "add `zone: gslb.example.com`, the part of DNS that is delegated to Rhumb",
    });
  }
  const seen = new Map<string, Path>();
  for (const { apex, path } of draft.zones) {
    const first = seen.get(apex);
    if (first === undefined) seen.set(apex, path);
    else {
      const message = `the zone ${apex} stands at ${placeText(checks, first)} as well`;
      const hint = "keep one of the two; `zone` is short for an entry without settings";
      report({ code: "config.duplicate", path, message, hint, at: "key" });
    }
  }
  checkNesting(checks, seen);
  for (const { path } of draft.zones) checkFile(checks, path);
}

/** What a file says itself is not written beside it. */
function checkFile(checks: Checks, path: Path): void {
  const { merged } = checks.draft;
  const zone = path.length === 2 ? merged.sections.zones?.[String(path[1])] : undefined;
  if (!isMapping(zone)) return;
  const code = "config.conflict";
  if (zone["file"] === undefined && zone["serial"] === "file") {
    const message = "`serial: file` in a zone without a file";
    const hint = "leave it out, or write a number";
    checks.report({ code, path: [...path, "serial"], message, hint });
  }
  if (zone["file"] === undefined || zone["soa"] === undefined) return;
  const at = placeText(checks, [...path, "file"]);
  const message = `\`soa\` in a zone whose SOA stands in its file (${at})`;
  checks.report({
    code,
    path: [...path, "soa"],
    message,
    hint: "remove one of the two",
    at: "key",
  });
}

/** A zone inside another needs its delegation there, or resolvers never find the way. */
function checkNesting(checks: Checks, apexes: ReadonlyMap<string, Path>): void {
  for (const { apex, path } of checks.draft.zones) {
    const parent = checks.draft.zones
      .filter((zone) => zone.apex !== apex && apex.endsWith(`.${zone.apex}`))
      .reduce<string>((best, zone) => (zone.apex.length > best.length ? zone.apex : best), "");
    if (parent === "") continue;
    if (mayDelegate(checks, parent, apex)) continue;
    const hint = `add an NS record for ${apex} to ${parent}, or put its records there`;
    const message = `the zone lies inside ${parent} (${placeText(checks, apexes.get(parent) ?? [])}), which does not delegate it`;
    checks.report({ code: "config.conflict", path, message, hint, at: "key" });
  }
}

/** A record that cannot be read may be any. */
function mayDelegate(checks: Checks, parent: string, apex: string): boolean {
  const { draft } = checks;
  const path = draft.zones.findLast((each) => each.apex === parent)?.path;
  const zone = path?.length === 2 ? draft.merged.sections.zones?.[String(path[1])] : undefined;
  const records = isMapping(zone) ? zone["records"] : undefined;
  // Whether a file does is told when it has been read (policy/zone-checks.ts).
  if (isMapping(zone) && zone["file"] !== undefined) return true;
  if (!Array.isArray(records)) return records !== undefined;
  return records.some((record: unknown) => {
    if (!isMapping(record)) return true;
    const name = record["name"] ?? "@";
    const isOwner = typeof name !== "string" || ownerOf(name, parent) === apex;
    const type = record["type"];
    return isOwner && (typeof type !== "string" || type.toUpperCase() === "NS");
  });
}

function ownerOf(name: string, apex: string): string {
  if (name === "@") return apex;
  const lower = name.toLowerCase();
  return lower.endsWith(".") ? lower.slice(0, -1) : `${lower}.${apex}`;
}

/** The zone in which a service without `names` has its one name; undefined when that is unclear. */
export function defaultZone(checks: Checks): string | undefined {
  const { draft } = checks;
  return draft.top.zone ?? (draft.zones.length === 1 ? draft.zones[0]?.apex : undefined);
}

export interface ServiceName {
  readonly name: string;
  readonly path: Path;
}

/** The names of a service that are valid, the default included; empty when that is unclear. */
export function namesOf(checks: ServiceChecks): readonly ServiceName[] {
  const written = checks.raw["names"];
  if (written === undefined) {
    const zone = defaultZone(checks);
    return zone === undefined ? [] : [{ name: `${checks.name}.${zone}`, path: checks.path }];
  }
  const path = [...checks.path, "names"];
  const texts: readonly unknown[] = Array.isArray(written) ? written : [written];
  return texts.flatMap((text, index) => {
    const name = typeof text === "string" ? canonicalOwner(text) : undefined;
    if (name === undefined) return [];
    return [{ name, path: Array.isArray(written) ? [...path, index] : path }];
  });
}

export function checkNames(services: readonly ServiceChecks[]): void {
  const seen = new Map<string, { readonly path: Path; readonly service: string }>();
  for (const checks of services) {
    const { zones, zonesKnown } = checks.draft;
    const names = namesOf(checks);
    if (names.length === 0 && checks.raw["names"] === undefined && zonesKnown && zones.length > 1) {
      const path = [...checks.path, "names"];
      const hint = `add \`names: ${checks.name}.${zones[0]?.apex ?? "example.com"}\``;
      const message = "there are several zones, so the service's names must be written";
      checks.report({ code: "config.missing", path, message, hint });
    }
    for (const { name, path } of names) {
      const first = seen.get(name);
      if (first === undefined) seen.set(name, { path, service: checks.name });
      else {
        const of = first.service === checks.name ? "this service" : `\`${first.service}\``;
        const message = `${name} is a name of ${of} already (${placeText(checks, first.path)})`;
        const hint = "a name belongs to one service";
        checks.report({ code: "config.duplicate", path, message, hint });
      }
      if (!zonesKnown || zones.length === 0) continue;
      if (zones.some(({ apex }) => name === apex || name.endsWith(`.${apex}`))) continue;
      checks.report({
        code: "config.unknown-reference",
        path,
        message: `${name} is in none of the zones`,
        hint: `zones are ${zones.map(({ apex }) => apex).join(", ")}`,
      });
    }
  }
}
