/**
 * `latency`: how measured round trips are averaged and compared. A part of schema.ts; what it means
 * is in docs/steering.md, "Latency".
 */
import { z } from "zod";
import { limits } from "../limits.ts";
import { duration, object, percent } from "./values.ts";

export const latencySchema = object({
  window: duration({ min: "1s", max: "1d" })
    .prefault("10m")
    .describe("A sample so long after the last one replaces the average."),
  age: duration({ min: "1s", max: "30d" })
    .prefault("1h")
    .describe("A region without a sample for longer counts as not measured."),
  margin: percent
    .prefault("10%")
    .describe("A region takes another's place when it is quicker by more than this."),
  networks: z
    .array(z.int().min(1).max(4_294_967_295))
    .max(limits.latencyNetworksMax)
    .prefault([])
    .describe("AS numbers whose clients are measured apart, in each country."),
  observer: z
    .string()
    .regex(/^[A-Z]{2}$/, "expected two capital letters such as DE (ISO 3166)")
    .optional()
    .describe("The country whose clients this server stands among: its probes are their samples."),
});
