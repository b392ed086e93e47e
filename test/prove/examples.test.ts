/**
 * The examples' own assertions: proved as they stand, and refuted when what guards them is taken
 * away, by a counter-example that decide() confirms.
 */
import assert from "node:assert/strict";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { compileRevision } from "../../src/control/rollout.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { prove } from "../../src/prove/prove.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rhumb-prove-"));
after(() => rmSync(folder, { recursive: true }));

async function proofOf(text: string) {
  const file = join(folder, "rhumb.yaml");
  writeFileSync(file, text);
  const made = await compileRevision(file, { stateDir: folder, entropy: systemEntropy() });
  assert.ok(made.ok, JSON.stringify(made.ok ? [] : made.problems));
  return prove(made.revision.policy, made.revision.claims);
}

/** Example -> what to take away, and the assertions that fall with it. */
const guards: Readonly<Record<string, readonly [RegExp, string, readonly string[]]>> = {
  "active-active.yaml": [
    /iad: 1, nrt: 1/,
    "iad: 1",
    [
      "share of fra at most 50.01% while 1 region down",
      "share of iad at most 50.01% while 1 region down",
    ],
  ],
  "active-passive.yaml": [
    /steer: \[\[fra-1, fra-2\]\]/,
    "steer: [fra-1]",
    ["answer while 1 region down", "2 regions serve EU"],
  ],
  "blue-green.yaml": [
    /fra: \{blue: 1, green: 0\}/,
    "fra: {blue: 99, green: 1}",
    ["share of fra/green at most 0% while 2 regions down"],
  ],
  "canary.yaml": [/share: 5%/, "share: 50%", ["share of fra/canary at most 5.01%"]],
  "capacity-waterfall.yaml": [/capacity: 1500/, "capacity: 900", ["capacity survives 1 region"]],
  "hybrid-multi-cloud.yaml": [
    /steer: \[muc, \[fra, ams\]\]/,
    "steer: [muc, fra]",
    ["answer while 2 regions down (shop)"],
  ],
  "residency.yaml": [
    /steer: \[fra, ams\]/,
    "steer: [fra]",
    ["2 regions serve EU", "answer while 1 region down"],
  ],
  "rules.yaml": [/steer: \[fra, iad\]/, "steer: [fra]", ["answer while 1 region down"]],
  "two-regions.yaml": [/ +iad: \[198.*\n/, "", ["answer while 1 region down"]],
};

for (const path of globSync("examples/*.yaml", { cwd: root }).sort()) {
  const text = readFileSync(join(root, path), "utf8");
  test(`prove() proves what ${path} asserts`, async () => {
    const proof = await proofOf(text);
    assert.ok(proof.verdicts.length > 0);
    for (const { outcome, assertion, counterExample } of proof.verdicts) {
      assert.equal(outcome, "proved", `${assertion.text}: ${counterExample?.command}`);
    }
  });
}

for (const [name, [guard, instead, fallen]] of Object.entries(guards)) {
  test(`prove() refutes examples/${name} without its guard`, async () => {
    const text = readFileSync(join(root, "examples", name), "utf8");
    assert.match(text, guard);
    const proof = await proofOf(text.replace(guard, instead));
    const violated = proof.verdicts.filter(({ outcome }) => outcome === "violated");
    assert.deepEqual(
      violated.map(({ assertion }) => assertion.text),
      fallen,
    );
    for (const { counterExample } of violated) {
      assert.match(counterExample?.command ?? "", /^rhumb explain /);
    }
  });
}
