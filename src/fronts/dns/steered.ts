/**
 * A steered name: client -> class -> pool -> endpoints -> records. Called by resolve.ts. All that
 * is decided is decided by steer/; here the answer's endpoints are narrowed to the family asked for
 * and written. A and AAAA of one key begin with the same endpoint when it has both.
 */
import { limits } from "../../limits.ts";
import { loadName } from "../../policy/name-lookup.ts";
import type { EndpointIndex, PoolIndex, ServiceIndex } from "../../policy/policy.ts";
import { answerScope, classify, maskClient } from "../../steer/classify.ts";
import { signedClientKey } from "../../steer/key.ts";
import { nextEndpoint, pick } from "../../steer/pick.ts";
import { attemptNames } from "../../steer/plan-shares.ts";
import { directRows, directShapes } from "../../steer/table.ts";
import { rcodes, types } from "../../wire/dns-constants.ts";
import type { AnswerContext, AnswerService } from "./context.ts";
import { outcomes } from "./counters.ts";
import { endpointKinds } from "./endpoint-table.ts";
import { type ExtendedError, extendedErrors } from "./extended-errors.ts";
import { flowKinds } from "./rate-limit.ts";
import { endRecord, undo, writeBytes, writeName, writeRecordHead } from "./response.ts";
import { writeHttps } from "./steered-https.ts";

const { dnsAnswerAddressesMax } = limits;

/** What resolve.ts is to do when these are returned instead of an rcode. */
export const follow = -1;
export const noSteeredData = -2;

/** By position in `attemptNames`. */
export const errorOfAttempt: readonly (ExtendedError | undefined)[] = attemptNames.map((name) => {
  if (name === "serve-all") return extendedErrors.serveAll;
  if (name === "last-good") return extendedErrors.lastGood;
  return name === "fixed" ? extendedErrors.fixed : undefined;
});

/** An rcode, `follow` with the target in `query.name`, or `noSteeredData`. */
export function answerSteered(context: AnswerContext, service: ServiceIndex): number {
  const { snapshot, picked, classified, query } = context;
  const { table } = snapshot;
  const { subnet } = query;
  if (
    serviceOf(context, service).withoutEcs === "refuse" &&
    !(subnet.present && subnet.source > 0)
  ) {
    return refuseSteered(context, extendedErrors.noSubnet);
  }
  const key = readClient(context, service);
  if (!pick(table, service, classified.classIndex, key, picked)) {
    return refuseSteered(context, extendedErrors.noEndpoint);
  }
  const attempt = table.columns[service]!.attempts[classified.classIndex]!;
  context.error ??= errorOfAttempt[attempt];
  const endpoint = picked.endpoint as EndpointIndex;
  const ttlSeconds = table.ttlSeconds[service]!;
  context.negativeTtlMax = Math.min(context.negativeTtlMax, ttlSeconds);
  if ((context.endpoints.kinds[endpoint]! & endpointKinds.cname) !== 0) {
    count(context);
    return answerCname(context, endpoint, ttlSeconds);
  }
  if (query.qtype !== types.a && query.qtype !== types.aaaa) {
    const { https, answers } = serviceOf(context, service);
    if (query.qtype !== types.https || https === undefined) return noSteeredData;
    writeHttps(context, https, { wanted: answers, ttlSeconds });
    count(context);
    return rcodes.noError;
  }
  if (!writeAddresses(context, service, ttlSeconds)) {
    return isNowhere(context) ? refuseSteered(context, extendedErrors.noAddress) : noSteeredData;
  }
  count(context);
  return rcodes.noError;
}

/** docs/decisions/0013: SERVFAIL, which a resolver holds against no other name and not for long. */
function refuseSteered(context: AnswerContext, error: ExtendedError): number {
  context.counters.outcomes.add(outcomes.refused, 1);
  context.error = error;
  context.flowKind = flowKinds.error;
  context.flowOwner = 0;
  context.response.authoritative = false;
  return rcodes.servFail;
}

/**
 * No endpoint of the pool has an address of either family: host names that were never resolved.
 * "There is no such record" would be a lie that resolvers keep.
 */
