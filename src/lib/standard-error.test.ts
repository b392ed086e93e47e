/** createLineSink() against a system that takes what the test says, on a simulated clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../limits.ts";
import { simulatedEntropy } from "./entropy.ts";
import { createLineSink } from "./standard-error.ts";

function scene() {
  const entropy = simulatedEntropy(1);
  const system = { takes: Number.POSITIVE_INFINITY, broken: false, text: "" };
  const sink = createLineSink({
    entropy,
    dropped: (count) => `dropped ${count}`,
    writeSome(bytes) {
      if (system.broken) throw new Error("EPIPE");
      const part = bytes.subarray(0, system.takes);
      system.takes -= part.length;
      system.text += Buffer.from(part).toString();
      return part.length;
    },
  });
  return { entropy, system, sink };
}

test("createLineSink() hands a line over at once, whole or in the pieces that are taken", () => {
  const { entropy, system, sink } = scene();
  sink.write("one");
  assert.equal(system.text, "one\n");
  system.takes = 2;
  sink.write("two");
  sink.write("three");
  assert.equal(system.text, "one\ntw");
  system.takes = Number.POSITIVE_INFINITY;
  entropy.advance(1000);
  assert.equal(system.text, "one\ntwo\nthree\n");
});

test("createLineSink() keeps a bounded number of octets, and counts the lines beyond", () => {
  const { entropy, system, sink } = scene();
  system.takes = 0;
  const line = "x".repeat(1023);
  const most = limits.logWaitingBytesMax / 1024;
  for (let i = 0; i < most + 7; i++) sink.write(line);
  system.takes = Number.POSITIVE_INFINITY;
  entropy.advance(1000);
  const lines = system.text.trimEnd().split("\n");
  assert.equal(lines.filter((each) => each === line).length, most);
  assert.equal(lines.at(-1), "dropped 7");
  sink.write("after");
  assert.ok(system.text.endsWith("dropped 7\nafter\n"), "said once");
});

test("createLineSink() goes on after an error, and says what it cost", () => {
  const { system, sink } = scene();
  system.broken = true;
  for (let i = 0; i < 3; i++) sink.write("lost");
  assert.equal(system.text, "");
  system.broken = false;
  sink.write("back");
  assert.equal(system.text, "back\ndropped 3\n");
});
