/**
 * How what was down comes back, what a service needs, and how much may go at once: parts of the
 * configuration language. Used by schema.ts alone.
 */
import { z } from "zod";
import { later } from "./later.ts";
import { duration, name, object, percent } from "./values.ts";

const aggression = z.number().min(0.1).max(10).default(1);
/** A duration, or with a curve. */
export const rampSchema = z.union([
  duration({ max: "1d" }).transform((ms) => ({ over: ms, aggression: 1 })),
  object({
    over: duration({ max: "1d" }).describe("How long it takes."),
    aggression: aggression.describe("Above 1 it is quicker at first, below 1 at last."),
  }),
]);

export const failbackSchema = object({
  hold: duration({ max: "1d" }).prefault("1m").describe("A returning endpoint waits this long."),
  ramp: duration({ max: "1d" }).prefault("5m").describe("Then its share grows over this time."),
  aggression: aggression.describe("Above 1 the ramp is quicker at first, below 1 at last."),
  resume: z
    .enum(["auto", "manual"])
    .default("auto")
    .describe("`manual`: a pool that was down returns only on `rhumb resume`."),
});

/** A service that another one needs. */
export const dependencySchema = z.union([
  name.transform((service) => ({ service, in: "region" as const })),
  object({
    service: name.describe("The service this one needs."),
    in: z
      .enum(["region", "anywhere"])
      .default("region")
      .describe("`region`: it must be able to serve in the same region. `anywhere`: in any."),
  }),
]);

export const safetySchema = object({
  removals: object({
    share: percent.describe("Of a service's endpoints, such as 20%; one may always go."),
    per: duration({ min: "1s", max: "1h" })
      .prefault("1m")
      .describe("Within so long, from the first removal on."),
  })
    .optional()
    .describe(
      "How much of a service health may take out of use; what is over is kept and reported.",
    ),
  state: later("safety.state"),
  rate: later("safety.rate"),
});
