/**
 * Rule sets: for each location the first rule that holds and the plan it leads to, and so its
 * class. Called by compile.ts once everything else is known. Services with equal rules over equal
 * pools share a rule set; rule sets that part the world alike share their columns. Class 0 is
 * location 0's.
 */
import { assert } from "../errors.ts";
import type { SpherePoint } from "../geo/distance.ts";
import { scopes } from "../geo/overlay.ts";
import { xxh32 } from "../lib/xxh32.ts";
import { limits } from "../limits.ts";
import { type ColourPool, colourWeights } from "./compile-colours.ts";
import type { ServiceDraft } from "./compile-model.ts";
import type { Places } from "./compile-places.ts";
import {
  isByLatency,
  type PlanLayout,
  type Planner,
  plannerOf,
  type RegionPools,
  regionPoint,
} from "./compile-plan.ts";
import {
  type Findings,
  repeatProblems,
  reportError,
  reportWarning,
  type Said,
} from "./compile-problems.ts";
import {
  type Allowed,
  addClassesWithin,
  type ResidencySets,
  residencySets,
} from "./compile-residency.ts";
import type { FlatRule } from "./compile-rules.ts";
import type { Jurisdictions } from "./jurisdictions.ts";
import type { CellIndex, ClassPlan, Pool, PoolOrdinal, Region, RuleSet } from "./policy.ts";
import type { WhenFacts } from "./when.ts";

export interface RuledService {
  readonly draft: ServiceDraft;
  readonly rules: readonly FlatRule[];
  readonly path: string;
}

interface Making {
  readonly places: Places;
  readonly regions: readonly Region[];
  readonly pools: readonly Pool[];
  readonly jurisdictions: Jurisdictions;
  /** Per location, where latency is measured; -1 for nowhere. */
  readonly cellOfLocation: Int32Array | undefined;
  readonly findings: Findings;
  readonly ruleSets: RuleSet[];
  readonly indexByText: Map<string, number>;
  /** By rule set, what was found wrong with it, and of which service. */
  readonly said: Said[];
  /** Partitions of the world by their hash, to share the columns of equal ones. */
  readonly columnsByHash: Map<number, Columns[]>;
  bytes: number;
}

type Columns = Pick<RuleSet, "classOfLocation" | "scope4" | "scope6">;

export interface RuleSets {
  readonly ruleSets: readonly RuleSet[];
  /** By service. */
  readonly indices: readonly number[];
}

export function compileRuleSets(
  services: readonly RuledService[],
  given: Pick<
    Making,
    "places" | "regions" | "pools" | "jurisdictions" | "cellOfLocation" | "findings"
  >,
): RuleSets {
  const making: Making = {
    ...given,
    ruleSets: [],
    indexByText: new Map(),
    said: [],
    columnsByHash: new Map(),
    bytes: 0,
  };
  const indices: number[] = [];
  let classes = 0;
  for (const service of services) {
    const index = ruleSetOf(making, service);
    indices.push(index);
    const mine = making.ruleSets[index]?.classes.length ?? 0;
    const before = classes;
    classes += mine;
    if (classes <= limits.serviceClassesMax || before > limits.serviceClassesMax) continue;
    reportLimit(making, service, {
      message: `over ${limits.serviceClassesMax} classes of clients in all services; this one has ${mine}`,
    });
  }
  return { ruleSets: making.ruleSets, indices };
}

function ruleSetOf(making: Making, service: RuledService): number {
  const residency = residencyOf(making, service);
  const [whole = []] = residency.sets;
  const text = layoutText(making, service, {
    layout: layoutOf(making, service.draft, whole),
    whole,
  });
  const known = making.indexByText.get(text);
  if (known !== undefined) {
    repeatProblems(making.findings, making.said[known], service.path);
    return known;
  }
  const index = making.ruleSets.length;
  making.indexByText.set(text, index);
  if (index === limits.ruleSetsMax) {
    reportLimit(making, service, { message: `over ${limits.ruleSetsMax} different sets of rules` });
  }
  const before = making.findings.problems.length;
  making.ruleSets.push(makeRuleSet(making, service, residency));
  making.said.push({ path: service.path, problems: making.findings.problems.slice(before) });
  return index;
}

