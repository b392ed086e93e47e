/**
 * Explain: why a client gets what it gets, for people. Called by `rhumb explain` and the API with a
 * real or an assumed World. It decides nothing: class by classify.ts, shares and reasons by
 * decide.ts, the endpoint of a `client` key by pick.ts, put into names and sentences.
 */
import { assert } from "../errors.ts";
import { distanceMetres } from "../geo/distance.ts";
import { findLeaf } from "../geo/lookup.ts";
import { formatPrefix, maskPrefix, type Prefix, parsePrefix } from "../lib/ip.ts";
import { limits } from "../limits.ts";
import type {
  ClassIndex,
  ClassPlan,
  EndpointIndex,
  Policy,
  PoolIndex,
  Service,
  ServiceIndex,
} from "../policy/policy.ts";
import { printLocation, printPlan } from "../policy/print.ts";
import type { World } from "../world/world.ts";
import { condition, conditions, poolRow, upAvailability } from "./carry.ts";
import {
  answerScope,
  type Classified,
  type Client,
  classify,
  columnsOf,
  createClassified,
  createClient,
  type Front,
  maskClient,
} from "./classify.ts";
import { decide } from "./decide.ts";
import type { Decision, Seen } from "./decision.ts";
import { clientKey } from "./key.ts";
import { steeredClass } from "./measured.ts";
import { createPicked, isSingle, pick } from "./pick.ts";
import { type Reason, type ReasonCode, reasonCodes } from "./reasons.ts";
import { buildServiceTable } from "./table.ts";

export interface ExplainRequest {
  /** A service's name, or one of the names it answers to. */
  readonly service: string;
  /** An address or a prefix; "" for a client whose address is not known. */
  readonly client: string;
  /** Whom the client asks, where rules tell fronts apart; default `dns`. */
  readonly front?: Front;
}

export type ExplainResult =
  | { readonly ok: true; readonly explanation: Explanation }
  | { readonly ok: false; readonly message: string; readonly hint: string };

export interface EndpointExplanation {
  readonly endpoint: string;
  readonly condition: keyof typeof conditions;
  /** Of 256. */
  readonly availability: number;
  readonly weight: number;
  /** Of all answers, of 65,536. */
  readonly share: number;
}

export interface PoolExplanation {
  readonly pool: string;
  readonly region: string;
  /** null where either point is not known. */
  readonly kilometres: number | null;
  /** The measured round trip from the client's cell; null where latency does not count. */
  readonly milliseconds: number | null;
  /** Of 65,536. */
  readonly share: number;
  readonly endpoints: readonly EndpointExplanation[];
}

export interface ReasonExplanation {
  readonly code: ReasonCode;
  /** What it is about: the service, `fra` or `fra/192.0.2.1`. */
  readonly subject: string;
  readonly sentence: string;
}

export interface Explanation {
  readonly service: string;
  /** As it was understood: a prefix, or "" for none. */
  readonly client: string;
  readonly location: string;
  readonly seen: Seen;
  readonly class: number;
  readonly rule: { readonly index: number; readonly when: string; readonly steer: string };
  readonly plan: string;
  /** Length of the prefix that gets the same answer. */
  readonly scope: number;
  readonly ttlSeconds: number;
  readonly outcome: Decision["outcome"];
  /** In the order of the plan's ranking where there is one, else of names. */
  readonly pools: readonly PoolExplanation[];
  /** The endpoint this client keeps, for `client` keys; null for drawn ones and refusals. */
  readonly picked: string | null;
  readonly reasons: readonly ReasonExplanation[];
}

export function explain(policy: Policy, world: World, request: ExplainRequest): ExplainResult {
  const index = findService(policy, request.service);
  if (index === undefined) {
    const names = policy.services.slice(0, 8).map(({ name }) => name);
    const message = `no service is or answers to ${JSON.stringify(request.service)}`;
    return { ok: false, message, hint: `services are ${names.join(", ")}` };
  }
  const prefix = request.client === "" ? undefined : parsePrefix(request.client);
  if (request.client !== "" && prefix === undefined) {
    const message = `${JSON.stringify(request.client)} is neither an address nor a prefix`;
    return { ok: false, message, hint: "write for example 192.0.2.1 or 2001:db8::/56" };
  }
  const client = clientOf(prefix);
  const service = policy.services[index];
  const ruleSet = service && policy.ruleSets[service.ruleSet];
  assert(service !== undefined && ruleSet !== undefined, "service index in range");
  const classified = createClassified();
  maskClient(service, ruleSet, client);
  classify(policy, columnsOf(ruleSet, request.front ?? "dns"), client, classified);
  const explanation = explainClass(policy, world, { index, service, client, classified, prefix });
  return { ok: true, explanation };
}

