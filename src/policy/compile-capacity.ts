/**
 * Capacities and demand: configuration -> limits over pools, docs/steering.md "Capacity". Called by
 * compile.ts after the rule sets, since demand is counted by class. undefined where nothing is
 * limited.
 */

import type { Config } from "../config/schema.ts";
import type { CapacityConfig } from "../config/schema-capacity.ts";
import type { Leaves, Location } from "../geo/geography.ts";
import { limits } from "../limits.ts";
import { DemandPlaces } from "./compile-demand.ts";
import { byName, type Model, type ServiceDraft } from "./compile-model.ts";
import { type Findings, reportError, reportWarning } from "./compile-problems.ts";
import type {
  Capacity,
  CapacityLimit,
  CapacityService,
  DeclaredDemand,
  PoolIndex,
  RuleSet,
  ServiceIndex,
} from "./policy.ts";

export const targetDefault = 7000;

export interface CapacityInput {
  readonly config: Config;
  readonly model: Model;
  readonly ruleSets: readonly RuleSet[];
  /** By service. */
  readonly ruleSetOf: readonly number[];
  readonly places: {
    readonly v4: Leaves;
    readonly v6: Leaves;
    readonly locations: readonly Location[];
  };
  readonly findings: Findings;
}

/** A limit and where it is written. */
interface Written extends CapacityLimit {
  readonly path: string;
}

export function compileCapacity(input: CapacityInput): Capacity | undefined {
  const { config, model, findings } = input;
  const written: Written[] = [...regionLimits(input)];
  for (const draft of model.drafts) written.push(...serviceLimits(input, draft));
  checkDemandNames(input);
  const places = config.demand === undefined ? undefined : new DemandPlaces(input.places);
  const limitsOfService = new Map<number, number[]>();
  written.forEach(({ pools }, limit) => {
    for (const service of new Set(pools.map((pool) => model.pools[pool]?.service ?? -1))) {
      limitsOfService.set(service, [...(limitsOfService.get(service) ?? []), limit]);
    }
  });
  const services = model.drafts.flatMap(({ service, config: of }, index): CapacityService[] => {
    const mine = limitsOfService.get(index) ?? [];
    checkShed(findings, of, `services.${service.name}.shed`);
    if (mine.length === 0) {
      if (of.target !== undefined || of.shed !== undefined)
        reportTarget(findings, `services.${service.name}.target`);
      return [];
    }
    checkUnits(
      findings,
      mine.map((limit) => written[limit] as Written),
    );
    if (of.spill !== undefined) reportSpill(findings, `services.${service.name}.spill`);
    return [
      {
        service: index as ServiceIndex,
        limits: mine,
        targetHundredths: of.target ?? targetDefault,
        shed: of.shed,
        demand: demandOf(input, places, index),
      },
    ];
  });
  const classes = services.reduce((sum, { demand }) => sum + (demand?.length ?? 0), 0);
  if (classes > limits.capacityClassesMax) {
    reportError(findings, {
      code: "config.limit",
      path: "demand",
      message: `${classes} classes of clients with demand, over ${limits.capacityClassesMax}`,
      hint: "declare demand for the services that matter most",
    });
  }
  if (written.length === 0) return undefined;
  const pools = new Set(written.flatMap((limit) => limit.pools));
  return {
    limits: written.map(limitOf),
    services,
    pools: [...pools].sort((a, b) => a - b),
  };
}

function limitOf({ name, unit, amount, byHealth, byEndpoint, pools }: Written): CapacityLimit {
  return { name, unit, amount, byHealth, byEndpoint, pools };
}

export function declaredDemand({ demand }: Config): readonly DeclaredDemand[] | undefined {
  if (demand === undefined) return undefined;
  return Object.entries(demand)
    .sort(byName)
    .flatMap(([service, rows]) =>
      Object.entries(rows)
        .sort(byName)
        .map(([location, amount]) => ({ service, location, amount })),
    );
}

const inThousandths = ({ amount, scaler }: CapacityConfig): number =>
  Math.floor((Math.round(amount * 1000) * scaler) / 10_000);

function regionLimits({ config, model }: CapacityInput): readonly Written[] {
  return model.regions.flatMap(({ name }, region): Written[] => {
    const capacity = config.regions[name]?.capacity;
    const pools = model.pools.flatMap((pool, i) =>
      pool.region === region && !pool.fixed ? [i as PoolIndex] : [],
    );
    if (capacity === undefined || pools.length === 0) return [];
    return [
      {
        name: `region ${name}`,
        unit: capacity.unit,
        amount: inThousandths(capacity),
        byHealth: false,
        byEndpoint: [],
        pools,
        path: `regions.${name}.capacity`,
      },
    ];
  });
}

