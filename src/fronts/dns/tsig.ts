/**
 * Transaction signatures (RFC 8945). This server has no keys yet, so every signed request is told
 * so, as section 5.2.1 asks: NOTAUTH, with an unsigned TSIG that says BADKEY. Nothing is computed
 * for anyone's signature.
 */
import { classes, types } from "../../wire/dns-constants.ts";
import { nameBytes } from "../../wire/dns-name.ts";
import type { AnswerContext } from "./context.ts";
import { type Query, read16 } from "./query.ts";
import { write16, writeBytes } from "./response.ts";

const badKey = 17;
/** Time, fudge. */
const timeBytes = 8;

/** The record from its owner on; `at` is behind the owner. False when it is malformed. */
export function readTsig(query: Query, bytes: Uint8Array, at: number, end: number): boolean {
  const owner = nameBytes(bytes, query.tsigAt, end);
  // Section 4.2: class ANY, TTL 0, names as they are.
  if (query.tsigAt + owner !== at || read16(bytes, at + 2) !== classes.any) return false;
  const algorithm = nameBytes(bytes, at + 10, end);
  const macAt = at + 10 + algorithm + timeBytes;
  if (algorithm === 0 || macAt + 2 > end) return false;
  const otherAt = macAt + 2 + read16(bytes, macAt) + 4;
  if (otherAt + 2 > end || otherAt + 2 + read16(bytes, otherAt) !== end) return false;
  query.tsigAlgorithmAt = at + 10;
  query.tsigAlgorithmBytes = algorithm;
  return true;
}

/** The last record of the response, left out where there is no room for it. */
export function writeBadKey({ query, response, exchange }: AnswerContext): void {
  const { request } = exchange;
  const owner = nameBytes(request, query.tsigAt, exchange.requestLength);
  const algorithm = query.tsigAlgorithmBytes;
  const rdataBytes = algorithm + timeBytes + 2 + 6;
  if (response.at + owner + 10 + rdataBytes > response.size) return;
  writeBytes(response, request, query.tsigAt, owner);
  write16(response, types.tsig);
  write16(response, classes.any);
  write16(response, 0);
  write16(response, 0);
  write16(response, rdataBytes);
  writeBytes(response, request, query.tsigAlgorithmAt, algorithm + timeBytes);
  write16(response, 0);
  write16(response, query.id);
  write16(response, badKey);
  write16(response, 0);
  response.additionals++;
}
