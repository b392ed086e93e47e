/**
 * One service: its check, endpoints, standby, residency, fallback, lifetimes and redirect. Called
 * by load.ts for each service, whatever is wrong with its neighbours.
 */
import { limits } from "../limits.ts";
import { formatTarget, unreachableAddress } from "./address.ts";
import {
  checkRegionReference,
  isInside,
  jurisdictionsOf,
  placeText,
  referenceHint,
  residencyOf,
  type ServiceChecks,
} from "./checks.ts";
import { checkHealthCheck, plainTcpWithoutPort } from "./checks-check.ts";
import type { Path } from "./document.ts";
import { isMapping } from "./draft.ts";
import { type EndpointConfig, endpointKeys, endpointSchema } from "./schema.ts";
import { formatDuration, jurisdiction as jurisdictionSchema } from "./values.ts";

export function checkService(checks: ServiceChecks): void {
  checkHealthCheck(checks);
  checkEndpoints(checks);
  checkStandby(checks);
  checkResidency(checks);
  checkClientResidency(checks);
  checkFallback(checks);
  checkLifetimes(checks);
}

interface EndpointAt {
  readonly endpoint: EndpointConfig;
  readonly path: Path;
}

export interface PoolAt {
  readonly colour: string;
  readonly path: Path;
  /** Written entries, valid or not. */
  readonly count: number;
  readonly endpoints: readonly EndpointAt[];
}

/** The pools of a region as written, each with what is valid of it. */
export function poolsAt(raw: unknown, path: Path): readonly PoolAt[] {
  if (isMapping(raw) && !Object.keys(raw).some((key) => endpointKeys.has(key))) {
    return Object.entries(raw).map(([colour, pool]) => poolAt(pool, [...path, colour], colour));
  }
  return [poolAt(raw, path, "")];
}

function poolAt(raw: unknown, path: Path, colour: string): PoolAt {
  const entries = Array.isArray(raw)
    ? raw.map((entry, index) => ({ entry: entry as unknown, path: [...path, index] }))
    : [{ entry: raw, path }];
  const endpoints = entries.flatMap((each): EndpointAt[] => {
    const parsed = endpointSchema.safeParse(each.entry);
    return parsed.success ? [{ endpoint: parsed.data, path: each.path }] : [];
  });
  return { colour, path, count: entries.length, endpoints };
}

/** What is valid of one endpoint or a list of them, as written. */
export function endpointsAt(raw: unknown): EndpointConfig[] {
  return poolAt(raw, [], "").endpoints.map(({ endpoint }) => endpoint);
}

function checkEndpoints(checks: ServiceChecks): void {
  const raw = checks.raw["endpoints"];
  if (!isMapping(raw)) return;
  const path = [...checks.path, "endpoints"];
  const regions = Object.entries(raw);
  if (regions.length === 0) {
    const hint = "add a region and its addresses, such as `fra: 192.0.2.1`";
    checks.report({ code: "config.missing", path, message: "no endpoint is written", hint });
  }
  const pools: PoolAt[] = [];
  let endpointCount = 0;
  for (const [region, written] of regions) {
    const regionPath = [...path, region];
    checkRegionReference(checks, region, { path: regionPath, at: "key", endpoints: false });
    const found = poolsAt(written, regionPath);
    for (const pool of found) {
      checkPool(checks, pool);
      endpointCount += pool.count;
    }
    pools.push(...found);
    if (found.length === 0) pools.push({ colour: "", path: regionPath, count: 0, endpoints: [] });
  }
  checkWeighed(checks, path, pools);
  checkCount(checks, path, [pools.length, limits.poolsPerServiceMax, "pools"]);
  checkCount(checks, path, [endpointCount, limits.endpointsPerServiceMax, "endpoints"]);
}

/** Weight 0 everywhere is a service that nobody is sent to. */
function checkWeighed(checks: ServiceChecks, path: Path, pools: readonly PoolAt[]): void {
  // An endpoint that is wrong may have any weight.
  const idle = pools.every(
    ({ count, endpoints }) =>
      count > 0 &&
      count === endpoints.length &&
      endpoints.every(({ endpoint }) => endpoint.weight === 0),
  );
  if (!idle || pools.length === 0) return;
  checks.report({
    code: "config.unreachable",
    severity: "warning",
    path,
    message: "every endpoint has the weight 0, so no client is sent to any",
    hint: "give one of them a weight, or remove the service",
    at: "key",
  });
}

