/**
 * The configuration language: the only definition. TypeScript types, defaults, checks, the JSON
 * Schema for editors and docs/configuration.md all derive from here. What an operator may write is
 * the input of `configSchema`; its output, `Config`, is the long form that policy/compile.ts reads:
 * every shorthand expanded, every default filled in. Checks between values are in checks-*.ts.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import {
  asciiHost,
  canonicalIpv4,
  canonicalIpv6,
  canonicalOwner,
  formatTarget,
  parseTarget,
} from "./address.ts";
import { assertionsSchema } from "./assertions.ts";
import { later, oneOf } from "./later.ts";
import { type CapacityConfig, capacitySchema, demandSchema } from "./schema-capacity.ts";
import { checkSchema } from "./schema-check.ts";
import { cohortSchema } from "./schema-cohorts.ts";
import { httpsSchema } from "./schema-https.ts";
import { latencySchema } from "./schema-latency.ts";
import { listenSchema } from "./schema-listen.ts";
import { dependencySchema, failbackSchema, rampSchema, safetySchema } from "./schema-safety.ts";
import { steerSchema } from "./schema-steer.ts";
import {
  anyNumberOf,
  at,
  canonical,
  cidr,
  cidrOrAddress,
  factor,
  hostName,
  jurisdiction,
  name,
  object,
  oneOrMore,
  percent,
  port,
  quote,
  ttlDuration,
  weight,
  zoneDuration,
} from "./values.ts";

const ownerName = canonical(canonicalOwner, "a DNS name").meta({ title: "DNS name" });
const country = z
  .string()
  .regex(/^[A-Z]{2}$/, "expected two capital letters such as DE (ISO 3166)")
  .meta({ title: "country" });
const subdivision = z
  .string()
  .regex(/^[A-Z]{2}-[A-Z0-9]{1,3}$/, "expected a code such as US-CA (ISO 3166-2)")
  .meta({ title: "subdivision" });
export const regionSchema = object({
  at: at.describe("Where the region is: an IATA airport code, or [latitude, longitude]."),
  in: anyNumberOf(jurisdiction)
    .prefault([])
    .describe("Jurisdictions the region is in, for `residency`."),
  labels: z.record(z.string(), z.string()).prefault({}).describe("Free labels, for people."),
  capacity: capacitySchema.optional().describe("What all services in the region can carry."),
  ramp: rampSchema
    .optional()
    .describe("After an outage of the region all its pools return over this time, as one."),
  cost: later("regions.*.cost"),
  vote: later("regions.*.vote"),
});

/** One endpoint in the long form; `name` is how it is printed and named in overrides. */
export interface EndpointConfig {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly host?: string | undefined;
  readonly cname: boolean;
  readonly port?: number | undefined;
  readonly weight: number;
  readonly capacity?: CapacityConfig | undefined;
  readonly name: string;
}

const endpointShort = z
  .string()
  .transform((text, context): EndpointConfig => {
    const address = parseTarget(text);
    if (address !== undefined) {
      return { ...address, cname: false, weight: 1, name: formatTarget(address) };
    }
    context.addIssue({ code: "custom", ...targetFault(text) });
    return z.NEVER;
  })
  .describe("`192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1`, `[2001:db8::1]:8080` or a host name.");

