/**
 * The redirect front's answer, pure: facts of a request -> facts of a response. Called by
 * server.ts. Who serves is decided by steer/, as on every front. The authority of a Location always
 * comes from configuration; of the request only path and query go into it, byte for byte.
 *
 * | request | answer |
 * |---|---|
 * | CONNECT, TRACE | 405 |
 * | `/.well-known/rhumb/health`, any host | 200, or 503 while draining |
 * | a target or host that HTTP does not allow | 400 |
 * | a host no service redirects for | 404 |
 * | the target would lead back here | 508 |
 * | a refusal, or an endpoint without an address | 503 with Retry-After |
 * | else | 307 |
 */
import type { Address } from "../../lib/ip.ts";
import { type Networks, readNetworks } from "../../lib/networks.ts";
import { limits } from "../../limits.ts";
import type {
  ClassIndex,
  EndpointIndex,
  Policy,
  PoolIndex,
  Service,
  ServiceIndex,
} from "../../policy/policy.ts";
import {
  type Classified,
  type Client,
  classify,
  columnsOf,
  createClassified,
  createClient,
  maskClient,
} from "../../steer/classify.ts";
import { decide } from "../../steer/decide.ts";
import type { Decision } from "../../steer/decision.ts";
import { clientKey } from "../../steer/key.ts";
import { createPicked, type Picked, pick } from "../../steer/pick.ts";
import type { Table } from "../../steer/table.ts";
import type { World } from "../../world/world.ts";
import {
  type Authority,
  findHost,
  type HostIndex,
  indexHosts,
  parseAuthority,
} from "./authority.ts";
import { clientAddress } from "./client-address.ts";
import { expandTemplate, type Origin } from "./template.ts";

export interface Snapshot {
  readonly policy: Policy;
  readonly world: World;
  readonly table: Table;
}

export interface RequestFacts {
  readonly method: string;
  /** The request-target as it came, one character a byte. */
  readonly target: string;
  /** Every Host line. */
  readonly hosts: readonly string[];
  readonly peer: string;
  readonly forwardedFor: string | undefined;
  /** The key of services of `key: query`. */
  readonly draw: number;
  readonly draining: boolean;
}

export const outcomes = [
  "redirect",
  "health",
  "bad-request",
  "method",
  "unknown-host",
  "refused",
  "loop",
] as const;
export type Outcome = (typeof outcomes)[number];

