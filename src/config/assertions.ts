/**
 * The words of `assert`: what must hold whatever fails. Used by schema.ts; prove/ says whether it
 * does. Each assertion has a short form, one sentence, and a long form, a mapping that may name
 * services; both give the same `Assertion`, and `formatAssertion` gives the sentence back.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import {
  anyNumberOf,
  formatDuration,
  jurisdiction,
  name,
  object,
  quote,
  ttlDuration,
} from "./values.ts";

export type Claim =
  | { readonly kind: "residency" }
  /** An answer, all of living endpoints, whatever the endpoints of so many regions are. */
  | { readonly kind: "answer-regions"; readonly regionsDown: number }
  /** The same, while so many endpoints that may serve are up, whatever the others are. */
  | { readonly kind: "answer-endpoints"; readonly endpointsUp: number }
  | {
      readonly kind: "serve";
      readonly regions: number;
      readonly in: string;
      readonly regionsDown: number;
    }
  | {
      readonly kind: "share";
      /** A region, or a pool such as `fra/canary`. */
      readonly of: string;
      readonly mostPercent: number;
      readonly regionsDown: number;
    }
  /** The declared demand fits, whichever so many regions are lost. */
  | { readonly kind: "capacity"; readonly regionsDown: number }
  | { readonly kind: "ttl"; readonly bound: "at most" | "at least"; readonly ms: number };

export interface Assertion {
  readonly claim: Claim;
  /** Names; undefined for all. */
  readonly services?: readonly string[] | undefined;
}

const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;
const whileDown = (n: number): string => (n === 0 ? "" : ` while ${plural(n, "region")} down`);

export function formatAssertion({ claim, services }: Assertion): string {
  const of = services === undefined ? "" : ` (${services.join(", ")})`;
  return `${formatClaim(claim)}${of}`;
}

function formatClaim(claim: Claim): string {
  switch (claim.kind) {
    case "residency":
      return "residency";
    case "answer-regions":
      return `answer while ${plural(claim.regionsDown, "region")} down`;
    case "answer-endpoints":
      return `answer while ${plural(claim.endpointsUp, "endpoint")} up`;
    case "serve": {
      const verb = claim.regions === 1 ? "serves" : "serve";
      return `${plural(claim.regions, "region")} ${verb} ${claim.in}${whileDown(claim.regionsDown)}`;
    }
    case "share":
      return `share of ${claim.of} at most ${claim.mostPercent}%${whileDown(claim.regionsDown)}`;
    case "capacity":
      return `capacity survives ${plural(claim.regionsDown, "region")}`;
    case "ttl":
      return `ttl ${claim.bound} ${formatDuration(claim.ms)}`;
  }
}

const endpointCount = z.int().min(1).max(limits.endpointsPerServiceMax);
const regionCount = z.int().min(0).max(limits.regionsMax);
const percentText = z
  .string()
  .regex(/^\d{1,3}(\.\d{1,4})?%$/, "expected a percentage such as 60% or 2.5%")
  .transform((text, context): number => {
    const percent = Number(text.slice(0, -1));
    if (percent > 100) context.addIssue({ code: "custom", message: `${text} is above 100%` });
    return percent;
  })
  .meta({ title: "percentage" });
const partText = z
  .string()
  .regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/,
    "expected a region such as fra, or a pool such as fra/canary",
  )
  .meta({ title: "region or pool" });

const regionsDownKey = regionCount
  .optional()
  .describe("So many regions may be in any state; all others are up. Default 0.");

const longShape = {
  residency: z.literal(true).optional().describe("No answer leaves `residency.only`."),
  answer: object({
    regionsDown: regionCount.optional().describe("While so many regions are in any state."),
    endpointsUp: endpointCount.optional().describe("While so many that may serve are up."),
  })
    .optional()
    .describe("Every client is answered, with living endpoints. One of the two keys."),
  serve: object({
    regions: regionCount.describe("At least so many regions can serve every client alone."),
    in: jurisdiction.describe("Regions of this jurisdiction."),
    regionsDown: regionsDownKey,
  })
    .optional()
    .describe("How many regions of a jurisdiction can serve."),
  share: object({
    of: partText.describe("Region, or pool of it."),
    most: percentText.describe("No class of clients sends it more, such as 60%."),
    regionsDown: regionsDownKey,
  })
    .optional()
    .describe("Greatest share of a region or pool."),
  ttl: object({
    most: ttlDuration().optional().describe("No answer lives longer."),
    least: ttlDuration().optional().describe("No answer lives shorter."),
  })
    .optional()
    .describe("Lifetime of answers. One of the two keys."),
  services: anyNumberOf(name).optional().describe("Only these services. Default: all."),
  capacity: object({
    regionsDown: regionCount.optional().describe("So many regions are lost. Default 0."),
  })
    .optional()
    .describe("The declared demand fits into what is left."),
};