function checkCount(
  checks: ServiceChecks,
  path: Path,
  [count, most, what]: readonly [number, number, string],
): void {
  if (count <= most) return;
  const message = `${count} ${what} in one service`;
  checks.report({ code: "config.limit", path, message, hint: `at most ${most}`, at: "key" });
}

function checkPool(checks: ServiceChecks, pool: PoolAt): void {
  const seen = new Map<string, Path>();
  const { minimum, answers } = checks.service;
  for (const { endpoint, path } of pool.endpoints) {
    checkReachable(checks, endpoint, path);
    for (const identity of identitiesOf(endpoint)) {
      const first = seen.get(identity);
      if (first === undefined) {
        seen.set(identity, path);
        continue;
      }
      const message = `${identity} stands in this pool already (${placeText(checks, first)})`;
      const hint = "remove it, or give the first a greater weight";
      checks.report({ code: "config.duplicate", path, message, hint });
      break;
    }
    if (endpoint.port === undefined && plainTcpWithoutPort(checks.raw["check"])) {
      const message = `a TCP check of ${endpoint.name} needs a port`;
      const hint = `write \`${formatTarget({ ...endpoint, port: 443 })}\`, or \`port\` in the check`;
      checks.report({ code: "config.missing", path, message, hint });
    }
    if (endpoint.cname && answers !== undefined && answers > 1) {
      const message = `a CNAME stands alone, but \`answers\` is ${answers}`;
      const hint = "remove `cname`, or make `answers` 1";
      checks.report({ code: "config.conflict", path, message, hint });
    }
  }
  if (minimum === undefined || minimum <= pool.count || pool.count === 0) return;
  const count = `${pool.count} endpoint${pool.count === 1 ? "" : "s"}`;
  const message = `the pool has ${count}, fewer than the minimum of ${minimum} (${placeText(checks, [...checks.path, "minimum"])})`;
  const hint = "it could never carry anything: lower `minimum`, or add endpoints";
  checks.report({ code: "config.conflict", path: pool.path, message, hint, at: "key" });
}

/** An address that no client can open a connection to. */
function checkReachable(checks: ServiceChecks, endpoint: EndpointConfig, path: Path): void {
  for (const text of [endpoint.ipv4, endpoint.ipv6]) {
    const why = text === undefined ? undefined : unreachableAddress(text);
    if (text === undefined || why === undefined) continue;
    const hint = "write the address that clients connect to";
    checks.report({ code: "config.invalid", path, message: `${text} ${why}`, hint });
  }
}

/** Texts no two endpoints of a pool may share. */
function identitiesOf(endpoint: EndpointConfig): readonly string[] {
  const { ipv4, ipv6, host, port } = endpoint;
  const parts = [ipv4 && { ipv4 }, ipv6 && { ipv6 }, host && { host }];
  return parts.flatMap((part) => (part ? [formatTarget({ ...part, port })] : []));
}

function checkStandby(checks: ServiceChecks): void {
  const region = checks.service.standby?.region;
  if (region === undefined) return;
  const path = [...checks.path, "standby", "region"];
  if (!checkRegionReference(checks, region, { path, endpoints: true })) return;
  const allowed = residencyOf(checks);
  if (allowed !== undefined && !isInside(checks, region, allowed)) {
    const message = `\`${region}\` is not in ${allowed.join(", ")}, so it can never serve`;
    const hint = "choose a region inside `residency.only`";
    checks.report({ code: "config.conflict", path, message, hint });
  }
  if (checks.regions?.size !== 1) return;
  const message = "the standby is the only region with endpoints";
  const hint = "add endpoints in another region, or remove `standby`";
  checks.report({ code: "config.conflict", path, message, hint });
}

function checkResidency(checks: ServiceChecks): void {
  const { regions } = checks.draft;
  const raw = checks.raw["residency"];
  if (!isMapping(raw) || regions === undefined) return;
  const path = [...checks.path, "residency", "only"];
  const allowed = residencyOf(checks);
  if (allowed === undefined) {
    checkJurisdictions(checks, raw["only"], path);
    return;
  }
  const own = [...(checks.regions ?? [])].filter((region) => regions.has(region));
  const outside = own.filter((region) => !isInside(checks, region, allowed));
  if (outside.length > 0 && outside.length === own.length) {
    const message = `no endpoint of the service is in ${allowed.join(", ")}`;
    const hint = `its regions are ${own.join(", ")}`;
    checks.report({ code: "residency.empty", path, message, hint });
    return;
  }
  for (const region of outside) {
    // A standby that can never serve is an error, reported with it.
    if (region === checks.service.standby?.region) continue;
    checks.report({
      code: "config.unreachable",
      severity: "warning",
      path: [...checks.path, "endpoints", region],
      message: `\`${region}\` is not in ${allowed.join(", ")}, so it never serves`,
      hint: `remove its endpoints, or widen ${path.join(".")}`,
      at: "key",
    });
  }
}

