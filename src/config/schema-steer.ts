/**
 * `steer`: the ways of steering as an operator may write them, one inside another. A part of
 * schema.ts, and kept as written but for `policy`, which expand-policies.ts replaces by what it
 * names: policy/ turns the rest into plans.
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import { later, refuse } from "./later.ts";
import { offeredPrefix } from "./unsupported.ts";
import { name, object, weight } from "./values.ts";

/** A region, several that share equally, or another way of steering. */
export type SteerTier = string | readonly string[] | SteerForm;
export interface WeightedSteer {
  readonly weight: number;
  readonly steer: SteerTier;
}
export interface SteerRule {
  readonly when?: string | undefined;
  readonly steer: SteerInput;
  readonly fronts?: readonly ("dns" | "redirect")[] | undefined;
  readonly else?: SteerInput | undefined;
}
export type SteerForm =
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
  | { readonly order: readonly SteerTier[] }
  | { readonly weights: Readonly<Record<string, number>> | readonly WeightedSteer[] }
  | { readonly rules: readonly SteerRule[] }
  | { readonly policy: string };
export type SteerInput = "nearest" | "latency" | readonly SteerTier[] | SteerForm;

/** A key that stands for a whole way of steering and is refused. */
const laterSteer = (key: "cost") =>
  object({ [key]: z.unknown() })
    .superRefine((_, context) => refuse(`services.*.steer.${key}`, context))
    .describe(later(`services.*.steer.${key}`).description ?? "") as z.ZodType as z.ZodType<
    SteerForm,
    SteerForm
  >;

const ofRegions = z.array(name).min(1).optional().describe("Only these regions.");
const candidates = z.int().min(1).max(limits.regionsMax).optional();

const formSchema: z.ZodType<SteerForm, SteerForm> = z.lazy(() =>
  z.union([
    object({
      nearest: object({
        candidates: candidates.describe(
          "Regions ranked by distance from the client; the rest follow by distance from the first. Default 3.",
        ),
        of: ofRegions,
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
        candidates: candidates.describe(
          "As of `nearest`: the ranking that measured round trips rearrange.",
        ),
        of: ofRegions,
      }),
    }),
    object({ order: z.array(tierSchema).min(1).max(limits.regionsMax) }),
    object({
      weights: z.union([
        z.record(name, weight),
        z
          .array(object({ weight, steer: tierSchema }))
          .min(1)
          .max(limits.regionsMax),
      ]),
    }),
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
            fronts: z
              .array(z.enum(["dns", "redirect"]))
              .min(1)
              .optional()
              .describe("Fronts the rule is for. Default: all."),
            else: steerSchema
              .optional()
              .describe("With `fronts`: how the others steer whom the rule is for."),
          }),
        )
        .min(1)
        .max(limits.rulesPerServiceMax),
    }),
    object({ policy: name.describe("A name under `policies`.") }),
    laterSteer("cost"),
  ]),
);

const tierSchema: z.ZodType<SteerTier, SteerTier> = z.lazy(() =>
  z.union([name, z.array(name).min(1), formSchema]),
);

export const steerSchema: z.ZodType<SteerInput, SteerInput> = z.lazy(() =>
  z.union([
    z.enum(["nearest", "latency"], { error: () => `${offeredPrefix}nearest latency` }),
    z.array(tierSchema).min(1).max(limits.regionsMax),
    formSchema,
  ]),
);
