/**
 * Reads the databases of a configuration and gives their Geography, compiled or from the cache. The
 * only file of this folder, with cache.ts, that touches the disk. control/ calls it for every
 * revision; a database that cannot be used is a list of problems, never a throw.
 */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename } from "node:path";
import type { Problem } from "../errors.ts";
import type { Entropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { readCache, writeCache } from "./cache.ts";
import {
  compileGeography,
  type DatabaseInput,
  type DatabaseKey,
  geographyVersion,
} from "./compile.ts";
import { airportsTable } from "./generated/airports.ts";
import { countriesTable } from "./generated/countries.ts";
import type { Geography } from "./geography.ts";
import { type GeoOverride, type PlaceOf, Problems, readOverrides } from "./overrides.ts";

/** What `database: bundled` is: docs/geography.md. */
const bundledPackage = "@ip-location-db/geo-whois-asn-country-mmdb";
const bundledFile = "geo-whois-asn-country.mmdb";
const bundledName = "bundled country database";
/** The package says CC0; the registries' data in it asks for attribution (its NRO_LICENSE). */
const bundledLicense = "CC0-1.0 (package); registry data CC BY 4.0, Number Resource Organization";

export interface LoadOptions {
  /**
   * `bundled`, or the path of an MMDB file; several are joined, the first that knows wins. None:
   * what is written is no path, and only what else is wrong is wanted.
   */
  readonly database: string | readonly string[];
  /** One more, of autonomous systems: joined after the others. */
  readonly asn?: string | undefined;
  readonly overrides: readonly GeoOverride[];
  readonly entropy: Entropy;
  /** Where compiled geographies are kept; without it, nothing is kept. */
  readonly cacheDir?: string | undefined;
  readonly placeOf?: PlaceOf | undefined;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly geography: Geography;
      readonly fromCache: boolean;
      /** Time spent compiling; 0 when it came from the cache. */
      readonly compileMs: number;
      /** Why the cache could not be written; empty when it was, or was not asked for. */
      readonly cacheFailure: string;
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export function bundledDatabasePath(): string {
  return createRequire(import.meta.url).resolve(`${bundledPackage}/${bundledFile}`);
}

const faults: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "this user may not read it",
  EPERM: "this user may not read it",
  EISDIR: "it is a folder",
  ENOTDIR: "it lies below something that is no folder",
  ELOOP: "it is a circle of symbolic links",
};

async function readDatabase(
  { database, key }: { readonly database: string; readonly key: DatabaseKey },
  problems: Problems,
): Promise<DatabaseInput | undefined> {
  const fail = (reason: string, hint: string): undefined =>
    problems.add("geo.unreadable", key, {
      message: `${database} cannot be read: ${reason}`,
      hint,
    });
  try {
    const path = database === "bundled" ? bundledDatabasePath() : database;
    const { size } = await stat(path);
    if (size > limits.geoDatabaseBytesMax) {
      return problems.add("file.too-large", key, {
        message: `${database} has ${size} bytes; the limit is ${limits.geoDatabaseBytesMax}`,
        hint: "use a smaller edition of the database",
      });
    }
    const name = database === "bundled" ? bundledName : basename(database);
    return { name, bytes: await readFile(path), key };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const reason = faults[code] ?? (error instanceof Error ? error.message : String(error));
    if (database === "bundled") return fail(reason, "install the dependencies again: npm ci");
    const other = key === "geo.database" ? ", or `bundled`" : "";
    return fail(reason, `give the path of an MMDB file${other}`);
  }
}

/** Of everything that decides the outcome: bytes, overrides, the compiler and its tables. */
function digestOf(databases: readonly DatabaseInput[], overrides: readonly GeoOverride[]): string {
  const hash = createHash("sha256");
  hash.update(`rhumb geography ${geographyVersion}\n${airportsTable}\n${countriesTable}\n`);
  for (const { bytes } of databases) hash.update(`${bytes.length}\n`).update(bytes);
  const canonical = overrides.map(({ cidr, country, subdivision, at }) => [
    cidr,
    country ?? null,
    subdivision ?? null,
    at ?? null,
  ]);
  return hash.update(JSON.stringify(canonical)).digest("hex");
}

export async function loadGeography(options: LoadOptions): Promise<LoadResult> {
  const { overrides, entropy, cacheDir, placeOf } = options;
  const names = typeof options.database === "string" ? [options.database] : options.database;
  const problems = new Problems(placeOf);
  const databases: DatabaseInput[] = [];
  for (const name of names.slice(0, limits.geoDatabasesMax + 1)) {
    const read = await readDatabase({ database: name, key: "geo.database" }, problems);
    if (read !== undefined) databases.push(read);
  }
  if (options.asn !== undefined) {
    const read = await readDatabase({ database: options.asn, key: "geo.asn" }, problems);
    if (read !== undefined) databases.push(read);
  }
  if (problems.list.length > 0 || names.length === 0) {
    // What else is wrong is found all the same.
    if (databases.length === 0) readOverrides(overrides, problems);
    if (databases.length === 0) return { ok: false, problems: problems.list };
    const rest = compileGeography(databases, overrides, { digest: "", license: "", placeOf });
    return { ok: false, problems: [...problems.list, ...(rest.ok ? [] : rest.problems)] };
  }
  const digest = digestOf(databases, overrides);
  const license = names.includes("bundled") ? bundledLicense : "that of the database's provider";
  const cached = cacheDir === undefined ? undefined : await readCache(cacheDir, digest);
  if (cached !== undefined) {
    // The same bytes may have another name by now.
    const source = {
      ...cached.source,
      name: databases.map(({ name }) => name).join(" + "),
      license,
    };
    const geography = { ...cached, source };
    return { ok: true, geography, fromCache: true, compileMs: 0, cacheFailure: "" };
  }
  const startedAt = entropy.monotonic();
  const compiled = compileGeography(databases, overrides, { digest, license, placeOf });
  if (!compiled.ok) return compiled;
  const compileMs = entropy.monotonic() - startedAt;
  const { geography } = compiled;
  const cacheFailure = cacheDir === undefined ? "" : await writeCache(cacheDir, geography);
  return { ok: true, geography, fromCache: false, compileMs, cacheFailure };
}