/** By its name, a name it answers to, or the wildcard that covers it: the longest of them. */
function findService(policy: Policy, text: string): ServiceIndex | undefined {
  const wanted = text.toLowerCase().replace(/\.$/, "");
  const byName = policy.services.findIndex(({ name }) => name === wanted);
  if (byName !== -1) return byName as ServiceIndex;
  let best: ServiceIndex | undefined;
  let bestLength = -1;
  policy.services.forEach(({ names }, i) => {
    for (const name of names) {
      const covers = name.startsWith("*.") && wanted.endsWith(name.slice(1));
      if (name !== wanted && !covers) continue;
      const length = name === wanted ? Number.POSITIVE_INFINITY : name.length;
      if (length <= bestLength) continue;
      best = i as ServiceIndex;
      bestLength = length;
    }
  });
  return best;
}

function clientOf(prefix: Prefix | undefined): Client {
  const client = createClient();
  if (prefix === undefined) return client;
  client.family = prefix.family;
  client.length = prefix.length;
  client.words.set(maskPrefix(prefix.words, prefix.length));
  return client;
}

interface ExplainAt {
  readonly index: ServiceIndex;
  readonly service: Service;
  readonly client: Client;
  readonly classified: Classified;
  readonly prefix: Prefix | undefined;
}

function explainClass(policy: Policy, world: World, at: ExplainAt): Explanation {
  const { index, service, client, classified, prefix } = at;
  const { classIndex, seen } = classified;
  const ruleSet = policy.ruleSets[service.ruleSet];
  const written = ruleSet?.classes[classIndex];
  const rule = ruleSet?.rules[written?.rule ?? 0];
  assert(written !== undefined && rule !== undefined, "classes are those of the rule set");
  const classPlan = steeredClass(policy, world, written);
  const decision = decide(policy, world, index, classIndex, seen);
  const location = locationOf(policy, client, seen);
  const table = buildServiceTable(policy, world, index);
  return {
    service: service.name,
    client: prefix === undefined ? "" : formatPrefix(prefix),
    location: seen === "span" ? "several" : printLocation(location),
    seen,
    class: classIndex,
    rule: { index: classPlan.rule, when: rule.when, steer: rule.steer },
    plan: printPlan(classPlan.plan, (ordinal) => poolName(policy, service, ordinal)),
    scope: answerScope(service, client, classified, isSingle(table, index, classIndex)),
    ttlSeconds: world.services.ttlSeconds[index] ?? service.ttlSecondsMin,
    outcome: decision.outcome,
    pools: explainPools(policy, world, { service, classPlan, decision, location }),
    picked: pickedName(policy, { ...at, table, classIndex }),
    reasons: decision.reasons.map((reason) => explainReason(policy, service, reason)),
  };
}

function poolName(policy: Policy, service: Service, ordinal: number): string {
  return policy.pools[service.firstPool + ordinal]?.name ?? String(ordinal);
}

function locationOf(policy: Policy, client: Client, seen: Seen) {
  if (client.length === 0 || seen === "unknown") return undefined;
  const leaves = client.family === 4 ? policy.v4 : policy.v6;
  return policy.locations[leaves.locations[findLeaf(leaves, client.words)] ?? 0];
}

function pickedName(
  policy: Policy,
  at: ExplainAt & {
    readonly table: ReturnType<typeof buildServiceTable>;
    readonly classIndex: ClassIndex;
  },
): string | null {
  const { service, client, table } = at;
  if (service.key !== "client" || client.length === 0) return null;
  const picked = createPicked();
  const key = clientKey(service, client.family, client.words);
  if (!pick(table, at.index, at.classIndex, key, picked)) return null;
  return endpointName(policy, picked.endpoint as EndpointIndex);
}

/** `fra/192.0.2.1`. */
function endpointName(policy: Policy, index: EndpointIndex): string {
  const endpoint = policy.endpoints[index];
  assert(endpoint !== undefined, "endpoint index in range");
  return `${policy.pools[endpoint.pool]?.name ?? ""}/${endpoint.name}`;
}

interface PoolsAt {
  readonly service: Service;
  readonly classPlan: ClassPlan;
  readonly decision: Decision;
  readonly location: Policy["locations"][number] | undefined;
}

function explainPools(policy: Policy, world: World, at: PoolsAt): readonly PoolExplanation[] {
  const { service, classPlan, decision } = at;
  const ranked: readonly number[] = classPlan.ranking;
  const rest = Array.from({ length: service.poolCount }, (_, ordinal) => ordinal);
  const order = [...ranked, ...rest.filter((ordinal) => !ranked.includes(ordinal))];
  return order.map((ordinal) => {
    const pool = (service.firstPool + ordinal) as PoolIndex;
    const share = decision.pools.find((each) => each.pool === ordinal)?.share ?? 0;
    return explainPool(policy, world, { ...at, pool, share });
  });
}

