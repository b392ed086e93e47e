/**
 * From the operator's files to a revision in force: read, check, compile, snapshot, record. Called
 * by parts/control.ts at a start, a reload and a change of the files. A revision is in force from
 * the moment `current` names its snapshot; until then nothing has changed, and whatever is wrong is
 * a list of problems, all of them.
 */
import { dirname, resolve } from "node:path";
import { loadConfig } from "../config/load.ts";
import { problemList } from "../config/problem-list.ts";
import { readSources, type Source } from "../config/source.ts";
import { readZones, type ZoneCache } from "../config/zone-source.ts";
import type { Problem } from "../errors.ts";
import { emptyGeography } from "../geo/compile.ts";
import { loadGeography } from "../geo/load.ts";
import type { Entropy } from "../lib/entropy.ts";
import type { Revision } from "../link/messages.ts";
import { statePaths } from "../link/paths.ts";
import { readPointer, readPolicy, type SnapshotFailure, writePolicy } from "../link/snapshot.ts";
import { compile } from "../policy/compile.ts";
import type { Policy } from "../policy/policy.ts";
import { type Claims, claimsOf } from "../prove/claims.ts";
import { assertionProblems } from "./assertions.ts";
import { addAudit, addRevision, listRevisions, packFiles, type RevisionRecord } from "./records.ts";
import type { Store } from "./store.ts";
import { tlsProblems } from "./tls-files.ts";
import { chooseSerials, writeSerials, type ZoneSerials } from "./zone-serials.ts";

export interface CompiledRevision {
  readonly policy: Policy;
  readonly sources: readonly Source[];
  readonly warnings: readonly Problem[];
  /** Files of the operator's that the configuration names: geography databases and zones. */
  readonly files: readonly string[];
  /** To be kept before the policy is in force; undefined: none is new, or none was asked for. */
  readonly serials: ZoneSerials | undefined;
  /** What `assert` says, for the prover. */
  readonly claims: Claims;
}

export type CompileResult =
  | { readonly ok: true; readonly revision: CompiledRevision }
  | {
      readonly ok: false;
      readonly problems: readonly Problem[];
      /** As `CompiledRevision.files`, as far as they are known. */
      readonly files: readonly string[];
    };

export interface CompileOptions {
  readonly stateDir: string;
  readonly entropy: Entropy;
  /**
   * What is made of an assertion that does not hold: an error, a warning, or nothing, by whoever
   * does not put the revision in force. Default: nothing.
   */
  readonly assertions?: "refuse" | "warn" | "leave";
  /** Serials that zones had; undefined: they follow from the zones' content. */
  readonly serials?: ZoneSerials | undefined;
  /** Zones parsed for the revision before; filled for the next. */
  readonly zoneCache?: ZoneCache | undefined;
}

/** Reads and compiles; writes nothing but the cache of geographies. */
export async function compileRevision(
  source: string,
  options: CompileOptions,
): Promise<CompileResult> {
  const read = await readSources(source);
  const unread = read.ok ? [] : read.problems;
  if (read.sources.length === 0) return { ok: false, problems: unread, files: [] };
  // One file that cannot be read hides no mistake in the others.
  const loaded = loadConfig(read.sources, { partial: !read.ok });
  const salvaged = loaded.ok ? undefined : loaded.salvaged;
  const config = loaded.ok ? loaded.config : salvaged?.config;
  if (config === undefined) {
    return { ok: false, problems: problemList([...unread, ...loaded.problems]), files: [] };
  }
  const { placeOf } = loaded;
  const cacheDir = statePaths(options.stateDir).geography;
  const database = databasePath(config.geo.database, read.sources);
  const asn = config.geo.asn === undefined ? undefined : databasePath(config.geo.asn, read.sources);
  const isStandIn = salvaged?.isStandIn ?? (() => false);
  const geography = await loadGeography({
    database: isStandIn("geo.database") ? [] : database,
    asn,
    overrides: config.geo.overrides,
    entropy: options.entropy,
    // What is made up is not kept in the place of what may be asked for again.
    cacheDir: isStandIn("geo") ? undefined : cacheDir,
    placeOf,
  });
  // With a stage at fault the next ones still look at what is whole, so that one run tells all.
  const clients = geography.ok ? geography.geography : emptyGeography();
  const folder = dirname(read.sources[0]?.file ?? "");
  const zones = readZones(config, { folder, placeOf, cache: options.zoneCache });
  const serials = options.serials && chooseSerials(options.serials, options.entropy.now());
  const compiled = compile(config, clients, {
    placeOf,
    isStandIn,
    zones: zones.zones,
    serialOf: serials?.serialOf,
  });
  const databases = [database, ...(asn === undefined ? [] : [asn])];
  const files = [...databases.filter((file) => file !== "bundled"), ...zones.files];
  const ofGeography = geography.ok ? [] : geography.problems;
  const before = [...unread, ...loaded.problems, ...ofGeography, ...zones.problems];
  const whole = loaded.ok && geography.ok && zones.ok;
  if (whole && compiled.ok) {
    const { policy } = compiled;
    const claims = claimsOf(config, placeOf);
    const problems = problemList([
      ...before,
      ...compiled.problems,
      ...(serials?.problems() ?? []),
      ...tlsProblems(config, { nowMs: options.entropy.now(), placeOf }),
      ...asserted(policy, claims, { mode: options.assertions ?? "leave", source }),
    ]);
    if (problems.some(({ severity }) => severity === "error")) {
      return { ok: false, problems, files };
    }
    const { sources } = read;
    const chosen = serials?.chosen();
    const revision = { policy, sources, warnings: problems, files, serials: chosen, claims };
    return { ok: true, revision };
  }
  // Of what was left out later stages may warn wrongly; their errors are about what they read.
  const after = compiled.problems.filter(({ severity }) => severity === "error" || whole);
  return { ok: false, problems: problemList([...before, ...after]), files };
}

