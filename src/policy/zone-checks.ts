/**
 * What must hold of a whole draft of zones before it is packed: one meaning for every name. Called
 * by names.ts after zone-draft.ts. Also finds the delegation above each node, since what lies below
 * one is glue and never answered from here.
 */
import { limits } from "../limits.ts";
import { formatType, types } from "../wire/dns-constants.ts";
import { formatName, lowerName, parentName, parseName } from "../wire/dns-name.ts";
import type { SteeredInput } from "./name-table.ts";
import {
  alsoAt,
  type Draft,
  type DraftNode,
  type DraftRrset,
  type DraftZone,
  nameKey,
  report,
  zoneOf,
} from "./zone-draft.ts";

const addressTypes: ReadonlySet<number> = new Set([types.a, types.aaaa]);
const nothing: ReadonlySet<number> = new Set();
/** RFC 9460: SVCB and HTTPS, and the parameters that are addresses. */
const serviceBindingTypes: ReadonlySet<number> = new Set([64, 65]);
const ipv4Hint = 4;
const ipv6Hint = 6;
/**
 * What may stand at a delegation: itself, its DS, and addresses when a server has that very name.
 */
const cutTypes: ReadonlySet<number> = new Set([
  ...[types.ns, types.ds, types.a, types.aaaa],
  // Reported for itself.
  types.dname,
]);

export function checkDraft(draft: Draft): void {
  // Those above come first: whose parent is cut is cut with it.
  const byLength = [...draft.nodes.values()].sort((a, b) => a.name.length - b.name.length);
  for (const node of byLength) node.cut = findCut(draft, node);
  for (const node of draft.nodes.values()) {
    if (node.cut !== undefined) checkBelowCut(draft, node, node.cut);
    checkSteered(draft, node);
    checkCname(draft, node);
    for (const rrset of [...node.rrsets.values(), ...node.parentSide.values()]) {
      checkRrset(draft, node, rrset);
    }
  }
  for (const zone of draft.zones) {
    checkNested(draft, zone);
    if (draft.nodes.get(nameKey(zone.apex))?.rrsets.has(types.ns)) continue;
    report(draft, zone.input, {
      code: "config.missing",
      severity: "warning",
      message: `the zone ${formatName(zone.apex)} names no name server`,
      hint: `write those that the parent zone delegates to: \`zones: {${formatName(zone.apex).replace(/\.$/, "")}: {ns: [...]}}\``,
    });
  }
}

/** A zone inside one that comes from a file: only here is it known what that file delegates. */
function checkNested(draft: Draft, zone: DraftZone): void {
  const parent = zoneOf(draft, zone.apex, true);
  if (parent?.input.data === undefined) return;
  if (draft.nodes.get(nameKey(zone.apex))?.parentSide.has(types.ns)) return;
  const [inner, outer] = [formatName(zone.apex), formatName(parent.apex)];
  report(draft, zone.input, {
    code: "config.conflict",
    message: `the zone lies inside ${outer} (${alsoAt(parent.input)}), which does not delegate it`,
    hint: `add an NS record for ${inner} to the file of ${outer}, or put its records there`,
  });
}

function isApex(node: DraftNode): boolean {
  return node.name.length === node.zone.apex.length;
}

/** A DNAME cuts what is below it, at the apex as well, and not itself (RFC 6672 section 2.3). */
function findCut(draft: Draft, node: DraftNode): DraftNode | undefined {
  if (isApex(node)) return undefined;
  const above = draft.nodes.get(nameKey(parentName(node.name)));
  if (above?.cut !== undefined) return above.cut;
  if (above?.rrsets.has(types.dname)) return above;
  return node.rrsets.has(types.ns) ? node : undefined;
}

