/**
 * `TXT _why.NAME`: why this client gets what it gets, over DNS, for those whom the operator lets
 * ask (`listen.dnsExplain`). Called by answer.ts. Over UDP there is but TC, so that only somebody
 * who has his address is told, and over TCP, so that the thread that holds the whole policy does
 * it: this is the one answer that allocates and takes milliseconds.
 */

import { isInNetworks } from "../../lib/networks.ts";
import { findEncloser, loadName } from "../../policy/name-lookup.ts";
import type { ServiceIndex } from "../../policy/policy.ts";
import { rcodes, types } from "../../wire/dns-constants.ts";
import type { AnswerContext, Explainer } from "./context.ts";
import { outcomes } from "./counters.ts";
import { transports } from "./exchange.ts";
import { extendedErrors } from "./extended-errors.ts";
import { endRecord, undo, writeBytes, writeRecordHead } from "./response.ts";

/** What answer.ts is to do when this is returned: the question is one like any other. */
export const notWhy = -1;

/** `_why` with its length, in lower case. */
const whyLabel = Uint8Array.of(4, ...new TextEncoder().encode("_why"));

/** An rcode, or `notWhy`. */
export function answerWhy(context: AnswerContext): number {
  const { query, exchange, explainTo } = context;
  if (explainTo.length === 0) return notWhy;
  for (let i = 0; i < whyLabel.length; i++) {
    if (query.name.bytes[i] !== whyLabel[i]) return notWhy;
  }
  const service = steeredBelow(context);
  if (service < 0) return notWhy;
  context.counters.outcomes.add(outcomes.other, 1);
  if (!isInNetworks(explainTo, exchange.clientFamily, exchange.client)) {
    context.error = extendedErrors.noExplanation;
    return rcodes.refused;
  }
  context.response.authoritative = true;
  if (query.qtype !== types.txt && query.qtype !== types.any) return rcodes.noError;
  if (exchange.transport === transports.udp || context.explainer === undefined) {
    context.response.truncated = true;
    return rcodes.noError;
  }
  for (const line of context.explainer.explain(service as ServiceIndex, whoAsks(context))) {
    if (!writeLine(context, line)) break;
  }
  return rcodes.noError;
}

/** The service of the name behind the `_why` label, or -1. */
function steeredBelow({ names, beside, query }: AnswerContext): number {
  loadName(beside, query.name.bytes, whyLabel.length);
  const node = findEncloser(names, beside, 0);
  query.steps += beside.encloserAt + 1;
  if (node < 0 || names.nodes.cut[node]! >= 0) return -1;
  const of = beside.encloserAt === 0 ? node : names.nodes.wildcard[node]!;
  return of < 0 ? -1 : names.nodes.service[of]!;
}

/** The client subnet, as for an answer; else who asks. */
function whoAsks({ query, exchange }: AnswerContext): Parameters<Explainer["explain"]>[1] {
  const { subnet } = query;
  if (subnet.present) {
    subnet.scope = subnet.source;
    return { family: subnet.family, words: subnet.words, length: subnet.source };
  }
  const family = exchange.clientFamily;
  return { family, words: exchange.client, length: family === 4 ? 32 : 128 };
}

/** Octets of one string in the data of a TXT record (RFC 1035 section 3.3.14). */
const stringBytesMax = 255;

/** One TXT record, of TTL 0; false when there is no room for it. */
function writeLine({ response }: AnswerContext, line: string): boolean {
  const text = new TextEncoder().encode(line);
  const start = response.at;
  const lengthAt = writeRecordHead(response, types.txt, 0);
  for (let from = 0; from === 0 || from < text.length; from += stringBytesMax) {
    const length = Math.min(text.length - from, stringBytesMax);
    response.bytes[response.at++] = length;
    writeBytes(response, text, from, length);
  }
  if (!endRecord(response, lengthAt)) {
    undo(response, start);
    return false;
  }
  response.answers++;
  return true;
}
