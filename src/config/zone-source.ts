/**
 * The zone files that a configuration names: read, parsed, verified, and kept for the next reload
 * by what they hold, so that a zone nobody touched is not parsed again. Called by
 * control/rollout.ts and `rhumb zone`. A file may include others of its own folder, and of folders
 * in that, and no others.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { Place, Problem, ProblemCode } from "../errors.ts";
import { sha256 } from "../lib/sha256.ts";
import { limits } from "../limits.ts";
import { parseName } from "../wire/dns-name.ts";
import { type Parsed, parsed, refused } from "../wire/parsed.ts";
import { soaOf, zoneContents, zoneDigest } from "../wire/zone.ts";
import { parseZoneFile, type ZoneFileRecord } from "../wire/zone-file.ts";
import { verifyZonemd, type ZonemdVerdict } from "../wire/zonemd.ts";
import type { Config } from "./schema.ts";

/** What policy/name-table.ts calls ZoneData. */
export interface ZoneFileData {
  readonly records: readonly ZoneFileRecord[];
  readonly digest: string;
}

export interface ReadZone {
  /** undefined when a file cannot be read or holds an error. */
  readonly data: ZoneFileData | undefined;
  /** Their path is empty. */
  readonly problems: readonly Problem[];
  /** Every file the zone is made of, those included too, that can or cannot be read. */
  readonly files: readonly string[];
}

interface Kept {
  /** File -> digest of what it held; "" when it could not be read. */
  readonly held: ReadonlyMap<string, string>;
  readonly zone: ReadZone;
}

/** Parsed zones by apex and file. */
export type ZoneCache = Map<string, Kept>;

export interface ReadZones {
  /** No problem is an error. */
  readonly ok: boolean;
  readonly zones: ReadonlyMap<string, ZoneFileData>;
  readonly problems: readonly Problem[];
  readonly files: readonly string[];
}

/** The files of all zones; `folder` is that of the configuration. */
export function readZones(
  config: Pick<Config, "zones">,
  given: {
    readonly folder: string;
    readonly placeOf: (path: string) => Place | undefined;
    readonly cache?: ZoneCache | undefined;
  },
): ReadZones {
  const { folder, placeOf, cache = new Map() } = given;
  const zones = new Map<string, ZoneFileData>();
  const problems: Problem[] = [];
  const files = new Set<string>();
  const used = new Set<string>();
  for (const [apex, zone] of Object.entries(config.zones ?? {})) {
    if (zone.file === undefined) continue;
    const file = resolve(folder, zone.file);
    // As the configuration's own files are shown.
    const shown = isAbsolute(zone.file) ? zone.file : join(folder, zone.file);
    const key = `${apex}\0${file}`;
    used.add(key);
    const kept = cache.get(key);
    const read = kept !== undefined && isUnchanged(kept) ? kept : parseZone(file, apex, shown);
    cache.set(key, read);
    const path = `zones.${apex}.file`;
    const { data } = read.zone;
    if (data !== undefined) zones.set(apex, data);
    for (const each of read.zone.files) files.add(each);
    for (const problem of read.zone.problems) {
      // A file that is not there is a mistake of the configuration's.
      const place = problem.code === "file.unreadable" ? placeOf(path) : problem.place;
      problems.push({ ...problem, path, ...(place === undefined ? {} : { place }) });
    }
  }
  for (const key of cache.keys()) if (!used.has(key)) cache.delete(key);
  const ok = problems.every(({ severity }) => severity !== "error");
  return { ok, zones, problems, files: [...files] };
}

/** One zone from its file, which problems call `shownAs`. */
export function readZone(
  file: string,
  apex: string,
  { shownAs }: { readonly shownAs: string },
): ReadZone {
  return parseZone(file, apex, shownAs).zone;
}

