/**
 * What the supervisor and a part say to each other over the channel between parent and child:
 * beats, states and orders, nothing that a decision depends on. Read by supervised-part.ts and
 * parts/part.ts.
 */
import { z } from "zod";
import { partReportSchema, problemSchema } from "./messages.ts";

/** From a part. */
export const fromPartSchema = z.discriminatedUnion("type", [
  /** Its loop turns. `graceMs`: it may now be silent for longer, for one long piece of work. */
  z.object({ type: z.literal("beat"), graceMs: z.int().min(0) }),
  /** A spare has loaded its modules and waits for `begin`. */
  z.object({ type: z.literal("loaded") }),
  /** waiting: alive, but with nothing to serve yet. */
  z.object({
    type: z.literal("state"),
    state: z.enum(["waiting", "ready"]),
    listening: z.array(z.string()),
  }),
  /** What its operator should know, whole; replaces what it said before. */
  z.object({ type: z.literal("problems"), problems: z.array(problemSchema) }),
  /** It cannot do its work: unless it could before, the server ends. */
  z.object({ type: z.literal("fatal"), problems: z.array(problemSchema) }),
]);
export type FromPart = z.infer<typeof fromPartSchema>;

/** To a part. */
export const toPartSchema = z.discriminatedUnion("type", [
  /** A spare takes the place of the part. */
  z.object({ type: z.literal("begin") }),
  /** Stop accepting, finish, persist, end. */
  z.object({ type: z.literal("drain") }),
  /** control: read the configuration again. */
  z.object({ type: z.literal("reload") }),
  /** control: all parts, after any change of one. */
  z.object({ type: z.literal("parts"), parts: z.array(partReportSchema) }),
]);
export type ToPart = z.infer<typeof toPartSchema>;

/** A running process, real or simulated. */
export interface Child {
  readonly pid: number;
  /** Lost when the child is gone. */
  send(message: ToPart): void;
  kill(signal: "SIGKILL"): void;
  /** How long it has waited for a processor in all its life; undefined: the system does not say. */
  waitedMs?(): number | undefined;
}

export interface ChildEvents {
  onMessage(message: FromPart): void;
  /** Once, also when the process could not be started. `how`: `exit 1`, `SIGSEGV`, `ENOMEM`. */
  onEnd(how: string): void;
}
