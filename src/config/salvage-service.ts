/**
 * One service of a configuration with errors: its conditions, records, names and host names are
 * kept, each by itself, whatever is wrong with the others. Called by salvage.ts.
 */
import { canonicalOwner } from "./address.ts";
import type { ServiceChecks } from "./checks.ts";
import { endpointsAt, poolsAt } from "./checks-service.ts";
import { planRegions } from "./checks-steer.ts";
import { namesOf } from "./checks-zones.ts";
import { isMapping } from "./draft.ts";
import type { Policies } from "./expand-policies.ts";
import type { Faults } from "./faults.ts";
import { mendRecords } from "./salvage-records.ts";
import { type EndpointConfig, type ServiceConfig, serviceSchema } from "./schema.ts";
import { type SteerInput, steerSchema } from "./schema-steer.ts";
import { jurisdiction } from "./values.ts";

interface Salvaging {
  readonly faults: Faults;
  /** For endpoints that stand in for others. */
  readonly region: string;
  /** Of the service, for a name that stands in for its own. */
  readonly index: number;
}

type Endpoints = ServiceConfig["endpoints"];

export function salvageService(checks: ServiceChecks, salvaging: Salvaging): ServiceConfig {
  const { faults } = salvaging;
  const path = checks.path.join(".");
  const names = salvageNames(checks, salvaging);
  const { service, raw } = checks;
  if (!faults.within(path)) return { ...(service as ServiceConfig), names };
  const endpoints = salvageEndpoints(checks, salvaging);
  const { standby } = service;
  const at = { path: `${path}.${raw["policy"] === undefined ? "steer" : "policy"}` };
  const standsBy = standby?.region !== undefined && Object.hasOwn(endpoints, standby.region);
  const mended = {
    ...salvageKeys(checks, faults),
    names,
    endpoints,
    residency: salvageResidency(checks, faults),
    fallback: salvageFallback(checks, { faults, region: Object.keys(endpoints)[0] ?? "" }),
    records: mendRecords(raw["records"], { path: `${path}.records`, faults }),
    policy: undefined,
    steer: salvageSteer(steerOf(raw), { ...at, faults, endpoints, policies: checks.policies }),
    standby: standsBy && !faults.within(`${path}.standby`) ? standby : undefined,
    // They share out what may not be there.
    shares: undefined,
    canary: undefined,
    cohorts: undefined,
  };
  return mended as unknown as ServiceConfig;
}

/** Keys without a rule of their own here: as written, or at their default. */
function salvageKeys(checks: ServiceChecks, faults: Faults): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  const draft: Readonly<Record<string, unknown>> = checks.service;
  for (const [key, schema] of Object.entries(serviceSchema.shape)) {
    if (!faults.within([...checks.path, key].join("."))) kept[key] = draft[key];
    else {
      const standIn = schema.safeParse(undefined);
      if (standIn.success) kept[key] = standIn.data;
    }
  }
  return kept;
}

/** At its own index each; "" in the place of one that is wrong. */
function salvageNames(checks: ServiceChecks, salvaging: Salvaging): string[] {
  const { faults } = salvaging;
  const raw = checks.raw["names"];
  const names: string[] = Array.isArray(raw) ? new Array<string>(raw.length).fill("") : [];
  for (const { name, path } of namesOf(checks)) {
    const last = path.at(-1);
    const index = typeof last === "number" ? last : 0;
    names[index] = faults.at(path.join(".")) ? "" : name;
  }
  // Its records are read under a name, and it is nobody else's.
  if (!names.some(Boolean)) {
    const isName = canonicalOwner(`${checks.name}.invalid`) !== undefined;
    names.push(`${isName ? checks.name : `service-${salvaging.index}`}.invalid`);
  }
  return names;
}

