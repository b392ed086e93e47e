/**
 * `cohorts`: clients told apart by their address, before any rule. A part of schema.ts. Groups by
 * chance or by what a request says have their words here and are refused.
 */
import type { z } from "zod";
import { later } from "./later.ts";
import { steerSchema } from "./schema-steer.ts";
import { cidr, name, object, oneOrMore } from "./values.ts";

export const cohortSchema = object({
  cidrs: oneOrMore(cidr).describe("Who is in it; of several cohorts that of the longest prefix."),
  colour: name.optional().describe("They are served by this colour where a region has it."),
  steer: steerSchema.optional().describe("They are steered so instead of by `steer`."),
  share: later("services.*.cohorts.*.share"),
  header: later("services.*.cohorts.*.header"),
  cookie: later("services.*.cohorts.*.cookie"),
});
export type CohortConfig = z.output<typeof cohortSchema>;
