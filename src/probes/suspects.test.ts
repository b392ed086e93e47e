/** suspects.ts with sandboxes that are only timers, and journal.ts on a real file. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { ProbeJournal, traceKey } from "./journal.ts";
import type { ProbeRequest, ProbeResult } from "./probe.ts";
import type { SandboxProbe } from "./sandbox.ts";
import { Suspects } from "./suspects.ts";

const request = { timeoutMs: 100 } as ProbeRequest;

/** Sandboxes that crash as soon as a guilty origin has been probed for `latencyMs`. */
function simulate(guilty: ReadonlySet<string>, latencyMs = 10) {
  const entropy = simulatedEntropy(5);
  const found: string[] = [];
  const cleared: string[] = [];
  let running = 0;
  let peak = 0;
  let crashes = 0;
  const suspects = new Suspects({
    entropy,
    onGuilty: (identity) => found.push(identity),
    onCleared: (identity) => cleared.push(identity),
    onEnd: () => {},
    spawn({ onEnd, onProbed }) {
      const outstanding = new Set<SandboxProbe>();
      let over = false;
      running++;
      peak = Math.max(peak, running);
      const end = () => {
        over = true;
        running--;
      };
      return {
        get idle() {
          return outstanding.size === 0;
        },
        probe(probe) {
          if (over) return false;
          outstanding.add(probe);
          entropy.after(latencyMs, () => {
            if (over) return;
            if (guilty.has(probe.identity)) {
              end();
              crashes++;
              onEnd({ kind: "crash", how: "SIGABRT", outstanding: [...outstanding] });
              return;
            }
            outstanding.delete(probe);
            probe.handlers.result({ outcome: "ok", failure: "none", latencyMs, detail: "" });
            probe.handlers.closed();
            onProbed(probe.identity);
          });
          return true;
        },
        stop: end,
      };
    },
  });
  return {
    entropy,
    suspects,
    found,
    cleared,
    peak: () => peak,
    running: () => running,
    crashes: () => crashes,
  };
}

const names = (count: number) => Array.from({ length: count }, (_, index) => `origin-${index}`);

/** Probes every suspect once a second, as the scheduler would; results by name. */
function probeFor(simulation: ReturnType<typeof simulate>, seconds: number) {
  const results = new Map<string, ProbeResult[]>();
  for (let second = 0; second < seconds; second++) {
    for (const identity of [...simulation.suspects.identities]) {
      simulation.suspects.probe(identity, request, {
        result: (result) => results.set(identity, [...(results.get(identity) ?? []), result]),
        closed: () => {},
      });
    }
    simulation.entropy.advance(1000);
  }
  return results;
}

test("Suspects finds one guilty of 200 in few crashes, and clears the others after probation", () => {
  const simulation = simulate(new Set(["origin-137"]));
  simulation.suspects.add(names(200));
  const results = probeFor(simulation, 3);
  assert.deepEqual(simulation.found, ["origin-137"]);
  assert.ok(simulation.crashes() <= 9, `${simulation.crashes()} crashes`);
  for (const identity of names(200)) {
    if (identity === "origin-137") continue;
    const good = (results.get(identity) ?? []).filter(({ outcome }) => outcome === "ok");
    assert.ok(good.length >= 2, `${identity} had ${good.length} results in 3 s`);
  }
  assert.deepEqual(simulation.cleared, []);
  probeFor(simulation, limits.probationMs / 1000 + 2);
  assert.equal(simulation.cleared.length, 199);
  assert.equal(simulation.running(), 0, "no sandbox is left");
});

test("Suspects finds every guilty origin, accuses nobody else and bounds its processes", () => {
  const some = fc.uniqueArray(fc.nat(39), { maxLength: 12 });
  fc.assert(
    fc.property(some, fc.integer({ min: 1, max: 400 }), (guilty, latencyMs) => {
      const guiltyNames = new Set(guilty.map((index) => `origin-${index}`));
      const simulation = simulate(guiltyNames, latencyMs);
      simulation.suspects.add(names(40));
      probeFor(simulation, 150);
      assert.deepEqual(new Set(simulation.found), guiltyNames);
      assert.ok(simulation.peak() <= limits.sandboxesMax);
      assert.equal(simulation.cleared.length, 40 - guilty.length);
      assert.equal(simulation.running(), 0);
    }),
    { numRuns: 40 },
  );
});

test("Suspects forgets what a policy no longer has", () => {
  const simulation = simulate(new Set(["origin-1"]));
  simulation.suspects.add(names(3));
  simulation.suspects.retain(new Set(["origin-0", "origin-2"]));
  probeFor(simulation, 3);
  assert.deepEqual(simulation.found, []);
  assert.equal(simulation.suspects.has("origin-1"), false);
  simulation.suspects.retain(new Set());
  assert.equal(simulation.running(), 0);
});

test("Suspects starts a sandbox again that somebody killed, and accuses nobody", () => {
  const entropy = simulatedEntropy(5);
  const ends: (() => void)[] = [];
  const found: string[] = [];
  let spawned = 0;
  const suspects = new Suspects({
    entropy,
    onGuilty: (identity) => found.push(identity),
    onCleared: () => {},
    onEnd: () => {},
    spawn({ onEnd }) {
      spawned++;
      const held: SandboxProbe[] = [];
      ends.push(() => onEnd({ kind: "killed", how: "SIGKILL", outstanding: held }));
      return { idle: false, probe: (probe) => held.push(probe) > 0, stop: () => {} };
    },
  });
  suspects.add(["a"]);
  suspects.probe("a", request, { result: () => {}, closed: () => {} });
  for (let i = 0; i < 3; i++) {
    ends.at(-1)?.();
    entropy.advance(limits.restartMsMax);
  }
  assert.equal(spawned, 4);
  assert.deepEqual(found, []);
});

test("ProbeJournal gives back what was under way at an unclean end, and suspects not yet cleared", () => {
  const folder = mkdtempSync(join(tmpdir(), "rhumb-journal-"));
  const path = join(folder, "probes.journal");
  try {
    const keys = names(5).map(traceKey);
    const first = new ProbeJournal(path);
    assert.equal(first.suspects.size, 0);
    const slots = keys.slice(0, 4).map((key) => first.begin(key));
    first.end(slots[1] ?? -1);
    first.setSuspects([keys[4]?.text ?? ""]);
    // The process dies here.
    const second = new ProbeJournal(path);
    const expected = [0, 2, 3, 4].map((index) => keys[index]?.text);
    assert.deepEqual(new Set(second.suspects), new Set(expected));
    // Until they are cleared, they stay suspects through another death.
    assert.deepEqual(new ProbeJournal(path).suspects, second.suspects);
    second.setSuspects([]);
    second.begin(keys[0] ?? traceKey(""));
    second.close();
    assert.equal(new ProbeJournal(path).suspects.size, 0, "an orderly end accuses nobody");
    assert.ok(readFileSync(path).length <= 200_000);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("ProbeJournal without a disk costs traces, not probes", () => {
  const journal = new ProbeJournal("/proc/none/probes.journal");
  assert.notEqual(journal.fault, "");
  const slot = journal.begin(traceKey("a"));
  journal.end(slot);
  journal.setSuspects([]);
  journal.close();
});
