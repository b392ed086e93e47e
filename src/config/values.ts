/**
 * The small values of the configuration language: durations, names, addresses, places. Used by
 * schema.ts alone. Each takes what an operator writes and gives one canonical form; each failure
 * says what was expected in words that fit after the value's path.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import {
  asciiHost,
  canonicalCidr,
  canonicalHost,
  canonicalIpv4,
  canonicalIpv6,
} from "./address.ts";

/**
 * A mapping with these keys and no others. The names of the keys travel in the message of the
 * unknown-key issue, separated by spaces: problems.ts needs them for "did you mean".
 */
export const object = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : undefined,
  });

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type DurationUnit = keyof typeof durationUnits;

interface DurationBounds {
  readonly min?: string;
  readonly max?: string;
  /** DNS counts in whole seconds. */
  readonly wholeSeconds?: boolean;
}

/** `250ms`, `2s`, `1.5m`, `2h`, `1d` -> milliseconds; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)$/.exec(text);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * durationUnits[match[2] as DurationUnit]);
}

/** Milliseconds -> the shortest text that parses to them. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  for (const unit of ["d", "h", "m", "s"] as const) {
    if (ms % durationUnits[unit] === 0) return `${ms / durationUnits[unit]}${unit}`;
  }
  return `${ms}ms`;
}

export const duration = (bounds: DurationBounds = {}) =>
  z
    .string()
    .regex(/^\d{1,12}(\.\d{1,6})?(ms|s|m|h|d)$/, "expected a duration such as 250ms, 2s, 5m or 2h")
    .transform((text, context): number => {
      const ms = parseDuration(text) ?? 0;
      const { min = "0s", max = "3650d", wholeSeconds = false } = bounds;
      const refuse = (message: string) => context.addIssue({ code: "custom", message });
      if (ms < (parseDuration(min) ?? 0)) refuse(`${text} is below the least value, ${min}`);
      if (ms > (parseDuration(max) ?? 0)) refuse(`${text} is above the greatest value, ${max}`);
      if (wholeSeconds && ms % 1000 !== 0) refuse(`${text} is not a whole number of seconds`);
      return ms;
    })
    .meta({ title: "duration" });
/** A time in a zone's own records (RFC 2181 section 8). */
export const zoneDuration = () =>
  duration({ max: `${limits.dnsRecordTtlSecondsMax}s`, wholeSeconds: true });
/** How long a steered answer may be kept. */
export const ttlDuration = () =>
  duration({ max: formatDuration(limits.ttlSecondsMax * 1000), wholeSeconds: true });

export const name = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "expected lower-case letters, digits and inner hyphens, at most 63",
  )
  .meta({ title: "name" });
export const jurisdiction = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, "expected a short word such as EU or US")
  .meta({ title: "jurisdiction" });
export const port = z.int().min(1).max(65_535);
export const weight = z.int().min(0).max(1_000_000);

/** Hundredths of a percent. */
export const percent = z
  .string()
  .regex(/^\d{1,3}(\.\d{1,2})?%$/, "expected a share such as 5% or 0.25%")
  .transform((text, context): number => {
    const [whole = "", part = ""] = text.slice(0, -1).split(".");
    const hundredths = Number(whole) * 100 + Number(part.padEnd(2, "0"));
    if (hundredths <= 10_000) return hundredths;
    context.addIssue({ code: "custom", message: `${text} is more than the whole` });
    return z.NEVER;
  })
  .meta({ title: "percent" });

/** In hundredths it is a whole number. */
export const factor = z
  .number()
  .min(1)
  .max(10)
  .refine(
    (value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-9,
    "expected at most two decimals",
  )
  .meta({ title: "factor" });

/** As `percent` reads it. */
export function formatPercent(hundredths: number): string {
  return `${hundredths / 100}%`;
}

/** A text with one canonical form. */
export const canonical = (parse: (text: string) => string | undefined, what: string) =>
  z.string().transform((text, context): string => {
    const value = parse(text);
    if (value !== undefined) return value;
    const ascii = asciiHost(text);
    const written = ascii !== undefined && parse(ascii) !== undefined;
    const hint = written ? { params: { hint: `write \`${ascii}\`` } } : {};
    context.addIssue({ code: "custom", message: `${quote(text)} is not ${what}`, ...hint });
    return z.NEVER;
  });

export const hostName = canonical(canonicalHost, "a host name").meta({ title: "host name" });

/** One value or a list of at least one. */
export const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.union([item.transform((value) => [value]), z.array(item).min(1)]);
/** One value or a list, which may be empty. */
export const anyNumberOf = <T extends z.ZodType>(item: T) =>
  z.union([item.transform((value) => [value]), z.array(item)]);

/** IATA code or [latitude, longitude]. */
export const at = z
  .union([
    z
      .string()
      .regex(
        /^[A-Z]{3}$/,
        "expected an IATA airport code such as FRA, or [latitude, longitude] in degrees",
      ),
    z.tuple([z.number().min(-90).max(90), z.number().min(-180).max(180)]),
  ])
  .meta({ title: "airport or [latitude, longitude]" });

export const cidr = canonical(
  (text) => canonicalCidr(text),
  "a prefix such as 192.0.2.0/24 or 2001:db8::/32 with all bits after its length 0",
).meta({ title: "prefix" });

/** A prefix, or an address that stands for itself alone. */
export const cidrOrAddress = canonical((text) => {
  const ipv4 = canonicalIpv4(text);
  if (ipv4 !== undefined) return `${ipv4}/32`;
  const ipv6 = canonicalIpv6(text);
  return ipv6 === undefined ? canonicalCidr(text) : `${ipv6}/128`;
}, "an address or a prefix such as 10.0.0.0/8").meta({ title: "address or prefix" });

/** An address and a port to listen on; port 0 lets the system choose. */
export const socketAddress = canonical((text) => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  if (match[2] !== undefined) {
    const ipv4 = canonicalIpv4(match[2]);
    return ipv4 === undefined ? undefined : `${ipv4}:${Number(match[3])}`;
  }
  const ipv6 = canonicalIpv6(match[1] ?? "");
  return ipv6 === undefined ? undefined : `[${ipv6}]:${Number(match[3])}`;
}, "an address and port such as 127.0.0.1:5300 or [::]:53").meta({ title: "address:port" });

/** What goes into a request line or header: no blank, no control character. */
export const printable = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[\x21-\x7e]+$/, "expected printable ASCII without blanks");

export const statusRange = z
  .union([z.int().min(100).max(599).transform(String), z.string()])
  .pipe(
    z
      .string()
      .regex(
        /^[1-5]\d\d(-[1-5]\d\d)?$/,
        "expected a status such as 200, or a range such as 200-299",
      )
      .transform((text, context): [number, number] => {
        const [low = "", high = low] = text.split("-");
        if (Number(low) > Number(high)) {
          context.addIssue({ code: "custom", message: `${text} ends before it begins` });
        }
        return [Number(low), Number(high)];
      }),
  )
  .meta({ title: "status or range" });

/** The operator's text as a message shows it: bounded, on one line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}