function salvageEndpoints(checks: ServiceChecks, { faults, region }: Salvaging): Endpoints {
  const raw = checks.raw["endpoints"];
  const standIn: EndpointConfig = { ipv4: "192.0.2.1", cname: false, weight: 1, name: "192.0.2.1" };
  const found =
    isMapping(raw) && !faults.at([...checks.path, "endpoints"].join("."))
      ? Object.entries(raw).flatMap(([name, written]) => {
          const pools = poolsAt(written, [])
            .map(({ colour, endpoints }) => [colour, endpoints.map(({ endpoint }) => endpoint)])
            .filter(([, endpoints]) => endpoints?.length !== 0);
          return pools.length === 0 ? [] : [[name, Object.fromEntries(pools)]];
        })
      : [];
  const endpoints = Object.fromEntries(found) as Endpoints;
  return found.length === 0 ? { [region]: { "": [standIn] } } : endpoints;
}

function salvageResidency(checks: ServiceChecks, faults: Faults): ServiceConfig["residency"] {
  const raw = checks.raw["residency"];
  const draft = checks.service.residency;
  if (!isMapping(raw) || draft === undefined) return undefined;
  const path = `${checks.path.join(".")}.residency`;
  const clients = isMapping(raw["clients"]) ? Object.keys(raw["clients"]) : undefined;
  const named = clients?.filter((client) => jurisdiction.safeParse(client).success);
  const { only, dns } = draft;
  const setOf = (name: string): string[] => [...(draft.clients?.[name] ?? only ?? [])];
  return {
    only: only === undefined || faults.within(`${path}.only`) ? [] : [...only],
    clients: named && Object.fromEntries(named.map((name) => [name, setOf(name)])),
    dns: faults.within(`${path}.dns`) ? undefined : dns,
  };
}

function salvageFallback(
  checks: ServiceChecks,
  salvaging: Omit<Salvaging, "index">,
): ServiceConfig["fallback"] {
  const { faults } = salvaging;
  const path = `${checks.path.join(".")}.fallback`;
  const raw = checks.raw["fallback"];
  const draft = checks.service.fallback;
  if (!faults.within(path)) return draft as ServiceConfig["fallback"];
  const fixed = isMapping(raw) ? raw["fixed"] : undefined;
  const list = isMapping(fixed) ? endpointsAt(fixed["endpoints"]) : [];
  if (!isMapping(fixed) || list.length === 0) return "serve-all";
  const wrong = typeof fixed["region"] !== "string" || faults.within(`${path}.fixed.region`);
  const region = wrong ? salvaging.region : String(fixed["region"]);
  return { fixed: { region, endpoints: list } };
}

interface SteerAt {
  readonly path: string;
  readonly faults: Faults;
  readonly endpoints: Endpoints;
  readonly policies: Policies;
}

function steerOf(raw: ServiceChecks["raw"]): unknown {
  return raw["policy"] === undefined ? (raw["steer"] ?? "nearest") : { policy: raw["policy"] };
}

/** The same rules with the same conditions; plans that are wrong lead anywhere. */
function salvageSteer(steer: unknown, at: SteerAt): SteerInput {
  const anywhere = { order: Object.keys(at.endpoints) };
  if (!isMapping(steer) || !Array.isArray(steer["rules"])) {
    if (at.faults.within(at.path)) return anywhere;
    const parsed = steerSchema.safeParse(steer);
    const made = parsed.success ? at.policies.expand(parsed.data) : undefined;
    if (made === undefined || "fault" in made) return anywhere;
    const named = planRegions(made.steer, []) ?? [];
    const led = named.every(({ region }) => Object.hasOwn(at.endpoints, region));
    return led ? made.steer : anywhere;
  }
  type Rule = { readonly when?: string; readonly steer: SteerInput };
  const rules = steer["rules"].map((rule: unknown, index): Rule => {
    const path = `${at.path}.rules.${index}`;
    if (!isMapping(rule)) return { when: "false", steer: anywhere };
    const plan = salvageSteer(rule["steer"], { ...at, path: `${path}.steer` });
    return { ...salvageWhen(rule["when"]), steer: plan };
  });
  const open = rules.at(-1)?.when === undefined && rules.length > 0;
  return { rules: open ? rules : [...rules, { steer: anywhere }] };
}

function salvageWhen(when: unknown): { readonly when?: string } {
  if (when === undefined) return {};
  return { when: typeof when === "string" && when !== "" && when.length <= 4096 ? when : "false" };
}
