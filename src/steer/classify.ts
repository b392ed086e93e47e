/**
 * Client -> class. Called by every front once a query, before pick.ts: counted steps, no
 * allocation, no throw. The class of a source prefix is that of all its addresses, or of most of
 * them; the scope says on how much of the address that depends, and no two scopes returned for one
 * rule set overlap unless one was asked with a shorter source than its class needs.
 */
import type { LeafIndex, Leaves } from "../geo/geography.ts";
import { embeddedAt, findLeaf, plainScopeMin, spanEnd, unmapPrefix } from "../geo/lookup.ts";
import { limits } from "../limits.ts";
import type { ClassIndex, ClientResidency, Policy, RuleSet, Service } from "../policy/policy.ts";
import type { Seen } from "./decision.ts";

/**
 * Whom an answer is for: an address (length 32 or 128) or a source prefix of it. A front fills in
 * `family`, `words` and `length`; `classify` turns IPv4 inside IPv6 into IPv4, once and in place.
 */
export interface Client {
  family: 4 | 6;
  /** Most significant first; IPv4 in the first. Bits beyond `length` are 0. */
  readonly words: Uint32Array;
  /** 0: no address is known. */
  length: number;
  /** Bits that stood before the IPv4 address, when the query's was IPv6. */
  before: number;
}

export interface Classified {
  classIndex: ClassIndex;
  seen: Seen;
  /** In the family of the query, as `answerScope` returns it. */
  scope: number;
}

export function createClient(): Client {
  return { family: 4, words: new Uint32Array(4), length: 0, before: 0 };
}

export function createClassified(): Classified {
  return { classIndex: 0 as ClassIndex, seen: "unknown", scope: 0 };
}

/** What the place of a client hangs on besides its rule set. */
export type Affinity = Pick<Service, "key" | "affinityMask4" | "affinityMask6">;

/** What classifying reads of a rule set. */
export interface ClassColumns
  extends Pick<RuleSet, "classOfLocation" | "scope4" | "scope6" | "residency"> {
  readonly classes: { readonly length: number };
}

/** A front that rules may tell apart from others. */
export type Front = "dns" | "redirect";

/** The rule set as a front reads it. */
export function columnsOf(ruleSet: RuleSet, front: Front): ClassColumns {
  if (front === "dns" || ruleSet.redirect === undefined) return ruleSet;
  const { classes, residency, redirect } = ruleSet;
  return { classes, residency, ...redirect };
}

/** Shares of the source prefix by class, while a span is counted; all 0 between calls. */
const sizes = new Float64Array(limits.classesPerRuleSetMax);

/**
 * Writes the class of `client` in the rule set to `out`.
 *
 * | source prefix              | class                    | seen     | scope                |
 * |----------------------------|--------------------------|----------|----------------------|
 * | /0, or over too many leaves | of the unknown location | unknown  | the source           |
 * | within one class           | that                     | location | where it is constant |
 * | the same, nothing is known | that                     | unknown  | where it is constant |
 * | over several               | largest, the first of equals | span | the source           |
 *
 * Where residency depends on the client, a span is served like its largest class, but inside the
 * intersection of the residency sets of all its classes.
 */
export function classify(
  policy: Pick<Policy, "v4" | "v6">,
  ruleSet: ClassColumns,
  client: Client,
  out: Classified,
): void {
  unmapClient(client);
  out.classIndex = ruleSet.classOfLocation[0]! as ClassIndex;
  out.seen = "unknown";
  out.scope = client.before + client.length;
  if (client.length === 0) {
    out.scope = client.before;
    return;
  }
  const leaves = client.family === 4 ? policy.v4 : policy.v6;
  const first = findLeaf(leaves, client.words);
  const last = spanEnd(leaves, first, client.words, client.length);
  if (last === -1) return;
  if (first !== last && !oneClass(leaves, ruleSet, { first, last })) {
    const largest = largestClass(leaves, ruleSet, { first, last, length: client.length });
    out.classIndex =
      ruleSet.residency === undefined
        ? largest
        : classWithin(leaves, ruleSet, ruleSet.residency, largest, { first, last });
    out.seen = "span";
    return;
  }
  const location = leaves.locations[first]!;
  out.classIndex = ruleSet.classOfLocation[location] as ClassIndex;
  out.seen = location === 0 && nowhere(leaves, first, last) ? "unknown" : "location";
  out.scope = client.before + (client.family === 4 ? ruleSet.scope4 : ruleSet.scope6)[first]!;
  if (client.family === 6 && ruleSet.classes.length > 1) {
    const plain = Math.min(client.length, plainScopeMin(client.words));
    if (plain > out.scope) out.scope = plain;
  }
}

