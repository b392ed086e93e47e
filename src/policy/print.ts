/**
 * A policy as text, for `rhumb compile` and the golden files: everything a decision depends on, in
 * the order of indices, with names beside them. The same policy always gives the same text.
 */
import { formatDuration, formatPercent } from "../config/values.ts";
import type { Location } from "../geo/geography.ts";
import type {
  CheckPlan,
  ClassPlan,
  Endpoint,
  Monitor,
  Plan,
  Policy,
  Pool,
  RuleSet,
  Service,
} from "./policy.ts";

/** Places shown of a class; the rest are counted. */
const placesShown = 12;

export function printPolicy(policy: Policy): string {
  const lines = [
    `policy ${policy.digest}`,
    `config ${policy.configDigest}`,
    `geography ${policy.geographyDigest}`,
    `engine ${policy.engine}`,
    `leaves ${policy.v4.lengths.length} IPv4, ${policy.v6.lengths.length} IPv6; locations ${policy.locations.length}`,
    ...printListen(policy),
    "",
    "regions",
    ...policy.regions.map((region, i) => {
      const jurisdictions = region.jurisdictions.map((each) => ` ${each}`).join("");
      return `  ${i} ${region.name} at ${region.latitude}, ${region.longitude}${jurisdictions}`;
    }),
    "",
    "monitors",
    ...policy.monitors.map((monitor, i) => `  ${i} ${printMonitor(monitor)}`),
    "",
    "services",
    ...policy.services.flatMap((service, i) => printService(policy, service, i)),
    ...printCapacity(policy),
    "",
    "rule sets",
    ...policy.ruleSets.flatMap((ruleSet, i) => printRuleSet(policy, ruleSet, i)),
    "",
    "zones",
    ...policy.names.zones.map(({ apex, serial }) => `  ${apex} serial ${serial}`),
  ];
  return `${lines.join("\n")}\n`;
}

function printCapacity({ capacity, latency, pools, services }: Policy): readonly string[] {
  const lines: string[] = [];
  if (capacity !== undefined) {
    lines.push("", "capacity");
    for (const { name, unit, amount, byHealth, pools: of } of capacity.limits) {
      const names = of.map((pool) => {
        const found = pools[pool];
        return `${services[found?.service ?? -1]?.name ?? ""}/${found?.name ?? ""}`;
      });
      const shrinks = byHealth ? ", less with endpoints down" : "";
      lines.push(`  ${name} ${amount / 1000} ${unit}${shrinks}: ${names.join(", ")}`);
    }
  }
  if (latency !== undefined) {
    const { cells, windowMs, ageMs, marginHundredths } = latency;
    lines.push(
      "",
      `latency in ${cells.length} cells, window ${formatDuration(windowMs)}, age ${formatDuration(ageMs)}, margin ${formatPercent(marginHundredths)}`,
    );
  }
  return lines;
}

const printCurve = (aggression = 100): string =>
  aggression === 100 ? "" : ` aggression ${aggression / 100}`;

function printListen({ listen, trustedProxies }: Policy): readonly string[] {
  const lines = [
    `listen dns ${listen.dns.join(", ") || "nowhere"}; redirect ${listen.redirect.join(", ") || "nowhere"}; metrics ${listen.metrics || "nowhere"}`,
  ];
  if (trustedProxies.length > 0) lines.push(`trusted proxies ${trustedProxies.join(", ")}`);
  return lines;
}

