/** The figures of the worked examples in docs/steering.md are those of the code. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/errors.ts";
import { country } from "../../src/geo/countries.ts";
import { biasedMetres } from "../../src/geo/distance.ts";
import { compile } from "../../src/policy/compile.ts";
import { builtInJurisdictions } from "../../src/policy/jurisdictions.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { printPlan } from "../../src/policy/print.ts";
import { decide } from "../../src/steer/decide.ts";
import { explain } from "../../src/steer/explain.ts";
import { geographyOf, smallWorld } from "../support/geography-fixture.ts";
import { worldOf } from "../support/steer-fixture.ts";

const page = readFileSync(new URL("../../docs/steering.md", import.meta.url), "utf8");

/** The rows of the table with this head. */
function rowsOf(head: string): readonly (readonly string[])[] {
  const start = page.indexOf(`${head}\n`);
  assert.notEqual(start, -1, head);
  const lines = page.slice(start).split("\n").slice(2);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) => {
    const cells = line.split("|").slice(1, -1);
    return cells.map((cell) => cell.trim());
  });
}

const whole = (text: string): number => Number.parseInt(text.replaceAll(",", ""), 10);

test("biasedMetres() gives the distances of the page", () => {
  const rows = rowsOf("| distance | bias | counts as |");
  assert.equal(rows.length, 7);
  for (const [distance = "", bias = "", counted = ""] of rows) {
    assert.equal(biasedMetres(whole(distance), whole(bias)), whole(counted), distance + bias);
  }
});

function policyOf(lines: readonly string[], geography = smallWorld): Policy {
  const text = ["version: 1", "zone: example.com", ...lines].join("\n");
  const loaded = loadConfig([{ file: "page.yaml", text }]);
  assert.ok(loaded.ok, loaded.problems.map(formatProblem).join("\n"));
  const result = compile(loaded.config, geography);
  assert.ok(result.ok, result.problems.map(formatProblem).join("\n"));
  return result.policy;
}

/** `canary 3,277, stable 62,259`, as the page writes the shares of the first service. */
function sharesOf(policy: Policy): string {
  const decision = decide(policy, worldOf(policy, []), 0 as never, 0 as never);
  const byPool = new Map<string, number>();
  for (const { endpoints, share } of decision.answers) {
    const pool = policy.pools[policy.endpoints[endpoints[0] ?? 0]?.pool ?? 0]?.name ?? "";
    byPool.set(pool, (byPool.get(pool) ?? 0) + share);
  }
  return [...byPool]
    .map(([pool, share]) => `${pool.replace(/.*\//, "")} ${share.toLocaleString("en")}`)
    .join(", ");
}

test("compile() and decide() give colours the weights and shares of the page", () => {
  const rows = rowsOf(
    "| in `fra` | weights of its `split` | all up, `steer: [fra, iad]` | all up, `steer: {weights: {fra: 1, iad: 1}}` |",
  );
  assert.equal(rows.length, 3);
  for (const [words = "", weights = "", first = "", split = ""] of rows) {
    const share = /at ([\d.]+%)/.exec(words)?.[1];
    const written = share === undefined ? (/`([^`]+)`/.exec(words)?.[1] ?? "") : "";
    const policyFor = (steer: string) =>
      policyOf([
        "regions: {fra: {at: FRA}, iad: {at: IAD}}",
        "services:",
        "  shop:",
        "    endpoints: {fra: {canary: 192.0.2.1, stable: [192.0.2.2, 192.0.2.3]}, iad: 192.0.2.4}",
        `    steer: ${steer}`,
        `    ${share === undefined ? written : `canary: {region: fra, share: ${share}}`}`,
      ]);
    const ordered = policyFor("[fra, iad]");
    const plan = ordered.ruleSets[0]?.classes[0]?.plan;
    const colours = plan?.kind === "first" ? plan.children[0] : undefined;
    assert.ok(colours);
    const text = printPlan(colours, (ordinal) => ordered.pools[ordinal]?.name.slice(4) ?? "");
    assert.equal(text, `split(${weights})`);
    assert.equal(sharesOf(ordered), first);
    assert.equal(sharesOf(policyFor("{weights: {fra: 1, iad: 1}}")), split);
  }
});

test("builtInJurisdictions are those of the page", () => {
  const rows = rowsOf("| jurisdiction | who is in it |");
  const codesOf = (name: string) =>
    rows.find(([cell]) => cell === `\`${name}\``)?.[1]?.match(/\b[A-Z]{2}\b/g) ?? [];
  const union = builtInJurisdictions.get("EU") ?? [];
  assert.deepEqual(codesOf("EU").toSorted(), union.toSorted());
  const area = [...codesOf("EU"), ...codesOf("EEA").filter((code) => code !== "EU")];
  assert.deepEqual(area.toSorted(), builtInJurisdictions.get("EEA")?.toSorted());
  assert.ok(union.every((code) => country(code) !== undefined));
});

test("compile() and classify() give clients the sets of the page", () => {
  const rows = rowsOf("| client | set |");
  assert.equal(rows.length, 6);
  const policy = policyOf(
    [
      "regions: {fra: {at: FRA, in: EU}, iad: {at: IAD, in: US}, zrh: {at: ZRH, in: CH}}",
      "services:",
      "  shop:",
      "    endpoints: {fra: 192.0.2.1, iad: 192.0.2.2, zrh: 192.0.2.3}",
      "    residency: {only: [EU, US, CH], clients: {EU: [EU, CH], DE: EU}, dns: strictest}",
    ],
    geographyOf({
      "198.51.100.0/26": "DE",
      "198.51.100.64/26": "US",
      "203.0.113.0/25": "FR",
      "203.0.113.128/25": "US",
    }),
  );
  const prefixes: Readonly<Record<string, string>> = {
    "in DE": "198.51.100.0/26",
    "in FR": "203.0.113.1",
    "in US": "198.51.100.65",
    "not known": "8.8.8.8",
    "a prefix over DE and US": "198.51.100.0/25",
    "a prefix over FR and US": "203.0.113.0/24",
  };
  for (const [who = "", set] of rows) {
    const result = explain(policy, worldOf(policy, []), {
      service: "shop",
      client: prefixes[who] ?? "",
    });
    assert.ok(result.ok);
    const classPlan = policy.ruleSets[0]?.classes[result.explanation.class];
    const names = policy.pools.filter((_, i) => classPlan?.allowed[i]).map(({ name }) => name);
    assert.equal(names.join(", "), set, who);
  }
});
