/**
 * (Config, Geography) -> Policy: names become indices, words become plans, clients become classes.
 * Called by control/ and the command line. Pure: equal inputs give equal policies, byte for byte.
 * All problems are collected; a policy comes out only when none of them is an error.
 */
import { configDigest } from "../config/digest.ts";
import type { Config, ServiceConfig } from "../config/schema.ts";
import { assert, type Problem } from "../errors.ts";
import { checkDistinct } from "../geo/distinct.ts";
import type { Geography } from "../geo/geography.ts";
import { overlay } from "../geo/overlay.ts";
import { parsePrefix } from "../lib/ip.ts";
import { sha256 } from "../lib/sha256.ts";
import { compileCapacity, declaredDemand } from "./compile-capacity.ts";
import { compileRuleSets, type RuledService } from "./compile-classes.ts";
import { checkHosts } from "./compile-hosts.ts";
import { compileLatency } from "./compile-latency.ts";
import { byName, compileModel, type Model } from "./compile-model.ts";
import { compileNames, type ZoneDataMap } from "./compile-names.ts";
import { compilePlaces } from "./compile-places.ts";
import { isByLatency, namedRegions, rankings } from "./compile-plan.ts";
import { type Findings, type PlaceOf, reportError, reportWarning } from "./compile-problems.ts";
import { flattenRules, type WhenCache } from "./compile-rules.ts";
import { type Jurisdictions, readJurisdictions } from "./jurisdictions.ts";
import type { NameTableInput } from "./name-table.ts";
import type {
  Listen,
  Plan,
  Policy,
  PoolOrdinal,
  RuleSet,
  RuleSetIndex,
  Service,
} from "./policy.ts";

/** Goes up whenever equal inputs would give another policy or table than before. */
export const engineVersion = "2";