function isNowhere({ snapshot, picked, endpoints }: AnswerContext): boolean {
  const { table, world } = snapshot;
  const pool = picked.pool as PoolIndex;
  let endpoint = picked.endpoint as EndpointIndex;
  for (let k = table.endpointCount[pool]!; k > 0; k--) {
    const kind = endpoints.kinds[endpoint]!;
    if ((kind & (endpointKinds.ipv4 | endpointKinds.ipv6)) !== 0) return false;
    const resolved = world.resolved.get(endpoint);
    if (resolved !== undefined && resolved.ipv4.length + resolved.ipv6.length > 0) return false;
    endpoint = nextEndpoint(table, pool, endpoint);
    if (endpoint === picked.endpoint) break;
  }
  return true;
}

function count({ counters, error }: AnswerContext): void {
  counters.outcomes.add(error === undefined ? outcomes.steered : outcomes.fallback, 1);
}

/**
 * Who asks: sets `context.classified` and the scope to send back, and returns the key of the
 * answer.
 *
 *   client subnet               its prefix
 *   client subnet of length 0   nobody we may know: class `unknown` and scope 0 (RFC 7871 section
 *                               7.1.2); a `client` key follows the resolver's own address
 *   none                        the socket's peer, or where residency depends on the client and
 *                               the operator would not guess, class `unknown`
 */
function readClient(context: AnswerContext, service: ServiceIndex): number {
  const { query, exchange, client } = context;
  const { subnet } = query;
  if (subnet.present && subnet.source > 0) {
    setClient(context, subnet.family, subnet.words);
    client.length = subnet.source;
    classifyClient(context, service);
    scopeAnswer(context, service);
    return keyOf(context, service);
  }
  setClient(context, exchange.clientFamily, exchange.client);
  client.length = exchange.clientFamily === 4 ? 32 : 128;
  classifyClient(context, service);
  const key = keyOf(context, service);
  if (subnet.present || serviceOf(context, service).withoutEcs === "unknown") {
    client.length = 0;
    classifyClient(context, service);
  }
  return key;
}

/** The longest of all steered names that the answer goes through. */
function scopeAnswer(context: AnswerContext, service: ServiceIndex): void {
  const { client, classified, query, snapshot } = context;
  const { table } = snapshot;
  const shape = table.columns[service]!.shapes[classified.classIndex]!;
  const row =
    shape > 0 && shape <= directShapes ? table.rows[table.firstPool[service]! + shape - 1]! : 0;
  // One answer for every key: it does not matter whose.
  const single = shape <= directShapes && row <= directRows;
  const scope = answerScope(serviceOf(context, service), client, classified, single);
  query.subnet.scope = Math.max(query.subnet.scope, scope);
}

function serviceOf({ snapshot }: AnswerContext, service: ServiceIndex): AnswerService {
  return snapshot.policy.services[service]!;
}

function setClient({ client }: AnswerContext, family: 4 | 6, words: Uint32Array): void {
  client.family = family;
  client.before = 0;
  for (let i = 0; i < 4; i++) client.words[i] = words[i]!;
}

function classifyClient({ snapshot, client, classified }: AnswerContext, service: number): void {
  const { policy } = snapshot;
  const of = policy.services[service]!;
  const ruleSet = policy.ruleSets[of.ruleSet]!;
  maskClient(of, ruleSet, client);
  classify(policy, ruleSet, client, classified);
}

/** Signed: a key over 2^31 would be a number of V8's heap. */
function keyOf(context: AnswerContext, service: ServiceIndex): number {
  const at = serviceOf(context, service);
  const { client, chance } = context;
  return at.key === "client" ? signedClientKey(at, client.family, client.words) : draw(chance);
}

/** Marsaglia's xorshift128: even, which is all that is asked; nobody gains by guessing a draw. */
export function draw(state: Uint32Array): number {
  const first = state[0]!;
  let mixed = state[3]!;
  state[3] = state[2]!;
  state[2] = state[1]!;
  state[1] = first;
  mixed ^= mixed << 11;
  mixed ^= mixed >>> 8;
  mixed ^= first ^ (first >>> 19);
  state[0] = mixed;
  return mixed | 0;
}