/** Why a text is no endpoint, and what it may have been meant to be. */
function targetFault(text: string): { message: string; params: { hint: string } } {
  const [, head = "", port] = /^(.*):(\d+)$/s.exec(text) ?? [];
  if (port !== undefined && parseTarget(head) !== undefined) {
    const hint = "ports are 1 to 65535";
    return { message: `${quote(text)}: ${port} is no port`, params: { hint } };
  }
  const ascii = asciiHost(text);
  const forms = "192.0.2.1, 192.0.2.1:8080, [2001:db8::1]:8080 or host.example:8080";
  const message = `${quote(text)} is neither an address nor a host name`;
  return { message, params: { hint: `write ${ascii === undefined ? forms : `\`${ascii}\``}` } };
}

const endpointShape = {
  ipv4: canonical(canonicalIpv4, "an IPv4 address such as 192.0.2.1")
    .optional()
    .describe("IPv4 address."),
  ipv6: canonical(canonicalIpv6, "an IPv6 address such as 2001:db8::1")
    .optional()
    .describe("IPv6 address of the same machine."),
  host: hostName
    .optional()
    .describe("Host name, resolved ahead with its TTL and kept through failures of the resolver."),
  cname: z.boolean().default(false).describe("Answer a CNAME to `host`, not its addresses."),
  port: port.optional().describe("Port it serves on, for checks."),
  weight: weight.default(1).describe("Share within the pool. 0: no new work."),
  capacity: capacitySchema.optional().describe("What it can carry."),
};
const endpointLong = object(endpointShape).transform((long, context): EndpointConfig => {
  const addressed = long.ipv4 !== undefined || long.ipv6 !== undefined;
  if (addressed === (long.host !== undefined)) {
    context.addIssue({
      code: "custom",
      message: "needs `ipv4`, `ipv6` or both, or else `host`",
      params: {
        code: addressed ? "config.conflict" : "config.missing",
        hint: addressed ? "remove one of the two" : "add the address it serves on",
      },
    });
  }
  if (long.cname && long.host === undefined) {
    context.addIssue({
      code: "custom",
      message: "`cname` needs a `host`",
      path: ["cname"],
      params: { code: "config.conflict", hint: "remove it, or name the host to point to" },
    });
  }
  return { ...long, name: formatTarget(long) };
});

/** One endpoint, as text or as a mapping. */
export const endpointSchema = z.union([endpointShort, endpointLong]);
const endpointList = z.union([
  endpointShort.transform((value) => [value]),
  endpointLong.transform((value) => [value]),
  z.array(endpointSchema).min(1).max(limits.endpointsPerPoolMax),
]);
/** What tells one endpoint from named colours: the keys of an endpoint are not names of colours. */
export const endpointKeys: ReadonlySet<string> = new Set(Object.keys(endpointShape));
const colour = name.refine((text) => !endpointKeys.has(text), "is a key of an endpoint, no colour");
/** One pool, whose colour is "", or named colours of it. */
const poolsOfRegion = z.union([
  endpointList.transform((list): Record<string, EndpointConfig[]> => ({ "": list })),
  z.record(colour, endpointList).refine((pools) => Object.keys(pools).length > 0, {
    error: "no endpoint is written",
    params: { code: "config.missing", hint: "write an address, a list, or colours of the pool" },
  }),
]);

export const recordSchema = object({
  name: z
    .string()
    .min(1)
    .max(254)
    .default("@")
    .describe("Owner: `@` for the zone or service itself, relative, or absolute with a final dot."),
  type: z.string().min(1).max(16).describe("Such as MX, TXT, CAA, or TYPE65 (RFC 3597)."),
  ttl: zoneDuration().optional().describe("Default: the zone's."),
  data: oneOrMore(z.string().max(65_535)).describe("As in a zone file; one or several records."),
});

const ttlSchema = z.union([
  ttlDuration().transform((ms) => ({ min: ms, max: ms })),
  object({
    min: ttlDuration().describe("Least TTL, when the answer is about to change."),
    max: ttlDuration().describe("Greatest TTL, when nothing moves."),
  }),
]);

const fixedAnswer = object({
  region: name.describe("Region the fixed answer counts as, for `residency`."),
  endpoints: endpointList
    .meta({ title: "endpoint, or a list" })
    .describe("Never probed, in no plan."),
});

export const serviceSchema = object({
  names: oneOrMore(ownerName)
    .optional()
    .describe("Host names it answers to; `*.x` is a wildcard. Default: the service in `zone`."),
  check: checkSchema.optional().describe("Health check. Without one every endpoint counts as up."),
  endpoints: z
    .record(name, poolsOfRegion)
    .describe("Region -> address, host name, list of them, or named colours of the pool."),
  steer: steerSchema
    .default("nearest")
    .describe("`nearest`, a list of regions in order, `{weights}`, or `{rules}`."),
  standby: object({
    region: name.describe("Region that serves only when no other can."),
    activate: z
      .enum(["manual", "auto"])
      .default("manual")
      .describe("`manual`: not before `rhumb activate`. `auto` must be written."),
    requires: checkSchema
      .optional()
      .describe("A check that must pass before and while it serves, such as a promoted database."),
  })
    .optional()
    .describe("A region of last resort."),
  residency: object({
    only: oneOrMore(jurisdiction).describe("Jurisdictions; no state and no fallback leaves them."),
    clients: z
      .record(jurisdiction, oneOrMore(jurisdiction))
      .optional()
      .describe("Jurisdiction of a client -> those it may be served from, inside `only`."),
    dns: oneOf(
      ["refuse-without-ecs", "strictest", "best-effort"],
      ["via-proxy"],
      "services.*.residency.dns",
    )
      .optional()
      .describe(
        "With `clients`: what DNS does for a query that does not show the client's address.",
      ),
  })
    .optional()
    .describe("Where the service may be served from, absolutely."),
  minimum: z
    .int()
    .min(1)
    .max(limits.endpointsPerPoolMax)
    .default(1)
    .describe("Usable endpoints without which a pool carries nothing."),
  fallback: z
    .union([
      z.enum(["serve-all", "refuse", "last-good"]),
      object({ fixed: fixedAnswer.describe("Serve this instead.") }),
    ])
    .prefault("serve-all")
    .describe("When nothing is left: `serve-all`, `refuse`, `last-good` or `{fixed}`."),
  failback: failbackSchema.prefault({}).describe("How what was down comes back."),
  ttl: ttlSchema
    .prefault("30s")
    .describe("TTL of answers: one duration, or `{min, max}`. Equal bounds avoid query storms."),
  key: oneOf(["query", "client"], ["cookie", "header"], "services.*.key")
    .default("query")
    .describe(
      "`query`: each query is drawn anew. `client`: a client's network keeps its endpoint.",
    ),
  group: name.optional().describe("Services of one group place a client alike. Default: its name."),
  answers: z
    .int()
    .min(1)
    .max(limits.answersMax)
    .default(1)
    .describe("Endpoints in one DNS answer, at most."),
  redirect: z
    .string()
    .max(512)
    .optional()
    .describe(
      "Target on the redirect front, such as `https://{region}.shop.example.com`; docs/redirect.md.",
    ),
  https: httpsSchema
    .optional()
    .describe("Answer HTTPS records (RFC 9460), with the client's endpoints as hints."),
  records: z
    .array(recordSchema)
    .prefault([])
    .describe("Static records of other types at the service's names."),
  policy: name.optional().describe("A name under `policies`, instead of `steer`."),
  canary: object({
    region: name.describe("Region whose pool has the colour."),
    colour: colour.default("canary").describe("Colour that gets the share."),
    share: percent.describe("Such as 5% or 0.25%; the other colours share what is left."),
  })
    .optional()
    .describe("A share of one region's clients for one colour of its pool."),
  cohorts: z
    .record(name, cohortSchema)
    .optional()
    .describe("Groups of clients by address, steered apart."),
  shares: z
    .record(name, z.record(colour, weight))
    .optional()
    .describe("Region -> colour -> weight. Default: by the weights of the colours' endpoints."),
  spill: z
    .enum(["health"])
    .optional()
    .describe("`health`: a tier that lost endpoints hands the next tier what it lacks."),
  overprovisioning: factor
    .optional()
    .describe(
      "With `spill` or `locality`: the endpoints that are up can carry this much more. Default 1.4.",
    ),
  panic: percent
    .optional()
    .describe("Below this part of usable endpoints, those that serve are not chosen by health."),
  locality: z
    .enum(["health"])
    .optional()
    .describe("`health`: regions that share by weight weigh less as they lose endpoints."),
  capacity: z
    .record(name, capacitySchema)
    .optional()
    .describe("Region -> what this service can carry there."),
  target: percent
    .optional()
    .describe("Part of a capacity that fills before the next tier is asked. Default 70%."),
  shed: object({
    low: percent.describe("Up to this utilisation nothing is shed."),
    high: percent.describe("From this one on, all but a trickle."),
  })
    .optional()
    .describe("With load reports: what a pool sheds at once, in proportion between two marks."),
  dependencies: oneOrMore(dependencySchema)
    .optional()
    .describe("Services that must be able to serve for this one to: a name, or `{service, in}`."),
  schedule: later("services.*.schedule"),
  fronts: later("services.*.fronts"),
  proxy: later("services.*.proxy"),
  anycast: later("services.*.anycast"),
  xds: later("services.*.xds"),
});

