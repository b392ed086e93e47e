/**
 * A request's octets -> a response's octets. Touches no socket, reads no clock, allocates nothing,
 * never throws on any input: sockets of any kind stand around it (server.ts). One call handles one
 * message; its work is bounded by the message's length and by limits.ts.
 */
import { limits } from "../../limits.ts";
import {
  classes,
  headerBytes,
  headerFlags,
  isMetaType,
  opcodes,
  rcodes,
  types,
} from "../../wire/dns-constants.ts";
import { answerChaos } from "./chaos.ts";
import type { AnswerContext } from "./context.ts";
import { cookieModes, cookieState, cookieStates } from "./cookies.ts";
import { limitings, outcomes, rcodeRow, typeRow, wireRow } from "./counters.ts";
import { type Exchange, transports } from "./exchange.ts";
import { extendedErrors } from "./extended-errors.ts";
import { flowKinds, overRate, verdicts, withinRate } from "./rate-limit.ts";
import { readQuery, silence } from "./read-query.ts";
import { resolve } from "./resolve.ts";
import { startResponse } from "./response.ts";
import { writeBadKey } from "./tsig.ts";
import { answerWhy, notWhy } from "./why.ts";
import { optReserve, writeOpt } from "./write-opt.ts";

// Read once: limits has more keys than V8 gives fast properties to.
const { dnsMessageBytesMax, dnsRecordTtlSecondsMax, dnsUdpPayload } = limits;

/** What is asked for to flood others is at most so much longer than its question, by UDP. */
const bulkFactor = 3;

/** Octets of the response, which stands in `exchange.response`; 0 for silence. */
export function answer(context: AnswerContext, exchange: Exchange): number {
  const { query, counters } = context;
  context.exchange = exchange;
  context.error = undefined;
  context.negativeTtlMax = dnsRecordTtlSecondsMax;
  context.flowKind = flowKinds.error;
  context.flowOwner = 0;
  const found = readQuery(query, exchange.request, exchange.requestLength);
  if (found === silence) {
    counters.silent.add(wireRow(exchange), 1);
    return 0;
  }
  if (query.cookieBytes > 0) readCookie(context);
  begin(context);
  const rcode = found === 0 ? answerQuestion(context) : found;
  const verdict = judge(context);
  if (verdict === verdicts.drop) return 0;
  if (verdict === verdicts.slip) slip(context);
  return finish(context, rcode);
}

/** What the cookie is worth; with cookies off, the option is one of those that we do not know. */
function readCookie({ query, exchange, cookies, clock }: AnswerContext): void {
  if (cookies.mode === cookieModes.off) return;
  query.cookie = cookieState(
    cookies,
    exchange.request,
    query.cookieAt,
    query.cookieBytes,
    exchange.client,
    0,
    exchange.clientFamily,
    clock[1]!,
  );
}

/** Is it known that who asks has the address that he gives? */
function isKnown({ query, exchange }: AnswerContext): boolean {
  return exchange.transport !== transports.udp || query.cookie >= cookieStates.stale;
}

/** rate-limit.ts: whether the response is sent. One that is truncated already may be. */
function judge(context: AnswerContext): number {
  const { limiter, exchange, counters, response } = context;
  if (response.truncated || isKnown(context)) return verdicts.send;
  const within = withinRate(
    limiter,
    exchange.client,
    0,
    exchange.clientFamily,
    context.flowKind,
    context.flowOwner,
    context.clock[0]!,
  );
  if (within) return verdicts.send;
  const verdict = overRate(limiter);
  counters.limited.add(verdict === verdicts.slip ? limitings.slipped : limitings.dropped, 1);
  return verdict;
}

/** Nothing but the question, and TC: a true client comes again over TCP. */
function slip({ query, response, exchange }: AnswerContext): void {
  const { authoritative } = response;
  startResponse(response, query.questionEnd);
  response.authoritative = authoritative;
  response.truncated = true;
  response.bytes = exchange.response;
}