function answerCname(context: AnswerContext, endpoint: EndpointIndex, ttlSeconds: number): number {
  return answerMadeCname(context, context.endpoints.cnames.get(endpoint)!, ttlSeconds);
}

/**
 * A CNAME that stands in no zone, to the wire name `target`: `follow`, unless it is what was asked
 * for, or does not fit.
 */
export function answerMadeCname(
  { response, query }: AnswerContext,
  target: Uint8Array,
  ttlSeconds: number,
): number {
  const start = response.at;
  const lengthAt = writeRecordHead(response, types.cname, ttlSeconds);
  const targetAt = response.at;
  writeName(response, target, 0);
  if (!endRecord(response, lengthAt)) {
    undo(response, start);
    response.truncated = true;
    return rcodes.noError;
  }
  response.answers++;
  if (query.qtype === types.cname || query.qtype === types.any) return rcodes.noError;
  loadName(query.name, target, 0);
  response.owner.at = targetAt;
  return follow;
}

/**
 * The picked endpoint and those that follow it in its pool, as far as they have addresses of the
 * family asked for, up to the service's `answers`. All of them or, with TC, none. False: there is
 * no such address.
 */
function writeAddresses(context: AnswerContext, service: ServiceIndex, ttl: number): boolean {
  const { snapshot, picked, response } = context;
  const { table } = snapshot;
  const pool = picked.pool as PoolIndex;
  const wanted = serviceOf(context, service).answers;
  const start = response.at;
  let endpoint = picked.endpoint as EndpointIndex;
  let endpoints = 0;
  for (let k = table.endpointCount[pool]!; k > 0 && endpoints < wanted; k--) {
    const before = response.at;
    writeEndpoint(context, endpoint, ttl, start);
    if (response.at > before) endpoints++;
    endpoint = nextEndpoint(table, pool, endpoint);
    if (endpoint === picked.endpoint) break;
  }
  if (response.at > response.limit) {
    undo(response, start);
    response.truncated = true;
    return true;
  }
  const records = (response.at - start) / addressRecordBytes(context);
  response.answers += records;
  return records > 0;
}

/** A pointer to the owner, type, class, TTL, length, address. */
function addressRecordBytes({ query }: AnswerContext): number {
  return 12 + (query.qtype === types.a ? 4 : 16);
}

/** An endpoint may stand for several addresses: those that its host name resolves to. */
function writeEndpoint(
  context: AnswerContext,
  index: EndpointIndex,
  ttlSeconds: number,
  start: number,
): void {
  const { endpoints, snapshot, query } = context;
  const isA = query.qtype === types.a;
  const kind = endpoints.kinds[index]!;
  if ((kind & (isA ? endpointKinds.ipv4 : endpointKinds.ipv6)) !== 0) {
    const column = isA ? endpoints.ipv4 : endpoints.ipv6;
    writeAddress(context, column, index * (isA ? 4 : 16), ttlSeconds, start);
    return;
  }
  if ((kind & endpointKinds.host) === 0) return;
  const resolved = snapshot.world.resolved.get(index);
  if (resolved === undefined) return;
  const addresses = isA ? resolved.ipv4 : resolved.ipv6;
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[i]!;
    if (address.length === (isA ? 4 : 16)) writeAddress(context, address, 0, ttlSeconds, start);
  }
}

/** An RRset holds a record once (RFC 2181 section 5), whoever else has the same address. */
function writeAddress(
  context: AnswerContext,
  source: Uint8Array,
  from: number,
  ttlSeconds: number,
  start: number,
): void {
  const { response, query } = context;
  const size = addressRecordBytes(context);
  const length = size - 12;
  if (response.at - start >= dnsAnswerAddressesMax * size) return;
  for (let at = start + 12; at < response.at; at += size) {
    let i = 0;
    while (i < length && response.bytes[at + i] === source[from + i]) i++;
    if (i === length) return;
  }
  const lengthAt = writeRecordHead(response, query.qtype, ttlSeconds);
  writeBytes(response, source, from, length);
  endRecord(response, lengthAt);
}
