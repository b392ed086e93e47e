/**
 * One configuration, however it is cut into files, whatever these are called, and in whatever order
 * its keys stand: the same policy, down to its digest, and the same table.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { compile } from "../../src/policy/compile.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { buildTable } from "../../src/steer/table.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { smallWorld } from "../support/geography-fixture.ts";

type Mapping = Record<string, unknown>;
const text = readFileSync(new URL("../config-mistakes/base.yaml", import.meta.url), "utf8");
const base = parse(text) as Mapping;
const sections: ReadonlySet<string> = new Set(["regions", "services", "zones"]);

/** What is put into files: [top key, entry or undefined, value]. */
type Piece = readonly [key: string, name: string | undefined, value: unknown];
const pieces: readonly Piece[] = Object.entries(base).flatMap(([key, value]): Piece[] => {
  if (key === "version") return [];
  if (!sections.has(key)) return [[key, undefined, value]];
  return Object.entries(value as Mapping).map(([name, own]) => [key, name, own]);
});

function policyOf(files: readonly (readonly [string, unknown])[]): Policy {
  const sources = files.map(([file, value]) => ({ file, text: JSON.stringify(value) }));
  const loaded = loadConfig(sources);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const compiled = compile(loaded.config, smallWorld);
  assert.ok(compiled.ok, compiled.problems.map(formatProblem).join("\n"));
  return compiled.policy;
}

/** Keys in an order that follows from the numbers; lists stay as they are. */
function shuffled(value: unknown, next: () => number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, next));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, own]) => ({
    entry: [key, shuffled(own, next)] as const,
    at: next(),
  }));
  return Object.fromEntries(entries.sort((a, b) => a.at - b.at).map(({ entry }) => entry));
}

const whole = policyOf([["rhumb.yaml", base]]);
const tableOf = (policy: Policy) => buildTable(policy, initialWorld(policy, 0));
const table = tableOf(whole);

const cut = fc.record({
  names: fc.uniqueArray(fc.stringMatching(/^[a-z0-9]{1,8}$/), { minLength: 1, maxLength: 8 }),
  homes: fc.array(fc.nat(), { minLength: pieces.length, maxLength: pieces.length }),
  order: fc.infiniteStream(fc.nat()),
});

test("loadConfig() and compile() give one policy, and one table, for any cut into files", () => {
  fc.assert(
    fc.property(cut, ({ names, homes, order }) => {
      const files = names.map((name) => [`${name}.yaml`, { version: 1 } as Mapping] as const);
      pieces.forEach(([key, name, value], i) => {
        const [, file] = files[(homes[i] ?? 0) % files.length] ?? files[0]!;
        if (name === undefined) file[key] = value;
        else file[key] = { ...((file[key] ?? {}) as Mapping), [name]: value };
      });
      const next = (): number => order.next().value as number;
      const made = files.map(([file, value]) => [file, shuffled(value, next)] as const);
      const policy = policyOf(made);
      assert.equal(policy.digest, whole.digest);
      assert.deepEqual(policy, whole);
      assert.deepEqual(tableOf(policy), table);
    }),
    { numRuns: 40 },
  );
});