function explainPool(
  policy: Policy,
  world: World,
  at: PoolsAt & { readonly pool: PoolIndex; readonly share: number },
): PoolExplanation {
  const pool = policy.pools[at.pool];
  const region = pool && policy.regions[pool.region];
  assert(pool !== undefined && region !== undefined, "pool index in range");
  const metres = at.location === undefined ? Number.NaN : distanceMetres(at.location, region);
  const row = poolRow(policy, world, { pool, fallback: at.service.fallback });
  return {
    pool: pool.name,
    region: region.name,
    kilometres: Number.isNaN(metres) ? null : Math.round(metres / 1000),
    milliseconds: roundTripMs(policy, world, { ...at, region: pool.region }),
    share: at.share,
    endpoints: row.map((_, k) => {
      const index = (pool.firstEndpoint + k) as EndpointIndex;
      const answer = at.decision.answers.find(({ endpoints }) => endpoints[0] === index);
      return explainEndpoint(policy, world, { index, share: answer?.share ?? 0 });
    }),
  };
}

function roundTripMs(
  policy: Policy,
  world: World,
  at: { readonly classPlan: ClassPlan; readonly region: number },
): number | null {
  const { measured } = at.classPlan;
  if (measured === undefined) return null;
  const row = measured.cell * policy.regions.length + at.region;
  if ((world.latency.rank[row] ?? 0) === 0) return null;
  return (world.latency.microseconds[row] ?? 0) / 1000;
}

const conditionNames = Object.keys(conditions) as readonly (keyof typeof conditions)[];

function explainEndpoint(
  policy: Policy,
  world: World,
  at: { readonly index: EndpointIndex; readonly share: number },
): EndpointExplanation {
  const endpoint = policy.endpoints[at.index];
  assert(endpoint !== undefined, "endpoint index in range");
  const is = condition(world, at.index);
  return {
    endpoint: endpoint.name,
    condition: conditionNames[is] ?? "out",
    availability: is === conditions.up ? upAvailability(world, at.index) : 0,
    weight: endpoint.weight,
    share: at.share,
  };
}

function explainReason(policy: Policy, service: Service, reason: Reason): ReasonExplanation {
  const { code, subject, detail } = reason;
  const name =
    subject.kind === "service"
      ? service.name
      : subject.kind === "pool"
        ? (policy.pools[subject.pool]?.name ?? "")
        : endpointName(policy, subject.endpoint as EndpointIndex);
  const text = reasonCodes[code];
  const full = detail === "" ? text : `${text.replace(/\.$/, "")} (${detail}).`;
  return { code, subject: name, sentence: `${name}: ${full}` };
}

export function formatExplanation(explanation: Explanation): string {
  const { client, rule, pools, reasons, picked, outcome } = explanation;
  const who = client === "" ? "a client of no known address" : client;
  const lines = [
    `${explanation.service} for ${who} (${explanation.location})`,
    `class ${explanation.class} by rule ${rule.index}, ${rule.when === "" ? "default" : rule.when}: ${rule.steer}`,
    `plan ${explanation.plan}`,
    `ttl ${explanation.ttlSeconds}s, the same for the client's whole /${explanation.scope}`,
    "",
    outcome === "refuse" ? "refused" : "answer",
    ...pools.flatMap(formatPool),
    ...(picked === null ? [] : ["", `this client keeps ${picked}`]),
    "",
    "because",
    ...reasons.map(({ code, sentence }) => `  ${code.padEnd(24)} ${sentence}`),
  ];
  return `${lines.join("\n")}\n`;
}

function formatPool(pool: PoolExplanation): readonly string[] {
  const where = pool.pool === pool.region ? "" : ` in ${pool.region}`;
  const away = pool.kilometres === null ? "" : `, ${pool.kilometres} km`;
  const far = pool.milliseconds === null ? away : `${away}, ${pool.milliseconds.toFixed(1)} ms`;
  return [
    `  ${formatShare(pool.share)} ${pool.pool}${where}${far}`,
    ...pool.endpoints.map((endpoint) => {
      const ramp = endpoint.condition === "up" && endpoint.availability < limits.availabilityFull;
      const part = ramp ? ` at ${endpoint.availability}/${limits.availabilityFull}` : "";
      const weight = endpoint.weight === 1 ? "" : `, weight ${endpoint.weight}`;
      return `    ${formatShare(endpoint.share)} ${endpoint.endpoint} ${endpoint.condition}${part}${weight}`;
    }),
  ];
}

function formatShare(share: number): string {
  return `${((share * 100) / limits.shareTotal).toFixed(2).padStart(6)} %`;
}
