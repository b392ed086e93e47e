/**
 * World -> what `rhumb world` shows: what is believed of each endpoint, since when and why, and
 * what the operator said. `describeWorld` gives data for `--json`, `printWorld` makes text of it.
 */
import { visible } from "../errors.ts";
import { formatAddress, wordsOfBytes } from "../lib/ip.ts";
import { limits } from "../limits.ts";
import type { EndpointIndex, Policy, ServiceIndex } from "../policy/policy.ts";
import type { EndpointState } from "./event.ts";
import { type FailureCode, failureAt } from "./failures.ts";
import { stateOf } from "./health.ts";
import { orderOfCell } from "./latency.ts";
import { rampOf, rampStepMs } from "./ramp.ts";
import {
  activity,
  allocations,
  forced,
  keepsPerPool,
  type Override,
  type OverrideKind,
  type World,
} from "./world.ts";

/** Ages and remainders are milliseconds; null where there is none. */
export interface EndpointDescription {
  readonly endpoint: string;
  readonly state: EndpointState;
  /** The operator's word; null for none. */
  readonly forced: OverrideKind | null;
  readonly frozen: boolean;
  /** A service that its own depends on cannot serve. */
  readonly blocked: boolean;
  /** Held until `rhumb resume`. */
  readonly waits: boolean;
  /** Fails its check, and kept by the bound on removals. */
  readonly retained: boolean;
  readonly quarantined: boolean;
  readonly lastGood: boolean;
  /** Of 256: 0 while held, less than 256 while ramping. */
  readonly availability: number;
  readonly weight: number;
  readonly failures: number;
  readonly successes: number;
  readonly flaps: number;
  readonly lastFailure: FailureCode | null;
  readonly latencyMs: number | null;
  readonly changedAgeMs: number | null;
  readonly resultAgeMs: number | null;
  readonly holdLeftMs: number | null;
  readonly rampLeftMs: number | null;
  readonly addresses: readonly string[];
  readonly addressesAgeMs: number | null;
  /** Why the addresses are old; null while they are not. */
  readonly addressesStale: string | null;
}

export interface PoolDescription {
  readonly pool: string;
  readonly region: string;
  readonly standby: "no" | "inactive" | "active" | "auto" | "unmet";
  readonly endpoints: readonly EndpointDescription[];
}

export interface ServiceDescription {
  readonly service: string;
  readonly ttlSeconds: number;
  readonly pools: readonly PoolDescription[];
}

/** What a pool with a limit carries and keeps. */
export interface LoadDescription {
  readonly service: string;
  readonly pool: string;
  readonly allocation: keyof typeof allocations;
  /** The last report, in the unit of its capacity; null for none. */
  readonly load: number | null;
  readonly ageMs: number | null;
  /** By walk, then by place of the tier, of 4,096. */
  readonly keep: readonly number[];
}

/** What clients of a cell measured, in the order that counts. */
export interface CellDescription {
  readonly cell: string;
  readonly regions: readonly {
    readonly region: string;
    readonly milliseconds: number;
    readonly ageMs: number;
  }[];
}

export interface WorldDescription {
  readonly policyDigest: string;
  readonly generation: number;
  readonly ageMs: number;
  readonly services: readonly ServiceDescription[];
  /** Cells with a measurement. */
  readonly latency: readonly CellDescription[];
  /** Pools with a limit. */
  readonly capacity: readonly LoadDescription[];
  readonly overrides: readonly (Override & { readonly leftMs: number })[];
}

const forcedWords: readonly (OverrideKind | null)[] = [null, "force-up", "force-down", "drain"];

export function describeWorld(policy: Policy, world: World, nowMs: number): WorldDescription {
  const services = policy.services.map((service, serviceIndex): ServiceDescription => {
    const pools = policy.pools.slice(service.firstPool, service.firstPool + service.poolCount);
    return {
      service: service.name,
      ttlSeconds: world.services.ttlSeconds[serviceIndex as ServiceIndex]!,
      pools: pools.map((pool, ordinal) => ({
        pool: pool.name,
        region: policy.regions[pool.region]!.name,
        standby: standbyWord(pool.standby, world.pools.active[service.firstPool + ordinal]!),
        endpoints: Array.from({ length: pool.endpointCount }, (_, i) =>
          describeEndpoint(policy, world, {
            row: (pool.firstEndpoint + i) as EndpointIndex,
            nowMs,
          }),
        ),
      })),
    };
  });
  return {
    policyDigest: world.policyDigest,
    generation: world.generation,
    ageMs: Math.max(0, nowMs - world.at),
    services,
    latency: describeCells(policy, world, nowMs),
    capacity: describeLoads(policy, world, nowMs),
    overrides: world.overrides.map((override) => ({
      ...override,
      leftMs: Math.max(0, override.expiresAt - nowMs),
    })),
  };
}

