/**
 * Words of the language that have their place but are not carried out yet: the only list of them.
 * schema.ts puts each where it belongs (see later.ts), conditions are checked by their own readers;
 * writing one is refused with `config.unsupported`, so a configuration never means less than it
 * says. A word leaves this table on the day it works. Keys are paths in the configuration, `*` for
 * any name, `=` before a value, and `when:` before a word of conditions.
 */
export const unsupported = {
  "regions.*.cost": "Price of a unit of traffic served here, for steering by cost.",
  "regions.*.vote": "Whether vantages in the region count for the quorum on health.",
  "services.*.steer.cost": "Steer to the cheapest region within a bound of latency.",
  "services.*.check.vantages": "From where to probe, and how many must agree.",
  "services.*.cohorts.*.share": "A part of all clients, drawn by the cohort's own seed.",
  "services.*.cohorts.*.header": "Clients whose requests have a header, on proxies.",
  "services.*.cohorts.*.cookie": "Clients whose requests have a cookie, on proxies.",
  "services.*.residency.dns=via-proxy": "DNS leads to the proxy front, which sees the client.",
  "services.*.key=cookie": "Clients of the proxy keep their endpoint by a cookie.",
  "services.*.key=header": "Clients of the proxy keep their endpoint by a header.",
  "services.*.schedule": "Planned shifts of traffic.",
  "services.*.fronts": "Fronts that serve this service.",
  "services.*.proxy": "How the proxy front serves it: ports, TLS, retries.",
  "services.*.anycast": "Prefixes announced while the service can serve.",
  "services.*.xds": "How it is given to Envoy and gRPC.",
  "zones.*.dnssec": "Sign the zone.",
  "zones.*.transfer": "Who may transfer the zone (AXFR, IXFR), and with which key.",
  "zones.*.update": "Who may change records (RFC 2136), and with which key.",
  "zones.*.notify": "Whom to tell of changes (RFC 1996).",
  "listen.proxy": "The proxy front.",
  "listen.xds": "The xDS front.",
  "listen.api": "The HTTP interface for operators.",
  "safety.state": "What operators' changes must leave, such as two regions that serve EU.",
  "safety.rate": "How much operators' changes and returns may move within a time.",
  windows: "Named time windows, for `when` and schedules.",
  schedules: "Planned shifts of traffic over services.",
  cluster: "Peers that exchange what they see.",
  store: "A store shared by several nodes.",
  rollout: "In what order nodes take a revision, and how long it soaks.",
  "when: window": "An open time window.",
  "when: sni": "The TLS server name, on proxies.",
  "when: host": "The Host header, on proxies.",
  "when: path": "The path, on proxies.",
  "when: header": "A header, on proxies.",
  "when: cookie": "A cookie, on proxies.",
} as const;

export type UnsupportedWord = keyof typeof unsupported;

/** What a refused word adds to its zod issue; problems.ts reads it. */
export const unsupportedParams = {
  code: "config.unsupported",
  hint: "remove it; docs/configuration.md says what works today",
} as const;

const whenPrefix = "when: ";
/** Words of conditions that are refused. */
export const laterConditionWords: ReadonlySet<string> = new Set(
  Object.keys(unsupported).flatMap((word) =>
    word.startsWith(whenPrefix) ? [word.slice(whenPrefix.length)] : [],
  ),
);

const unsupportedPaths = Object.keys(unsupported).map((word) => word.split("."));

/** Is a value at this path refused, whatever it is? */
export function isUnsupportedKey(path: readonly (string | number)[]): boolean {
  return unsupportedPaths.some(
    (steps) =>
      steps.length === path.length &&
      steps.every((step, i) => step === "*" || step === String(path[i])),
  );
}

export function unsupportedMessage(word: UnsupportedWord): string {
  const last = /[^.=: ]+$/.exec(word)?.[0] ?? word;
  return `\`${last}\` is not supported yet`;
}

/** Before the words an operator may choose from, in the message of the issue; see issues.ts. */
export const offeredPrefix = "offered: ";
