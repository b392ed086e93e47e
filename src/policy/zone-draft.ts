/**
 * The draft of all zones: nodes by name while names.ts fills them (zone-read.ts, zone-records.ts),
 * checks them as a whole (zone-checks.ts) and packs them (name-pack.ts); and the mistakes found on
 * the way, all of them. A draft node's name is in lower case.
 */
import type { Problem, ProblemCode } from "../errors.ts";
import { limits } from "../limits.ts";
import { formatName, parentName, parseName } from "../wire/dns-name.ts";
import type { Soa } from "../wire/zone.ts";
import type { SteeredInput, Written, ZoneInput } from "./name-table.ts";

export interface DraftRrset {
  readonly type: number;
  readonly ttlSeconds: number;
  readonly records: Uint8Array[];
  /** The records as hexadecimal text, to find one written twice. */
  readonly seen: Set<string>;
  readonly written: Written;
  /** Of `ZoneInput.data`: what is only out of place there is a warning. */
  readonly isData: boolean;
}

export interface DraftNode {
  readonly name: Uint8Array;
  readonly zone: DraftZone;
  readonly rrsets: Map<number, DraftRrset>;
  /** NS and DS that the parent zone holds about this apex. */
  readonly parentSide: Map<number, DraftRrset>;
  /** The topmost delegation at or above this node, or DNAME above it; set by zone-checks.ts. */
  cut: DraftNode | undefined;
  steered:
    | {
        readonly service: SteeredInput["service"];
        readonly cname: boolean;
        readonly https: boolean;
        readonly by: Written;
      }
    | undefined;
}

export interface DraftZone {
  readonly input: ZoneInput;
  readonly apex: Uint8Array;
  /** Its serial is 0 until the zone is packed. */
  readonly soa: Soa;
  readonly soaTtlSeconds: number;
  /** As written; undefined: none is. */
  readonly serial: number | undefined;
  /** TTL of the ZONEMD record to be made; undefined: none. */
  zonemdTtlSeconds: number | undefined;
}

export interface Draft {
  readonly zones: DraftZone[];
  /** By `nameKey`. */
  readonly nodes: Map<string, DraftNode>;
  readonly zoneByApex: Map<string, DraftZone>;
  readonly problems: Problem[];
  /** Codes and paths of them. */
  readonly said: Set<string>;
}

/** Octets of a lower-cased wire name as text: a key for maps. */
export function nameKey(name: Uint8Array): string {
  // Twice as fast as spreading them.
  return String.fromCharCode.apply(null, name as unknown as number[]);
}

export function newDraft(): Draft {
  return { zones: [], nodes: new Map(), zoneByApex: new Map(), problems: [], said: new Set() };
}

export function report(
  draft: Draft,
  written: Written,
  problem: { code: ProblemCode; message: string; hint: string; severity?: "error" | "warning" },
): void {
  const said = `${problem.code} ${written.path}`;
  if (written.copy === true && draft.said.has(said)) return;
  draft.said.add(said);
  draft.problems.push({
    code: problem.code,
    severity: problem.severity ?? "error",
    path: written.path,
    message: problem.message,
    hint: problem.hint,
    ...(written.place === undefined ? {} : { place: written.place }),
  });
}

export function absoluteName(
  draft: Draft,
  text: string,
  options: { readonly written: Written; readonly what: string; readonly origin?: Uint8Array },
): Uint8Array | undefined {
  const name = parseName(text, options.origin);
  if (name.ok) return name.value;
  const message = `${options.what} ${JSON.stringify(text)} holds ${name.message}`;
  report(draft, options.written, { code: "config.invalid", message, hint: "write a domain name" });
  return undefined;
}

export function checkTtl(
  draft: Draft,
  written: Written,
  { what, seconds }: { readonly what: string; readonly seconds: number },
): boolean {
  // NaN: reported already for what it is.
  if (Number.isNaN(seconds)) return true;
  const ok = Number.isInteger(seconds) && seconds >= 0 && seconds <= limits.dnsRecordTtlSecondsMax;
  if (!ok) {
    const message = `${what} is ${seconds}`;
    const hint = "DNS counts whole seconds, 0 to 2147483647";
    report(draft, written, { code: "config.invalid", message, hint });
  }
  return ok;
}

export function ensureNode(draft: Draft, name: Uint8Array, zone: DraftZone): DraftNode {
  const key = nameKey(name);
  const known = draft.nodes.get(key);
  if (known !== undefined) return known;
  const node: DraftNode = {
    name,
    zone,
    rrsets: new Map(),
    parentSide: new Map(),
    cut: undefined,
    steered: undefined,
  };
  draft.nodes.set(key, node);
  return node;
}

/** The zone with the longest apex at or above the name (or strictly above it). */
export function zoneOf(
  draft: Draft,
  name: Uint8Array,
  strictlyAbove = false,
): DraftZone | undefined {
  let suffix = strictlyAbove ? parentName(name) : name;
  if (strictlyAbove && name.length === 1) return undefined;
  for (;;) {
    const zone = draft.zoneByApex.get(nameKey(suffix));
    if (zone !== undefined || suffix.length === 1) return zone;
    suffix = parentName(suffix);
  }
}

/** As `zoneOf`, by the node of the name or of the one above it where there is one. */
export function homeOf(draft: Draft, name: Uint8Array): DraftZone | undefined {
  const key = nameKey(name);
  return (
    draft.nodes.get(key)?.zone ??
    draft.zoneByApex.get(key) ??
    draft.nodes.get(nameKey(parentName(name)))?.zone ??
    zoneOf(draft, name)
  );
}

export function reportOutside(draft: Draft, written: Written, name: Uint8Array): void {
  const zones = draft.zones.map((zone) => formatName(zone.apex)).slice(0, 5);
  report(draft, written, {
    code: "config.conflict",
    message: `${formatName(name)} is in none of the zones`,
    hint: zones.length === 0 ? "write its zone under `zones`" : `the zones are ${zones.join(", ")}`,
  });
}

export function newRrset(
  type: number,
  ttlSeconds: number,
  from: { readonly written: Written; readonly isData?: boolean },
): DraftRrset {
  const { written, isData = false } = from;
  return { type, ttlSeconds, records: [], seen: new Set(), written, isData };
}

/** ` at FILE:LINE:COL`, or where in the configuration; for a problem that has two places. */
export function alsoAt({ path, place }: Written): string {
  return place === undefined ? `at ${path}` : `at ${place.file}:${place.line}:${place.column}`;
}