function isUnchanged({ held }: Kept): boolean {
  for (const [file, digest] of held) {
    const bytes = readBytes(file, limits.zoneFileBytesMax);
    if ((bytes.ok ? digestOf(bytes.value) : "") !== digest) return false;
  }
  return true;
}

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function parseZone(file: string, apex: string, shownAs: string): Kept {
  const held = new Map<string, string>();
  const problems: Problem[] = [];
  const failed = (message: string, code: ProblemCode = "file.unreadable"): Kept => {
    problems.push({
      code,
      severity: "error",
      path: "",
      message: `${shownAs} ${message}`,
      hint: "check the path and its permissions",
      place: { file: shownAs, line: 1, column: 1 },
    });
    return { held, zone: { data: undefined, problems, files: [...held.keys()] } };
  };
  let left = limits.zoneFileBytesMax;
  const read = (path: string): Parsed<string> => {
    const bytes = readBytes(path, left);
    held.set(path, bytes.ok ? digestOf(bytes.value) : "");
    if (!bytes.ok) return bytes;
    left -= bytes.value.length;
    // One character an octet: a zone file has no encoding.
    return parsed(Buffer.from(bytes.value).toString("latin1"));
  };
  const text = read(file);
  if (!text.ok) return failed(text.message);
  const origin = parseName(apex === "." ? "." : `${apex}.`);
  if (!origin.ok)
    return failed(`is of a zone whose name holds ${origin.message}`, "config.invalid");
  const zoneFile = parseZoneFile(text.value, {
    file: shownAs,
    origin: origin.value,
    include: (path) => {
      const target = insideOf(dirname(file), path);
      if (!target.ok) return target;
      const included = read(target.value);
      const shown = join(dirname(shownAs), path);
      return included.ok ? parsed({ file: shown, text: included.value }) : included;
    },
  });
  for (const { severity, message, hint, at } of zoneFile.problems) {
    problems.push({ code: "zone.syntax", severity, path: "", message, hint, place: at });
  }
  const files = [...held.keys()];
  if (problems.some(({ severity }) => severity === "error")) {
    return { held, zone: { data: undefined, problems, files } };
  }
  const { records } = zoneFile;
  const contents = zoneContents(origin.value, records);
  const digestProblem = checkZonemd(verifyZonemd(contents), shownAs);
  if (digestProblem !== undefined) problems.push(digestProblem);
  const wrong = digestProblem?.severity === "error";
  const serial = soaOf(contents)?.serial ?? 0;
  const digest = sha256(new TextEncoder().encode(`${serial} ${zoneDigest(contents)}`));
  return { held, zone: { data: wrong ? undefined : { records, digest }, problems, files } };
}

/** RFC 8976 section 4. */
function checkZonemd(verdict: ZonemdVerdict, file: string): Problem | undefined {
  const messages: Readonly<Partial<Record<ZonemdVerdict, string>>> = {
    unknown: "no ZONEMD record is of a scheme and hash that can be verified here (1 1)",
    serial: "the ZONEMD record is of another serial than the SOA",
    wrong: "the ZONEMD record does not fit the zone: a record is missing, changed or added",
    twice: "two ZONEMD records of one scheme and hash",
  };
  const message = messages[verdict];
  if (message === undefined) return undefined;
  const severity = verdict === "unknown" ? "warning" : "error";
  const hint = "get the file again, or remove its ZONEMD record and write `zonemd: true`";
  return {
    code: "zone.digest",
    severity,
    path: "",
    message,
    hint,
    place: { file, line: 1, column: 1 },
  };
}

/** The real path of an included file, or why it may not be included. */
function insideOf(folder: string, path: string): Parsed<string> {
  const target = resolve(folder, path);
  const isInside = (from: string, to: string): boolean => {
    const way = relative(from, to);
    return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !way.startsWith(sep);
  };
  const outside = refused("lies outside of the folder of the zone's file");
  if (!isInside(resolve(folder), target)) return outside;
  try {
    const real = realpathSync(target);
    return isInside(realpathSync(folder), real) ? parsed(target) : outside;
  } catch {
    return parsed(target);
  }
}

/** Regular files only: a pipe would keep us waiting. */
function readBytes(file: string, bytesMax: number): Parsed<Uint8Array> {
  let handle: number | undefined;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(handle);
    if (!found.isFile()) return refused("is not a regular file");
    if (found.size > bytesMax) {
      return refused(`makes the zone's files longer than ${limits.zoneFileBytesMax} bytes`);
    }
    const buffer = new Uint8Array(found.size);
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(handle, buffer, length, buffer.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return parsed(buffer.subarray(0, length));
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const faults: Readonly<Record<string, string>> = {
      ENOENT: "does not exist",
      EACCES: "may not be read by this user",
    };
    return refused(faults[code] ?? `cannot be read: ${code === "" ? String(error) : code}`);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
}
