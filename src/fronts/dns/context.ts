/**
 * What answer() works on: one context a worker, allocated once. The snapshot in it is replaced as a
 * whole between two messages, so one answer sees one policy, one World and one table.
 */
import { assert } from "../../errors.ts";
import type { Entropy } from "../../lib/entropy.ts";
import { type Networks, readNetworks } from "../../lib/networks.ts";
import { createNameQuery, type NameQuery } from "../../policy/name-lookup.ts";
import type { NameTable } from "../../policy/name-table.ts";
import type { Policy, Service, ServiceIndex } from "../../policy/policy.ts";
import {
  type ClassColumns,
  type Classified,
  type Client,
  createClassified,
  createClient,
} from "../../steer/classify.ts";
import { createPicked, type Picked } from "../../steer/pick.ts";
import type { TableView } from "../../steer/table.ts";
import type { World } from "../../world/world.ts";
import { beatRound } from "./beat-clock.ts";
import { type Cookies, type cookieModes, createCookies, setCookieSecrets } from "./cookies.ts";
import type { DnsCounters } from "./counters.ts";
import { type AnswerEndpoint, createEndpointTable, type EndpointTable } from "./endpoint-table.ts";
import { createExchange, type Exchange, transports } from "./exchange.ts";
import type { ExtendedError } from "./extended-errors.ts";
import type { Identity } from "./identity.ts";
import { createQuery, type Query } from "./query.ts";
import {
  createFlowCells,
  createRateLimiter,
  flowKinds,
  type RateLimiter,
  type RateLimitSettings,
  setRateLimit,
} from "./rate-limit.ts";
import { createResponse, type Response } from "./response.ts";
import type { SteeredIndex } from "./steered-index.ts";

/** What answers read of a policy; its endpoints are read once, for `AnswerContext.endpoints`. */
export interface AnswerPolicy extends Pick<Policy, "digest" | "names" | "v4" | "v6"> {
  readonly services: readonly AnswerService[];
  readonly ruleSets: readonly ClassColumns[];
  readonly endpoints: readonly AnswerEndpoint[];
  readonly listen: GuardSettings;
}

/** What keeps the front from being used against others. */
export interface GuardSettings {
  readonly dnsTcp: {
    readonly connectionsMax: number;
    readonly connectionsPerClientMax: number;
    readonly idleMs: number;
  };
  readonly dnsCookies: keyof typeof cookieModes;
  readonly dnsRateLimit: RateLimitSettings | undefined;
  /** Networks that may ask why; without any there is no such question. */
  readonly dnsExplain: readonly string[];
  /** Networks of proxies that send PROXY protocol over TCP. */
  readonly dnsProxies: readonly string[];
}

export type AnswerService = Pick<
  Service,
  | "ruleSet"
  | "withoutEcs"
  | "answers"
  | "key"
  | "seed"
  | "affinityMask4"
  | "affinityMask6"
  | "https"
>;

/** A policy, a World of it, and the table of both. */
export interface Snapshot {
  readonly policy: AnswerPolicy;
  readonly world: Pick<World, "policyDigest" | "resolved">;
  readonly table: TableView;
  /** Of the policy, when it has been made already. */
  readonly endpoints?: EndpointTable | undefined;
  readonly steered?: SteeredIndex | undefined;
}

/** What is known beyond the table: given by the process that holds policy and World. */
export interface Explainer {
  /** Lines of text; of `client`'s prefix, of length 0 for nobody known. */
  explain(
    service: ServiceIndex,
    client: { readonly family: 4 | 6; readonly words: Uint32Array; readonly length: number },
  ): readonly string[];
}

