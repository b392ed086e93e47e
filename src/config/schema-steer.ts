/**
 * `steer`: the ways of steering as an operator may write them, rules inside rules included. A part
 * of schema.ts, and kept as written: policy/ turns it into plans.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import { later, refuse } from "./later.ts";
import { offeredPrefix } from "./unsupported.ts";
import { name, object, weight } from "./values.ts";

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
        readonly bias?: Readonly<Record<string, number>> | undefined;
      };
    }
  | {
      readonly latency: {
        readonly candidates?: number | undefined;
        readonly of?: readonly string[] | undefined;
      };
    }
  | { readonly order: readonly (string | readonly string[])[] }
  | { readonly weights: Readonly<Record<string, number>> }
  | {
      readonly rules: readonly { readonly when?: string | undefined; readonly steer: SteerInput }[];
    };

/** A key that stands for a whole way of steering and is refused. */
const laterSteer = (key: "cost") =>
  object({ [key]: z.unknown() })
    .superRefine((_, context) => refuse(`services.*.steer.${key}`, context))
    .describe(later(`services.*.steer.${key}`).description ?? "") as z.ZodType as z.ZodType<
    SteerInput,
    SteerInput
  >;

export const steerSchema: z.ZodType<SteerInput, SteerInput> = z.lazy(() =>
  z.union([
    z.enum(["nearest", "latency"], { error: () => `${offeredPrefix}nearest latency` }),
    z.array(regionTier).min(1).max(limits.regionsMax),
    object({
      nearest: object({
        candidates: z
          .int()
          .min(1)
          .max(limits.regionsMax)
          .optional()
          .describe(
            "Regions ranked by distance from the client; the rest follow by distance from the first. Default 3.",
          ),
        of: z.array(name).min(1).optional().describe("Only these regions."),
        bias: z
          .record(name, z.int().min(-99).max(99))
          .optional()
          .describe(
            "Region -> percent, -99 to 99: a positive one draws clients, a negative sends.",
          ),
      }),
    }),
    object({
      latency: object({
        candidates: z
          .int()
          .min(1)
          .max(limits.regionsMax)
          .optional()
          .describe("As of `nearest`: the ranking that measured round trips rearrange."),
        of: z.array(name).min(1).optional().describe("Only these regions."),
      }),
    }),
    object({ order: z.array(regionTier).min(1).max(limits.regionsMax) }),
    object({ weights: z.record(name, weight) }),
    object({
      rules: z
        .array(
          object({
            when: z
              .string()
              .min(1)
              .max(4096)
              .optional()
              .describe("Condition on the client; the last rule has none."),
            steer: steerSchema,
            fronts: later("services.*.steer.rules.*.fronts"),
            else: later("services.*.steer.rules.*.else"),
          }),
        )
        .min(1)
        .max(limits.rulesPerServiceMax),
    }),
    laterSteer("cost"),
  ]),
);
