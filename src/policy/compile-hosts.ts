/**
 * Endpoints whose host name is one that this server answers itself. Called by compile.ts once the
 * names are known. Resolved ahead, such a name would be steered for this server instead of the
 * client; answered as a CNAME, it hands the client to another service, which must not undo the
 * first one's residency nor lead back to it.
 */
import { limits } from "../limits.ts";
import { types } from "../wire/dns-constants.ts";
import { parseName } from "../wire/dns-name.ts";
import type { ServiceDraft } from "./compile-model.ts";
import { type Findings, reportError } from "./compile-problems.ts";
import { createNameQuery, findAnswering, loadName } from "./name-lookup.ts";
import type { NameTable } from "./name-table.ts";

interface Handover {
  readonly from: number;
  readonly to: number;
  readonly path: string;
  readonly host: string;
}

export function checkHosts(
  names: NameTable,
  drafts: readonly ServiceDraft[],
  findings: Findings,
): void {
  const handovers: Handover[] = [];
  drafts.forEach(({ service, config }, from) => {
    for (const [region, colours] of Object.entries(config.endpoints)) {
      for (const { host, cname } of Object.values(colours).flat()) {
        const to = host === undefined ? undefined : steeredBy(names, host);
        if (host === undefined || to === undefined) continue;
        const path = `services.${service.name}.endpoints.${region}`;
        if (cname) handovers.push({ from, to, path, host });
        else {
          reportError(findings, {
            code: "config.conflict",
            path,
            message:
              `${host} is a name of the service ${drafts[to]?.service.name}: resolved ahead, ` +
              "it would be steered for this server, not for the client",
            hint: "write the addresses, a host name outside these zones, or `cname: true`",
          });
        }
      }
    }
  });
  for (const handover of handovers) checkHandover(handover, { drafts, handovers, findings });
}

/** The service that steers a name, static CNAMEs of these zones followed; undefined: none. */
function steeredBy(names: NameTable, host: string): number | undefined {
  const name = parseName(host);
  if (!name.ok) return undefined;
  const query = createNameQuery();
  loadName(query, name.value, 0);
  const { nodes, rrsets, bytes } = names;
  for (let hop = 0; hop <= limits.dnsCnameHopsMax; hop++) {
    const node = findAnswering(names, query);
    if (node < 0) return undefined;
    const service = nodes.service[node] ?? -1;
    if (service >= 0) return service;
    const first = nodes.firstRrset[node] ?? 0;
    const own = rrsets.type.subarray(first, first + (nodes.rrsetCount[node] ?? 0));
    const alias = own.indexOf(types.cname);
    if (alias < 0) return undefined;
    // Two octets of length stand before each record's data.
    loadName(query, bytes, (rrsets.offset[first + alias] ?? 0) + 2);
  }
  return undefined;
}

function checkHandover(
  { from, to, path, host }: Handover,
  given: {
    readonly drafts: readonly ServiceDraft[];
    readonly handovers: readonly Handover[];
    readonly findings: Findings;
  },
): void {
  const { drafts, handovers, findings } = given;
  const target = drafts[to]?.service.name;
  if (reachable(to, handovers).has(from)) {
    reportError(findings, {
      code: "config.conflict",
      path,
      message: `${host} is a name of the service ${target}, which leads back to this one`,
      hint: "let one of them name addresses",
    });
    return;
  }
  const mine = drafts[from]?.config.residency;
  if (mine === undefined) return;
  const theirs = drafts[to]?.config.residency?.only ?? [];
  const inside = theirs.length > 0 && theirs.every((place) => mine.only.includes(place));
  if (inside && mine.clients === undefined) return;
  reportError(findings, {
    code: "config.conflict",
    path,
    message:
      `${host} is a name of the service ${target}, ` +
      "which may be served outside the residency of this one",
    hint: `give ${target} a residency inside this one's, or write the addresses`,
  });
}

function reachable(start: number, handovers: readonly Handover[]): ReadonlySet<number> {
  const found = new Set([start]);
  // A set is walked to its end, what is added on the way included.
  for (const service of found) {
    for (const { from, to } of handovers) if (from === service) found.add(to);
  }
  return found;
}