function serviceLimits(
  { model, findings }: CapacityInput,
  { service, config }: ServiceDraft,
): readonly Written[] {
  const found: Written[] = [];
  const path = `services.${service.name}`;
  const own = model.pools.slice(service.firstPool, service.firstPool + service.poolCount);
  const poolsIn = (region: string): readonly PoolIndex[] =>
    own.flatMap((pool, ordinal) =>
      !pool.fixed && model.regions[pool.region]?.name === region
        ? [(service.firstPool + ordinal) as PoolIndex]
        : [],
    );
  for (const [region, capacity] of Object.entries(config.capacity ?? {}).sort(byName)) {
    const pools = poolsIn(region);
    if (pools.length === 0) {
      reportError(findings, {
        code: "config.unknown-reference",
        path: `${path}.capacity.${region}`,
        message: `the service has no endpoints in \`${region}\``,
        hint: `name one of ${Object.keys(config.endpoints).sort().join(", ")}`,
      });
      continue;
    }
    const common = { unit: capacity.unit, amount: inThousandths(capacity), byEndpoint: [] };
    const name = `${service.name}/${region}`;
    found.push({ name, ...common, byHealth: true, pools, path: `${path}.capacity.${region}` });
  }
  for (const [region, colours] of Object.entries(config.endpoints).sort(byName)) {
    for (const pool of poolsIn(region)) {
      const { name = "" } = model.pools[pool] ?? {};
      const list = colours[name.slice(region.length + 1)] ?? [];
      const limit = endpointsLimit(list, { name: `${service.name}/${name}`, pool });
      if (limit === undefined) continue;
      const at = `${path}.endpoints.${region}`;
      if (limit === "partial") reportPartial(findings, at);
      else found.push({ ...limit, path: at });
    }
  }
  return found;
}

interface ListedEndpoint {
  readonly name: string;
  readonly weight: number;
  readonly capacity?: CapacityConfig | undefined;
}

/** Of a pool's endpoints, in the order of the policy. */
function endpointsLimit(
  list: readonly ListedEndpoint[],
  at: { readonly name: string; readonly pool: PoolIndex },
): CapacityLimit | "partial" | undefined {
  const ordered = list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const taking = ordered.filter(({ weight }) => weight > 0);
  const [first] = taking.flatMap(({ capacity }) => (capacity === undefined ? [] : [capacity]));
  if (first === undefined) return undefined;
  const alike = taking.every(({ capacity }) => capacity?.unit === first.unit);
  if (!alike) return "partial";
  const byEndpoint = ordered.map(({ weight, capacity }) =>
    weight === 0 || capacity === undefined ? 0 : inThousandths(capacity),
  );
  const amount = byEndpoint.reduce((sum, each) => sum + each, 0);
  return { name: at.name, unit: first.unit, amount, byHealth: true, byEndpoint, pools: [at.pool] };
}

function reportPartial(findings: Findings, path: string): void {
  reportError(findings, {
    code: "config.missing",
    path,
    message: "some endpoints of the pool have a capacity and others have none, or in another unit",
    hint: "give every endpoint one, or the service a `capacity` in the region",
  });
}

/** All limits of a service are in one unit. */
function checkUnits(findings: Findings, mine: readonly Written[]): void {
  const [first, ...rest] = mine;
  const other = rest.find(({ unit }) => unit !== first?.unit);
  if (first === undefined || other === undefined) return;
  reportError(findings, {
    code: "config.conflict",
    path: other.path,
    message: `this is in ${other.unit}, and ${first.path} in ${first.unit}`,
    hint: "write all capacities that one service meets in one unit",
  });
}

function reportSpill(findings: Findings, path: string): void {
  reportError(findings, {
    code: "config.conflict",
    path,
    message: "a service with a capacity spills by load, so it cannot spill by health as well",
    hint: "remove one of the two; a capacity shrinks with the endpoints that are down",
  });
}

function checkShed(
  findings: Findings,
  { shed, target = targetDefault }: ServiceDraft["config"],
  path: string,
): void {
  if (shed === undefined || (target <= shed.low && shed.low < shed.high)) return;
  reportError(findings, {
    code: "config.conflict",
    path,
    message: "the marks are out of order",
    hint: `write a \`low\` of at least the target, ${target / 100}%, and a greater \`high\``,
  });
}

function reportTarget(findings: Findings, path: string): void {
  reportError(findings, {
    code: "config.conflict",
    path,
    message: "no capacity limits a pool of this service",
    hint: "give the service, its regions or its endpoints a `capacity`, or remove `target`",
  });
}

function checkDemandNames({ config, findings, model }: CapacityInput): void {
  for (const name of Object.keys(config.demand ?? {}).sort()) {
    if (name in config.services) continue;
    const names = model.drafts.slice(0, 8).map(({ service }) => service.name);
    reportError(findings, {
      code: "config.unknown-reference",
      path: `demand.${name}`,
      message: `there is no service \`${name}\``,
      hint: `name one of ${names.join(", ")}`,
    });
  }
}

function demandOf(
  { config, model, ruleSets, ruleSetOf, findings }: CapacityInput,
  places: DemandPlaces | undefined,
  index: number,
): readonly number[] | undefined {
  const name = model.drafts[index]?.service.name ?? "";
  const declared = config.demand?.[name];
  const ruleSet = ruleSets[ruleSetOf[index] ?? -1];
  if (declared === undefined || places === undefined || ruleSet === undefined) return undefined;
  const demand = new Array<number>(ruleSet.classes.length).fill(0);
  const { classOfLocation } = ruleSet;
  for (const [location, amount] of Object.entries(declared).sort(byName)) {
    if (places.has(location)) {
      places.spread(location, Math.round(amount * 1000), { classOfLocation, demand });
    } else reportNowhere(findings, `demand.${name}.${location}`);
  }
  return demand;
}

function reportNowhere(findings: Findings, path: string): void {
  reportWarning(findings, {
    code: "config.empty-class",
    path,
    message: "no client of this geography is there",
    hint: "check it against the database in use",
  });
}
