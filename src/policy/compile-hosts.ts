/**
 * Endpoints whose host name is one that this server answers itself. Called by compile.ts once the
 * names are known. Resolved ahead, such a name would be steered for this server instead of the
 * client; answered as a CNAME, it hands the client to another service, which must not undo the
 * first one's residency nor lead back to it.
 */
import type { EndpointConfig, ServiceConfig } from "../config/schema.ts";
import type { ServiceDraft } from "./compile-model.ts";
import { type Findings, reportError } from "./compile-problems.ts";
import type { NameTableResult } from "./name-table.ts";

interface Handover {
  readonly from: number;
  readonly to: number;
  readonly path: string;
  readonly host: string;
}

export function checkHosts(
  steeredBy: NameTableResult["steeredBy"],
  drafts: readonly ServiceDraft[],
  findings: Findings,
): void {
  const handovers: Handover[] = [];
  drafts.forEach(({ service, config }, from) => {
    for (const [below, endpoints] of endpointLists(config)) {
      for (const { host, cname } of endpoints) {
        const to = host === undefined ? undefined : steeredBy(host);
        if (host === undefined || to === undefined) continue;
        const path = `services.${service.name}.${below}`;
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

/** All endpoints, those of a fixed answer included, by where they are written. */
function endpointLists(config: ServiceConfig): readonly [string, readonly EndpointConfig[]][] {
  const { endpoints, fallback } = config;
  const lists = Object.entries(endpoints).map(([region, colours]): [string, EndpointConfig[]] => [
    `endpoints.${region}`,
    Object.values(colours).flat(),
  ]);
  if (typeof fallback !== "string") {
    lists.push(["fallback.fixed.endpoints", fallback.fixed.endpoints]);
  }
  return lists;
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
  const both = [drafts[from], drafts[to]].map((draft) => draft?.service.name ?? "");
  if (both.some((name) => findings.isStandIn(`services.${name}.residency`))) return;
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
