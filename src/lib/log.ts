/**
 * The log: one JSON object a line on standard error, made by pino. Every part makes its own logger
 * with its name. What the log cannot write it drops: a full or closed standard error must not end a
 * part that serves.
 */
import { destination, type Logger, pino, stdTimeFunctions } from "pino";

export type { Logger } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** `{"level":"info","time":"...","part":"dns","pid":1,...,"msg":"..."}` lines on standard error. */
export function logger(part: string, options: { readonly level?: LogLevel } = {}): Logger {
  const standardError = destination({ fd: 2, sync: true });
  standardError.on("error", () => {});
  return pino(
    {
      level: options.level ?? "info",
      base: { part, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    standardError,
  );
}

/** For tests: writes nowhere. */
export function silentLogger(): Logger {
  return pino({ level: "silent" });
}
