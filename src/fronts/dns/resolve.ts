/**
 * From a name and a type to records: RFC 1034 section 4.3.2 with the wildcards of RFC 4592, over
 * the name table. Called by answer.ts for questions of class IN. Writes sections into the response
 * and returns the rcode; the work is bounded by limits.dnsCnameHopsMax names.
 *
 *   no zone here                   REFUSED, or the chain so far when a CNAME led out
 *   at or below a delegation       referral (DS at the delegation itself is ours to answer)
 *   below a DNAME                  it, the CNAME that follows from it, and on (RFC 6672)
 *   name exists                    its records, steered addresses, CNAME and on, or NODATA
 *   a wildcard covers it           the same, under the name asked for
 *   else                           NXDOMAIN
 */
import { limits } from "../../limits.ts";
import { findEncloser, findNode, loadName } from "../../policy/name-lookup.ts";
import { type NameTable, nodeFlags } from "../../policy/name-table.ts";
import type { ServiceIndex } from "../../policy/policy.ts";
import { rcodes, types } from "../../wire/dns-constants.ts";
import { targetNameAt } from "../../wire/dns-rdata.ts";
import type { AnswerContext } from "./context.ts";
import { type Outcome, outcomes } from "./counters.ts";
import { extendedErrors } from "./extended-errors.ts";
import { flowKinds } from "./rate-limit.ts";
import { endRecord, undo, writeBytes, writeRecordHead, writeRrset } from "./response.ts";
import { answerMadeCname, answerSteered, follow, noSteeredData } from "./steered.ts";

const { dnsAdditionalNamesMax, dnsCnameHopsMax, dnsNameBytesMax } = limits;

/** The name that a DNAME makes of the one asked for. */
const synthesized = new Uint8Array(dnsNameBytesMax);

export function resolve(context: AnswerContext): number {
  for (let hop = 0; ; hop++) {
    const rcode = resolveName(context, hop);
    if (rcode !== follow) return rcode;
    // The chain is longer than we follow: the client asks on from its end.
    if (hop === dnsCnameHopsMax) return rcodes.noError;
  }
}

function count(context: AnswerContext, outcome: Outcome): void {
  context.counters.outcomes.add(outcome, 1);
}

function resolveName(context: AnswerContext, hop: number): number {
  const { query, response } = context;
  const { names } = context.snapshot.policy;
  const { nodes } = names;
  const node = findEncloser(names, query.name, 0);
  query.steps += query.name.encloserAt + 1;
  if (node < 0) {
    if (hop > 0) return rcodes.noError;
    count(context, outcomes.outside);
    context.error = extendedErrors.notAuthoritative;
    return rcodes.refused;
  }
  const exact = query.name.encloserAt === 0;
  const cut = nodes.cut[node]!;
  if (cut >= 0 && !(exact && node === cut && query.qtype === types.ds)) {
    if ((nodes.flags[cut]! & nodeFlags.dname) !== 0) return answerDname(context, cut);
    count(context, outcomes.referral);
    return refer(context, cut);
  }
  response.authoritative = true;
  if (exact) {
    const atApex = (nodes.flags[node]! & nodeFlags.apex) !== 0;
    return query.qtype === types.ds && atApex ? answerDs(context, node) : answerNode(context, node);
  }
  const wildcard = nodes.wildcard[node]!;
  if (wildcard >= 0) return answerNode(context, wildcard);
  if ((nodes.flags[node]! & nodeFlags.dname) !== 0) return answerDname(context, node);
  count(context, outcomes.noName);
  return answerNegative(context, nodes.zone[node]!, rcodes.nxDomain);
}

/** Asked for the HTTPS record of a service that has one made for each client. */
function isBinding({ query, snapshot }: AnswerContext, service: number): boolean {
  if (query.qtype !== types.https || service < 0) return false;
  return snapshot.policy.services[service]!.https !== undefined;
}

/** The RRset of a type at a node, or -1. */
function findRrset({ nodes, rrsets }: NameTable, node: number, type: number): number {
  const first = nodes.firstRrset[node]!;
  const end = first + nodes.rrsetCount[node]!;
  for (let rrset = first; rrset < end; rrset++) {
    if (rrsets.type[rrset] === type) return rrset;
  }
  return -1;
}