export interface AnswerContext {
  snapshot: Snapshot;
  /** The snapshot's, at hand. */
  names: NameTable;
  endpoints: EndpointTable;
  readonly identity: Identity;
  readonly counters: DnsCounters;
  readonly query: Query;
  readonly response: Response;
  /** For look-ups beside the name in question: addresses of name servers. */
  readonly beside: NameQuery;
  readonly client: Client;
  readonly classified: Classified;
  readonly picked: Picked;
  /** State of the draws for `query` keys. */
  readonly chance: Uint32Array;
  exchange: Exchange;
  /** Goes into the OPT of the response. */
  error: ExtendedError | undefined;
  /** A steered name that has nothing for this client may have something when it is steered anew. */
  negativeTtlMax: number;
  /** Microseconds of beat-clock.ts, and seconds of the epoch: set by the sockets, now and then. */
  readonly clock: Int32Array;
  readonly cookies: Cookies;
  /** The newest first. */
  secrets: readonly Uint8Array[];
  readonly limiter: RateLimiter;
  /** What the response is counted as by the limiter: `flowKinds`, and whose records it holds. */
  flowKind: number;
  flowOwner: number;
  explainTo: Networks;
  proxies: Networks;
  /** undefined in threads that have no more than a table. */
  explainer: Explainer | undefined;
}

export function createAnswerContext(options: {
  readonly snapshot: Snapshot;
  readonly identity: Identity;
  readonly counters: DnsCounters;
  readonly draw32: () => number;
  /** Shared by threads. */
  readonly flowCells?: Int32Array;
}): AnswerContext {
  const { snapshot, identity, counters, draw32 } = options;
  const context: AnswerContext = {
    snapshot,
    names: snapshot.policy.names,
    endpoints: endpointsOf(snapshot),
    identity,
    counters,
    query: createQuery(),
    response: createResponse(),
    beside: createNameQuery(),
    client: createClient(),
    classified: createClassified(),
    picked: createPicked(),
    // A state of zeros would never leave it.
    chance: Uint32Array.of(draw32(), draw32(), draw32(), draw32() | 1),
    exchange: createExchange(transports.udp),
    error: undefined,
    negativeTtlMax: 0,
    clock: new Int32Array(2),
    cookies: createCookies(),
    secrets: [],
    limiter: createRateLimiter(options.flowCells ?? createFlowCells(), draw32()),
    flowKind: flowKinds.error,
    flowOwner: 0,
    explainTo: readNetworks([]),
    proxies: readNetworks([]),
    explainer: undefined,
  };
  setGuard(context);
  setSnapshot(context, snapshot);
  return context;
}

/** From the next message on. The table may be the one before, updated to the World. */
export function setSnapshot(context: AnswerContext, snapshot: Snapshot): void {
  const { policy, world, table } = snapshot;
  assert(world.policyDigest === policy.digest, "policy and world belong together");
  assert(table.policyDigest === policy.digest, "policy and table belong together");
  const isNew = policy !== context.snapshot.policy;
  if (isNew) context.endpoints = endpointsOf(snapshot);
  context.snapshot = snapshot;
  context.names = policy.names;
  if (isNew) setGuard(context);
}

/** Server cookies are made with the first of these from now on; the others are still taken. */
export function setSecrets(context: AnswerContext, secrets: readonly Uint8Array[]): void {
  context.secrets = secrets;
  setGuard(context);
}

/** Sockets without a loop of their own do this before each answer. */
export function setClock({ clock }: AnswerContext, entropy: Entropy): void {
  clock[0] = (entropy.monotonic() * 1000) % beatRound;
  clock[1] = entropy.now() / 1000;
}

function setGuard(context: AnswerContext): void {
  const { dnsCookies, dnsRateLimit, dnsExplain, dnsProxies } = context.snapshot.policy.listen;
  setCookieSecrets(context.cookies, dnsCookies, context.secrets);
  setRateLimit(context.limiter, dnsRateLimit);
  context.explainTo = readNetworks(dnsExplain);
  context.proxies = readNetworks(dnsProxies);
}

function endpointsOf({ policy, endpoints }: Snapshot): EndpointTable {
  return endpoints ?? createEndpointTable(policy.endpoints);
}