function residencyOf(making: Making, { draft, path }: RuledService): ResidencySets {
  const { residency } = draft.config;
  const inside = (of: readonly string[] | undefined) => poolsInside(making, draft, of);
  const sets = residencySets(residency, { inside, jurisdictions: making.jurisdictions });
  if (sets.tooMany) {
    reportError(making.findings, {
      code: "config.limit",
      path: `${path}.residency.clients`,
      message: `over ${limits.residencySetsMax} different sets of regions, their intersections counted`,
      hint: "let more clients share a set",
    });
  }
  return sets;
}

type DraftRegion = Omit<RegionPools, "pools"> & {
  readonly pools: readonly (RegionPools["pools"][number] & ColourPool)[];
};

function layoutOf(
  making: Making,
  draft: ServiceDraft,
  allowed: Allowed,
  preferred?: string,
): PlanLayout {
  const { service, config, poolWeights } = draft;
  const regions: DraftRegion[] = [];
  const shared = (region: DraftRegion): RegionPools => {
    const weights = colourWeights(config, region.name, region.pools);
    const pools = region.pools.map(({ ordinal }, i) => ({ ordinal, weight: weights[i] ?? 0 }));
    const first = region.pools.find(({ colour }) => colour === preferred)?.ordinal;
    return { ...region, pools, ...(first !== undefined && { first }) };
  };
  for (let ordinal = 0; ordinal < service.poolCount; ordinal++) {
    const pool = making.pools[service.firstPool + ordinal];
    const region = pool === undefined ? undefined : making.regions[pool.region];
    assert(pool !== undefined && region !== undefined, "pools of a service are contiguous");
    if (pool.fixed) continue;
    const weight = poolWeights[ordinal] ?? 0;
    const entry = { ordinal: ordinal as PoolOrdinal, weight, colour: colourOf(pool.name) };
    const last = regions.at(-1);
    if (last?.name === region.name) {
      regions[regions.length - 1] = { ...last, pools: [...last.pools, entry] };
      continue;
    }
    const { name } = region;
    const point = regionPoint(region);
    const { region: index } = pool;
    regions.push({ name, index, point, pools: [entry], allowed: allowed[ordinal] === true });
  }
  return { regions: regions.map(shared), standby: config.standby?.region };
}

/** `canary` of `fra/canary`. */
const colourOf = (poolName: string): string => poolName.slice(poolName.indexOf("/") + 1);

function isInside(region: Region, only: readonly string[] | undefined): boolean {
  return only === undefined || region.jurisdictions.some((each) => only.includes(each));
}

/** By ordinal, the fixed pool included. */
function poolsInside(
  making: Making,
  { service }: ServiceDraft,
  only: readonly string[] | undefined,
): Allowed {
  return Array.from({ length: service.poolCount }, (_, ordinal) => {
    const pool = making.pools[service.firstPool + ordinal];
    const region = pool === undefined ? undefined : making.regions[pool.region];
    return region !== undefined && isInside(region, only);
  });
}

/** Equal for services that can share a rule set: what the pools are called, and what is asked. */
function layoutText(
  making: Making,
  service: RuledService,
  { layout, whole }: { readonly layout: PlanLayout; readonly whole: Allowed },
): string {
  const { draft, rules } = service;
  const { firstPool, poolCount } = draft.service;
  return JSON.stringify([
    making.pools.slice(firstPool, firstPool + poolCount).map((pool) => [pool.name, pool.region]),
    whole,
    clientsText(making, draft),
    // Weights matter between colours only.
    layout.regions.filter(({ pools }) => pools.length > 1).map(({ pools }) => pools),
    layout.standby,
    rules.map(({ text, steerText, cohort, colour }) => [text, steerText, cohort, colour]),
  ]);
}