function answerNode(context: AnswerContext, node: number): number {
  context.flowKind = flowKinds.answer;
  context.flowOwner = node;
  const { query, names, response } = context;
  const { nodes } = names;
  const service = nodes.service[node]!;
  const isSteered =
    query.qtype === types.a || query.qtype === types.aaaa || isBinding(context, service);
  // Where an endpoint is a CNAME, it is the only record there, whatever is asked for.
  if (service >= 0 && (isSteered || (nodes.flags[node]! & nodeFlags.cname) !== 0)) {
    const rcode = answerSteered(context, service as ServiceIndex);
    if (rcode !== noSteeredData) return rcode;
  }
  if (query.qtype === types.any) return answerAny(context, node);
  const rrset = findRrset(names, node, query.qtype);
  if (rrset >= 0) {
    count(context, outcomes.records);
    const ok = answerRrset(context, rrset);
    if (ok && targetNameAt(query.qtype) >= 0) addAddresses(context, rrset, -1);
    return rcodes.noError;
  }
  const alias = findRrset(names, node, types.cname);
  if (alias < 0) return answerNoData(context, node);
  count(context, outcomes.records);
  if (!answerRrset(context, alias)) return rcodes.noError;
  loadName(query.name, names.bytes, names.rrsets.offset[alias]! + 2);
  response.owner.at = response.lastName;
  return follow;
}

/** Into the answer section; TC when it does not fit. */
function answerRrset({ names, response }: AnswerContext, rrset: number): boolean {
  const written = writeRrset(response, names, rrset, names.rrsets.ttlSeconds[rrset]!);
  response.answers += written;
  if (written === 0) response.truncated = true;
  return written > 0;
}

/**
 * RFC 6672 section 3.2: the DNAME at `node`, which stands above the name asked for, and a CNAME
 * made from it: the labels below the node in front of the DNAME's target. A name that would be too
 * long is YXDOMAIN.
 */
function answerDname(context: AnswerContext, node: number): number {
  const { query, response, names } = context;
  const { nodes, rrsets, bytes } = names;
  const { owner } = response;
  const { at, source, sourceAt } = owner;
  const rrset = findRrset(names, node, types.dname);
  const ttlSeconds = rrsets.ttlSeconds[rrset]!;
  response.authoritative = true;
  count(context, outcomes.records);
  ownNode(context, node);
  if (!answerRrset(context, rrset)) return rcodes.noError;
  owner.at = at;
  owner.source = source;
  owner.sourceAt = sourceAt;
  const prefix = query.name.length - nodes.nameLength[node]!;
  const from = rrsets.offset[rrset]!;
  const length = (bytes[from]! << 8) | bytes[from + 1]!;
  if (prefix + length > dnsNameBytesMax) return rcodes.yxDomain;
  for (let i = 0; i < prefix; i++) synthesized[i] = query.name.bytes[i]!;
  for (let i = 0; i < length; i++) synthesized[prefix + i] = bytes[from + 2 + i]!;
  return answerMadeCname(context, synthesized, ttlSeconds);
}

/** RFC 4035 section 3.1.4.1: DS belongs to the parent, which may be a zone of ours. */
function answerDs(context: AnswerContext, node: number): number {
  const { query, names } = context;
  const { nodes } = names;
  const parent = findEncloser(names, query.name, 1);
  if (parent < 0 || nodes.cut[parent]! >= 0) return answerNode(context, node);
  const side = nodes.parentSide[node]!;
  const rrset = side < 0 ? -1 : findRrset(names, side, types.ds);
  if (rrset < 0) {
    count(context, outcomes.noData);
    return answerNegative(context, nodes.zone[parent]!, rcodes.noError);
  }
  count(context, outcomes.records);
  answerRrset(context, rrset);
  return rcodes.noError;
}

/** RFC 8482 section 4.2: a HINFO that says so; a CNAME, where there is one, as itself. */
const anyRdata = Uint8Array.of(7, ...new TextEncoder().encode("RFC8482"), 0);
const anyTtlSeconds = 3600;

