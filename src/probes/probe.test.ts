/** probe.ts without a socket: one result, in time or not at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entropy, simulatedEntropy } from "../lib/entropy.ts";
import { Attempt, type ProbeRequest, type ProbeResult } from "./probe.ts";

const request = { timeoutMs: 100 } as ProbeRequest;

function attempt(entropy: Entropy) {
  const results: ProbeResult[] = [];
  let closings = 0;
  const made = new Attempt(
    request,
    {
      result: (result) => results.push(result),
      closed: () => {
        closings++;
      },
    },
    entropy,
  );
  return { made, results, closings: () => closings };
}

test("Attempt fails by the phase it is in when its time is over", () => {
  for (const [phase, failure] of [
    ["connect", "connect.timeout"],
    ["tls", "tls.timeout"],
    ["http", "http.timeout"],
  ] as const) {
    const entropy = simulatedEntropy(1);
    const { made, results, closings } = attempt(entropy);
    made.phase = phase;
    entropy.advance(100);
    assert.deepEqual(
      results.map((result) => [result.outcome, result.failure, result.latencyMs]),
      [["failed", failure, 100]],
    );
    assert.equal(closings(), 1);
  }
});

test("Attempt holds a time-out that comes far too late against nobody", () => {
  const entropy = simulatedEntropy(1);
  let stalledMs = 0;
  const { results } = attempt({ ...entropy, monotonic: () => entropy.monotonic() + stalledMs });
  stalledMs = 3000;
  entropy.advance(100);
  assert.deepEqual(
    results.map((result) => [result.outcome, result.failure]),
    [["void", "none"]],
  );
});

test("Attempt takes the first outcome only, and a cancelled one has none", () => {
  const entropy = simulatedEntropy(1);
  const { made, results, closings } = attempt(entropy);
  made.succeed();
  made.fail("http.status", "500");
  made.cancel();
  entropy.advance(1000);
  assert.deepEqual(
    results.map((result) => result.outcome),
    ["ok"],
  );
  assert.equal(closings(), 1);
  const other = attempt(entropy);
  other.made.cancel();
  entropy.advance(1000);
  assert.deepEqual([other.results.length, other.closings()], [0, 1]);
});
