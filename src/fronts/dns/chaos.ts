/**
 * Class CHAOS: `version.bind`, `version.server`, `id.server`, `hostname.bind` (RFC 4892), as far as
 * the operator shows them. Anything else of that class is refused.
 */
import type { NameQuery } from "../../policy/name-lookup.ts";
import { classes, rcodes, types } from "../../wire/dns-constants.ts";
import type { AnswerContext } from "./context.ts";
import { extendedErrors } from "./extended-errors.ts";
import { write16, writeBytes } from "./response.ts";

export function answerChaos(context: AnswerContext): number {
  const { query, response, identity } = context;
  for (const row of identity.chaos) {
    if (!isName(query.name, row.name)) continue;
    response.authoritative = true;
    if (query.qtype !== types.txt && query.qtype !== types.any) return rcodes.noError;
    // limits.ts asserts that it fits behind any question.
    write16(response, 0xc000 | response.owner.at);
    write16(response, types.txt);
    write16(response, classes.ch);
    write16(response, 0);
    write16(response, 0);
    write16(response, row.rdata.length);
    writeBytes(response, row.rdata, 0, row.rdata.length);
    response.answers++;
    return rcodes.noError;
  }
  context.error = extendedErrors.notAuthoritative;
  return rcodes.refused;
}

function isName(query: NameQuery, name: Uint8Array): boolean {
  if (query.length !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (query.bytes[i] !== name[i]) return false;
  return true;
}