/** What `residency.clients` makes of the pools, and of those whose place is not known. */
function clientsText(making: Making, draft: ServiceDraft): readonly unknown[] {
  const { residency } = draft.config;
  const clients = Object.entries(residency?.clients ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (clients.length === 0) return [];
  const sets = clients.map(([client, of]) => [client, poolsInside(making, draft, of)]);
  return [residency?.dns === "best-effort", sets];
}

function makeRuleSet(making: Making, service: RuledService, residency: ResidencySets): RuleSet {
  const { rules } = service;
  const setCount = residency.sets.length;
  // By rule, then by set.
  const planners = rules.flatMap(({ steer, colour }) =>
    residency.sets.map((allowed) =>
      memoised(plannerOf(steer, layoutOf(making, service.draft, allowed, colour))),
    ),
  );
  const drawn: Drawn = { classes: [], setOfClass: [], classByText: new Map(), byPoint: new Map() };
  const { classes, setOfClass } = drawn;
  const readsFront = rules.some(({ conditions }) => conditions.some((when) => when.readsFront));
  const [classOf = new Uint32Array(0), ofRedirect] = (readsFront ? fronts : fronts.slice(0, 1)).map(
    (front) => drawClasses(making, { service, residency, planners, drawn, front }),
  );
  const ofClients =
    classes.length * setCount <= 0x1_0000
      ? addClassesWithin(classes, residency, setOfClass)
      : undefined;
  const small =
    classes.length <= limits.classesPerRuleSetMax && (setCount === 1 || ofClients !== undefined);
  if (!small) reportSplit(making, service, { classes, setCount });
  reportEmpty(making, service, classes);
  if (setCount > 1) reportNowhere(making, service, classes);
  const columns = (of: Uint32Array): Columns =>
    shareColumns(making, service, small ? of : new Uint32Array(of.length));
  return {
    rules: rules.map(({ text, steerText, cohort, colour }) => ({
      when: text,
      steer: colour === undefined ? steerText : `${steerText}, ${colour} first`,
      ...(cohort !== "" && { cohort }),
    })),
    classes,
    residency: ofClients,
    ...columns(classOf),
    ...(ofRedirect && { redirect: columns(ofRedirect) }),
  };
}

/** Fronts that rules may tell apart; a rule set's own columns are those of the first. */
const fronts = ["dns", "redirect"] as const;

/** Classes found so far, over all fronts. */
interface Drawn {
  readonly classes: ClassPlan[];
  readonly setOfClass: number[];
  readonly classByText: Map<string, number>;
  /** Per planner and cell, the class of a point: most locations share one with another. */
  readonly byPoint: Map<string, Map<SpherePoint | undefined, number>>;
}

/** The class of each location on a front. */
function drawClasses(
  making: Making,
  of: {
    readonly service: RuledService;
    readonly residency: ResidencySets;
    readonly planners: readonly Planner[];
    readonly drawn: Drawn;
    readonly front: (typeof fronts)[number];
  },
): Uint32Array {
  const { places } = making;
  const { residency, planners, front } = of;
  const { classes, setOfClass, classByText, byPoint } = of.drawn;
  const { rules } = of.service;
  const setCount = residency.sets.length;
  const classOf = new Uint32Array(places.locations.length);
  const setOfGroup = Uint8Array.from(places.groupFacts, (facts) => residency.setOf(facts));
  const ruleOfGroup = Uint16Array.from(places.groupFacts, (facts) =>
    firstRule(rules, { ...facts, front }),
  );
  for (let location = 0; location < classOf.length; location++) {
    const group = places.groups[location] ?? 0;
    const rule = ruleOfGroup[group] ?? 0;
    const set = setOfGroup[group] ?? 0;
    const planner = rule * setCount + set;
    const point = places.points[location];
    const cell = isByLatency(rules[rule]?.steer ?? "nearest")
      ? (making.cellOfLocation?.[location] ?? -1)
      : -1;
    const known = getOr(byPoint, `${planner} ${cell}`, () => new Map());
    let classIndex = known.get(point);
    if (classIndex === undefined) {
      const { plan, ranking, measured } = (planners[planner] as Planner)(point);
      const text = `${planner} ${cell} ${JSON.stringify(plan)}`;
      classIndex = classByText.get(text) ?? classes.length;
      if (classIndex === classes.length) {
        const inCell = measured !== undefined && cell !== -1;
        classes.push({
          plan,
          allowed: residency.sets[set] ?? [],
          rule,
          ranking,
          ...(inCell && { measured: { ...measured, cell: cell as CellIndex } }),
        });
        setOfClass.push(set);
        classByText.set(text, classIndex);
      }
      known.set(point, classIndex);
    }
    classOf[location] = classIndex;
  }
  return classOf;
}

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

function memoised(planner: Planner): Planner {
  const unranked = planner(undefined);
  return (point) => (point === undefined ? unranked : planner(point));
}

function firstRule(rules: readonly FlatRule[], facts: WhenFacts): number {
  const found = rules.findIndex(({ conditions }) =>
    conditions.every((condition) => condition.matches(facts)),
  );
  assert(found !== -1, "the last rule has no condition");
  return found;
}

/** Columns of an equal partition made before, or new ones. */
function shareColumns(making: Making, service: RuledService, classOf: Uint32Array): Columns {
  const { places, columnsByHash } = making;
  const classOfLocation = Uint16Array.from(classOf);
  const bytes = new Uint8Array(classOfLocation.buffer);
  const hash = xxh32(bytes, 0, bytes.length, 0);
  const alike = columnsByHash.get(hash) ?? [];
  const known = alike.find((columns) =>
    columns.classOfLocation.every((each, i) => each === classOfLocation[i]),
  );
  if (known !== undefined) return known;
  const { v4, v6 } = places;
  const before = making.bytes;
  making.bytes += classOfLocation.byteLength + v4.lengths.length + v6.lengths.length;
  if (making.bytes > limits.ruleSetBytesMax) {
    if (before <= limits.ruleSetBytesMax) {
      reportLimit(making, service, {
        message: `the rule sets take over ${limits.ruleSetBytesMax} bytes`,
      });
    }
    // Refused already: no more memory for what nobody will use.
    return { classOfLocation, scope4: new Uint8Array(0), scope6: new Uint8Array(0) };
  }
  const scope4 = scopes(v4, classOfLocation);
  const scope6 = scopes(v6, classOfLocation);
  const made = { classOfLocation, scope4, scope6 };
  columnsByHash.set(hash, [...alike, made]);
  return made;
}

/** A rule that no client of this geography reaches. */
function reportEmpty(making: Making, service: RuledService, classes: readonly ClassPlan[]): void {
  const { rules } = service;
  if (rules.length < 2) return;
  const reached = new Set(classes.map(({ rule }) => rule));
  rules.forEach((rule, i) => {
    if (reached.has(i) || rule.lifted) return;
    const holds = making.places.groupFacts.some((facts) =>
      fronts.some((front) =>
        rule.conditions.every((condition) => condition.matches({ ...facts, front })),
      ),
    );
    reportWarning(making.findings, {
      code: "config.empty-class",
      path: rule.path,
      message: holds
        ? "rules before this one take every client it would match"
        : "no client of this geography matches",
      hint: holds ? "move it up, or remove it" : "check its texts against the database in use",
    });
  });
}

/** Clients of no known place whom no pool may serve. */
function reportNowhere(
  { findings }: Making,
  service: RuledService,
  classes: readonly ClassPlan[],
): void {
  if (classes[0]?.allowed.some(Boolean) === true) return;
  reportWarning(findings, {
    code: "residency.empty",
    path: `${service.path}.residency.clients`,
    message: "no region may serve every kind of client, so clients of no known place are refused",
    hint: "let the sets have a region in common, or say `dns: best-effort`",
  });
}

/** Too many classes: says which rule split most. */
function reportSplit(
  making: Making,
  service: RuledService,
  of: { readonly classes: readonly ClassPlan[]; readonly setCount: number },
): void {
  const { classes, setCount } = of;
  const inSets = setCount === 1 ? "" : ` over ${setCount} residency sets`;
  const counts = service.rules.map((_, i) => classes.filter(({ rule }) => rule === i).length);
  const most = counts.indexOf(Math.max(...counts));
  const rule = service.rules[most];
  const candidates = "fewer `candidates` of `nearest` make fewer classes";
  reportError(making.findings, {
    code: "config.limit",
    path: rule?.path ?? service.path,
    message: `${classes.length} classes of clients${inSets}, of which \`${rule?.steerText ?? ""}\` makes ${counts[most]}`,
    hint: `at most ${limits.classesPerRuleSetMax}: ${candidates}`,
  });
}

/** A bound over all services, passed by this one: names its rule that split most. */
function reportLimit(
  making: Making,
  service: RuledService,
  { message }: { readonly message: string },
): void {
  const hint =
    "let services share their rules: equal rules over regions of equal names are one set";
  const path = `${service.path}.steer`;
  reportError(making.findings, { code: "config.limit", path, message, hint });
}
