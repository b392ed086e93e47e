/**
 * Static records of a configuration with errors: each that can be read at all stands at its own
 * index, so that what is said of it has its place. Called by salvage.ts and salvage-service.ts.
 */
import { draftOf, isMapping } from "./draft.ts";
import type { Faults } from "./faults.ts";
import { recordSchema, type ZoneConfig } from "./schema.ts";

type RecordConfig = ZoneConfig["records"][number];

/** A TTL that is wrong and has been reported: no other contradicts it. */
export const noTtl = Number.NaN;
/** The owner of a record whose own is wrong: nobody else's. */
const nobody = "unnamed.invalid.";
/** In the place of what is no record at all: it adds nothing to any name. */
const hole: RecordConfig = { name: "@", type: "TXT", data: [] };

export function mendRecords(
  raw: unknown,
  of: { readonly path: string; readonly faults: Faults },
): RecordConfig[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((record: unknown, index) => {
    if (!isMapping(record)) return hole;
    const path = `${of.path}.${index}`;
    const { name, type, ttl, data } = draftOf(recordSchema, record, { path: [], report }) ?? {};
    if (type === undefined) return hole;
    const named = name === undefined ? nobody : name;
    const lasting = of.faults.within(`${path}.ttl`) ? noTtl : ttl;
    return { name: named, type, ttl: lasting, data: data === undefined ? [] : [...data] };
  });
}

/** What is wrong was reported when the whole was read. */
const report = (): void => {};
