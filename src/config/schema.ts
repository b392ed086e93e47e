/**
 * The configuration language: the only definition. TypeScript types, defaults, checks, the JSON
 * Schema for editors and docs/configuration.md all derive from here. What an operator may write is
 * the input of `configSchema`; its output is the long form that policy/compile.ts reads: every
 * shorthand expanded, every default filled in.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import {
  canonicalHost,
  canonicalIpv4,
  canonicalIpv6,
  formatAddress,
  parseAddress,
} from "./address.ts";

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type DurationUnit = keyof typeof durationUnits;

/** `250ms`, `2s`, `1m`, `2h`, `1d` -> milliseconds. */
const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, "a duration such as 250ms, 2s, 5m or 2h")
  .transform((text) => {
    const unit = (/[a-z]+$/.exec(text)?.[0] ?? "s") as DurationUnit;
    return Math.round(Number.parseFloat(text) * durationUnits[unit]);
  });

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "lower-case letters, digits and inner hyphens");
const dnsName = z.string().min(1).max(254);
const port = z.int().min(1).max(65_535);
const weight = z.int().min(0).max(1_000_000);
const canonical = (parse: (text: string) => string | undefined, what: string) =>
  z.string().transform((text, context): string => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `${JSON.stringify(text)} is not ${what}` });
    return z.NEVER;
  });
const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.union([item.transform((value) => [value]), z.array(item).min(1)]);

/** IATA code or [latitude, longitude]. */
const at = z.union([
  z.string().regex(/^[A-Z]{3}$/, "an IATA airport code such as FRA, or [latitude, longitude]"),
  z.tuple([z.number().min(-90).max(90), z.number().min(-180).max(180)]),
]);

const region = z.strictObject({
  at: at.describe("Where the region is: an IATA airport code, or [latitude, longitude]."),
  in: oneOrMore(z.string().min(1)).default([]).describe("Jurisdictions the region is in."),
  labels: z.record(z.string(), z.string()).default({}).describe("Free labels, for people."),
});

const statusRange = z
  .string()
  .regex(/^\d{3}(-\d{3})?$/, "a status such as 200, or a range such as 200-299")
  .transform((text): [number, number] => {
    const [low = "", high = low] = text.split("-");
    return [Number(low), Number(high)];
  });

const check = z.strictObject({
  http: z.string().startsWith("/").optional().describe("Path to GET over plain HTTP."),
  https: z.string().startsWith("/").optional().describe("Path to GET over TLS."),
  tcp: z.literal(true).optional().describe("Open a TCP connection, nothing more."),
  port: port.optional().describe("Port to probe instead of the endpoint's own."),
  host: z.string().optional().describe("Host header, and the TLS server name unless `sni` is set."),
  sni: z.string().optional().describe("TLS server name."),
  verify: z.boolean().default(true).describe("Verify the certificate."),
  source: z.string().optional().describe("Local address to probe from."),
  status: oneOrMore(
    z.union([z.int().min(100).max(599).transform(String), z.string()]).pipe(statusRange),
  )
    .default([[200, 299]])
    .describe("Accepted status codes and ranges."),
  body: z.string().optional().describe("Text the body must contain."),
  interval: duration.default(2000).describe("Time between probes of one endpoint."),
  timeout: duration.default(1000).describe("A probe that takes longer has failed."),
  down: z.int().min(1).max(100).default(3).describe("Failures that make an endpoint down."),
  up: z.int().min(1).max(100).default(5).describe("Successes in a row that bring it back."),
});

/** One endpoint in the long form; `name` is how it is printed and named in overrides. */
export interface EndpointConfig {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly host?: string | undefined;
  readonly cname: boolean;
  readonly port?: number | undefined;
  readonly weight: number;
  readonly name: string;
}

/** `192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1`, `[2001:db8::1]:8080`, `host.example:8080`. */
const endpointShort = z.string().transform((text, context): EndpointConfig => {
  const address = parseAddress(text);
  if (address !== undefined) {
    return { ...address, cname: false, weight: 1, name: formatAddress(address) };
  }
  context.addIssue({
    code: "custom",
    message: `${JSON.stringify(text)} is no address or host name`,
  });
  return z.NEVER;
});

const endpointLong = z
  .strictObject({
    ipv4: canonical(canonicalIpv4, "an IPv4 address such as 192.0.2.1").optional(),
    ipv6: canonical(canonicalIpv6, "an IPv6 address such as 2001:db8::1").optional(),
    host: canonical(canonicalHost, "a host name").optional(),
    cname: z.boolean().default(false),
    port: port.optional(),
    weight: weight.default(1),
  })
  .transform((long, context): EndpointConfig => {
    const addressed = long.ipv4 !== undefined || long.ipv6 !== undefined;
    if (addressed === (long.host !== undefined)) {
      context.addIssue({ code: "custom", message: "needs `ipv4`, `ipv6` or both, or else `host`" });
    }
    return { ...long, name: formatAddress(long) };
  });

