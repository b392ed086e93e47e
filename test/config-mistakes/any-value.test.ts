/**
 * Whatever stands in the place of whatever: the configuration is read, what is whole of it is
 * compiled, and what is wrong is a list of problems with places. Nothing throws.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { compile } from "../../src/policy/compile.ts";
import { smallWorld } from "../support/geography-fixture.ts";

const text = readFileSync(new URL("base.yaml", import.meta.url), "utf8");
const base = parse(text) as object;

type Branch = Record<string, unknown> | unknown[];
const isBranch = (value: unknown): value is Branch => typeof value === "object" && value !== null;

/** Every place in a tree, as its parent and key. */
function placesOf(tree: Branch): readonly (readonly [Branch, string])[] {
  return Object.entries(tree).flatMap(([key, value]) => [
    [tree, key] as const,
    ...(isBranch(value) ? placesOf(value) : []),
  ]);
}

const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 1.5, 70_000, "", " ", "fra", "5%", "30s", "EU", "*", "."),
  fc.constantFrom<unknown>([], {}, [[]], [{}], { rules: [] }, { rules: [{}] }, { fixed: {} }),
  fc.constantFrom("nearest", "example.org", "a.b", "0.0.0.0/0", "::", "CNAME", 'country == "DE"'),
  fc.string({ maxLength: 12 }),
);

const change = fc.record({
  where: fc.nat(),
  other: fc.nat(),
  how: fc.constantFrom("remove", "junk", "junk", "swap", "rename", "double"),
  what: junk,
  name: fc.oneof(fc.constantFrom("fra", "shop", "ttl", "steer", "EU", "when", ""), fc.string()),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function apply(tree: Branch, { where, other, how, what, name }: Change): void {
  const places = placesOf(tree);
  const [parent, key] = places[where % places.length] ?? [tree, "version"];
  const [second, secondKey] = places[other % places.length] ?? [tree, "version"];
  const at = parent as Record<string, unknown>;
  const from = (second as Record<string, unknown>)[secondKey];
  if (how === "junk") at[key] = what;
  else if (how === "swap") at[key] = structuredClone(from);
  else if (how === "double" && isBranch(at[key])) Object.assign(at[key], structuredClone(from));
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else {
    const own = at[key];
    Reflect.deleteProperty(at, key);
    if (how === "rename" && name !== "__proto__") at[name] = own;
  }
}

test("loadConfig() and compile() take any value anywhere", () => {
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
      const tree = structuredClone(base) as Branch;
      for (const each of changes) apply(tree, each);
      const loaded = loadConfig([{ file: "any.yaml", text: JSON.stringify(tree, null, 1) }]);
      for (const problem of loaded.problems) assert.ok(problem.place, problem.message);
      const read = loaded.ok ? { config: loaded.config } : loaded.salvaged;
      if (read === undefined) return;
      const { placeOf } = loaded;
      const compiled = compile(read.config, smallWorld, { ...read, placeOf });
      for (const problem of compiled.problems) assert.ok(problem.place, problem.message);
    }),
    { numRuns: Number(process.env["RHUMB_RUNS"] ?? 200) },
  );
});
