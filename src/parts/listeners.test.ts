import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "../errors.ts";
import { simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { Listeners } from "./listeners.ts";

/** Listeners on addresses that are words; those in `taken` cannot be had. */
function listeners() {
  const entropy = simulatedEntropy(1);
  const taken = new Set<string>();
  const events: string[] = [];
  const problem = (address: string): Problem => ({
    code: address.startsWith("refused") ? "listen.refused" : "listen.in-use",
    severity: "error",
    path: "listen.dns",
    message: address,
    hint: "",
  });
  const held = new Listeners((address) => {
    if (taken.has(address)) return Promise.resolve({ ok: false, problem: problem(address) });
    events.push(`+${address}`);
    const close = async (): Promise<void> => void events.push(`-${address}`);
    return Promise.resolve({ ok: true, listener: { address, close } });
  }, entropy);
  return { held, taken, events, entropy };
}

void test("Listeners binds what is new before it closes what is no longer named", async () => {
  const { held, events } = listeners();
  assert.deepEqual(await held.apply(["a", "b"], { patient: false }), []);
  assert.deepEqual(await held.apply(["b", "c"], { patient: false }), []);
  assert.deepEqual(events, ["+a", "+b", "+c", "-a"]);
  assert.deepEqual(held.addresses, ["b", "c"]);
});

void test("Listeners keeps what it has when one new address cannot be had, and says all", async () => {
  const { held, taken, events } = listeners();
  await held.apply(["a"], { patient: false });
  for (const address of ["c", "d"]) taken.add(address);
  const problems = await held.apply(["b", "c", "d"], { patient: false });
  assert.deepEqual(
    problems.map((problem) => problem.message),
    ["c", "d"],
  );
  assert.deepEqual(events, ["+a", "+b", "-b"]);
  assert.deepEqual(held.addresses, ["a"]);
});

void test("Listeners waits for a predecessor only when patient, and only if it is taken", async () => {
  const { held, taken, entropy } = listeners();
  for (const address of ["a", "refused"]) taken.add(address);
  assert.equal((await held.apply(["a"], { patient: false })).length, 1);
  assert.equal((await held.apply(["refused"], { patient: true })).length, 1);
  const patient = held.apply(["a"], { patient: true });
  const turn = async (): Promise<void> => {
    entropy.advance(50);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  for (let i = 0; i < 10; i++) await turn();
  taken.delete("a");
  await turn();
  assert.deepEqual(await patient, []);
  taken.add("b");
  const since = entropy.monotonic();
  let late: readonly Problem[] | undefined;
  void held.apply(["b"], { patient: true }).then((problems) => {
    late = problems;
  });
  for (let i = 0; i < 1000 && late === undefined; i++) await turn();
  assert.equal(late?.length, 1);
  assert.ok(entropy.monotonic() - since >= limits.bindRetryMs);
});

void test("Listeners closes everything", async () => {
  const { held, events } = listeners();
  await held.apply(["a", "b"], { patient: false });
  await held.close();
  assert.deepEqual(events, ["+a", "+b", "-a", "-b"]);
});
