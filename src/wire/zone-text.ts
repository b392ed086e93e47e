/**
 * Records -> a zone file that any name server reads, in the order given. Called by `rhumb zone` and
 * by transfers that are kept on disk. Every name is absolute and every line whole, so that
 * lines can be compared and sorted; parsing the text gives the same records again.
 */
import { formatType } from "./dns-constants.ts";
import type { ResourceRecord } from "./dns-message.ts";
import { formatName } from "./dns-name.ts";
import { formatRdata } from "./dns-rdata.ts";

export function formatRecord(record: ResourceRecord): string {
  const { name, ttl, type, rdata } = record;
  return `${formatName(name)}\t${ttl}\tIN\t${formatType(type)}\t${formatRdata(type, rdata)}`;
}

export function formatZone(records: Iterable<ResourceRecord>): string {
  let text = "";
  for (const record of records) text += `${formatRecord(record)}\n`;
  return text;
}
