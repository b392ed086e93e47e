/**
 * What a request says, as numbers in one reused object: filled by read-query.ts, read by everything
 * behind it. Only small integers stand here; what needs 32 bits without sign is in typed arrays, or
 * V8 would allocate.
 */
import { limits } from "../../limits.ts";
import { createNameQuery, type NameQuery } from "../../policy/name-lookup.ts";
import { headerBytes } from "../../wire/dns-constants.ts";
import { type ClientSubnet, createClientSubnet } from "./client-subnet.ts";

const { dnsPlainUdpPayload } = limits;

export interface Query {
  id: number;
  flags: number;
  opcode: number;
  /** False when there is no question that could be repeated in the response. */
  hasQuestion: boolean;
  /** The octet after the question; the question's name starts at `headerBytes`. */
  questionEnd: number;
  qtype: number;
  qclass: number;
  /** The name looked up: at first the question's, later the target of a CNAME. */
  readonly name: NameQuery;
  hasOpt: boolean;
  ednsVersion: number;
  udpPayload: number;
  dnssecOk: boolean;
  wantsNsid: boolean;
  readonly subnet: ClientSubnet;
  wantsKeepalive: boolean;
  wantsPadding: boolean;
  /** The data of a COOKIE option; no octets for none. */
  cookieAt: number;
  cookieBytes: number;
  /** `cookieStates`: what it is worth. */
  cookie: number;
  /** Where a TSIG record stands in the request; 0 for none. */
  tsigAt: number;
  tsigAlgorithmAt: number;
  tsigAlgorithmBytes: number;
  /** Labels, records and options read: the measure of what a request costs. */
  steps: number;
}

export function createQuery(): Query {
  return {
    id: 0,
    flags: 0,
    opcode: 0,
    hasQuestion: false,
    questionEnd: headerBytes,
    qtype: 0,
    qclass: 0,
    name: createNameQuery(),
    hasOpt: false,
    ednsVersion: 0,
    udpPayload: dnsPlainUdpPayload,
    dnssecOk: false,
    wantsNsid: false,
    subnet: createClientSubnet(),
    wantsKeepalive: false,
    wantsPadding: false,
    cookieAt: 0,
    cookieBytes: 0,
    cookie: 0,
    tsigAt: 0,
    tsigAlgorithmAt: 0,
    tsigAlgorithmBytes: 0,
    steps: 0,
  };
}

export function resetQuery(query: Query): void {
  query.hasQuestion = false;
  query.questionEnd = headerBytes;
  query.qtype = 0;
  query.qclass = 0;
  query.hasOpt = false;
  query.ednsVersion = 0;
  query.udpPayload = dnsPlainUdpPayload;
  query.dnssecOk = false;
  query.wantsNsid = false;
  query.subnet.present = false;
  query.subnet.scope = 0;
  query.wantsKeepalive = false;
  query.wantsPadding = false;
  query.cookieBytes = 0;
  query.cookie = 0;
  query.tsigAt = 0;
  query.steps = 1;
}

export function read16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
