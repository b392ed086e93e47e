/**
 * The serials that zones had, so that the next one is after them (RFC 1982). Called by rollout.ts
 * around a compilation; kept in the state directory. Losing the file costs no more than that a
 * serial begins again at the time or at what is written: later than any time before.
 */
import { readFile } from "node:fs/promises";
import type { Problem } from "../errors.ts";
import { limits } from "../limits.ts";
import { statePaths } from "../link/paths.ts";
import { type SnapshotResult, writeAtomic } from "../link/snapshot.ts";
import type { SerialRequest } from "../policy/name-table.ts";
import { isSerialAfter } from "../wire/zone.ts";

export interface ZoneSerial {
  readonly serial: number;
  /** Of the content that had it. */
  readonly digest: string;
}

/** By apex. */
export type ZoneSerials = ReadonlyMap<string, ZoneSerial>;

export interface SerialChoice {
  readonly serialOf: (zone: SerialRequest) => number;
  /**
   * What was chosen, and what is remembered of zones that are gone; undefined when it is what went
   * before: a full disk is no reason to refuse what changes nothing.
   */
  readonly chosen: () => ZoneSerials | undefined;
  readonly problems: () => readonly Problem[];
}

/**
 *   serial   before      content   becomes
 *   keep     any         any       the written one, with a warning when secondaries miss a change
 *   auto     none        any       the written one, else the time
 *   auto     some        same      the one before, or the written one if that is after it
 *   auto     some        changed   the written one or the time if after it, else one more
 */
export function chooseSerials(before: ZoneSerials, nowMs: number): SerialChoice {
  // The last ones stay: of zones that are gone only so many.
  const chosen = new Map([...before].slice(-limits.dnsZonesMax));
  const problems: Problem[] = [];
  let changed = false;
  const serialOf = (zone: SerialRequest): number => {
    const { apex, digest } = zone;
    const last = before.get(apex);
    const serial = nextSerial(zone, last, Math.floor(nowMs / 1000) >>> 0);
    if (zone.keep && last !== undefined && last.digest !== digest) {
      if (!isSerialAfter(serial, last.serial)) problems.push(notAfter(apex, serial, last.serial));
    }
    if (last?.serial === serial && last.digest === digest) return serial;
    changed = true;
    chosen.delete(apex);
    chosen.set(apex, { serial, digest });
    return serial;
  };
  return { serialOf, chosen: () => (changed ? chosen : undefined), problems: () => problems };
}

function nextSerial(zone: SerialRequest, last: ZoneSerial | undefined, now: number): number {
  const { digest, written, keep } = zone;
  if (keep && written !== undefined) return written;
  if (last === undefined) return written ?? now;
  if (last.digest === digest) {
    return written !== undefined && isSerialAfter(written, last.serial) ? written : last.serial;
  }
  const wanted = written ?? now;
  if (isSerialAfter(wanted, last.serial)) return wanted;
  // 0 is a serial like any other, and looks like none to some.
  return (last.serial + 1) >>> 0 || 1;
}

function notAfter(apex: string, serial: number, last: number): Problem {
  return {
    code: "zone.serial",
    severity: "warning",
    path: `zones.${apex}`,
    message: `the zone changed, and its serial ${serial} is not after ${last}`,
    hint: "raise the serial, or leave `serial` out: then it grows by itself",
  };
}

/** A file that is not there or damaged is one that remembers nothing. */
export async function readSerials(stateDir: string): Promise<ZoneSerials> {
  const serials = new Map<string, ZoneSerial>();
  const text = await readFile(statePaths(stateDir).zoneSerials, "utf8").catch(() => "{}");
  for (const [apex, kept] of Object.entries(parseJson(text))) {
    if (typeof kept !== "object" || kept === null) continue;
    const { serial, digest } = kept as Partial<Record<keyof ZoneSerial, unknown>>;
    if (typeof serial === "number" && typeof digest === "string") {
      serials.set(apex, { serial: serial >>> 0, digest });
    }
  }
  return serials;
}

function parseJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

export async function writeSerials(
  stateDir: string,
  serials: ZoneSerials,
): Promise<SnapshotResult<true>> {
  const text = `${JSON.stringify(Object.fromEntries(serials), undefined, 1)}\n`;
  return writeAtomic(statePaths(stateDir).zoneSerials, [Buffer.from(text)]);
}
