/**
 * `capacity`, `target` and `demand`: how much can be carried and how much comes. A part of
 * schema.ts; what follows from them is in docs/steering.md, "Capacity".
 */
import { z } from "zod";
import { stableLocation } from "../lib/stable-location.ts";
import { limits } from "../limits.ts";
import { name, object, percent } from "./values.ts";

export interface CapacityConfig {
  readonly amount: number;
  readonly unit: string;
  /** Hundredths of a percent. */
  readonly scaler: number;
}

const amount = z.number().min(0.001).max(limits.capacityMax);
const whole = 10_000;

const capacityLong = object({
  rps: amount.optional().describe("Requests a second. One of `rps`, `connections`, `amount`."),
  connections: amount.optional().describe("Connections at once."),
  amount: amount.optional().describe("So much of `unit`."),
  unit: name.optional().describe("A unit of your own."),
  scaler: percent.optional().describe("The part of it that counts. Default 100%."),
}).transform((long, context): CapacityConfig => {
  const { rps, connections, unit, scaler = whole } = long;
  const written = [rps, connections, long.amount].filter((each) => each !== undefined);
  const [only = 0] = written;
  if (written.length !== 1 || (long.amount === undefined) !== (unit === undefined)) {
    context.addIssue({
      code: "custom",
      message: "needs `rps`, or `connections`, or else `amount` with its `unit`",
      params: { code: "config.conflict", hint: "write for example {rps: 500}" },
    });
  }
  const word = rps !== undefined ? "rps" : connections !== undefined ? "connections" : unit;
  return { amount: only, unit: word ?? "rps", scaler };
});

export const capacitySchema = z
  .union([
    amount.transform((rps): CapacityConfig => ({ amount: rps, unit: "rps", scaler: whole })),
    capacityLong,
  ])
  .meta({ title: "number of requests a second, or mapping" });

export const demandSchema = z.record(
  name,
  z.record(
    z
      .string()
      .regex(stableLocation, "expected DE, US-CA, AS3320 or unknown")
      .meta({ title: "location" }),
    z.number().min(0).max(limits.capacityMax),
  ),
);
