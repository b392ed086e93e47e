/**
 * A tolerant reading of values by a schema: what is valid is kept, what is not is reported, and
 * neither hides the other. Called by load.ts on each section. Mappings are taken apart key by key,
 * so that a mistake in one does not silence the checks on its neighbours; anything else is parsed
 * whole. Without findings a draft equals what the schema itself makes of the value.
 */
import { z } from "zod";
import type { Path } from "./document.ts";
import { type Finding, findingsOf, unknownKey } from "./issues.ts";

/** As much of a value as is valid. */
export type Draft<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]?: Draft<T[Key]> }
    : T;

export type Report = (finding: Finding) => void;

export function draftOf<T extends z.ZodType>(
  schema: T,
  value: unknown,
  where: { readonly path: Path; readonly report: Report },
): Draft<z.output<T>> | undefined {
  return draftValue(schema, value, where.path, where.report) as Draft<z.output<T>> | undefined;
}

function draftValue(schema: z.ZodType, value: unknown, path: Path, report: Report): unknown {
  const inner = value === undefined ? schema : unwrap(schema);
  if (isMapping(value)) {
    if (inner instanceof z.ZodObject) return draftObject(inner, value, path, report);
    if (inner instanceof z.ZodRecord) return draftRecord(inner, value, path, report);
  }
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  for (const finding of findingsOf(parsed.error.issues, path)) report(finding);
  return undefined;
}

/** A written value passes by its default. */
function unwrap(schema: z.ZodType): z.ZodType {
  let inner: z.core.$ZodType = schema;
  while (
    inner instanceof z.ZodOptional ||
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault
  ) {
    inner = inner.def.innerType;
  }
  return inner as z.ZodType;
}

function draftObject(
  schema: z.ZodObject,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  report: Report,
): Record<string, unknown> {
  const draft: Record<string, unknown> = {};
  const known = Object.keys(schema.shape);
  for (const key of Object.keys(value)) {
    if (!Object.hasOwn(schema.shape, key)) report(unknownKey(key, path, known));
  }
  for (const [key, child] of Object.entries(schema.shape)) {
    const own = Object.hasOwn(value, key) ? value[key] : undefined;
    const parsed = draftValue(child as z.ZodType, own, [...path, key], report);
    if (parsed !== undefined) draft[key] = parsed;
  }
  return draft;
}

function draftRecord(
  schema: z.ZodRecord,
  value: Readonly<Record<string, unknown>>,
  path: Path,
  report: Report,
): Record<string, unknown> {
  const draft: Record<string, unknown> = {};
  for (const [key, own] of Object.entries(value)) {
    const parsedKey = draftKey(schema.keyType as z.ZodType, key, path, report);
    const parsed = draftValue(schema.valueType as z.ZodType, own, [...path, key], report);
    if (parsedKey !== undefined && parsed !== undefined) draft[parsedKey] = parsed;
  }
  return draft;
}

/** The canonical form of a key, reported at the key when it has none. */
export function draftKey(
  schema: z.ZodType,
  key: string,
  path: Path,
  report: Report,
): string | undefined {
  const parsed = schema.safeParse(key, { reportInput: true });
  if (parsed.success) return String(parsed.data);
  for (const finding of findingsOf(parsed.error.issues, [...path, key])) {
    report({ ...finding, at: "key" });
  }
  return undefined;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
