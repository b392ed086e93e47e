/**
 * The JSON Schema of the configuration, for editors, and what the pages need of it: where a key
 * stands in it and how its type reads in a table.
 */
import { z } from "zod";
import { configSchema } from "../../src/config/schema.ts";
import { unsupported } from "../../src/config/unsupported.ts";

export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  /** False where `prefixItems` are all there may be. */
  readonly items?: JsonSchema | false;
  readonly prefixItems?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
}

const laterPrefix = "Not supported yet. ";

export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, {
    io: "input",
    unrepresentable: "any",
    override({ jsonSchema }) {
      if (jsonSchema.description?.startsWith(laterPrefix) !== true) return;
      // An editor marks what would be refused.
      jsonSchema.deprecated = true;
      jsonSchema.not = {};
    },
  });
  return { title: "Rhumb configuration", ...schema } as JsonSchema;
}

export function isLater(schema: JsonSchema): boolean {
  return schema.description?.startsWith(laterPrefix) === true;
}

/** The node that a path leads to: `*` for any name of a mapping or item of a list. */
export function nodeAt(schema: JsonSchema, path: string): JsonSchema {
  let node = schema;
  for (const step of path === "" ? [] : path.split(".")) {
    const next = step === "*" ? anyEntry(node) : property(node, step);
    if (next === undefined) throw new Error(`nothing at ${path} of the schema`);
    node = referred(schema, next);
  }
  return node;
}

/** What refers to itself stands apart, under `$defs`. */
function referred(schema: JsonSchema, node: JsonSchema): JsonSchema {
  const name = node.$ref?.split("/").at(-1) ?? "";
  return schema.$defs?.[name] ?? node;
}

function property(node: JsonSchema, key: string): JsonSchema | undefined {
  return node.properties?.[key] ?? firstOf(node, (each) => property(each, key));
}

function anyEntry(node: JsonSchema): JsonSchema | undefined {
  const own = node.additionalProperties === false ? undefined : node.additionalProperties;
  return own ?? (node.items === false ? undefined : node.items) ?? firstOf(node, anyEntry);
}

function firstOf<T>(node: JsonSchema, find: (each: JsonSchema) => T | undefined): T | undefined {
  for (const each of node.anyOf ?? []) {
    const found = find(each);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The keys of the mapping at a path, also where it is one of several forms. */
export function keysAt(
  schema: JsonSchema,
  path: string,
): readonly (readonly [string, JsonSchema])[] {
  return Object.entries(mappingOf(nodeAt(schema, path))?.properties ?? {});
}

export function requiredAt(schema: JsonSchema, path: string): ReadonlySet<string> {
  return new Set(mappingOf(nodeAt(schema, path))?.required ?? []);
}

function mappingOf(node: JsonSchema): JsonSchema | undefined {
  return node.properties === undefined ? firstOf(node, mappingOf) : node;
}

/** Words that the schema must accept to refuse them by name. */
const refusedValues: ReadonlySet<string> = new Set(
  Object.keys(unsupported).flatMap((word) =>
    word.includes("=") ? [word.split("=")[1] ?? ""] : [],
  ),
);

export function typeText(node: JsonSchema, path = ""): string {
  if (node.title !== undefined && node.properties === undefined) return node.title;
  if (node.$ref !== undefined) return node.$ref.endsWith("/check") ? "check" : "a way of steering";
  if (node.const !== undefined) return code(node.const);
  if (node.enum !== undefined) {
    const refused = path === "standby.activate" ? new Set() : refusedValues;
    return node.enum
      .filter((word) => !refused.has(String(word)))
      .map(code)
      .join(", ");
  }
  if (node.anyOf !== undefined) return anyText(node.anyOf, path);
  if (node.type === "integer" || node.type === "number") return numberText(node);
  if (node.type === "boolean") return "`true` or `false`";
  if (node.type === "array") return listText(node.items);
  if (node.type === "object") return "mapping";
  return node.type === "string" ? "text" : "anything";
}

function listText(items: JsonSchema | false | undefined): string {
  if (items === undefined || items === false) return "list";
  const item = typeText(items);
  return `list of ${item}${item === "mapping" || item === "name" || item === "check" ? "s" : ""}`;
}

function anyText(forms: readonly JsonSchema[], path: string): string {
  const words = [...new Set(forms.map((form) => typeText(form, path)))];
  const [first = "", second = ""] = words;
  if (words.length === 2 && second === `list of ${first}`) return `${first}, or a list`;
  return words.join(" or ");
}

function numberText({ type, minimum, maximum }: JsonSchema): string {
  const word = type === "integer" ? "whole number" : "number";
  if (minimum === undefined || maximum === undefined) return word;
  return maximum >= Number.MAX_SAFE_INTEGER
    ? `${word} from ${minimum}`
    : `${minimum} to ${maximum}`;
}

export function code(value: unknown): string {
  return `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}