export const zoneSchema = object({
  file: z
    .string()
    .min(1)
    .max(4096)
    .optional()
    .describe("A zone file with the zone's records, seen from the folder of the configuration."),
  serial: z
    .union([z.enum(["auto", "file"]), z.int().min(0).max(0xffff_ffff)])
    .default("auto")
    .describe("`auto` grows with every change; `file` and a number are kept as they are."),
  zonemd: z.boolean().default(false).describe("Keep a digest of the zone in it (RFC 8976)."),
  ns: anyNumberOf(hostName).prefault([]).describe("Name servers the parent zone delegates to."),
  soa: object({
    mname: hostName.optional().describe("Primary. Default: the first of `ns`."),
    rname: z
      .string()
      .min(1)
      .max(254)
      .optional()
      .describe("Mailbox of who answers for the zone. Default: hostmaster in it."),
    refresh: zoneDuration().prefault("1h").describe("For secondaries."),
    retry: zoneDuration().prefault("10m").describe("For secondaries."),
    expire: zoneDuration().prefault("7d").describe("For secondaries."),
    minimum: zoneDuration().prefault("30s").describe("How long a negative answer is kept."),
  })
    .optional()
    .describe("Start of authority."),
  ttl: zoneDuration().prefault("1h").describe("TTL of static records that state none."),
  records: z.array(recordSchema).prefault([]).describe("Static records."),
  dnssec: later("zones.*.dnssec"),
  transfer: later("zones.*.transfer"),
  update: later("zones.*.update"),
  notify: later("zones.*.notify"),
});

