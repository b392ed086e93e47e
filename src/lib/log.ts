/**
 * The log: one JSON object a line on standard error, made by pino. Every part makes its own logger
 * with its name. What the log cannot write it drops: a full, closed or unread standard error must
 * neither end nor stop a part that serves (standard-error.ts).
 */
import { type Logger, pino, stdTimeFunctions } from "pino";
import type { Entropy } from "./entropy.ts";
import { type LineSink, standardErrorSink } from "./standard-error.ts";

export type { Logger } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** `{"level":"info","time":"...","part":"dns","pid":1,...,"msg":"..."}` lines on standard error. */
export function logger(
  part: string,
  options: { readonly entropy: Entropy; readonly level?: LogLevel },
): Logger {
  const sink = logSink(part, options.entropy);
  return pino(
    {
      level: options.level ?? "info",
      base: { part, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // A line as pino hands it over ends already.
    { write: (line: string) => sink.write(line.slice(0, -1)) },
  );
}

/** Standard error for lines of the log that are ready: `view` is how they are shown there. */
export function logSink(
  part: string,
  entropy: Entropy,
  view: (line: string) => string = (line) => line,
): LineSink {
  const dropped = (count: number): string =>
    view(
      logLine(
        { level: "warn", part, msg: "lines of the log were dropped: nobody took them", count },
        entropy,
      ),
    );
  const sink = standardErrorSink({ entropy, dropped });
  return { write: (line) => sink.write(view(line)), flush: () => sink.flush() };
}

/** One line in the form of the log. */
export function logLine(
  fields: { readonly level: string; readonly part: string; readonly msg: string } & Readonly<
    Record<string, unknown>
  >,
  entropy: Entropy,
): string {
  const { level, part, msg, ...rest } = fields;
  const time = new Date(entropy.now()).toISOString();
  return JSON.stringify({ level, time, part, pid: process.pid, ...rest, msg });
}

/** For tests: writes nowhere. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}