function asserted(
  policy: Policy,
  claims: Claims,
  as: { readonly mode: NonNullable<CompileOptions["assertions"]>; readonly source: string },
): readonly Problem[] {
  const { mode, source } = as;
  if (mode === "leave" || claims.assertions.length === 0) return [];
  const violated = mode === "refuse" ? "error" : "warning";
  return assertionProblems(policy, claims, { violated, source });
}

/** A path is seen from the folder of the configuration, wherever the server was started. */
function databasePath(written: string, sources: readonly Source[]): string {
  return written === "bundled" ? written : resolve(dirname(sources[0]?.file ?? ""), written);
}

export type ApplyResult =
  | { readonly ok: true; readonly outcome: "applied" | "unchanged" }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Puts a compiled revision in force; a revision that is in force already is left alone. */
export async function applyRevision(
  { policy, serials }: Pick<CompiledRevision, "policy" | "serials">,
  options: { readonly stateDir: string; readonly at: number },
): Promise<ApplyResult> {
  const { stateDir, at } = options;
  // First: a serial that was given out is never given out again, whatever happens next.
  const kept = serials === undefined ? undefined : await writeSerials(stateDir, serials);
  if (kept?.ok === false) return { ok: false, problems: [unwritable(kept)] };
  const pointer = await readPointer(stateDir);
  const current = pointer.ok && pointer.value.digest === policy.digest;
  // A snapshot that was damaged on disk is written again, although nothing changed.
  if (current && (await readPolicy(stateDir, policy.digest)).ok) {
    return { ok: true, outcome: "unchanged" };
  }
  const written = await writePolicy(stateDir, policy, { at });
  if (!written.ok) return { ok: false, problems: [unwritable(written)] };
  return { ok: true, outcome: current ? "unchanged" : "applied" };
}

/** Why a revision was looked at, for the record. */
export interface Occasion {
  /** Such as `start`, `SIGHUP`, `file`. */
  readonly author: string;
  readonly at: number;
  readonly source: string;
}

/** The revision as recorded: the newest record of its digest, or a new one. */
export async function recordRevision(
  store: Store,
  revision: CompiledRevision,
  occasion: Occasion,
): Promise<Revision> {
  const { policy, sources } = revision;
  const [newest] = await listRevisions(store, 1);
  if (newest?.digest === policy.digest) return revisionOf(newest);
  const record = await addRevision(store, {
    digest: policy.digest,
    configDigest: policy.configDigest,
    geographyDigest: policy.geographyDigest,
    ...occasion,
    ...packFiles(sources.map(({ file, text }) => ({ path: file, text }))),
  });
  await addAudit(store, {
    at: occasion.at,
    author: occasion.author,
    action: "apply",
    target: `revision ${record.number}`,
    outcome: "done",
    detail: policy.digest,
  });
  return revisionOf(record);
}

export async function recordRefusal(
  store: Store,
  problems: readonly Problem[],
  occasion: Occasion,
): Promise<void> {
  const errors = problems.filter((problem) => problem.severity === "error");
  await addAudit(store, {
    at: occasion.at,
    author: occasion.author,
    action: "apply",
    target: "revision",
    outcome: "refused",
    detail: `${errors.length} problems, the first: ${errors[0]?.code ?? ""}`,
  });
}

/** Without a store, or before it was recorded, a revision has the number 0. */
export function unrecordedRevision(
  policy: Policy,
  occasion: { readonly at: number; readonly source: string },
): Revision {
  const { digest, configDigest, geographyDigest } = policy;
  return { number: 0, digest, configDigest, geographyDigest, ...occasion };
}

export function revisionOf(record: RevisionRecord): Revision {
  const { number, digest, configDigest, geographyDigest, at, source } = record;
  return { number, digest, configDigest, geographyDigest, at, source };
}

function unwritable(failure: SnapshotFailure): Problem {
  return {
    code: "state.unusable",
    severity: "error",
    path: "",
    message: `${failure.file} cannot be written: ${failure.message}`,
    hint: "make room, or let this user write the state directory",
  };
}
