/**
 * The prover at its target, from a configuration: 12 regions, 200 services in four ways of
 * steering, some 300 classes of the bundled geography, every state of every endpoint. Each
 * assertion under 10 s.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileRevision } from "../../src/control/rollout.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { prove } from "../../src/prove/prove.ts";

const services = 200;
const regions = {
  ams: ["AMS", "EU"],
  fra: ["FRA", "EU"],
  mad: ["MAD", "EU"],
  mil: ["MXP", "EU"],
  waw: ["WAW", "EU"],
  sto: ["ARN", "EU"],
  iad: ["IAD", "US"],
  ord: ["ORD", "US"],
  sfo: ["SFO", "US"],
  gru: ["GRU", "BR"],
  nrt: ["NRT", "JP"],
  sin: ["SIN", "SG"],
} as const;
const names = Object.keys(regions);

function steering(kind: number): string {
  if (kind === 0) return "{steer: {nearest: {candidates: 12}}}";
  if (kind === 1) return "{steer: nearest, residency: {only: EU}, fallback: last-good}";
  if (kind === 2) {
    const eu = "{steer: [[ams, fra, mad], [mil, waw, sto], iad, ord], when: 'continent == \"EU\"'}";
    return `{steer: {rules: [${eu}, {steer: {nearest: {candidates: 12}}}]}, fallback: refuse}`;
  }
  return "{steer: {weights: {fra: 3, iad: 2, nrt: 1}}, standby: {region: sin}}";
}

function service(index: number): object {
  const endpoints = Object.fromEntries(
    names.map((name, r) => [
      name,
      Array.from({ length: 2 + ((index + r) % 3) }, (_, k) => `10.${index}.${r}.${k + 1}`),
    ]),
  );
  return { check: { http: "/" }, endpoints, minimum: index % 5 === 0 ? 2 : 1 };
}

/** YAML is JSON with fewer quotes: each service as a mapping, its steering put inside. */
function text(): string {
  const lines = ["version: 1", "zones: {example.com: {ns: ns1.example.net}}", "regions:"];
  for (const [name, [at, where]] of Object.entries(regions)) {
    lines.push(`  ${name}: {at: ${at}, in: ${where}}`);
  }
  lines.push("services:");
  for (let index = 0; index < services; index++) {
    const body = JSON.stringify(service(index)).slice(0, -1);
    lines.push(`  s${index}: ${body}, ${steering(index % 4).slice(1)}`);
  }
  lines.push(
    "assert:",
    "  - residency",
    "  - answer while 2 regions down",
    "  - answer while 2 endpoints up",
    "  - 2 regions serve EU while 2 regions down",
    "  - share of sin at most 100% while 1 region down",
    "  - ttl at most 30s",
  );
  return `${lines.join("\n")}\n`;
}

const folder = mkdtempSync(join(tmpdir(), "rhumb-bench-"));
try {
  const file = join(folder, "rhumb.yaml");
  writeFileSync(file, text());
  const compiled = await compileRevision(file, { stateDir: folder, entropy: systemEntropy() });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems.slice(0, 5)));
  const { policy, claims } = compiled.revision;
  const classes = Math.max(...policy.ruleSets.map((ruleSet) => ruleSet.classes.length));
  const results = claims.assertions.map((assertion) => {
    const startMs = performance.now();
    const [verdict] = prove(policy, { ...claims, assertions: [assertion] }).verdicts;
    const value = (performance.now() - startMs) / 1000;
    const { outcome, distinct, decisions } = verdict ?? {};
    const name = `${assertion.text}: ${outcome}, ${distinct} distinct, ${decisions} decisions`;
    return { name, value, unit: "s" };
  });
  results.push({ name: "classes of the largest rule set", value: classes, unit: "classes" });
  console.log(JSON.stringify({ results }, undefined, 1));
} finally {
  rmSync(folder, { recursive: true });
}
