/**
 * One line of the log as a person reads it: time, part, what, and the rest as `key=value`. Used
 * where standard error is a terminal; what is not a line of the log, such as the last words of a
 * crashed process, passes as it is.
 */
import { visible } from "../errors.ts";

const hidden = new Set(["level", "time", "part", "pid", "msg", "err"]);
const partWidth = 10;

/** Without the line's end. */
export function formatLogLine(line: string): string {
  const entry = parse(line);
  if (entry === undefined) return shown(line);
  const { level, time, part, msg, err } = entry;
  // Local time of day: the operator's clock on the wall.
  const at = new Date(String(time)).toTimeString().slice(0, 8);
  const word = level === "info" ? "" : `${String(level)}: `;
  const rest = Object.entries(entry)
    .filter(([key]) => !hidden.has(key))
    .map(([key, value]) => ` ${key}=${plain(value)}`)
    .join("");
  const why = isRecord(err) ? ` ${plain(err["stack"] ?? err["message"])}` : "";
  return shown(`${at} ${String(part).padEnd(partWidth)} ${word}${String(msg)}${rest}${why}`);
}

/** Stacks have lines of their own. */
const shown = (text: string): string =>
  text
    .split(/(\n|\t)/)
    .map((part, i) => (i % 2 === 1 ? part : visible(part)))
    .join("");

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) && "msg" in value && "part" in value ? value : undefined;
  } catch {
    return undefined;
  }
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