/** One jurisdiction or a list, as written: what is no text has been reported as that. */
function checkJurisdictions(checks: ServiceChecks, written: unknown, path: Path): void {
  const known = jurisdictionsOf(checks);
  if (known === undefined) return;
  const listed = Array.isArray(written);
  const all: readonly unknown[] = listed ? written : [written];
  for (const [index, jurisdiction] of all.entries()) {
    if (typeof jurisdiction !== "string" || known.has(jurisdiction)) continue;
    if (!jurisdictionSchema.safeParse(jurisdiction).success) continue;
    checks.report({
      code: "config.unknown-reference",
      path: listed ? [...path, index] : path,
      message: `no region is in \`${jurisdiction}\``,
      hint: referenceHint(jurisdiction, known, "jurisdictions"),
    });
  }
}

/** `clients` narrows `only` by where the client is, which DNS may not see. */
function checkClientResidency(checks: ServiceChecks): void {
  const residency = checks.service.residency;
  const raw = checks.raw["residency"];
  if (residency === undefined || !isMapping(raw)) return;
  const path = [...checks.path, "residency"];
  if (raw["clients"] === undefined) {
    if (raw["dns"] === undefined) return;
    const message = "`dns` means nothing without `clients`: `only` binds every client alike";
    const hint = "remove it, or write which clients may be served where";
    checks.report({ code: "config.conflict", path: [...path, "dns"], message, hint, at: "key" });
    return;
  }
  const usesDns = checks.draft.top.listen?.dns?.length !== 0;
  if (raw["dns"] === undefined && usesDns) {
    const message =
      "a DNS query may not show the client's address, so `clients` alone promises too much";
    const hint =
      "add `dns: refuse-without-ecs` (no answer), `strictest` (inside every set) or `best-effort` (by the resolver)";
    checks.report({ code: "config.missing", path: [...path, "clients"], message, hint, at: "key" });
  }
  const known = jurisdictionsOf(checks);
  const only = residencyOf(checks);
  const raws = isMapping(raw["clients"]) ? raw["clients"] : {};
  for (const [client, own] of Object.entries(raws)) {
    const written = residency.clients?.[client];
    const at = [...path, "clients", client];
    if (!written?.every((each) => known?.has(each))) checkJurisdictions(checks, own, at);
    else if (only !== undefined) {
      const regions = [...(checks.regions ?? [])];
      if (regions.length === 0) continue;
      if (regions.some((each) => isInside(checks, each, only) && isInside(checks, each, written)))
        continue;
      const message = `no endpoint of the service is in ${only.join(", ")} and in ${written.join(", ")}`;
      const hint = `its regions are ${regions.join(", ")}`;
      checks.report({ code: "residency.empty", path: at, message, hint });
    }
  }
}

function checkFallback(checks: ServiceChecks): void {
  const raw = checks.raw["fallback"];
  if (!isMapping(raw) || !isMapping(raw["fixed"])) return;
  const path = [...checks.path, "fallback", "fixed"];
  checkPool(checks, poolAt(raw["fixed"]["endpoints"], [...path, "endpoints"], ""));
  const region = raw["fixed"]["region"];
  if (typeof region !== "string") return;
  const where = { path: [...path, "region"], endpoints: false };
  if (!checkRegionReference(checks, region, where)) return;
  const allowed = residencyOf(checks);
  if (allowed === undefined || isInside(checks, region, allowed)) return;
  const message = `\`${region}\` is not in ${allowed.join(", ")}, so the fixed answer is never given`;
  const hint = "choose a region inside `residency.only`";
  checks.report({ code: "config.conflict", path: where.path, message, hint });
}

function checkLifetimes(checks: ServiceChecks): void {
  const { ttl } = checks.service;
  if (ttl?.min === undefined || ttl.max === undefined || ttl.min <= ttl.max) return;
  const message = `the least TTL (${formatDuration(ttl.min)}) is above the greatest (${formatDuration(ttl.max)})`;
  const path = [...checks.path, "ttl", "min"];
  checks.report({ code: "config.conflict", path, message, hint: "make `min` at most `max`" });
}