/** Room and question of the response. */
function begin(context: AnswerContext): void {
  const { query, response, exchange } = context;
  response.bytes = exchange.response;
  startResponse(response, query.questionEnd);
  response.size = Math.min(sizeAllowed(context), exchange.response.length);
  response.limit = response.size - optReserve(context);
  for (let i = headerBytes; i < query.questionEnd; i++) response.bytes[i] = exchange.request[i]!;
}

/**
 * RFC 1035 section 2.3.4 without EDNS; with it what the client takes, up to what never fragments.
 */
function sizeAllowed(context: AnswerContext): number {
  const { query, exchange } = context;
  if (exchange.transport !== transports.udp) return dnsMessageBytesMax;
  const size = Math.min(query.udpPayload, dnsUdpPayload);
  const isBulky = query.qtype === types.any || query.qtype === types.dnskey;
  return isBulky && !isKnown(context) ? Math.min(size, bulkFactor * exchange.requestLength) : size;
}

function answerQuestion(context: AnswerContext): number {
  const { query, counters, cookies } = context;
  // RFC 7873 section 5.4: only a cookie is asked for.
  if (!query.hasQuestion) return rcodes.noError;
  if (cookies.mode === cookieModes.required && query.cookieBytes > 0 && !isKnown(context)) {
    return rcodes.badCookie;
  }
  counters.questions.add(typeRow(query.qtype), 1);
  if (query.qclass === classes.ch) {
    counters.outcomes.add(outcomes.other, 1);
    return answerChaos(context);
  }
  // ANY asks for every class, and IN is the one we have.
  if (query.qclass !== classes.in && query.qclass !== classes.any) {
    counters.outcomes.add(outcomes.other, 1);
    context.error = extendedErrors.queryClass;
    return rcodes.refused;
  }
  if (isMetaType(query.qtype) && query.qtype !== types.any) {
    counters.outcomes.add(outcomes.other, 1);
    return answerMeta(context);
  }
  const why = answerWhy(context);
  return why === notWhy ? resolve(context) : why;
}

/**
 *   AXFR, IXFR     REFUSED: zones are not transferred
 *   MAILB, MAILA   NOTIMP: RFC 1035 types nobody has used since
 *   the others     FORMERR: no record can have them (RFC 6895 section 3.1)
 */
function answerMeta(context: AnswerContext): number {
  const { qtype } = context.query;
  if (qtype === types.axfr || qtype === types.ixfr) {
    context.error = extendedErrors.noTransfer;
    return rcodes.refused;
  }
  context.error = extendedErrors.queryType;
  return qtype === types.mailb || qtype === types.maila ? rcodes.notImp : rcodes.formErr;
}

/** OPT and header. A truncated response keeps its whole RRsets and says that more were due. */
function finish(context: AnswerContext, rcode: number): number {
  const { query, response, exchange, counters } = context;
  const { bytes } = response;
  if (query.hasOpt) writeOpt(context, rcode);
  if (rcode === rcodes.notAuth) writeBadKey(context);
  let flags = headerFlags.qr | (query.opcode << headerFlags.opcodeShift) | (rcode & 0xf);
  // RD and CD are the client's own; under another opcode these bits may mean something else.
  if (query.opcode === opcodes.query) flags |= query.flags & (headerFlags.rd | headerFlags.cd);
  if (response.authoritative) flags |= headerFlags.aa;
  if (response.truncated) {
    flags |= headerFlags.tc;
    counters.truncated.add(wireRow(exchange), 1);
  }
  set16(bytes, 0, query.id);
  set16(bytes, 2, flags);
  set16(bytes, 4, query.hasQuestion ? 1 : 0);
  set16(bytes, 6, response.answers);
  set16(bytes, 8, response.authorities);
  set16(bytes, 10, response.additionals);
  counters.responses.add(rcodeRow(exchange, rcode), 1);
  return response.at;
}

function set16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 0xff;
}
