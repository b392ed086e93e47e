/**
 * Every message on the local sockets between processes, as one schema. A frame is one line of JSON.
 * A client says `hello` (and whether it wants World), then commands; a server sends World whole,
 * then its changes, and one reply to each command. The payloads of `world` and `change` are made
 * and checked by world/frame.ts; here they are opaque, so that a frame is parsed once.
 */
import { z } from "zod";
import { problemCodes } from "../errors.ts";
import { limits } from "../limits.ts";
import { partNames } from "./paths.ts";

/** Grows when a frame changes its meaning; a server refuses a client of another protocol. */
export const protocolVersion = 1;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const generation = z.int().min(0);
const words = z.string().max(1024);
const place = z.object({ file: z.string(), line: z.int(), column: z.int() });

/** An operator's mistake, as it crosses a socket. */
export const problemSchema = z.object({
  code: z.enum(Object.keys(problemCodes) as (keyof typeof problemCodes)[]),
  severity: z.enum(["error", "warning"]),
  path: z.string(),
  message: z.string(),
  hint: z.string(),
  place: place.exactOptional(),
});

const overrideKind = z.enum(["drain", "force-up", "force-down", "freeze", "activate"]);

/** False: it is in force, and lost should the observer end before its disk takes it. */
const onDisk = z.boolean();

const override = z.object({
  id: z.string(),
  kind: overrideKind,
  target: z.string(),
  reason: z.string(),
  author: z.string(),
  createdAt: z.number(),
  expiresAt: z.number(),
});

/** What a part is, as the supervisor sees it. */
export const partReportSchema = z.object({
  name: z.enum(partNames),
  /** 0 while it is not running. */
  pid: z.int(),
  state: z.enum(["starting", "ready", "waiting", "draining", "ended"]),
  restarts: z.int(),
  /** Milliseconds since the epoch of the last start. */
  startedAt: z.number(),
  /** How the last one ended, such as `SIGSEGV` or `exit 1`; "" if none has. */
  lastEnd: z.string(),
  /** Another process has loaded its modules and waits to take its place. */
  spare: z.boolean(),
  /** Addresses it listens on. */
  listening: z.array(z.string()),
  /** What its operator should know, such as an address that is taken. */
  problems: z.array(problemSchema),
});
export type PartReport = z.infer<typeof partReportSchema>;

const refusedRevision = z.object({ at: z.number(), problems: z.array(problemSchema) });

const revision = z.object({
  /** Counts accepted revisions of this store from 1; 0 when it was not recorded. */
  number: z.int(),
  digest,
  configDigest: z.string(),
  geographyDigest: z.string(),
  at: z.number(),
  source: z.string(),
});
export type Revision = z.infer<typeof revision>;

const numbers = z.array(z.number());
const texts = z.array(z.string());
/** A FamilyDump of lib/telemetry.ts. JSON has no NaN: it crosses as null. */
const family = z.object({
  name: z.string(),
  help: z.string(),
  kind: z.enum(["counter", "gauge", "histogram"]),
  labels: texts,
  rows: z.array(texts),
  bounds: numbers,
  values: z.array(
    z
      .number()
      .nullable()
      .transform((value) => value ?? Number.NaN),
  ),
});