function checkBelowCut(draft: Draft, node: DraftNode, cut: DraftNode): void {
  const byName = cut.rrsets.get(types.dname);
  const why = `${formatName(cut.name)} is ${byName === undefined ? "delegated" : "a DNAME"}`;
  const belowDname = byName === undefined ? addressTypes : nothing;
  const allowed = node === cut ? cutTypes : belowDname;
  for (const rrset of node.rrsets.values()) {
    if (allowed.has(rrset.type)) continue;
    const what = `${formatType(rrset.type)} records of ${formatName(node.name)}`;
    report(draft, rrset.written, {
      code: "config.conflict",
      severity: rrset.isData ? "warning" : "error",
      message: `${what} are never answered: ${why}`,
      hint:
        byName === undefined
          ? "only addresses of its name servers may stand there"
          : "remove them, or the DNAME",
    });
  }
  if (node.steered === undefined) return;
  const by = byName ?? cut.rrsets.get(types.ns);
  report(draft, node.steered.by, {
    code: "config.conflict",
    message: `${formatName(node.name)} is never answered: ${why}${by === undefined ? "" : ` (${alsoAt(by.written)})`}`,
    hint: `remove the ${byName === undefined ? "NS" : "DNAME"} records, or steer another name`,
  });
}

/** Addresses at a steered name come from steering alone. */
function checkSteered(draft: Draft, node: DraftNode): void {
  const { steered } = node;
  if (steered === undefined) return;
  const name = formatName(node.name);
  for (const rrset of node.rrsets.values()) {
    if (!addressTypes.has(rrset.type) && rrset.type !== types.cname) continue;
    report(draft, rrset.written, {
      code: "config.conflict",
      message: `${formatType(rrset.type)} records of ${name}, which is steered (${rrset.isData ? alsoAt(steered.by) : steered.by.path})`,
      hint: "remove them, or write them as endpoints",
    });
  }
  for (const rrset of node.rrsets.values()) {
    if (!serviceBindingTypes.has(rrset.type) || !rrset.records.some(leadsElsewhere)) continue;
    const what = `${formatType(rrset.type)} records of ${name}, which is steered`;
    report(draft, rrset.written, {
      code: "config.conflict",
      message: `${what}, hold addresses or another target`,
      hint: "leave out ipv4hint and ipv6hint, and write `.` as the target",
    });
  }
  const written = node.rrsets.get(types.https);
  if (steered.https && written !== undefined) {
    report(draft, written.written, {
      code: "config.conflict",
      message: `HTTPS records of ${name}, which \`https\` makes (${alsoAt(steered.by)})`,
      hint: "remove one of the two",
    });
  }
  if (!steered.cname) return;
  if (steered.https) {
    report(draft, steered.by, {
      code: "config.conflict",
      message: `\`https\` of ${name}, which is answered by CNAME`,
      hint: "let the endpoints be resolved: leave `cname` out",
    });
  }
  if (isApex(node)) {
    report(draft, steered.by, {
      code: "config.conflict",
      message: `${name} is the apex of a zone, where no CNAME may stand`,
      hint: "let the endpoints be resolved: leave `cname` out",
    });
    return;
  }
  for (const rrset of node.rrsets.values()) {
    report(draft, rrset.written, {
      code: "config.conflict",
      message: `${formatType(rrset.type)} records of ${name}, which is answered by CNAME`,
      hint: "nothing may stand beside a CNAME; let the endpoints be resolved instead",
    });
  }
}

/**
 * Clients of SVCB and HTTPS connect to what these say, whatever the addresses of the name are: to
 * another target (RFC 9460 sections 2.4 and 2.5), or to the hints (section 7.3). So does
 * what cannot be read: better refused than steered around.
 */
function leadsElsewhere(rdata: Uint8Array): boolean {
  // Priority, then the target: the root stands for the owner itself, in service mode alone.
  const alias = rdata[0] === 0 && rdata[1] === 0;
  if (alias || rdata[2] !== 0) return true;
  let at = 3;
  while (at < rdata.length) {
    if (at + 4 > rdata.length) return true;
    const key = (rdata[at]! << 8) | rdata[at + 1]!;
    if (key === ipv4Hint || key === ipv6Hint) return true;
    at += 4 + ((rdata[at + 2]! << 8) | rdata[at + 3]!);
  }
  return at !== rdata.length;
}