const allocationNames = Object.keys(allocations) as readonly (keyof typeof allocations)[];

function describeLoads(policy: Policy, world: World, nowMs: number): readonly LoadDescription[] {
  const { keep, load, loadAt } = world.capacity;
  return (policy.capacity?.pools ?? []).map((index, row) => {
    const pool = policy.pools[index]!;
    const reported = loadAt[row] !== 0;
    return {
      service: policy.services[pool.service]!.name,
      pool: pool.name,
      allocation: allocationNames[world.services.allocation[pool.service]!] ?? "none",
      load: reported ? load[row]! : null,
      ageMs: reported ? Math.max(0, nowMs - loadAt[row]!) : null,
      keep: [...keep.subarray(row * keepsPerPool, (row + 1) * keepsPerPool)],
    };
  });
}

/** What a pool keeps in the first tier where it keeps least. */
function keptText({ allocation, keep }: LoadDescription): string {
  if (allocation === "none" || allocation === "noDemand") return "not limited";
  const least = Math.min(...keep.slice(0, limits.capacityTiersMax));
  return least === limits.keepFull
    ? "keeps all that comes"
    : `keeps ${((least * 100) / limits.keepFull).toFixed(1)}% of what comes, at least`;
}

function describeCells(policy: Policy, world: World, nowMs: number): readonly CellDescription[] {
  const { regions, latency } = policy;
  return (latency?.cells ?? []).flatMap(({ name }, cell) => {
    const order = orderOfCell(world.latency, cell, regions.length);
    if (order.length === 0) return [];
    const measured = order.map((region) => {
      const row = cell * regions.length + region;
      return {
        region: regions[region]!.name,
        milliseconds: world.latency.microseconds[row]! / 1000,
        ageMs: Math.max(0, nowMs - world.latency.sampledAt[row]!),
      };
    });
    return [{ cell: name, regions: measured }];
  });
}

function standbyWord(kind: "no" | "manual" | "auto", active: number): PoolDescription["standby"] {
  if (active === activity.unmet) return "unmet";
  if (kind !== "manual") return kind;
  return active === activity.yes ? "active" : "inactive";
}

function describeEndpoint(
  policy: Policy,
  world: World,
  options: { readonly row: EndpointIndex; readonly nowMs: number },
): EndpointDescription {
  const { row, nowMs } = options;
  const { name, weight } = policy.endpoints[row]!;
  const { endpoints } = world;
  const state = stateOf(endpoints, row);
  const age = (time: number): number | null => (time === 0 ? null : Math.max(0, nowMs - time));
  const left = (time: number): number => Math.max(0, time - nowMs);
  const latencyMs = endpoints.latencyMs[row]!;
  const resolved = world.resolved.get(row);
  const ramp = rampOf(policy, endpoints.regional, row);
  const full = endpoints.rampFrom[row]! + rampStepMs(ramp, limits.availabilityFull);
  return {
    endpoint: name,
    state,
    forced: forcedWords[endpoints.forced[row] ?? forced.none] ?? null,
    frozen: endpoints.frozen[row] === 1,
    blocked: endpoints.blocked[row] === 1,
    waits: endpoints.waits[row] === 1,
    retained: endpoints.retained[row] === 1,
    quarantined: endpoints.quarantined[row] === 1,
    lastGood: endpoints.lastGood[row] === 1,
    availability: endpoints.availability[row]!,
    weight,
    failures: endpoints.failures[row]!,
    successes: endpoints.successes[row]!,
    flaps: endpoints.flaps[row]!,
    lastFailure: endpoints.failure[row] === 0 ? null : failureAt(endpoints.failure[row]!),
    latencyMs: Number.isNaN(latencyMs) ? null : Math.round(latencyMs * 1000) / 1000,
    changedAgeMs: age(endpoints.changedAt[row]!),
    resultAgeMs: age(endpoints.lastResultAt[row]!),
    holdLeftMs: state === "held" ? left(endpoints.holdUntil[row]!) : null,
    rampLeftMs: state === "ramping" ? left(full) : null,
    addresses: resolved === undefined ? [] : [...resolved.ipv4, ...resolved.ipv6].map(addressText),
    addressesAgeMs: resolved === undefined ? null : age(resolved.resolvedAt),
    addressesStale:
      resolved === undefined || resolved.staleReason === "" ? null : resolved.staleReason,
  };
}