function printMonitor(monitor: Monitor): string {
  const parts = [
    monitor.kind,
    monitor.path,
    monitor.port === 0 ? "" : `port ${monitor.port}`,
    monitor.host === "" ? "" : `host ${monitor.host}`,
    monitor.serverName === "" ? "" : `sni ${monitor.serverName}`,
    monitor.kind === "https" && !monitor.verifyTls ? "unverified" : "",
    monitor.sourceAddress === "" ? "" : `from ${monitor.sourceAddress}`,
    monitor.kind === "tcp" ? "" : `status ${monitor.expectStatus.map(printRange).join(",")}`,
    monitor.expectBody === "" ? "" : `body ${JSON.stringify(monitor.expectBody)}`,
    `every ${formatDuration(monitor.intervalMs)}`,
    `timeout ${formatDuration(monitor.timeoutMs)}`,
    `down ${monitor.downThreshold}`,
    `up ${monitor.upThreshold}`,
    `ok ${monitor.okThreshold}`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

function printRange([low, high]: readonly [number, number]): string {
  return low === high ? String(low) : `${low}-${high}`;
}

function printService(policy: Policy, service: Service, index: number): readonly string[] {
  const lines = [
    `  ${index} ${service.name}`,
    `    names ${service.names.join(", ")}`,
    `    rule set ${service.ruleSet}, fallback ${service.fallback}, answers ${service.answers}`,
    `    key ${service.key}, seed ${service.seed}, mask /${service.affinityMask4} /${service.affinityMask6}`,
    `    ttl ${service.ttlSecondsMin}s to ${service.ttlSecondsMax}s, hold ${formatDuration(service.holdMs)}, ramp ${formatDuration(service.rampMs)}${printCurve(service.aggression)}${service.resumeManually === true ? ", resume manual" : ""}`,
  ];
  if (service.health !== undefined) {
    const { spill, locality, panic, overprovisioningPercent } = service.health;
    const words = [
      spill ? "spills" : "",
      locality ? "weighs localities" : "",
      spill || locality ? `overprovisioning ${overprovisioningPercent / 100}` : "",
      panic === undefined ? "" : `panic below ${formatPercent(panic.hundredths)}`,
    ];
    lines.push(`    health ${words.filter(Boolean).join(", ")}`);
  }
  for (const { service: on, anywhere } of service.dependencies ?? []) {
    lines.push(
      `    needs ${policy.services[on]?.name ?? ""} ${anywhere ? "anywhere" : "in the region"}`,
    );
  }
  if (service.withoutEcs !== "resolver") {
    lines.push(`    without the client's address on DNS: ${service.withoutEcs}`);
  }
  const capacity = policy.capacity?.services.find((each) => each.service === index);
  if (capacity !== undefined) {
    const demand = capacity.demand?.reduce((sum, each) => sum + each, 0);
    const of = demand === undefined ? "no demand" : `demand ${demand / 1000}`;
    lines.push(`    fills to ${formatPercent(capacity.targetHundredths)}, ${of}`);
  }
  if (service.redirect !== "") lines.push(`    redirect ${service.redirect}`);
  for (let ordinal = 0; ordinal < service.poolCount; ordinal++) {
    const pool = policy.pools[service.firstPool + ordinal];
    if (pool !== undefined) lines.push(...printPool(policy, pool, ordinal));
  }
  const checks = policy.pools[service.firstPool + service.poolCount];
  if (checks?.checks === true) lines.push(...printPool(policy, checks, service.poolCount));
  return lines;
}

function printPool(policy: Policy, pool: Pool, ordinal: number): readonly string[] {
  const region = policy.regions[pool.region]?.name ?? "";
  const words = [
    `    pool ${ordinal} ${pool.name}`,
    pool.name === region ? "" : `in ${region}`,
    pool.minimum === 1 ? "" : `minimum ${pool.minimum}`,
    pool.standby === "no" ? "" : `standby ${pool.standby}`,
    pool.requires === undefined ? "" : `requires ${printCheck(pool.requires)}`,
  ];
  const endpoints = policy.endpoints.slice(
    pool.firstEndpoint,
    pool.firstEndpoint + pool.endpointCount,
  );
  return [
    words.filter((word) => word !== "").join(" "),
    ...endpoints.map((endpoint, k) => `      ${pool.firstEndpoint + k} ${printEndpoint(endpoint)}`),
  ];
}

/** `2 of (#7, not #8)`, by rows of endpoints. */
function printCheck(check: CheckPlan): string {
  if (check.kind === "probe") return `#${check.endpoint}`;
  if (check.kind === "not") return `not ${printCheck(check.of)}`;
  return `${check.atLeast} of (${check.of.map(printCheck).join(", ")})`;
}

function printEndpoint(endpoint: Endpoint): string {
  const words = [
    endpoint.name,
    endpoint.cname ? "cname" : "",
    endpoint.port === 0 ? "" : `port ${endpoint.port}`,
    `weight ${endpoint.weight}`,
    endpoint.check !== undefined
      ? `check ${printCheck(endpoint.check)}`
      : endpoint.monitor === -1
        ? "unchecked"
        : `monitor ${endpoint.monitor}`,
  ];
  return words.filter((word) => word !== "").join(" ");
}

function printRuleSet(policy: Policy, ruleSet: RuleSet, index: number): readonly string[] {
  const users = policy.services.filter((service) => service.ruleSet === index);
  const places = placesOfClasses(policy, ruleSet, ruleSet.classOfLocation);
  const { redirect } = ruleSet;
  const redirected = redirect && placesOfClasses(policy, ruleSet, redirect.classOfLocation);
  const names = (ordinal: number) =>
    policy.pools[(users[0]?.firstPool ?? 0) + ordinal]?.name ?? String(ordinal);
  const shown = users.slice(0, placesShown).map((service) => service.name);
  const more = users.length > shown.length ? ` and ${users.length - shown.length} more` : "";
  return [
    `  ${index} of ${shown.join(", ")}${more}`,
    ...ruleSet.rules.map(
      ({ when, steer }, i) => `    rule ${i} ${when === "" ? "default" : when}: ${steer}`,
    ),
    ...ruleSet.classes.flatMap((classPlan, i) => [
      `    class ${i} by rule ${classPlan.rule}: ${printPlan(classPlan.plan, names)}${printExcluded(classPlan, names)}`,
      ...(places[i] ? [`      ${places[i]}`] : []),
      ...(redirected?.[i] ? [`      on redirect: ${redirected[i]}`] : []),
    ]),
  ];
}

/** `first(a, b)`, `split(2 a, 1 b)`, `a`: the notation of docs/steering.md. */
export function printPlan(plan: Plan, nameOf: (ordinal: number) => string): string {
  switch (plan.kind) {
    case "pool":
      return nameOf(plan.pool);
    case "first":
      return `first(${plan.children.map((child) => printPlan(child, nameOf)).join(", ")})`;
    case "split": {
      const parts = plan.children.map(
        (child, i) => `${plan.weights[i] ?? 0} ${printPlan(child, nameOf)}`,
      );
      return `split(${parts.join(", ")})`;
    }
  }
}

function printExcluded({ allowed }: ClassPlan, nameOf: (ordinal: number) => string): string {
  const excluded = allowed.flatMap((may, ordinal) => (may ? [] : [nameOf(ordinal)]));
  return excluded.length === 0 ? "" : `; never ${excluded.join(", ")}`;
}

/** A short text for a place. */
export function printLocation(location: Location | undefined): string {
  if (location === undefined) return "unknown";
  const { country, continent, subdivision, asn } = location;
  const name = subdivision || country || continent || "unknown";
  return asn === 0 ? name : `${name} AS${asn}`;
}

function placesOfClasses(
  policy: Policy,
  ruleSet: RuleSet,
  classOfLocation: Uint16Array,
): readonly string[] {
  const found = ruleSet.classes.map(() => new Set<string>());
  policy.locations.forEach((location, i) => {
    found[classOfLocation[i] ?? 0]?.add(printLocation(location));
  });
  return found.map((set) => {
    const shown = [...set].slice(0, placesShown);
    return `${shown.join(" ")}${set.size > shown.length ? ` and ${set.size - shown.length} more` : ""}`;
  });
}