/** RFC 1034 section 3.6.2: a CNAME stands alone, and once. */
function checkCname(draft: Draft, node: DraftNode): void {
  const rrset = node.rrsets.get(types.cname);
  if (rrset === undefined || node.steered !== undefined) return;
  const name = formatName(node.name);
  const hint = "nothing may stand beside a CNAME";
  if (isApex(node)) {
    const message = `a CNAME at ${name}, the apex of a zone`;
    const apexHint = "steer the apex as a service, or write addresses";
    report(draft, rrset.written, { code: "config.conflict", message, hint: apexHint });
  } else if (node.rrsets.size > 1) {
    const others = [...node.rrsets.keys()].filter((type) => type !== types.cname).map(formatType);
    const message = `a CNAME of ${name} beside ${others.join(", ")}`;
    report(draft, rrset.written, { code: "config.conflict", message, hint });
  }
  if (rrset.records.length > 1) {
    const message = `${rrset.records.length} CNAMEs of ${name}`;
    report(draft, rrset.written, {
      code: "config.conflict",
      message,
      hint: "a name has one CNAME",
    });
  } else checkCnameLoop(draft, node, rrset);
}

function checkCnameLoop(draft: Draft, node: DraftNode, rrset: DraftRrset): void {
  const visited = new Set<DraftNode>([node]);
  let target = rrset.records[0];
  while (target !== undefined) {
    const next = findStatic(draft, lowerName(target));
    if (next === undefined) return;
    if (next === node) {
      const message = `the CNAME of ${formatName(node.name)} leads back to itself`;
      report(draft, rrset.written, {
        code: "config.conflict",
        severity: rrset.isData ? "warning" : "error",
        message,
        hint: "break the circle",
      });
      return;
    }
    if (visited.has(next)) return;
    visited.add(next);
    target = next.rrsets.get(types.cname)?.records[0];
  }
}

/** The node that answers for a name, wildcards included; undefined outside our zones. */
function findStatic(draft: Draft, name: Uint8Array): DraftNode | undefined {
  const own = draft.nodes.get(nameKey(name));
  if (own !== undefined) return own;
  const zone = zoneOf(draft, name);
  if (zone === undefined) return undefined;
  let encloser = parentName(name);
  while (!draft.nodes.has(nameKey(encloser))) encloser = parentName(encloser);
  return draft.nodes.get(nameKey(Uint8Array.from([1, 0x2a, ...encloser])));
}

/** As fronts answer: nothing at or below a delegation is ours. */
export function steeredBy(draft: Draft, host: string): SteeredInput["service"] | undefined {
  const name = parseName(host);
  let target = name.ok ? name.value : undefined;
  for (let hop = 0; target !== undefined && hop <= limits.dnsCnameHopsMax; hop++) {
    const lower = lowerName(target);
    const dname = dnameAbove(draft, lower);
    if (dname !== undefined) {
      target = renamed(lower, dname);
      continue;
    }
    const node = findStatic(draft, lower);
    if (node === undefined || node.cut !== undefined) return undefined;
    if (node.steered !== undefined) return node.steered.service;
    target = node.rrsets.get(types.cname)?.records[0];
  }
  return undefined;
}

/** The node whose DNAME answers for a name strictly below it. */
function dnameAbove(draft: Draft, name: Uint8Array): DraftNode | undefined {
  let above: DraftNode | undefined;
  let rest = name;
  while (above === undefined && rest.length > 1) {
    rest = parentName(rest);
    above = draft.nodes.get(nameKey(rest));
  }
  const apex = zoneOf(draft, name)?.apex.length ?? name.length;
  // A zone of ours inside has its own answers.
  if (above === undefined || above.name.length < apex || name.length === apex) return undefined;
  const by = above.cut ?? above;
  return by.rrsets.has(types.dname) ? by : undefined;
}