export const geoOverrideSchema = object({
  cidr: cidr.describe("Prefix; of several that cover an address the longest counts."),
  country: country.optional().describe("ISO 3166 country, such as DE."),
  subdivision: subdivision.optional().describe("ISO 3166-2 subdivision, such as US-CA."),
  at: at.optional().describe("IATA airport code or [latitude, longitude]."),
});

const geoSchema = object({
  database: z
    .string()
    .min(1)
    .default("bundled")
    .describe(
      "`bundled`, or an MMDB file (MaxMind, IPinfo, ip-location-db layouts), seen from the folder of the configuration.",
    ),
  overrides: z.array(geoOverrideSchema).prefault([]).describe("What you know better, by prefix."),
  asn: z
    .string()
    .min(1)
    .optional()
    .describe("An MMDB file of autonomous systems, for `asn` in `when`; its path as `database`'s."),
});

export const configSchema = object({
  version: z.literal(1).describe("Version of this language."),
  zone: hostName.optional().describe("A zone with every default: short for an entry in `zones`."),
  zones: z.record(hostName, zoneSchema).optional().describe("Zones answered for, by apex."),
  listen: listenSchema.prefault({}).describe("Where the fronts listen."),
  geo: geoSchema.prefault({}).describe("Where clients are."),
  trustedProxies: anyNumberOf(cidrOrAddress)
    .prefault([])
    .describe("Addresses whose X-Forwarded-For the redirect front believes."),
  regions: z.record(name, regionSchema).describe("Places where applications run."),
  jurisdictions: z
    .record(jurisdiction, oneOrMore(country.or(subdivision)))
    .optional()
    .describe(
      "Which countries and subdivisions are in a jurisdiction, for clients; docs/steering.md.",
    ),
  services: z.record(name, serviceSchema).describe("Applications and how clients reach them."),
  latency: latencySchema
    .optional()
    .describe("How measured round trips are averaged and compared, for `steer: latency`."),
  policies: z
    .record(name, steerSchema)
    .optional()
    .describe("Ways of steering by name, for `policy`; one may name another."),
  assert: assertionsSchema
    .optional()
    .describe("What must hold whatever fails, proved before a revision is taken; docs/prove.md."),
  safety: safetySchema.optional().describe("Bounds on what Rhumb does by itself."),
  windows: later("windows"),
  schedules: later("schedules"),
  demand: demandSchema
    .optional()
    .describe("Service -> location (DE, US-CA, AS3320, unknown) -> expected traffic."),
  cluster: later("cluster"),
  store: later("store"),
  rollout: later("rollout"),
});

export type ConfigInput = z.input<typeof configSchema>;
/**
 * The long form. `services.X.endpoints` is region -> colour ("" where the pool has none) ->
 * EndpointConfig[]; `fallback.fixed.endpoints` is EndpointConfig[]; `steer` stays as written. From
 * loadConfig, `zones` holds `zone` too, and every service has its `names`: absolute, lower case,
 * without a final dot. Times are milliseconds.
 */
export type Config = z.output<typeof configSchema>;
export type ServiceConfig = Config["services"][string];
export type ZoneConfig = NonNullable<Config["zones"]>[string];
export type RegionConfig = Config["regions"][string];