/** Command -> what it takes and what its reply holds. Which part answers stands behind each. */
export const commands = {
  /** observer: the operator's word on a target, until it expires. */
  override: {
    input: z.object({
      kind: overrideKind,
      target: z.string().min(1).max(1024),
      reason: words.min(1),
      author: words.min(1),
      forMs: z.int().min(1000),
    }),
    reply: z.object({ override, onDisk }),
  },
  /** observer: takes back overrides, by id or by target. */
  lift: {
    input: z.object({ target: z.string().min(1).max(1024), author: words.min(1) }),
    reply: z.object({ lifted: z.array(override), onDisk }),
  },
  /** observer: what waits for the operator may return; names of the endpoints it was true of. */
  resume: {
    input: z.object({ target: z.string().min(1).max(1024), author: words.min(1) }),
    reply: z.object({ resumed: z.array(z.string()), onDisk }),
  },
  /** observer */
  overrides: { input: z.object({}), reply: z.object({ overrides: z.array(override) }) },
  /** observer: round trips from clients (an address, a prefix, or a cell such as DE) to regions. */
  latency: {
    input: z.object({
      samples: z
        .array(
          z.object({
            client: z.string().max(64),
            region: z.string().max(64),
            ms: z
              .number()
              .min(0)
              .max(limits.latencyMicrosecondsMax / 1000),
          }),
        )
        .max(limits.latencySamplesMax),
    }),
    /** Samples that counted, and the first names that are not known. */
    reply: z.object({ taken: z.int(), unknown: z.array(z.string()) }),
  },
  /** observer: what pools such as `fra/canary` carry now, in the unit of their capacity. */
  load: {
    input: z.object({
      reports: z
        .array(
          z.object({
            service: z.string().max(64),
            pool: z.string().max(128),
            load: z.number().min(0).max(1e12),
          }),
        )
        .max(limits.loadReportsMax),
    }),
    reply: z.object({ taken: z.int(), unknown: z.array(z.string()) }),
  },
  /** observer: what it believes now, whole. */
  world: { input: z.object({}), reply: z.object({ policyDigest: digest, world: z.unknown() }) },
  /** control: reads the configuration again, whether or not a file changed. */
  reload: {
    input: z.object({}),
    reply: z.object({
      outcome: z.enum(["applied", "unchanged", "refused"]),
      digest: z.string(),
      problems: z.array(problemSchema),
    }),
  },
  /** control: the server as a whole. */
  status: {
    input: z.object({}),
    reply: z.object({
      version: z.string(),
      node: z.string(),
      stateDir: z.string(),
      source: z.string(),
      revision: revision.nullable(),
      /** Warnings of the revision in force. */
      warnings: z.array(problemSchema),
      /** The last revision that did not compile, until one does. */
      refused: refusedRevision.nullable(),
      parts: z.array(partReportSchema),
    }),
  },
  /** control: accepted revisions, newest first. */
  revisions: {
    input: z.object({ limit: z.int().min(1).max(1000) }),
    reply: z.object({ revisions: z.array(revision) }),
  },
  /** every part: its registry's dump, to be merged with the others'. */
  metrics: { input: z.object({}), reply: z.object({ families: z.array(family) }) },
} as const;

export type CommandName = keyof typeof commands;
export type CommandInput<Name extends CommandName> = z.infer<(typeof commands)[Name]["input"]>;
/** As read by who asked. */
export type CommandReply<Name extends CommandName> = z.infer<(typeof commands)[Name]["reply"]>;
/** As given by who answers. */
export type CommandAnswer<Name extends CommandName> = DeepReadonly<
  z.input<(typeof commands)[Name]["reply"]>
>;
type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** Why a command was not carried out. `problems` says more where an operator's text is at fault. */
export const refusalSchema = z.object({
  code: z.enum(["unknown-command", "invalid", "not-found", "limit", "unavailable", "failed"]),
  message: z.string(),
  problems: z.array(problemSchema).exactOptional(),
});
export type Refusal = z.infer<typeof refusalSchema>;

export type CommandOutcome<Name extends CommandName> =
  | { readonly ok: true; readonly value: CommandAnswer<Name> }
  | { readonly ok: false; readonly refusal: DeepReadonly<Refusal> };

/** What a client may send. */
export const requestSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    protocol: z.int(),
    name: z.string().max(64),
    subscribe: z.boolean(),
  }),
  z.object({
    type: z.literal("command"),
    id: z.int(),
    name: z.string().max(64),
    input: z.unknown(),
  }),
]);
export type Request = z.infer<typeof requestSchema>;

/** What a server may send. */
export const responseSchema = z.discriminatedUnion("type", [
  /** Names its policy's digest: the reader loads that snapshot first. */
  z.object({ type: z.literal("world"), policyDigest: digest, generation, world: z.unknown() }),
  /** Takes `after` to `generation`; a reader that stands elsewhere asks for a whole World. */
  z.object({
    type: z.literal("change"),
    policyDigest: digest,
    after: generation,
    generation,
    change: z.unknown(),
  }),
  z.object({ type: z.literal("reply"), id: z.int(), value: z.unknown() }),
  z.object({ type: z.literal("refusal"), id: z.int(), refusal: refusalSchema }),
  /** The last frame before the server closes: not a local fault of the socket. */
  z.object({ type: z.literal("bye"), message: z.string() }),
]);
export type Response = z.infer<typeof responseSchema>;

export function encodeFrame(frame: DeepReadonly<Request | Response>): string {
  return `${JSON.stringify(frame)}\n`;
}

export type FrameResult<T> =
  | { readonly ok: true; readonly frame: T }
  | { readonly ok: false; readonly message: string };

/** One line, without its end. Never throws. */
export function decodeFrame<T>(line: string, schema: z.ZodType<T>): FrameResult<T> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { ok: false, message: "a frame that is not JSON" };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, frame: parsed.data };
  return { ok: false, message: z.prettifyError(parsed.error) };
}

/** Longest frame a server reads, and a client reads. */
export const frameBytesMax = {
  request: limits.commandBytesMax,
  response: limits.messageBytesMax,
} as const;