type Long = z.output<z.ZodObject<typeof longShape>>;
const claimKeys = ["residency", "answer", "serve", "share", "ttl", "capacity"] as const;

/** One of two keys of a mapping. */
function either<A, B>(a: A | undefined, b: B | undefined): boolean {
  return (a === undefined) !== (b === undefined);
}

function claimOf(long: Long): Claim | string {
  const written = claimKeys.filter((key) => long[key] !== undefined);
  if (written.length !== 1) return `needs one of ${claimKeys.join(", ")}`;
  const { answer, serve, share, ttl, capacity } = long;
  if (capacity !== undefined) return { kind: "capacity", regionsDown: capacity.regionsDown ?? 0 };
  if (answer !== undefined) {
    const { regionsDown, endpointsUp } = answer;
    if (!either(regionsDown, endpointsUp)) return "needs `regionsDown` or else `endpointsUp`";
    if (endpointsUp !== undefined) return { kind: "answer-endpoints", endpointsUp };
    return { kind: "answer-regions", regionsDown: regionsDown ?? 0 };
  }
  if (serve !== undefined) {
    return { kind: "serve", ...serve, regionsDown: serve.regionsDown ?? 0 };
  }
  if (share !== undefined) {
    const { of, most, regionsDown = 0 } = share;
    return { kind: "share", of, mostPercent: most, regionsDown };
  }
  if (ttl !== undefined) {
    if (!either(ttl.most, ttl.least)) return "needs `most` or else `least`";
    if (ttl.most !== undefined) return { kind: "ttl", bound: "at most", ms: ttl.most };
    return { kind: "ttl", bound: "at least", ms: ttl.least ?? 0 };
  }
  return { kind: "residency" };
}

const long = object(longShape).transform((value, context): Assertion => {
  const claim = claimOf(value);
  if (typeof claim !== "string") return { claim, services: value.services };
  const params = { hint: "split it into several entries, or complete it" };
  context.addIssue({ code: "custom", message: claim, params });
  return z.NEVER;
});

/** The sentences, and the mapping each stands for. */
const sentences: readonly (readonly [RegExp, (match: readonly string[]) => object])[] = [
  [/^residency$/, () => ({ residency: true })],
  [/^answer while (\d+) regions? down$/, ([, n]) => ({ answer: { regionsDown: Number(n) } })],
  [/^answer while (\d+) endpoints? up$/, ([, n]) => ({ answer: { endpointsUp: Number(n) } })],
  [
    /^(\d+) regions? serves? (\S+?)(?: while (\d+) regions? down)?$/,
    ([, n, where, down = "0"]) => ({
      serve: { regions: Number(n), in: where, regionsDown: Number(down) },
    }),
  ],
  [
    /^share of (\S+) at most (\S+?)(?: while (\d+) regions? down)?$/,
    ([, of, most, down = "0"]) => ({ share: { of, most, regionsDown: Number(down) } }),
  ],
  [/^ttl at most (\S+)$/, ([, most]) => ({ ttl: { most } })],
  [/^ttl at least (\S+)$/, ([, least]) => ({ ttl: { least } })],
  [/^capacity survives (\d+) regions?$/, ([, n]) => ({ capacity: { regionsDown: Number(n) } })],
];

export const assertionExamples = [
  "residency",
  "answer while 2 regions down",
  "answer while 1 endpoint up",
  "2 regions serve EU",
  "share of fra at most 60% while 1 region down",
  "capacity survives 1 region",
  "ttl at most 60s",
] as const;

const short = z.string().transform((text, context): Assertion => {
  const plain = text.trim().replace(/\s+/g, " ");
  for (const [pattern, make] of sentences) {
    const match = pattern.exec(plain);
    if (match === null) continue;
    const parsed = long.safeParse(make(match));
    if (parsed.success) return parsed.data;
    for (const { message, ...issue } of parsed.error.issues) {
      const { params = {} } = issue as { params?: Record<string, unknown> };
      context.addIssue({ code: "custom", message, params });
    }
    return z.NEVER;
  }
  context.addIssue({
    code: "custom",
    message: `${quote(text)} is no assertion`,
    params: { hint: `write for example ${assertionExamples.map(quote).join(", ")}` },
  });
  return z.NEVER;
});

export const assertionSchema = z
  .union([short.describe(`A sentence such as \`${assertionExamples[1]}\`.`), long])
  .meta({ title: "sentence, or mapping" });
export const assertionsSchema = z.array(assertionSchema).max(limits.assertionsMax);