/** What the DNAME makes of the name; undefined when that is too long. */
function renamed(name: Uint8Array, { name: owner, rrsets }: DraftNode): Uint8Array | undefined {
  const target = rrsets.get(types.dname)?.records[0] ?? owner;
  const prefix = name.subarray(0, name.length - owner.length);
  if (prefix.length + target.length > limits.dnsNameBytesMax) return undefined;
  return Uint8Array.from([...prefix, ...target]);
}

function checkRrset(draft: Draft, node: DraftNode, rrset: DraftRrset): void {
  const bytes = rrset.records.reduce((sum, record) => sum + record.length + 12, 0);
  if (bytes > limits.dnsRrsetBytesMax) {
    const message = `${rrset.records.length} ${formatType(rrset.type)} records of ${formatName(node.name)} take ${bytes} octets`;
    const hint = `one answer holds ${limits.dnsRrsetBytesMax}`;
    report(draft, rrset.written, { code: "config.limit", message, hint });
  }
  if (rrset.type === types.dname) checkDname(draft, node, rrset);
  if (rrset.type !== types.ns) return;
  if (node.name[0] === 1 && node.name[1] === 0x2a) {
    // RFC 4592 section 4.2 leaves its meaning open.
    const message = `NS records of the wildcard ${formatName(node.name)}`;
    const hint = "delegate each name by itself";
    report(draft, rrset.written, { code: "config.conflict", message, hint });
  }
  for (const target of rrset.records) checkNameServer(draft, rrset, target);
}

/** RFC 6672 sections 2.4 and 3.3. */
function checkDname(draft: Draft, node: DraftNode, rrset: DraftRrset): void {
  const name = formatName(node.name);
  const fail = (message: string, hint: string) =>
    report(draft, rrset.written, { code: "config.conflict", message, hint });
  if (rrset.records.length > 1) {
    fail(`${rrset.records.length} DNAMEs of ${name}`, "a name has one DNAME");
  }
  if (node.name[0] === 1 && node.name[1] === 0x2a) {
    fail(`the DNAME of the wildcard ${name}`, "write a DNAME for each name");
  }
  if (!isApex(node) && node.rrsets.has(types.ns)) {
    fail(`the DNAME of ${name}, which is delegated`, "remove it, or the NS records");
  }
}

/** A name server inside our zones must have an address there, and must not be an alias. */
function checkNameServer(draft: Draft, rrset: DraftRrset, target: Uint8Array): void {
  const name = lowerName(target);
  const zone = zoneOf(draft, name);
  if (zone === undefined) return;
  const node = findStatic(draft, name);
  const answered = node?.rrsets.has(types.a) || node?.rrsets.has(types.aaaa) || node?.steered;
  // Below somebody else's delegation it is for them to say, unless the delegation needs it as glue.
  const foreign = node === undefined && !isGlue(draft, rrset, name);
  if (answered || foreign) return;
  const alias = node?.rrsets.has(types.cname);
  report(draft, rrset.written, {
    code: "config.missing",
    severity: "warning",
    message: `the name server ${formatName(target)} ${alias ? "is an alias" : "has no address"}`,
    hint: "write its A or AAAA record into the zone",
  });
}

/** Does the name, of a zone of ours, lie outside every delegation, or below that of this RRset? */
function isGlue(draft: Draft, rrset: DraftRrset, name: Uint8Array): boolean {
  let node: DraftNode | undefined;
  // The zone's apex ends it at the latest.
  for (let above = parentName(name); node === undefined; above = parentName(above)) {
    node = draft.nodes.get(nameKey(above));
  }
  return node.cut === undefined || node.cut.rrsets.get(types.ns) === rrset;
}