/**
 * With a `client` key a client *is* its masked prefix: cut to it before it is classified, so that a
 * front that sees the whole address decides as one that sees the prefix (docs/decisions/0016). Not
 * where residency depends on the client: there the most exact place counts.
 */
export function maskClient(
  service: Affinity,
  ruleSet: Pick<RuleSet, "residency">,
  client: Client,
): void {
  if (service.key !== "client" || ruleSet.residency !== undefined) return;
  unmapClient(client);
  const mask = client.family === 4 ? service.affinityMask4 : service.affinityMask6;
  if (client.length <= mask) return;
  client.length = mask;
  const { words } = client;
  for (let i = 0; i < 4; i++) {
    const kept = mask - i * 32;
    if (kept < 32) words[i]! &= kept <= 0 ? 0 : -1 << (32 - kept);
  }
}

/**
 * The scope of an answer: `query` keys, and decisions of a single answer (pick.ts `isSingle`),
 * depend on the class alone; `client` keys on the affinity mask as well.
 */
// Plain arguments, not an options object: called once a query, and must not allocate.
export function answerScope(
  service: Affinity,
  client: Client,
  classified: Classified,
  single: boolean,
): number {
  if (single || service.key === "query") return classified.scope;
  const mask = client.family === 4 ? service.affinityMask4 : service.affinityMask6;
  return Math.max(classified.scope, client.before + mask);
}

function unmapClient(client: Client): void {
  if (client.family === 4) return;
  const before = embeddedAt(client.words);
  const length = unmapPrefix(client.words, client.length);
  if (length < 0) return;
  client.family = 4;
  client.length = length;
  client.before = before;
}

interface Span {
  readonly first: LeafIndex;
  readonly last: LeafIndex;
}

function oneClass(leaves: Leaves, ruleSet: ClassColumns, { first, last }: Span): boolean {
  const classOf = ruleSet.classOfLocation;
  const expected = classOf[leaves.locations[first]!];
  for (let leaf = first + 1; leaf <= last; leaf++) {
    if (classOf[leaves.locations[leaf]!] !== expected) return false;
  }
  return true;
}

function nowhere(leaves: Leaves, first: LeafIndex, last: LeafIndex): boolean {
  for (let leaf = first + 1; leaf <= last; leaf++) if (leaves.locations[leaf] !== 0) return false;
  return true;
}

/** The class like `largest`, inside the residency sets of every class of the span. */
// Plain arguments, not an options object: called once a query, and must not allocate.
function classWithin(
  leaves: Leaves,
  ruleSet: ClassColumns,
  residency: ClientResidency,
  largest: ClassIndex,
  { first, last }: Span,
): ClassIndex {
  const { setCount, setOfClass, meet, within } = residency;
  const classOf = ruleSet.classOfLocation;
  let set = setOfClass[largest]!;
  for (let leaf: number = first; leaf <= last; leaf++) {
    set = meet[set * setCount + setOfClass[classOf[leaves.locations[leaf]!]!]!]!;
  }
  return within[largest * setCount + set] as ClassIndex;
}

function largestClass(
  leaves: Leaves,
  ruleSet: ClassColumns,
  span: Span & { readonly length: number },
): ClassIndex {
  const classOf = ruleSet.classOfLocation;
  for (let leaf: number = span.first; leaf <= span.last; leaf++) {
    sizes[classOf[leaves.locations[leaf]!]!]! += 2 ** (span.length - leaves.lengths[leaf]!);
  }
  let largest = 0;
  let largestSize = 0;
  for (let leaf: number = span.first; leaf <= span.last; leaf++) {
    const candidate = classOf[leaves.locations[leaf]!]!;
    const size = sizes[candidate]!;
    if (size > largestSize || (size === largestSize && candidate < largest)) {
      largest = candidate;
      largestSize = size;
    }
  }
  // Only now: a class may come up in many leaves.
  for (let leaf: number = span.first; leaf <= span.last; leaf++) {
    sizes[classOf[leaves.locations[leaf]!]!] = 0;
  }
  return largest as ClassIndex;
}
