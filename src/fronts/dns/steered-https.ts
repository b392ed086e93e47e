/**
 * The HTTPS record of a steered name (RFC 9460): what the service says of itself, with the
 * addresses of the endpoints picked for this client as hints. They are picked as for A and AAAA,
 * so no hint leaves a residency. Called by steered.ts.
 */
import { limits } from "../../limits.ts";
import type { HttpsBinding } from "../../policy/compile-https.ts";
import type { EndpointIndex, PoolIndex } from "../../policy/policy.ts";
import { nextEndpoint } from "../../steer/pick.ts";
import { types } from "../../wire/dns-constants.ts";
import { svcKeys } from "../../wire/rdata-svcb.ts";
import type { AnswerContext } from "./context.ts";
import { endpointKinds } from "./endpoint-table.ts";
import { endRecord, undo, write16, writeBytes, writeRecordHead } from "./response.ts";

const { dnsAnswerAddressesMax } = limits;

/** One record, or TC. `wanted` endpoints at most are hinted at. */
export function writeHttps(
  context: AnswerContext,
  https: HttpsBinding,
  { wanted, ttlSeconds }: { readonly wanted: number; readonly ttlSeconds: number },
): void {
  const { response } = context;
  const start = response.at;
  const lengthAt = writeRecordHead(response, types.https, ttlSeconds);
  writeBytes(response, https.head, 0, https.head.length);
  if (https.hints) writeHints(context, svcKeys.ipv4Hint, wanted);
  writeBytes(response, https.ech, 0, https.ech.length);
  if (https.hints) writeHints(context, svcKeys.ipv6Hint, wanted);
  if (endRecord(response, lengthAt)) response.answers++;
  else {
    undo(response, start);
    response.truncated = true;
  }
}

/** The parameter, or nothing when no picked endpoint has an address of that family. */
function writeHints(context: AnswerContext, key: 4 | 6, wanted: number): void {
  const { snapshot, picked, response } = context;
  const { table } = snapshot;
  const pool = picked.pool as PoolIndex;
  const start = response.at;
  write16(response, key);
  write16(response, 0);
  let endpoint = picked.endpoint as EndpointIndex;
  let endpoints = 0;
  for (let k = table.endpointCount[pool]!; k > 0 && endpoints < wanted; k--) {
    const before = response.at;
    writeEndpointHints(context, endpoint, { key, start: start + 4 });
    if (response.at > before) endpoints++;
    endpoint = nextEndpoint(table, pool, endpoint);
    if (endpoint === picked.endpoint) break;
  }
  const length = response.at - start - 4;
  if (length === 0) response.at = start;
  response.bytes[start + 2] = length >> 8;
  response.bytes[start + 3] = length & 0xff;
}

/** An endpoint may stand for several addresses: those that its host name resolves to. */
function writeEndpointHints(
  context: AnswerContext,
  index: EndpointIndex,
  at: { readonly key: 4 | 6; readonly start: number },
): void {
  const { endpoints, snapshot } = context;
  const isV4 = at.key === svcKeys.ipv4Hint;
  const width = isV4 ? 4 : 16;
  const kind = endpoints.kinds[index]!;
  if ((kind & (isV4 ? endpointKinds.ipv4 : endpointKinds.ipv6)) !== 0) {
    const column = isV4 ? endpoints.ipv4 : endpoints.ipv6;
    writeHint(context, column, index * width, { ...at, width });
    return;
  }
  const resolved =
    (kind & endpointKinds.host) === 0 ? undefined : snapshot.world.resolved.get(index);
  for (const address of (isV4 ? resolved?.ipv4 : resolved?.ipv6) ?? []) {
    if (address.length === width) writeHint(context, address, 0, { ...at, width });
  }
}

/** Each address once. */
function writeHint(
  { response }: AnswerContext,
  source: Uint8Array,
  from: number,
  { start, width }: { readonly start: number; readonly width: number },
): void {
  if (response.at - start >= dnsAnswerAddressesMax * width) return;
  for (let at = start; at < response.at; at += width) {
    let i = 0;
    while (i < width && response.bytes[at + i] === source[from + i]) i++;
    if (i === width) return;
  }
  writeBytes(response, source, from, width);
}
