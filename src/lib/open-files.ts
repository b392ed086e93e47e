/**
 * How many files and sockets this process may have open. Asked by what keeps many of them - fronts
 * their clients, the observer its probes - so that each stays below the bound with room for the
 * files it needs to go on: a connection refused by us is counted, one refused by the kernel is not.
 */
import { readFileSync } from "node:fs";
import { limits } from "../limits.ts";

/** The process's own bound; infinity where there is no /proc to say so. */
export function openFilesMax(): number {
  try {
    return parseOpenFiles(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Of `/proc/self/limits`, the soft limit. */
export function parseOpenFiles(text: string): number {
  const soft = /^Max open files +(\d+|unlimited) /m.exec(text)?.[1];
  return soft === undefined || soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

/** At most `wanted`, and what the bound leaves beside the process's own files. */
export function connectionsWithin(wanted: number, filesMax: number): number {
  return Math.max(1, Math.min(wanted, filesMax - limits.ownFilesMax));
}
