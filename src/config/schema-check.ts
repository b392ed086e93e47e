/**
 * Health checks as a part of the configuration language: one question, or several in one. Used by
 * schema.ts alone; what cannot be said of one value is in checks-check.ts.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import { canonicalIpv4, canonicalIpv6, formatTarget, parseTarget } from "./address.ts";
import { later } from "./later.ts";
import {
  canonical,
  duration,
  hostName,
  name,
  object,
  oneOrMore,
  port,
  printable,
  quote,
  statusRange,
} from "./values.ts";

/** A path of an HTTP request: no blank and no control character reaches the request line. */
const path = z
  .string()
  .max(1024)
  .regex(
    /^\/[\x21-\x7e]*$/,
    "expected a path that starts with /, in printable ASCII without blanks",
  )
  .meta({ title: "path" });

/** Whom a check asks when it is not the endpoint; `name` is how it is printed. */
export interface CheckTarget {
  readonly name: string;
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** One for all regions, or one a region. A region may be called anything. */
export function isTarget(on: CheckTarget | Record<string, CheckTarget>): on is CheckTarget {
  return typeof on["name"] === "string";
}

const target = z
  .string()
  .transform((text, context): CheckTarget => {
    const address = parseTarget(text);
    if (address !== undefined) return { ...address, name: formatTarget(address) };
    context.addIssue({
      code: "custom",
      message: `${quote(text)} is neither an address nor a host name`,
      params: { hint: "write 192.0.2.1:5432, [2001:db8::1]:5432 or db.example.net:5432" },
    });
    return z.NEVER;
  })
  .meta({ title: "address or host name" });

const part = (): z.ZodType<CheckConfig, CheckInput> => z.lazy(() => checkSchema);
const partList = () => z.array(part()).min(1).max(limits.checkPartsMax);

export const checkSchema = object({
  http: path.optional().describe("GET this path over plain HTTP. One of `http`, `https`, `tcp`."),
  https: path.optional().describe("GET this path over TLS."),
  tcp: z.literal(true).optional().describe("Open a TCP connection, nothing more."),
  port: port
    .optional()
    .describe(
      "Port to probe. Default: the endpoint's own, else 80 for `http` and 443 for `https`.",
    ),
  host: printable(255)
    .optional()
    .describe("Host header, and the TLS server name unless `sni` is set. Default: the endpoint."),
  sni: hostName.optional().describe("TLS server name. Default: `host`."),
  verify: z.boolean().default(true).describe("Verify the certificate of `https`."),
  source: canonical((text) => canonicalIpv4(text) ?? canonicalIpv6(text), "an address")
    .optional()
    .describe("Local address to probe from. Default: the system's choice."),
  status: oneOrMore(statusRange)
    .prefault("200-299")
    .describe("Accepted status codes and ranges, such as [200, 301-302]."),
  body: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe("Text that must stand in the first 64 KiB of the body."),
  interval: duration({ min: `${limits.probeIntervalMsMin}ms`, max: "1h" })
    .prefault("2s")
    .describe("Time between probes of one endpoint."),
  timeout: duration({ min: "10ms", max: `${limits.probeTimeoutMsMax}ms` })
    .prefault("1s")
    .describe("A probe that takes longer has failed."),
  down: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe("Failures that make an endpoint down; as many successes in a row clear the count."),
  up: z.int().min(1).max(100).default(5).describe("Successes in a row that bring it back."),
  on: z
    .union([target, z.record(name, target)])
    .optional()
    .describe("Ask this address instead of the endpoint: one, or one a region."),
  all: partList().optional().describe("Instead of asking: passes when all of these checks do."),
  any: partList().optional().describe("Passes when any of these checks does."),
  of: z
    .int()
    .min(1)
    .max(limits.checkPartsMax)
    .optional()
    .describe("How many of `checks` must pass."),
  checks: partList().optional().describe("Passes when at least `of` of these checks do."),
  not: part().optional().describe("Passes when this check fails."),
  requires: part().optional().describe("A further check that must pass as well."),
  vantages: later("services.*.check.vantages"),
}).meta({ id: "check" });

interface CheckShape {
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  readonly tcp?: true | undefined;
  readonly port?: number | undefined;
  readonly host?: string | undefined;
  readonly sni?: string | undefined;
  readonly source?: string | undefined;
  readonly body?: string | undefined;
  readonly of?: number | undefined;
  readonly vantages?: unknown;
}

/** One check in the long form. Of one made of several, the keys of a question mean nothing. */
export interface CheckConfig extends CheckShape {
  readonly verify: boolean;
  readonly status: [number, number][];
  readonly interval: number;
  readonly timeout: number;
  readonly down: number;
  readonly up: number;
  readonly on?: CheckTarget | Record<string, CheckTarget> | undefined;
  readonly all?: CheckConfig[] | undefined;
  readonly any?: CheckConfig[] | undefined;
  readonly checks?: CheckConfig[] | undefined;
  readonly not?: CheckConfig | undefined;
  readonly requires?: CheckConfig | undefined;
}

export interface CheckInput extends CheckShape {
  readonly verify?: boolean | undefined;
  readonly status?: number | string | (number | string)[] | undefined;
  readonly interval?: string | undefined;
  readonly timeout?: string | undefined;
  readonly down?: number | undefined;
  readonly up?: number | undefined;
  readonly on?: string | Record<string, string> | undefined;
  readonly all?: CheckInput[] | undefined;
  readonly any?: CheckInput[] | undefined;
  readonly checks?: CheckInput[] | undefined;
  readonly not?: CheckInput | undefined;
  readonly requires?: CheckInput | undefined;
}