const addressText = (bytes: Uint8Array): string =>
  formatAddress(bytes.length === 4 ? 4 : 6, wordsOfBytes(bytes));

/** `850ms`, `3.2s`, `2m05s`, `1h02m`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${two(Math.floor((seconds % 3600) / 60))}m`;
}

export function printWorld(description: WorldDescription): string {
  const lines = [
    `policy ${description.policyDigest.slice(0, 12)} generation ${description.generation}, ${durationText(description.ageMs)} old`,
  ];
  for (const { service, ttlSeconds, pools } of description.services) {
    lines.push("", `${service}  (ttl ${ttlSeconds}s)`);
    const rows = pools.flatMap(({ pool, standby, endpoints }) =>
      endpoints.map((endpoint) => [
        pool,
        endpoint.endpoint,
        stateText(endpoint),
        endpoint.changedAgeMs === null ? "-" : `for ${durationText(endpoint.changedAgeMs)}`,
        notes(endpoint, standby).join(", "),
      ]),
    );
    lines.push(...table(rows));
  }
  if (description.capacity.length > 0) lines.push("", "capacity");
  lines.push(
    ...table(
      description.capacity.map((each) => [
        `${each.service}/${each.pool}`,
        allocationWords[each.allocation],
        each.load === null
          ? "no load reported"
          : `load ${each.load} (${durationText(each.ageMs ?? 0)} ago)`,
        keptText(each),
      ]),
    ),
  );
  if (description.latency.length > 0) lines.push("", "round trips");
  lines.push(
    ...table(
      description.latency.map(({ cell, regions }) => [
        cell,
        regions
          .map(
            ({ region, milliseconds, ageMs }) =>
              `${region} ${milliseconds.toFixed(1)}ms (${durationText(ageMs)} ago)`,
          )
          .join(", "),
      ]),
    ),
  );
  if (description.overrides.length > 0) lines.push("", "overrides");
  lines.push(
    ...table(
      description.overrides.map(({ kind, target, leftMs, author, reason, id }) => [
        kind,
        target,
        `${durationText(leftMs)} left`,
        `by ${author}: ${reason}`,
        id,
      ]),
    ),
  );
  // Names, reasons and authors come from people: nothing of them may drive a terminal.
  return `${lines.map((line) => visible(line)).join("\n")}\n`;
}

const allocationWords: Readonly<Record<keyof typeof allocations, string>> = {
  none: "not allocated yet",
  noDemand: "neither demand nor load known",
  demand: "by demand",
  feedback: "by load",
};

function stateText(endpoint: EndpointDescription): string {
  if (endpoint.waits) return "held until resumed";
  if (endpoint.state === "held") return `held, ${durationText(endpoint.holdLeftMs ?? 0)} left`;
  // It serves: "disabled" would be read as the contrary.
  if (endpoint.state === "disabled") return "unchecked";
  if (endpoint.state !== "ramping") return endpoint.state;
  const percent = Math.floor((endpoint.availability * 100) / limits.availabilityFull);
  return `ramping ${percent}%, ${durationText(endpoint.rampLeftMs ?? 0)} left`;
}

function notes(endpoint: EndpointDescription, standby: PoolDescription["standby"]): string[] {
  const found: string[] = [];
  const add = (holds: boolean, text: string): void => {
    if (holds) found.push(text);
  };
  add(endpoint.forced !== null, endpoint.forced ?? "");
  add(endpoint.frozen, "frozen");
  add(endpoint.retained, "kept: too many went down at once");
  add(endpoint.blocked, "needs a service that is down");
  add(endpoint.quarantined, "quarantined");
  add(standby !== "no", `standby ${standby}`);
  add(endpoint.weight === 0, "weight 0");
  const counting = endpoint.failures > 0 && endpoint.state !== "down";
  add(counting, `${endpoint.failures} failed`);
  add(endpoint.state === "down" && endpoint.successes > 0, `${endpoint.successes} ok in a row`);
  add(counting || endpoint.state === "down", endpoint.lastFailure ?? "");
  add(endpoint.flaps > 1, `went down ${endpoint.flaps} times`);
  add(endpoint.latencyMs !== null, `${endpoint.latencyMs?.toFixed(1)}ms`);
  add(endpoint.resultAgeMs !== null, `seen ${durationText(endpoint.resultAgeMs ?? 0)} ago`);
  add(endpoint.addresses.length > 0, endpoint.addresses.join(" "));
  add(endpoint.addressesStale !== null, `addresses old: ${endpoint.addressesStale}`);
  return found.filter((text) => text !== "");
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]!.length), 0),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")}`.trimEnd(),
  );
}
