/**
 * `dependencies`: services that exist, where they are needed, and without a cycle. Called by
 * load.ts once for all services. A cycle would leave a failure no way back: each would wait for the
 * other.
 */
import type { ServiceChecks } from "./checks.ts";
import { referenceHint } from "./checks.ts";
import type { Path } from "./document.ts";

interface Need {
  readonly on: string;
  readonly anywhere: boolean;
  readonly path: Path;
}

export function checkDependencies(services: readonly ServiceChecks[]): void {
  const names = new Map(services.map((checks) => [checks.name, checks]));
  const needs = new Map<string, readonly Need[]>();
  for (const checks of services) {
    const own = needsOf(checks);
    needs.set(checks.name, own);
    const seen = new Set<string>();
    for (const need of own) {
      const known = names.get(need.on);
      if (known === undefined) reportUnknown(checks, need, names);
      else checkPlaces(checks, need, known);
      if (seen.has(need.on)) reportTwice(checks, need);
      seen.add(need.on);
    }
  }
  reportCycles(services, needs);
}

function needsOf(checks: ServiceChecks): readonly Need[] {
  const raw = checks.raw["dependencies"];
  const listed = Array.isArray(raw);
  return (checks.service.dependencies ?? []).map(({ service, in: where }, index) => ({
    on: service,
    anywhere: where === "anywhere",
    path: [...checks.path, "dependencies", ...(listed ? [index] : [])],
  }));
}

function reportUnknown(
  checks: ServiceChecks,
  need: Need,
  names: ReadonlyMap<string, unknown>,
): void {
  checks.report({
    code: "config.unknown-reference",
    path: need.path,
    message: `there is no service \`${need.on}\``,
    hint: referenceHint(need.on, names.keys(), "services"),
  });
}

function reportTwice(checks: ServiceChecks, { on, path }: Need): void {
  const message = `\`${on}\` stands in the list already`;
  checks.report({ code: "config.duplicate", path, message, hint: "remove one of the two" });
}

/** A pool in a region where the other has none could never serve. */
function checkPlaces(checks: ServiceChecks, need: Need, known: ServiceChecks): void {
  if (need.anywhere || known.regions === undefined) return;
  const missing = [...(checks.regions ?? [])].filter((region) => !known.regions?.has(region));
  if (missing.length === 0) return;
  checks.report({
    code: "config.conflict",
    path: need.path,
    message: `\`${need.on}\` has no endpoints in ${missing.join(", ")}, so this service could never serve there`,
    hint: `add endpoints there, or write \`{service: ${need.on}, in: anywhere}\``,
  });
}

/** Each cycle once, at the first of its services, with the way around. */
function reportCycles(
  services: readonly ServiceChecks[],
  needs: ReadonlyMap<string, readonly Need[]>,
): void {
  const done = new Set<string>();
  const walk = (checks: ServiceChecks, name: string, way: readonly string[]): void => {
    const start = way.indexOf(name);
    if (start !== -1) {
      const around = [...way.slice(start), name].join(" -> ");
      checks.report({
        code: "config.conflict",
        path: [...checks.path, "dependencies"],
        message: `services depend on each other in a circle: ${around}`,
        hint: "none of them could ever serve again once all are down: remove one of these",
        at: "key",
      });
      return;
    }
    if (done.has(name)) return;
    for (const { on } of needs.get(name) ?? []) walk(checks, on, [...way, name]);
    done.add(name);
  };
  for (const checks of services) walk(checks, checks.name, []);
}