export type CompileResult =
  | { readonly ok: true; readonly policy: Policy; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** What else is known of a configuration that has been read. */
export interface Reading extends Partial<Pick<Findings, "placeOf" | "isStandIn">> {
  /** Of zones with a `file`. */
  readonly zones?: ZoneDataMap;
  readonly serialOf?: NameTableInput["serialOf"];
}

export function compile(
  config: Config,
  geography: Geography,
  reading: Reading = {},
): CompileResult {
  const { placeOf = () => undefined, isStandIn = () => false, zones = new Map() } = reading;
  const findings: Findings = { problems: [], placeOf, isStandIn };
  const { problems } = findings;
  const model = compileModel(config, findings);
  const given = { drafts: model.drafts, findings, data: zones, serialOf: reading.serialOf };
  const { table: names, steeredBy } = compileNames(config, given);
  checkHosts(steeredBy, model.drafts, findings);
  const jurisdictions = readJurisdictions(config, findings);
  checkClients(model, findings, jurisdictions);
  const ruled = compileRules(model, findings, jurisdictions);
  problems.push(...indistinct(ruled, { model, geography, placeOf }));
  warnNoSystems(ruled, geography, findings);
  const cidrs = ruledCidrs(ruled);
  const asns = ruledSystems(ruled);
  const overlaid = overlay(geography, cidrs.map(prefixOf));
  const places = compilePlaces(geography, { overlay: overlaid, cidrs, asns, jurisdictions });
  const byLatency = ruled.some(({ rules }) => rules.some(({ steer }) => isByLatency(steer)));
  const measured = byLatency ? compileLatency(config, places.locations, findings) : undefined;
  const { regions, pools, endpoints, monitors } = model;
  const { ruleSets, indices } = compileRuleSets(ruled, {
    places,
    regions,
    pools,
    jurisdictions,
    cellOfLocation: measured?.cellOfLocation,
    findings,
  });
  const capacity = compileCapacity({
    config,
    model,
    ruleSets,
    ruleSetOf: indices,
    places,
    findings,
  });
  if (names === undefined || problems.some(({ severity }) => severity === "error")) {
    return { ok: false, problems: ordered(problems) };
  }
  const services = model.drafts.map(({ service }, i): Service => {
    const ruleSet = (indices[i] ?? 0) as RuleSetIndex;
    return { ...service, ruleSet, health: withPanicPools(service, ruleSets[ruleSet]) };
  });
  const policy: Policy = {
    ...digests(config, geography, zones),
    regions,
    services,
    pools,
    endpoints,
    monitors,
    ruleSets,
    latency: measured?.latency,
    capacity,
    demand: declaredDemand(config),
    v4: places.v4,
    v6: places.v6,
    locations: places.locations,
    names,
    listen: compileListen(config),
    ...removalsOf(config),
    trustedProxies: config.trustedProxies,
  };
  return { ok: true, policy, problems: ordered(problems) };
}

/** Jurisdictions of clients, by which residency sends them. */
function checkClients(model: Model, findings: Findings, { known }: Jurisdictions): void {
  for (const { service, config } of model.drafts) {
    for (const client of Object.keys(config.residency?.clients ?? {})) {
      if (known.has(client)) continue;
      reportError(findings, {
        code: "config.unknown-reference",
        path: `services.${service.name}.residency.clients.${client}`,
        message: `there is no jurisdiction \`${client}\` of clients`,
        hint: `write a country such as DE, one of ${known.names.join(", ")}, or define it under \`jurisdictions\``,
      });
    }
  }
}

/** Services whose rules are right: what else is wrong with them is found all the same. */
function compileRules(
  model: Model,
  findings: Findings,
  { known }: Jurisdictions,
): readonly RuledService[] {
  const cache: WhenCache = new Map();
  const ruled = model.drafts.map((draft) => {
    const path = `services.${draft.service.name}`;
    const rules = flattenRules(draft.config, { servicePath: path, findings, cache, known });
    return rules && { draft, rules, path };
  });
  return ruled.filter((each) => each !== undefined);
}

/** Regions that some service ranks by distance and this geography cannot tell apart. */
function indistinct(
  ruled: readonly RuledService[],
  given: { readonly model: Model; readonly geography: Geography; readonly placeOf: PlaceOf },
): readonly Problem[] {
  const { model, geography, placeOf } = given;
  const sets = new Map<string, ReadonlySet<string>>();
  for (const { draft, rules } of ruled) {
    for (const { steer } of rules) {
      for (const of of rankings(steer)) {
        const set = rankedRegions(draft.config, of, namedRegions(steer));
        sets.set([...set].sort().join(), set);
      }
    }
  }
  const found = new Map<string, Problem>();
  for (const set of sets.values()) {
    const regions = model.regions.filter(({ name }) => set.has(name));
    for (const problem of checkDistinct(regions, geography.source, placeOf)) {
      found.set(`${problem.path} ${problem.message}`, problem);
    }
  }
  return [...found.values()];
}

function rankedRegions(
  config: ServiceConfig,
  of: readonly string[] | undefined,
  named: ReadonlySet<string>,
): ReadonlySet<string> {
  const names = of ?? Object.keys(config.endpoints).filter((name) => !named.has(name));
  return new Set(names.filter((name) => name !== config.standby?.region));
}

/** Pools that some class may be served from. */
function withPanicPools(
  { health, poolCount }: Pick<Service, "health" | "poolCount">,
  ruleSet: RuleSet | undefined,
): Service["health"] {
  if (health?.panic === undefined || ruleSet === undefined) return health;
  const pools = new Array<boolean>(poolCount).fill(false);
  for (const { plan, allowed } of ruleSet.classes) {
    for (const pool of weightedPools(plan)) if (allowed[pool] === true) pools[pool] = true;
  }
  return { ...health, panic: { ...health.panic, pools } };
}

/** Pools of a plan that are not below a weight of 0. */
function weightedPools(plan: Plan): readonly PoolOrdinal[] {
  if (plan.kind === "pool") return [plan.pool];
  return plan.children.flatMap((child, i) =>
    plan.kind === "split" && plan.weights[i] === 0 ? [] : weightedPools(child),
  );
}

/** By place, those without one first: the order in which an operator reads. */
function ordered(problems: readonly Problem[]): readonly Problem[] {
  const at = ({ place }: Problem) => place ?? { file: "", line: 0, column: 0 };
  return [...problems].sort((a, b) => {
    const [x, y] = [at(a), at(b)];
    if (x.file !== y.file) return x.file < y.file ? -1 : 1;
    return x.line - y.line || x.column - y.column;
  });
}

/** Every prefix that some rule asks for, once, in the order of first use. */
function ruledCidrs(ruled: readonly RuledService[]): readonly string[] {
  const found = new Set<string>();
  for (const { rules } of ruled) {
    for (const { conditions } of rules) {
      for (const { cidrs } of conditions) for (const cidr of cidrs) found.add(cidr);
    }
  }
  return [...found];
}

/** Every AS number that some rule asks for. */
function ruledSystems(ruled: readonly RuledService[]): ReadonlySet<number> {
  const conditions = ruled.flatMap(({ rules }) => rules.flatMap((rule) => rule.conditions));
  return new Set(conditions.flatMap(({ asns }) => asns ?? []));
}

/** Rules on AS numbers over a geography that has none: every client's is 0. */
function warnNoSystems(
  ruled: readonly RuledService[],
  geography: Geography,
  findings: Findings,
): void {
  if (geography.locations.some(({ asn }) => asn !== 0)) return;
  for (const { rules } of ruled) {
    const reading = rules.find(({ conditions }) => conditions.some(({ asns }) => asns));
    if (reading === undefined) continue;
    reportWarning(findings, {
      code: "config.missing",
      path: reading.path,
      message: "the geography knows no AS numbers, so `asn` is 0 for every client",
      hint: "name a database of them: `geo: {asn: FILE}`",
    });
  }
}

function prefixOf(cidr: string) {
  const prefix = parsePrefix(cidr);
  assert(prefix !== undefined, "conditions hold prefixes that were read once");
  return prefix;
}

function removalsOf({ safety }: Config): Pick<Policy, "removals"> {
  const removals = safety?.removals;
  return removals === undefined ? {} : { removals: { share: removals.share, perMs: removals.per } };
}

function compileListen({ listen }: Config): Listen {
  const { dnsRateLimit, dnsTcp, metrics, ...same } = listen;
  const { dns, dnsWorkers, dnsGatherMicroseconds, dnsCookies, dnsExplain, redirect } = same;
  const { dot, doh, tls, dnsProxies } = same;
  const page = metrics === "off" ? "" : metrics;
  return {
    dns,
    dnsWorkers,
    dnsGatherMicroseconds,
    dnsTcp: {
      connectionsMax: dnsTcp.clients,
      connectionsPerClientMax: dnsTcp.clientsPerAddress,
      idleMs: dnsTcp.idle,
    },
    dnsCookies,
    dnsRateLimit: dnsRateLimit === "off" ? undefined : dnsRateLimit,
    dot,
    doh,
    tls,
    dnsProxies,
    dnsExplain,
    redirect,
    metrics: page,
  };
}

function digests(
  config: Config,
  geography: Geography,
  zones: ZoneDataMap,
): Pick<Policy, "digest" | "configDigest" | "geographyDigest" | "engine"> {
  const digestOf = (text: string) => sha256(new TextEncoder().encode(text));
  const ofConfig = configDigest(config);
  const geographyDigest = geography.digest;
  const engine = engineVersion;
  const ofZones = [...zones].sort(byName).map(([apex, zone]) => `${apex} ${zone.digest}\n`);
  const parts = `${ofConfig}\n${geographyDigest}\n${engine}\n${ofZones.join("")}`;
  const digest = digestOf(`rhumb policy\n${parts}`);
  return { digest, configDigest: ofConfig, geographyDigest, engine };
}