export interface ResponseFacts {
  readonly outcome: Outcome;
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** What stays between requests: the snapshot, and what is derived from it. */
export interface RedirectContext {
  snapshot: Snapshot;
  hosts: HostIndex;
  trusted: Networks;
  readonly client: Client;
  readonly classified: Classified;
  readonly picked: Picked;
  /** Reasons by service and class, until the next snapshot. */
  readonly decisions: Map<string, Decision>;
}

export const healthPath = "/.well-known/rhumb/health";

export function createRedirectContext(snapshot: Snapshot): RedirectContext {
  const { services, trustedProxies } = snapshot.policy;
  return {
    snapshot,
    hosts: indexHosts(services),
    trusted: readNetworks(trustedProxies),
    client: createClient(),
    classified: createClassified(),
    picked: createPicked(),
    decisions: new Map(),
  };
}

export function setSnapshot(context: RedirectContext, snapshot: Snapshot): void {
  if (snapshot.policy !== context.snapshot.policy) {
    context.hosts = indexHosts(snapshot.policy.services);
    context.trusted = readNetworks(snapshot.policy.trustedProxies);
  }
  context.snapshot = snapshot;
  context.decisions.clear();
}

interface Target {
  /** The authority of an absolute-form target; undefined for the origin-form. */
  readonly authority: string | undefined;
  /** From the first `/` on. */
  readonly pathAndQuery: string;
}

/** RFC 9112 section 3.2: origin-form or absolute-form. */
function parseTarget(target: string): Target | undefined {
  // Visible ASCII, and the bytes above it that some clients send unescaped.
  if (!/^[\x21-\x7e\x80-\xff]+$/.test(target)) return undefined;
  if (target.startsWith("/")) return { authority: undefined, pathAndQuery: target };
  const match = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
  if (match === null) return undefined;
  const [, authority = "", rest = ""] = match;
  return { authority, pathAndQuery: rest.startsWith("/") ? rest : `/${rest}` };
}

export function redirect(context: RedirectContext, request: RequestFacts): ResponseFacts {
  if (request.method === "CONNECT" || request.method === "TRACE") {
    return failure("method", 405, "this method is not redirected", [["allow", "GET, HEAD, POST"]]);
  }
  const target = parseTarget(request.target);
  if (target === undefined) return badRequest("the request target is not one of HTTP");
  if (target.pathAndQuery.split("?", 1)[0] === healthPath) return health(request.draining);
  // RFC 9112 section 3.2: one Host, and none in its place when the target has an authority.
  if (request.hosts.length > 1) return badRequest("more than one Host");
  const authority = parseAuthority(target.authority ?? request.hosts[0] ?? "");
  if (authority === undefined) return badRequest("the host is not one");
  const index = findHost(context.hosts, context.snapshot.policy.names, authority.host);
  const service = index === undefined ? undefined : context.snapshot.policy.services[index];
  if (index === undefined || service === undefined || service.redirect === "") {
    return failure("unknown-host", 404, "no service is redirected for this host");
  }
  return steer(context, request, { index, service, authority, target });
}

interface Steered {
  readonly index: ServiceIndex;
  readonly service: Service;
  readonly authority: Authority;
  readonly target: Target;
}

function steer(
  context: RedirectContext,
  request: RequestFacts,
  { index, service, authority, target }: Steered,
): ResponseFacts {
  const { policy, table, world } = context.snapshot;
  const { address, forwarded } = clientAddress(context.trusted, request);
  const { client, classified, picked } = context;
  setClient(client, address);
  const ruleSet = policy.ruleSets[service.ruleSet]!;
  maskClient(service, ruleSet, client);
  classify(policy, columnsOf(ruleSet, "redirect"), client, classified);
  const { classIndex } = classified;
  const key =
    service.key === "client" ? clientKey(service, client.family, client.words) : request.draw;
  const vary: readonly (readonly [string, string])[] = forwarded
    ? [["vary", "X-Forwarded-For"]]
    : [];
  if (!pick(table, index, classIndex, key, picked)) {
    const reason = reasonsOf(context, index, classIndex);
    return refused(context, index, { reason, vary, message: "no endpoint may serve now" });
  }
  const endpoint = picked.endpoint as EndpointIndex;
  const pool = policy.pools[picked.pool as PoolIndex]!;
  const origin = expandTemplate(policy, world, { service, pool, endpoint, family: client.family });
  if (origin === undefined) {
    const message = "the chosen endpoint has no address yet";
    return refused(context, index, { reason: "no-address", vary, message });
  }
  if (leadsBack(context, authority, origin)) {
    return failure("loop", 508, "the redirect would lead back to this host", vary);
  }
  const region = policy.regions[pool.region]!.name;
  const reason = reasonsOf(context, index, classIndex);
  const { name } = policy.endpoints[endpoint]!;
  return {
    outcome: "redirect",
    status: 307,
    headers: [
      ["location", `${origin.text}${target.pathAndQuery}`],
      ["cache-control", `private, max-age=${table.ttlSeconds[index]!}`],
      ["rhumb-decision", decisionText({ region, pool: pool.name, endpoint: name, reason })],
      ...vary,
    ],
    body: `307: served by region ${region}\n`,
  };
}

function setClient(client: Client, address: Address | undefined): void {
  client.before = 0;
  client.family = address?.family ?? 4;
  client.length = address === undefined ? 0 : address.family === 4 ? 32 : 128;
  for (let i = 0; i < 4; i++) client.words[i] = address?.words[i] ?? 0;
}

/**
 * Would a client that follows come back? It does when this front redirects the target, too: the
 * host it asked for, or another. Another port is another server.
 */
function leadsBack(context: RedirectContext, asked: Authority, origin: Origin): boolean {
  const { host, port } = origin.authority;
  if (effectivePort(port) !== effectivePort(asked.port)) return false;
  const index = findHost(context.hosts, context.snapshot.policy.names, host);
  return index !== undefined && context.snapshot.policy.services[index]!.redirect !== "";
}

/** Which scheme a proxy before us speaks is not known: its default ports count as none. */
const effectivePort = (port: string): string => (port === "80" || port === "443" ? "" : port);

/** Codes of steer/reasons.ts that say why the picked endpoint serves, or why none does. */
function reasonsOf(context: RedirectContext, index: ServiceIndex, classIndex: ClassIndex): string {
  const { snapshot, decisions, classified, picked } = context;
  const id = `${index} ${classIndex} ${classified.seen}`;
  let decision = decisions.get(id);
  if (decision === undefined) {
    const { policy, world } = snapshot;
    decision = decide(policy, world, index, classIndex, classified.seen);
    if (decisions.size >= limits.redirectReasonsMax) decisions.clear();
    decisions.set(id, decision);
  }
  const codes = decision.reasons.filter(({ subject }) => {
    if (subject.kind === "service") return true;
    return subject.kind === "pool"
      ? subject.pool === picked.pool
      : subject.endpoint === picked.endpoint;
  });
  return codes.map(({ code }) => code).join(",");
}

function decisionText(parts: Readonly<Record<string, string>>): string {
  const texts = Object.entries(parts).map(([name, value]) => `${name}=${value}`);
  return texts.join("; ").replace(/[^\x20-\x7e]/g, "?");
}

function refused(
  context: RedirectContext,
  index: ServiceIndex,
  why: {
    readonly reason: string;
    readonly message: string;
    readonly vary: readonly (readonly [string, string])[];
  },
): ResponseFacts {
  const seconds = Math.max(1, context.snapshot.table.ttlSeconds[index]!);
  return failure("refused", 503, `${why.message} (${why.reason})`, [
    ["retry-after", String(seconds)],
    ["rhumb-decision", decisionText({ reason: why.reason })],
    ...why.vary,
  ]);
}

function health(draining: boolean): ResponseFacts {
  return {
    outcome: "health",
    status: draining ? 503 : 200,
    headers: [["cache-control", "no-store"]],
    body: draining ? "draining\n" : "ok\n",
  };
}

const badRequest = (message: string): ResponseFacts => failure("bad-request", 400, message);

function failure(
  outcome: Outcome,
  status: number,
  message: string,
  headers: readonly (readonly [string, string])[] = [],
): ResponseFacts {
  return {
    outcome,
    status,
    headers: [["cache-control", "no-store"], ...headers],
    body: `${status}: ${message}\n`,
  };
}
