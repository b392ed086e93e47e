/**
 * Zones, static records and the names of services -> the table that the DNS front reads. Called by
 * compile.ts. Pure; equal inputs give equal tables.
 */
import { packTable } from "./name-pack.ts";
import type { NameTableInput, NameTableResult } from "./name-table.ts";
import { checkDraft, steeredBy } from "./zone-checks.ts";
import { draftData } from "./zone-data.ts";
import { newDraft } from "./zone-draft.ts";
import { draftAncestors, draftSteered, draftZones } from "./zone-read.ts";
import { draftRecords } from "./zone-records.ts";

/** Every problem found; a table only when none of them is an error. */
export function buildNameTable(input: NameTableInput): NameTableResult {
  const draft = newDraft();
  draftZones(draft, input.zones);
  for (const zone of draft.zones) draftData(draft, zone);
  draftRecords(draft, input.records);
  for (const steered of input.steered) draftSteered(draft, steered);
  draftAncestors(draft);
  checkDraft(draft);
  const { problems } = draft;
  const wrong = problems.some((problem) => problem.severity === "error");
  return {
    table: wrong ? undefined : packTable(draft, input.serialOf),
    problems,
    steeredBy: (host) => steeredBy(draft, host),
  };
}
