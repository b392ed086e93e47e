/**
 * The OPT record of the response (RFC 6891), and the room kept for it. Whoever sends one gets one,
 * errors included (section 7).
 */
import { limits } from "../../limits.ts";
import { ednsOptions, types } from "../../wire/dns-constants.ts";
import type { AnswerContext } from "./context.ts";
import { cookieBytes, cookieStates, writeCookie } from "./cookies.ts";
import { transports } from "./exchange.ts";
import { dnssecOkBit } from "./read-query.ts";
import { type Response, write16, writeBytes } from "./response.ts";

const { dnsUdpPayload } = limits;

/** Root, type, class, TTL, length. */
const optBytes = 11;
/** Code and length. */
const optionHeadBytes = 4;

/** Octets that the response keeps free for its OPT, without an extended error. */
export function optReserve(context: AnswerContext): number {
  const { query, identity } = context;
  if (!query.hasOpt) return 0;
  const subnet = query.subnet.present ? 4 + query.subnet.dataLength : 0;
  const nsid = query.wantsNsid && identity.nsid.length > 0 ? 4 + identity.nsid.length : 0;
  const cookie = context.query.cookie !== cookieStates.none ? 4 + cookieBytes : 0;
  const keepalive = keepsAlive(context) ? 6 : 0;
  const padding = isPadded(context) ? optionHeadBytes : 0;
  return optBytes + subnet + nsid + cookie + keepalive + padding;
}

/**
 * Writes the OPT behind everything else, into the room that `optReserve` kept. The extended error
 * goes in when there is room for it as well: it explains, and nothing depends on it.
 */
export function writeOpt(context: AnswerContext, rcode: number): void {
  const { query, response, identity, error } = context;
  const { bytes } = response;
  const { at } = response;
  bytes[at] = 0;
  bytes[at + 1] = types.opt >> 8;
  bytes[at + 2] = types.opt;
  bytes[at + 3] = dnsUdpPayload >> 8;
  bytes[at + 4] = dnsUdpPayload;
  bytes[at + 5] = rcode >> 4;
  bytes[at + 6] = 0;
  bytes[at + 7] = query.dnssecOk ? dnssecOkBit >> 8 : 0;
  bytes[at + 8] = 0;
  const lengthAt = at + 9;
  response.at = at + optBytes;
  if (query.wantsNsid && identity.nsid.length > 0) {
    writeOption(response, ednsOptions.nsid, identity.nsid);
  }
  if (query.subnet.present) writeSubnet(context);
  if (query.cookie !== cookieStates.none) writeCookieOption(context);
  if (keepsAlive(context)) {
    write16(response, ednsOptions.tcpKeepalive);
    write16(response, 2);
    write16(response, Math.min(context.snapshot.policy.listen.dnsTcp.idleMs / 100, 0xffff));
  }
  const padding = isPadded(context);
  const room = response.size - (padding ? optionHeadBytes : 0);
  if (error !== undefined && response.at + 4 + error.data.length <= room) {
    writeOption(response, ednsOptions.extendedError, error.data);
  }
  if (padding) writePadding(response);
  const length = response.at - lengthAt - 2;
  bytes[lengthAt] = length >> 8;
  bytes[lengthAt + 1] = length & 0xff;
  response.additionals++;
}

function writeOption(response: Response, code: number, data: Uint8Array): void {
  write16(response, code);
  write16(response, data.length);
  writeBytes(response, data, 0, data.length);
}

/** RFC 7828: over TCP only, to who asks; in tenths of a second. */
function keepsAlive({ query, exchange }: AnswerContext): boolean {
  const { transport } = exchange;
  return query.wantsKeepalive && (transport === transports.tcp || transport === transports.tls);
}

/** RFC 8467 section 4.1: responses of who pads his queries are of few lengths. */
const paddingBlockBytes = 468;

function isPadded({ query, exchange }: AnswerContext): boolean {
  return query.wantsPadding && exchange.transport >= transports.tls;
}

/** The last option: of zeros, up to a whole block or as far as there is room. */
function writePadding(response: Response): void {
  const from = response.at + optionHeadBytes;
  const block = Math.ceil(from / paddingBlockBytes) * paddingBlockBytes;
  const length = Math.min(block, response.size) - from;
  write16(response, ednsOptions.padding);
  write16(response, length);
  response.bytes.fill(0, from, from + length);
  response.at = from + length;
}

function writeCookieOption({ query, response, exchange, cookies, clock }: AnswerContext): void {
  write16(response, ednsOptions.cookie);
  write16(response, cookieBytes);
  writeCookie(
    cookies,
    response.bytes,
    response.at,
    exchange.request,
    query.cookieAt,
    query.cookie,
    exchange.client,
    0,
    exchange.clientFamily,
    clock[1]!,
  );
  response.at += cookieBytes;
}

/** Family, source and address as they came, the scope our own (RFC 7871 section 7.2.1). */
function writeSubnet({ query, response, exchange }: AnswerContext): void {
  const { subnet } = query;
  write16(response, ednsOptions.clientSubnet);
  write16(response, subnet.dataLength);
  const { at } = response;
  writeBytes(response, exchange.request, subnet.dataAt, subnet.dataLength);
  response.bytes[at + 3] = subnet.scope;
}
