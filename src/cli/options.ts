/** Options that several commands share, and the parsing of their values. */
import { userInfo } from "node:os";
import { InvalidArgumentError, Option } from "commander";
import { parsePrefix } from "../lib/ip.ts";
import { limits } from "../limits.ts";

export const defaultStateDir = ".rhumb";
export const defaultConfig = "rhumb.yaml";

export const jsonOption = (): Option => new Option("--json", "print JSON instead of text");

export const stateOption = (): Option =>
  new Option("--state <dir>", "state directory of the server").default(defaultStateDir);

export const configOption = (): Option =>
  new Option("-c, --config <file|dir>", "configuration file, or folder of them").default(
    defaultConfig,
  );

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `90s`, `30m`, `2h` -> milliseconds, at most what an override may last. */
export function parseFor(text: string): number {
  const match = /^(\d+)(s|m|h|d)$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0);
  const max = limits.overrideHoursMax * 3_600_000;
  if (ms < 1000 || ms > max) {
    throw new InvalidArgumentError(
      `write a time from 1s to ${limits.overrideHoursMax}h, such as 30m or 2h`,
    );
  }
  return ms;
}

/** For an option that is an address or a prefix; checked here, because no server need be asked. */
export function parseClient(text: string): string {
  if (text !== "" && parsePrefix(text) === undefined) {
    throw new InvalidArgumentError("write for example 192.0.2.1 or 2001:db8::/56");
  }
  return text;
}

/** Said beside an override's answer when the observer could not write it down. */
export const notOnDisk =
  "in force, but not on disk: it is lost if the observer ends before its disk takes it; see the log";

export function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** Who is at the keyboard, for the record of an override. */
export function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}
