/**
 * Which endpoints are usable, and which were when their service last had any: the column
 * `lastGood`. Usable is the condition `up` of docs/steering.md step 3, for endpoints that take
 * part. While a service has a usable endpoint, `lastGood` marks exactly those; when the last one
 * goes, it stays.
 */
import type { Draft } from "./draft.ts";
import { forced, verdict } from "./world.ts";

export function isUsable(draft: Draft, row: number): boolean {
  const { facts, endpoints, pools } = draft;
  if (facts.takesPart[row] !== 1) return false;
  const pool = facts.poolOfEndpoint[row]!;
  if (facts.gated[pool] === 1 && pools.active[pool] !== 1) return false;
  const word = endpoints.forced[row];
  if (word !== forced.none) return word === forced.up;
  if (endpoints.blocked[row] === 1 || endpoints.quarantined[row] === 1) return false;
  const now = endpoints.verdict[row];
  return now === verdict.disabled || (now === verdict.up && endpoints.availability[row]! > 0);
}

/** One endpoint may have become usable or ceased to be. */
export function noteUsable(draft: Draft, row: number): void {
  if (draft.grouped) return;
  const service = draft.facts.serviceOfEndpoint[row]!;
  const { usable } = draft.services;
  const was = usable[service]! > 0 && draft.endpoints.lastGood[row] === 1;
  const is = isUsable(draft, row);
  if (was === is) return;
  if (is) {
    if (usable[service] === 0) clearLastGood(draft, service);
    draft.own("lastGood")[row] = 1;
    draft.ownServices("usable")[service] = usable[service]! + 1;
  } else {
    const left = usable[service]! - 1;
    draft.ownServices("usable")[service] = left;
    if (left > 0) draft.own("lastGood")[row] = 0;
  }
  draft.touchedEndpoints.add(row);
}

function clearLastGood(draft: Draft, service: number): void {
  const { firstEndpoint } = draft.facts;
  for (let row = firstEndpoint[service]!; row < firstEndpoint[service + 1]!; row++) {
    if (draft.endpoints.lastGood[row] !== 1) continue;
    draft.own("lastGood")[row] = 0;
    draft.touchedEndpoints.add(row);
  }
}

/**
 * Many endpoints of a service changed at one moment, by the operator's word: they are looked at
 * together, so that draining all of them leaves `lastGood` at what it was before the first.
 */
export function recountUsable(draft: Draft, service: number): void {
  const { firstEndpoint } = draft.facts;
  let usable = 0;
  for (let row = firstEndpoint[service]!; row < firstEndpoint[service + 1]!; row++) {
    if (isUsable(draft, row)) usable++;
  }
  if (draft.services.usable[service] !== usable) draft.ownServices("usable")[service] = usable;
  if (usable === 0) return;
  for (let row = firstEndpoint[service]!; row < firstEndpoint[service + 1]!; row++) {
    const mark = isUsable(draft, row) ? 1 : 0;
    if (draft.endpoints.lastGood[row] === mark) continue;
    draft.own("lastGood")[row] = mark;
    draft.touchedEndpoints.add(row);
  }
}
