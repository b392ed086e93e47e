/** Moving addresses, with a front whose addresses are words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "../errors.ts";
import { simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { moveListen } from "./move-listen.ts";

/** A front on addresses that are words; those in `taken` cannot be had. */
function front() {
  const entropy = simulatedEntropy(1);
  const taken = new Set<string>();
  const open = new Set<string>();
  const events: string[] = [];
  const problem = (address: string): Problem => ({
    code: address.startsWith("refused") ? "listen.refused" : "listen.in-use",
    severity: "error",
    path: "listen.dns",
    message: address,
    hint: "",
  });
  const listening = {
    listen(addresses: readonly string[]): Promise<readonly Problem[]> {
      for (const address of [...open].filter((each) => !addresses.includes(each))) {
        open.delete(address);
        events.push(`-${address}`);
      }
      const problems: Problem[] = [];
      for (const address of addresses) {
        if (open.has(address)) continue;
        if (taken.has(address)) problems.push(problem(address));
        else {
          open.add(address);
          events.push(`+${address}`);
        }
      }
      return Promise.resolve(problems);
    },
  };
  const move = (wanted: readonly string[], patient = false): Promise<readonly Problem[]> =>
    moveListen(listening, { held: [...open], wanted, patient, entropy });
  return { listening, move, taken, open, events, entropy };
}

void test("moveListen() binds what is new before it closes what is no longer named", async () => {
  const { move, events } = front();
  assert.deepEqual(await move(["a", "b"]), []);
  assert.deepEqual(await move(["b", "c"]), []);
  assert.deepEqual(events, ["+a", "+b", "+c", "-a"]);
});

void test("moveListen() keeps what is held when one new address cannot be had, and says all", async () => {
  const { move, taken, open, events } = front();
  await move(["a"]);
  for (const address of ["c", "d"]) taken.add(address);
  const problems = await move(["b", "c", "d"]);
  const named = problems.map((problem) => problem.message);
  assert.deepEqual(named, ["c", "d"]);
  assert.deepEqual(events, ["+a", "+b", "-b"]);
  assert.deepEqual([...open], ["a"]);
});

void test("moveListen() waits for a predecessor only when patient, and only if it is taken", async () => {
  const { move, taken, entropy, open } = front();
  for (const address of ["a", "refused"]) taken.add(address);
  assert.equal((await move(["a"])).length, 1);
  assert.equal((await move(["refused"], true)).length, 1);
  const turn = async (): Promise<void> => {
    entropy.advance(50);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  const patient = move(["a"], true);
  for (let i = 0; i < 10; i++) await turn();
  taken.delete("a");
  await turn();
  assert.deepEqual(await patient, []);
  assert.deepEqual([...open], ["a"]);
  taken.add("b");
  const since = entropy.monotonic();
  let late: readonly Problem[] | undefined;
  void move(["b"], true).then((problems) => {
    late = problems;
  });
  for (let i = 0; i < 1000 && late === undefined; i++) await turn();
  assert.equal(late?.length, 1);
  assert.ok(entropy.monotonic() - since >= limits.bindRetryMs);
});

void test("moveListen() stops waiting for a taken address when another list is wanted", async () => {
  const { listening, taken, open, entropy } = front();
  taken.add("a");
  let superseded = false;
  const ends: (readonly Problem[])[] = [];
  const since = entropy.monotonic();
  const how = { held: [], wanted: ["a"], patient: true, superseded: () => superseded, entropy };
  void moveListen(listening, how).then((problems) => ends.push(problems));
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      entropy.advance(50);
    }
  };
  await turns();
  assert.equal(ends.length, 0);
  superseded = true;
  await turns();
  assert.equal(ends[0]?.length, 1);
  assert.ok(entropy.monotonic() - since < limits.bindRetryMs);
  assert.deepEqual([...open], []);
});