const endpointList = z.union([
  endpointShort.transform((value) => [value]),
  endpointLong.transform((value) => [value]),
  z.array(z.union([endpointShort, endpointLong])).min(1),
]);
/** One pool, whose colour is "", or named colours of it. */
const poolsOfRegion = z.union([
  endpointList.transform((list): Record<string, EndpointConfig[]> => ({ "": list })),
  z.record(name, endpointList),
]);

/** Tiers: each a region, or several that share by weight. */
const regionTier = z.union([name, z.array(name).min(1)]);
export type SteerInput =
  | "nearest"
  | "latency"
  | readonly (string | readonly string[])[]
  | {
      readonly nearest: {
        readonly candidates?: number | undefined;
        readonly of?: readonly string[] | undefined;
      };
    }
  | { readonly order: readonly (string | readonly string[])[] }
  | { readonly weights: Readonly<Record<string, number>> }
  | {
      readonly rules: readonly { readonly when?: string | undefined; readonly steer: SteerInput }[];
    };

const steer: z.ZodType<SteerInput, SteerInput> = z.lazy(() =>
  z.union([
    z.enum(["nearest", "latency"]),
    z.array(regionTier).min(1),
    z.strictObject({
      nearest: z.strictObject({
        candidates: z.int().min(1).max(64).optional(),
        of: z.array(name).min(1).optional(),
      }),
    }),
    z.strictObject({ order: z.array(regionTier).min(1) }),
    z.strictObject({ weights: z.record(name, weight) }),
    z.strictObject({
      rules: z
        .array(z.strictObject({ when: z.string().optional(), steer }))
        .min(1)
        .max(limits.rulesPerServiceMax),
    }),
  ]),
);

const record = z.strictObject({
  name: z.string().default("@"),
  type: z.string().min(1),
  ttl: duration.optional(),
  data: oneOrMore(z.string()),
});

const ttl = z.union([
  duration.transform((ms) => ({ min: ms, max: ms })),
  z.strictObject({ min: duration, max: duration }),
]);

const fixedAnswer = z.strictObject({ region: name, endpoints: endpointList });

const service = z.strictObject({
  names: z.array(dnsName).max(limits.namesPerServiceMax).optional(),
  check: check.optional(),
  endpoints: z.record(name, poolsOfRegion),
  steer: steer.default("nearest"),
  standby: z
    .strictObject({
      region: name,
      activate: z.enum(["manual", "auto"]).default("manual"),
      requires: z.unknown().optional(),
    })
    .optional(),
  canary: z.unknown().optional(),
  residency: z
    .strictObject({ only: oneOrMore(z.string().min(1)), dns: z.string().optional() })
    .optional(),
  minimum: z.int().min(1).max(limits.endpointsPerPoolMax).default(1),
  fallback: z
    .union([z.enum(["serve-all", "refuse", "last-good"]), z.strictObject({ fixed: fixedAnswer })])
    .default("serve-all"),
  failback: z
    .strictObject({
      hold: duration.default(60_000),
      ramp: duration.default(300_000),
      resume: z.enum(["auto", "manual"]).default("auto"),
    })
    .default({ hold: 60_000, ramp: 300_000, resume: "auto" }),
  ttl: ttl.default({ min: 30_000, max: 30_000 }),
  key: z.enum(["query", "client", "cookie", "header"]).default("query"),
  group: name.optional(),
  answers: z.int().min(1).max(limits.answersMax).default(1),
  redirect: z.string().optional(),
  records: z.array(record).default([]),
});

const zone = z.strictObject({
  ns: z.array(dnsName).default([]),
  soa: z
    .strictObject({
      mname: dnsName.optional(),
      rname: dnsName.optional(),
      refresh: duration.default(3_600_000),
      retry: duration.default(600_000),
      expire: duration.default(604_800_000),
      minimum: duration.default(30_000),
    })
    .optional(),
  ttl: duration.default(3_600_000),
  records: z.array(record).default([]),
});

const geo = z.strictObject({
  database: z.string().default("bundled"),
  overrides: z
    .array(
      z.strictObject({
        cidr: z.string(),
        country: z.string().optional(),
        subdivision: z.string().optional(),
        at: at.optional(),
      }),
    )
    .default([]),
});

const listen = z.strictObject({
  dns: z.array(z.string()).default(["127.0.0.1:5300"]),
  redirect: z.array(z.string()).default([]),
  metrics: z.string().default("127.0.0.1:9153"),
});

export const configSchema = z.strictObject({
  version: z.literal(1),
  zone: dnsName.optional(),
  zones: z.record(dnsName, zone).optional(),
  listen: listen.optional(),
  geo: geo.optional(),
  trustedProxies: z.array(z.string()).default([]),
  regions: z.record(name, region),
  services: z.record(name, service),
  assert: z.array(z.unknown()).optional(),
});

export type ConfigInput = z.input<typeof configSchema>;
/** The long form. */
export type Config = z.output<typeof configSchema>;
export type ServiceConfig = Config["services"][string];

/*
 * For readers of the long form: `services.X.endpoints` is region -> colour ("" where the pool has
 * none) -> EndpointConfig[]; `fallback.fixed.endpoints` is EndpointConfig[]. `steer` stays as
 * written. Names (regions, owners, hosts) are lower case without a final dot.
 */