function answerAny(context: AnswerContext, node: number): number {
  const { names, response } = context;
  const empty = names.nodes.rrsetCount[node] === 0 && names.nodes.service[node]! < 0;
  if (empty) return answerNoData(context, node);
  count(context, outcomes.records);
  const alias = findRrset(names, node, types.cname);
  if (alias >= 0) {
    answerRrset(context, alias);
    return rcodes.noError;
  }
  // ANY follows no CNAME.
  const start = response.at;
  const lengthAt = writeRecordHead(response, types.hinfo, anyTtlSeconds);
  writeBytes(response, anyRdata, 0, anyRdata.length);
  if (endRecord(response, lengthAt)) response.answers++;
  else {
    undo(response, start);
    response.truncated = true;
  }
  return rcodes.noError;
}

function answerNoData(context: AnswerContext, node: number): number {
  count(context, outcomes.noData);
  return answerNegative(context, context.names.nodes.zone[node]!, rcodes.noError);
}

/** The zone's SOA in the authority section, at the TTL of RFC 2308 section 5. */
function answerNegative(context: AnswerContext, zoneIndex: number, rcode: number): number {
  const { names, response } = context;
  const zone = names.zones[zoneIndex]!;
  context.flowKind = flowKinds.negative;
  context.flowOwner = zoneIndex;
  ownNode(context, zone.apexNode);
  const ttlSeconds = Math.min(zone.negativeTtlSeconds, context.negativeTtlMax);
  const written = writeRrset(response, names, zone.soaRrset, ttlSeconds);
  response.authorities += written;
  if (written === 0) response.truncated = true;
  return rcode;
}

/** Records that follow belong to the node, under its own name. */
function ownNode({ names, response }: AnswerContext, node: number): void {
  response.owner.at = -1;
  response.owner.source = names.bytes;
  response.owner.sourceAt = names.nodes.nameOffset[node]!;
}

/**
 * RFC 1034 section 4.3.2, step 3b. Not our data, so without AA, unless a CNAME of ours led here.
 */
function refer(context: AnswerContext, cut: number): number {
  const { names, response } = context;
  context.flowKind = flowKinds.answer;
  context.flowOwner = cut;
  const rrset = findRrset(names, cut, types.ns);
  ownNode(context, cut);
  const written = writeRrset(response, names, rrset, names.rrsets.ttlSeconds[rrset]!);
  response.authorities += written;
  if (written === 0) response.truncated = true;
  else addAddresses(context, rrset, cut);
  return rcodes.noError;
}

/**
 * Addresses of the names that an RRset leads to (name servers, mail servers), as far as they stand
 * in our zones as records. A referral is no use without those below its own `cut`, so when one of
 * them does not fit, TC says so (RFC 9471); the others are a courtesy, and of the first few only.
 * Steered names are left out: who is steered where is decided when it is asked for.
 */
function addAddresses(context: AnswerContext, leading: number, cut: number): void {
  const { names, response, beside, query } = context;
  const { nodes, rrsets, bytes } = names;
  const nameAt = 2 + targetNameAt(rrsets.type[leading]!);
  let from = rrsets.offset[leading]!;
  const count = rrsets.recordCount[leading]!;
  for (let i = cut >= 0 ? count : Math.min(count, dnsAdditionalNamesMax); i > 0; i--) {
    query.steps++;
    loadName(beside, bytes, from + nameAt);
    from += 2 + ((bytes[from]! << 8) | bytes[from + 1]!);
    const node = findNode(names, beside, 0);
    // Below a DNAME, or another delegation, nothing is told as ours.
    if (node < 0 || (cut < 0 && nodes.cut[node]! >= 0)) continue;
    const needed = cut >= 0 && nodes.cut[node] === cut;
    ownNode(context, node);
    const fits = addAddress(context, node, types.a) && addAddress(context, node, types.aaaa);
    if (fits) continue;
    if (needed) response.truncated = true;
    return;
  }
}

/** False when there is such an RRset and it does not fit. */
function addAddress({ names, response }: AnswerContext, node: number, type: number): boolean {
  const rrset = findRrset(names, node, type);
  if (rrset < 0) return true;
  const written = writeRrset(response, names, rrset, names.rrsets.ttlSeconds[rrset]!);
  response.additionals += written;
  return written > 0;
}
