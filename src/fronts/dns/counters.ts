/**
 * What the DNS front counts. Rows are declared once and found by arithmetic, so that counting an
 * answer is an addition into a typed array.
 */
import type { Counter, Registry } from "../../lib/telemetry.ts";
import { rcodes, types } from "../../wire/dns-constants.ts";
import type { Exchange } from "./exchange.ts";

const transportLabels = ["udp", "tcp", "tls", "https"] as const;
const familyLabels = ["ipv4", "ipv6"] as const;
const rcodeLabels = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
  "NOTAUTH",
  "BADVERS",
  "YXDOMAIN",
  "BADCOOKIE",
] as const;
const typeLabels = [
  "A",
  "AAAA",
  "CNAME",
  "NS",
  "SOA",
  "TXT",
  "MX",
  "HTTPS",
  "ANY",
  "other",
] as const;

/** How an answer came about. */
export const outcomes = {
  steered: 0,
  fallback: 1,
  refused: 2,
  records: 3,
  noData: 4,
  noName: 5,
  referral: 6,
  outside: 7,
  other: 8,
} as const;
export type Outcome = (typeof outcomes)[keyof typeof outcomes];

export interface DnsCounters {
  readonly responses: Counter;
  readonly questions: Counter;
  readonly outcomes: Counter;
  readonly silent: Counter;
  readonly truncated: Counter;
  readonly limited: Counter;
  readonly tcpClosed: Counter;
}

/** What became of responses beyond their rate: rate-limit.ts. */
export const limitings = { dropped: 0, slipped: 1 } as const;

/** Why a TCP connection was closed from this side. */
export const tcpClosings = {
  idle: 0,
  malformed: 1,
  tooMany: 2,
  notReading: 3,
  stopped: 4,
} as const;

export function createDnsCounters(registry: Registry): DnsCounters {
  const wire = { transport: transportLabels, family: familyLabels };
  return {
    responses: registry.counter("rhumb_dns_responses_total", "Responses sent.", {
      values: { ...wire, rcode: rcodeLabels },
    }),
    questions: registry.counter("rhumb_dns_questions_total", "Well-formed questions, by type.", {
      values: { type: typeLabels },
    }),
    outcomes: registry.counter("rhumb_dns_outcomes_total", "How questions were answered.", {
      values: { outcome: Object.keys(outcomes) },
    }),
    silent: registry.counter("rhumb_dns_silent_total", "Messages that deserved no response.", {
      values: wire,
    }),
    truncated: registry.counter("rhumb_dns_truncated_total", "Responses with TC set.", {
      values: wire,
    }),
    limited: registry.counter("rhumb_dns_rate_limited_total", "Responses over their rate.", {
      values: { action: Object.keys(limitings) },
    }),
    tcpClosed: registry.counter("rhumb_dns_tcp_closed_total", "TCP connections closed by us.", {
      values: { reason: Object.keys(tcpClosings) },
    }),
  };
}

/** Row of (transport, family). */
export function wireRow(exchange: Exchange): number {
  return exchange.transport * familyLabels.length + (exchange.clientFamily === 4 ? 0 : 1);
}

export function rcodeRow(exchange: Exchange, rcode: number): number {
  return wireRow(exchange) * rcodeLabels.length + rcodeColumn(rcode);
}

function rcodeColumn(rcode: number): number {
  if (rcode <= rcodes.refused) return rcode;
  if (rcode === rcodes.yxDomain) return 8;
  if (rcode === rcodes.badCookie) return 9;
  return rcode === rcodes.badVers ? 7 : 6;
}

export function typeRow(type: number): number {
  switch (type) {
    case types.a:
      return 0;
    case types.aaaa:
      return 1;
    case types.cname:
      return 2;
    case types.ns:
      return 3;
    case types.soa:
      return 4;
    case types.txt:
      return 5;
    case types.mx:
      return 6;
    case 65:
      return 7;
    case types.any:
      return 8;
    default:
      return 9;
  }
}
