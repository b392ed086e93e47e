/**
 * Zones and steered names -> the draft. Called by names.ts: zones first, ancestors last.
 */
import { limits } from "../limits.ts";
import { types } from "../wire/dns-constants.ts";
import {
  equalNames,
  formatName,
  lowerName,
  parentName,
  parseName,
  rootName,
} from "../wire/dns-name.ts";
import type { Soa } from "../wire/zone.ts";
import type { SteeredInput, ZoneInput } from "./name-table.ts";
import { dataSoa } from "./zone-data.ts";
import {
  absoluteName,
  checkTtl,
  type Draft,
  type DraftNode,
  type DraftZone,
  ensureNode,
  nameKey,
  newRrset,
  report,
  reportOutside,
  zoneOf,
} from "./zone-draft.ts";

export function draftZones(draft: Draft, zones: readonly ZoneInput[]): void {
  for (const zone of zones) draftZone(draft, zone);
  for (const zone of draft.zones) draftApex(draft, zone);
}

function draftZone(draft: Draft, input: ZoneInput): void {
  if (draft.zones.length === limits.dnsZonesMax) {
    const message = `over ${limits.dnsZonesMax} zones`;
    report(draft, input, { code: "config.limit", message, hint: "use several servers" });
    return;
  }
  const apex = absoluteName(draft, input.apex, { written: input, what: "the zone" });
  if (apex === undefined) return;
  const key = nameKey(lowerName(apex));
  if (draft.zoneByApex.has(key)) {
    const message = `the zone ${formatName(apex)} stands twice`;
    report(draft, input, { code: "config.duplicate", message, hint: "write it once" });
    return;
  }
  checkSoaTimes(draft, input);
  const written = input.data === undefined ? undefined : dataSoa(draft, input, lowerName(apex));
  const zone: DraftZone = {
    input,
    apex: lowerName(apex),
    soa: { ...(written?.soa ?? inputSoa(draft, input, apex)), serial: 0 },
    soaTtlSeconds: written?.ttlSeconds ?? input.ttlSeconds,
    serial: input.soa.serial ?? written?.soa.serial,
    zonemdTtlSeconds: input.zonemd === true ? (written?.ttlSeconds ?? input.ttlSeconds) : undefined,
  };
  draft.zones.push(zone);
  draft.zoneByApex.set(key, zone);
}

function inputSoa(draft: Draft, input: ZoneInput, apex: Uint8Array): Soa {
  const { refreshSeconds, retrySeconds, expireSeconds, minimumSeconds } = input.soa;
  const first = input.soa.mname ?? input.ns[0] ?? input.apex;
  const mname = absoluteName(draft, first, { written: input, what: "the SOA's mname" }) ?? apex;
  const rname = zoneRname(draft, input, apex);
  return { mname, rname, serial: 0, refreshSeconds, retrySeconds, expireSeconds, minimumSeconds };
}

/**
 * `hostmaster@example.com` or `hostmaster.example.com`: RFC 1035 section 8 for the dots before @.
 */
function zoneRname(draft: Draft, input: ZoneInput, apex: Uint8Array): Uint8Array {
  const { rname } = input.soa;
  const text = rname?.replace(
    /^([^@\\]+)@/,
    (_, local: string) => `${local.replaceAll(".", "\\.")}.`,
  );
  const options = { written: input, what: "the SOA's rname" };
  if (text !== undefined) return absoluteName(draft, text, options) ?? rootName;
  const name = parseName("hostmaster", apex);
  return name.ok ? name.value : apex;
}

function checkSoaTimes(draft: Draft, input: ZoneInput): void {
  const { refreshSeconds, retrySeconds, expireSeconds, minimumSeconds, serial } = input.soa;
  const times = {
    refreshSeconds,
    retrySeconds,
    expireSeconds,
    minimumSeconds,
    ttlSeconds: input.ttlSeconds,
  };
  for (const [what, seconds] of Object.entries(times)) checkTtl(draft, input, { what, seconds });
  if (serial !== undefined && !(Number.isInteger(serial) && serial >= 0 && serial <= 0xffff_ffff)) {
    const hint = "write a number of 32 bits";
    report(draft, input, { code: "config.invalid", message: `the serial ${serial}`, hint });
  }
}

function draftApex(draft: Draft, zone: DraftZone): void {
  const node = ensureNode(draft, zone.apex, zone);
  const { input } = zone;
  const rrset = newRrset(types.ns, input.ttlSeconds, { written: input });
  const { records } = rrset;
  for (const text of input.ns) {
    const name = absoluteName(draft, text, { written: input, what: "the name server" });
    if (name === undefined) continue;
    if (records.some((other) => equalNames(other, name))) {
      const message = `the name server ${formatName(name)} stands twice`;
      report(draft, input, { code: "config.duplicate", message, hint: "write it once" });
    } else records.push(name);
  }
  if (records.length === 0) return;
  node.rrsets.set(types.ns, rrset);
}

export function draftSteered(draft: Draft, input: SteeredInput): void {
  const owner = absoluteName(draft, input.name, { written: input, what: "the name" });
  if (owner === undefined) return;
  const name = lowerName(owner);
  const zone = zoneOf(draft, name);
  if (zone === undefined) {
    reportOutside(draft, input, owner);
    return;
  }
  const node = ensureNode(draft, name, zone);
  if (node.steered !== undefined) {
    const message = `${formatName(name)} is steered twice, also at ${node.steered.by.path}`;
    report(draft, input, { code: "config.duplicate", message, hint: "give it to one service" });
    return;
  }
  const { service, cname, https = false } = input;
  node.steered = { service, cname, https, by: input };
}

/**
 * Empty non-terminals (RFC 4592 section 2.2.2): every name between a node and its apex exists; so
 * does, in the parent zone, every name above a zone of ours, or RFC 8020 would deny that zone.
 */
export function draftAncestors(draft: Draft): void {
  const done = new Set<DraftNode>();
  for (const node of [...draft.nodes.values()]) {
    let { name } = node;
    let zone: DraftZone | undefined = node.zone;
    while (name.length > 1) {
      if (name.length === zone.apex.length) zone = zoneOf(draft, name, true);
      name = parentName(name);
      if (zone === undefined) break;
      const above = ensureNode(draft, name, zone);
      // Others have gone on from here.
      if (done.has(above)) break;
      done.add(above);
    }
  }
}
