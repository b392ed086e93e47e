/** What derives from the code is committed as the code has it. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { loadConfig } from "../src/config/load.ts";
import type { JsonSchema } from "./generate/json-schema.ts";
import { generatedFiles } from "./generate.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = await generatedFiles();

for (const [path, text] of files) {
  test(`${path} is up to date (else: node scripts/generate.ts)`, () => {
    const file = join(root, path);
    assert.ok(existsSync(file), `${path} exists`);
    assert.equal(readFileSync(file, "utf8"), text);
  });
}

/** Enough of JSON Schema for ours: does an editor accept the value? */
function accepts(schema: JsonSchema, value: unknown, top: JsonSchema): boolean {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/$defs/", "");
    const { $defs } = top as { readonly $defs: Readonly<Record<string, JsonSchema>> };
    return accepts($defs[name] ?? {}, value, top);
  }
  if ("not" in schema) return false;
  if (schema.anyOf !== undefined && !schema.anyOf.some((each) => accepts(each, value, top))) {
    return false;
  }
  if ("const" in schema && schema.const !== value) return false;
  if (schema.enum !== undefined && !schema.enum.includes(value)) return false;
  const pattern = (schema as { readonly pattern?: string }).pattern;
  if (pattern !== undefined && !new RegExp(pattern, "u").test(String(value))) return false;
  switch (schema.type) {
    case "string":
    case "boolean":
      return typeof value === schema.type;
    case "number":
    case "integer":
      return (
        typeof value === "number" &&
        value >= (schema.minimum ?? value) &&
        value <= (schema.maximum ?? value)
      );
    case "array":
      return (
        Array.isArray(value) &&
        value.every((item, index) => {
          const items = schema.prefixItems?.[index] ?? schema.items;
          return items === undefined || (items !== false && accepts(items, item, top));
        })
      );
    case "object":
      return typeof value === "object" && value !== null && acceptsMapping(schema, value, top);
    default:
      return true;
  }
}

function acceptsMapping(schema: JsonSchema, value: object, top: JsonSchema): boolean {
  const { properties = {}, required = [], additionalProperties = {} } = schema;
  if (!required.every((key) => Object.hasOwn(value, key))) return false;
  return Object.entries(value).every(([key, own]) => {
    const known = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    return known !== undefined && known !== false && accepts(known, own, top);
  });
}

const schema = JSON.parse(files.get("schema/rhumb.schema.json") ?? "{}") as JsonSchema;
const good = ["examples/*.yaml", "test/golden/config/*.yaml", "test/config-mistakes/base.yaml"]
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .map((path) => [path, readFileSync(join(root, path), "utf8")] as const)
  .filter(([file, text]) => loadConfig([{ file, text }]).ok);

test("the JSON Schema accepts what loadConfig() accepts", () => {
  assert.ok(good.length >= 6);
  for (const [path, text] of good) assert.ok(accepts(schema, parse(text), schema), path);
});

test("the JSON Schema refuses unknown keys, wrong types and words not supported yet", () => {
  const [, text = ""] = good.find(([path]) => path.includes("base.yaml")) ?? [];
  for (const [find, write] of [
    ["minimum: 1\n", "minimun: 1\n"],
    ["minimum: 1\n", 'minimum: "1"\n'],
    ["ttl: 1h", "ttl: 3600"],
    ["group: web", "canary: 5%"],
    ["version: 1", "version: 2"],
  ] as const) {
    const bad = text.replace(find, write);
    assert.notEqual(bad, text);
    assert.ok(!accepts(schema, parse(bad), schema), write);
  }
});
