/** The rules of supervision on a simulated clock, with processes that are records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entropy, simulatedEntropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { ChildEvents, FromPart, ToPart } from "./ipc.ts";
import { SupervisedPart } from "./supervised-part.ts";

interface Fake {
  readonly events: ChildEvents;
  readonly at: number;
  readonly sent: ToPart[];
  killed: boolean;
  /** Milliseconds that it waited for a processor. */
  waitedMs: number;
}

/** A part whose processes are records; killing one ends it at once. */
function supervised(clock?: Entropy) {
  const simulated = simulatedEntropy(1, 0);
  const entropy = clock ?? simulated;
  const children: Fake[] = [];
  const log: string[] = [];
  const fatal: string[] = [];
  const part = new SupervisedPart({
    name: "dns",
    entropy,
    spawn(events) {
      const fake: Fake = { events, at: entropy.monotonic(), sent: [], killed: false, waitedMs: 0 };
      children.push(fake);
      return {
        pid: children.length,
        send: (message) => fake.sent.push(message),
        waitedMs: () => fake.waitedMs,
        kill() {
          fake.killed = true;
          events.onEnd("SIGKILL");
        },
      };
    },
    onChange: () => undefined,
    onFatal: (problems) => fatal.push(...problems.map((problem) => problem.code)),
    onLog: (level, message) => log.push(`${level} ${message}`),
  });
  part.start();
  const child = (number: number): Fake => children[number - 1] ?? assert.fail(`no child ${number}`);
  const say = (number: number, message: FromPart): void => child(number).events.onMessage(message);
  const beat = (number: number, graceMs = 0): void => say(number, { type: "beat", graceMs });
  return { entropy: simulated, part, children, child, say, beat, log, fatal };
}

void test("SupervisedPart waits twice as long after each death, to one second", () => {
  const { entropy, children, child } = supervised();
  const waits: number[] = [];
  for (let death = 1; death <= 8; death++) {
    const endedAt = entropy.monotonic();
    child(death).events.onEnd("SIGSEGV");
    for (let ms = 0; ms < 2000 && children.length === death; ms++) entropy.advance(1);
    waits.push(child(death + 1).at - endedAt);
  }
  assert.deepEqual(waits, [50, 100, 200, 400, 800, 1000, 1000, 1000]);
});

void test("SupervisedPart starts with the first wait again after a stable life", () => {
  const { entropy, children, child, beat } = supervised();
  for (let death = 1; death <= 3; death++) {
    child(death).events.onEnd("exit 1");
    entropy.advance(1000);
  }
  for (let ms = 0; ms < limits.restartStableMs; ms += 500) {
    entropy.advance(500);
    beat(4);
  }
  child(4).events.onEnd("SIGKILL");
  entropy.advance(limits.restartMsMin - 1);
  assert.equal(children.length, 4);
  entropy.advance(1);
  assert.equal(children.length, 5);
});

void test("SupervisedPart is patient with a part that waits for a processor, up to a bound", () => {
  const { entropy, child, beat } = supervised();
  beat(1);
  const starve = (untilMs: number): void => {
    for (let ms = 0; ms < untilMs; ms += 250) {
      child(1).waitedMs += 200;
      entropy.advance(250);
    }
  };
  starve(limits.hungMs * 2);
  assert.equal(child(1).killed, false);
  beat(1);
  starve(limits.hungMs * 2);
  entropy.advance(limits.hungMs - 500);
  assert.equal(child(1).killed, false);
  entropy.advance(1000);
  assert.equal(child(1).killed, true);
});

void test("SupervisedPart kills a part without a sign of life, and starts it again", () => {
  const { entropy, child, beat, children, log } = supervised();
  beat(1);
  entropy.advance(limits.hungMs);
  assert.equal(child(1).killed, false);
  entropy.advance(limits.beatMs);
  assert.equal(child(1).killed, true);
  assert.match(log[0] ?? "", /dns hangs/);
  entropy.advance(limits.restartMsMin);
  assert.equal(children.length, 2);
});

void test("SupervisedPart lets a part be silent for as long as it announced, and no longer", () => {
  const { entropy, child, beat } = supervised();
  beat(1, 30_000);
  entropy.advance(30_000);
  assert.equal(child(1).killed, false);
  beat(1);
  entropy.advance(30_000);
  assert.equal(child(1).killed, true);
  const bounded = supervised();
  bounded.beat(1, 10 * limits.graceMsMax);
  bounded.entropy.advance(limits.graceMsMax + limits.hungMs);
  assert.equal(bounded.child(1).killed, true);
});

void test("SupervisedPart kills nobody because the supervisor itself was stopped", () => {
  // Stopped, its timers fire late and once each, whatever the clock says by then.
  const due: (() => void)[] = [];
  let clock = 0;
  const { child, beat } = supervised({
    now: () => clock,
    monotonic: () => clock,
    draw32: () => 0,
    after(_, action) {
      due.push(action);
      return { cancel: () => undefined };
    },
  });
  beat(1);
  for (let stop = 0; stop < 100; stop++) {
    clock += 3_600_000;
    for (const action of due.splice(0)) action();
    if (stop % 10 === 0) beat(1);
  }
  assert.equal(child(1).killed, false);
});

void test("SupervisedPart reports what the part says of itself", () => {
  const { say, part, child, fatal, entropy } = supervised();
  assert.equal(part.report().state, "starting");
  say(1, { type: "state", state: "waiting", listening: [] });
  assert.equal(part.report().state, "waiting");
  say(1, { type: "state", state: "ready", listening: ["127.0.0.1:53"] });
  const problem = {
    code: "listen.in-use",
    severity: "error",
    path: "listen.dns",
    message: "taken",
    hint: "",
  } as const;
  say(1, { type: "problems", problems: [problem] });
  const { startedAt: _, ...report } = part.report();
  assert.deepEqual(report, {
    name: "dns",
    pid: 1,
    state: "ready",
    restarts: 0,
    lastEnd: "",
    spare: false,
    listening: ["127.0.0.1:53"],
    problems: [problem],
  });
  say(1, { type: "fatal", problems: [problem] });
  assert.deepEqual(fatal, ["listen.in-use"]);
  child(1).events.onEnd("exit 1");
  entropy.advance(limits.restartMsMin);
  const again = part.report();
  assert.equal(again.restarts, 1);
  assert.equal(again.lastEnd, "exit 1");
  assert.deepEqual(again.problems, []);
});

void test("SupervisedPart hears nothing from a process that has ended", () => {
  const { say, part, child, entropy } = supervised();
  child(1).events.onEnd("exit 1");
  entropy.advance(limits.restartMsMin);
  say(1, { type: "state", state: "ready", listening: ["old"] });
  child(1).events.onEnd("exit 1");
  assert.equal(part.report().state, "starting");
  assert.equal(part.report().pid, 2);
});

void test("SupervisedPart.drain() asks, waits for the end, and does not start the part again", async () => {
  const { part, child, children, entropy } = supervised();
  const drained = part.drain(1000);
  assert.deepEqual(child(1).sent, [{ type: "drain" }]);
  child(1).events.onEnd("exit 0");
  await drained;
  entropy.advance(60_000);
  assert.equal(children.length, 1);
  assert.equal(child(1).killed, false);
});

void test("SupervisedPart.drain() kills a part that does not finish", async () => {
  const { part, child, entropy, log } = supervised();
  const drained = part.drain(1000);
  entropy.advance(1000);
  await drained;
  assert.equal(child(1).killed, true);
  assert.match(log[0] ?? "", /did not finish/);
});

void test("SupervisedPart.drain() of a part that waits for its restart is done at once", async () => {
  const { part, child, children, entropy } = supervised();
  child(1).events.onEnd("exit 1");
  await part.drain(1000);
  entropy.advance(60_000);
  assert.equal(children.length, 1);
});

void test("SupervisedPart.kill() ends a drain at once", async () => {
  const { part, child } = supervised();
  const drained = part.drain(1000);
  part.kill();
  await drained;
  assert.equal(child(1).killed, true);
});

void test("SupervisedPart.retire() lets it run, and does not start it again", () => {
  const { part, child, children, entropy } = supervised();
  part.retire();
  assert.equal(child(1).killed, false);
  child(1).events.onEnd("exit 1");
  entropy.advance(60_000);
  assert.equal(children.length, 1);
});

/** With spares: children that wait are told apart by the `begin` they are sent. */
function withSpare() {
  const entropy = simulatedEntropy(1, 0);
  const children: (Fake & { readonly spare: boolean })[] = [];
  const spawn = (spare: boolean) => (events: ChildEvents) => {
    const sent: ToPart[] = [];
    const fake = { events, at: entropy.monotonic(), sent, killed: false, waitedMs: 0, spare };
    children.push(fake);
    return {
      pid: children.length,
      send: (message: ToPart) => void fake.sent.push(message),
      kill() {
        fake.killed = true;
        events.onEnd("SIGKILL");
      },
    };
  };
  const part = new SupervisedPart({
    name: "dns",
    entropy,
    spawn: spawn(false),
    spawnSpare: spawn(true),
    onChange: () => undefined,
    onFatal: () => undefined,
    onLog: () => undefined,
  });
  part.start();
  const child = (number: number) => children[number - 1] ?? assert.fail(`no child ${number}`);
  const ready = (number: number): void =>
    child(number).events.onMessage({ type: "state", state: "ready", listening: [] });
  const beats = (numbers: readonly number[], forMs: number): void => {
    for (let ms = 0; ms < forMs; ms += limits.beatMs) {
      entropy.advance(limits.beatMs);
      for (const number of numbers) child(number).events.onMessage({ type: "beat", graceMs: 0 });
    }
  };
  return { entropy, part, children, child, ready, beats };
}

void test("SupervisedPart has a spare once it serves, and begins it when it dies", () => {
  const { entropy, part, children, child, ready, beats } = withSpare();
  entropy.advance(limits.spareAfterMs);
  assert.equal(children.length, 1);
  ready(1);
  entropy.advance(limits.spareAfterMs);
  assert.deepEqual(
    children.map(({ spare }) => spare),
    [false, true],
  );
  child(2).events.onMessage({ type: "loaded" });
  assert.equal(part.report().spare, true);
  beats([1, 2], 10_000);
  child(1).events.onEnd("SIGSEGV");
  entropy.advance(limits.restartMsMin);
  assert.equal(part.report().spare, false);
  assert.deepEqual(child(2).sent, [{ type: "begin" }]);
  assert.equal(part.report().pid, 2);
  ready(2);
  assert.equal(part.report().state, "ready");
  beats([2], limits.spareAfterMs);
  assert.deepEqual(
    children.map(({ spare }) => spare),
    [false, true, true],
  );
  child(2).events.onEnd("SIGSEGV");
  assert.equal(part.report().pid, 0);
});

void test("SupervisedPart starts a new process when its spare is not loaded, silent or gone", () => {
  for (const fault of ["not loaded", "silent", "gone"] as const) {
    const { entropy, part, children, child, ready, beats } = withSpare();
    ready(1);
    entropy.advance(limits.spareAfterMs);
    if (fault !== "not loaded") child(2).events.onMessage({ type: "loaded" });
    beats(fault === "silent" ? [1] : [1, 2], 10_000);
    if (fault === "gone") child(2).events.onEnd("SIGKILL");
    child(1).events.onEnd("SIGSEGV");
    entropy.advance(limits.restartMsMin);
    assert.equal(part.report().pid, 3, fault);
    assert.equal(children[2]?.spare, false, fault);
    assert.equal(child(2).killed, fault !== "gone", fault);
  }
});

void test("SupervisedPart kills a spare that hangs after it was begun", () => {
  const { entropy, child, ready, beats } = withSpare();
  ready(1);
  entropy.advance(limits.spareAfterMs);
  child(2).events.onMessage({ type: "loaded" });
  beats([1, 2], 1000);
  child(1).events.onEnd("SIGSEGV");
  entropy.advance(limits.restartMsMin + limits.hungMs + limits.beatMs);
  assert.equal(child(2).killed, true);
});

void test("SupervisedPart.drain() ends the spare too, and none comes after", async () => {
  const { entropy, part, children, child, ready } = withSpare();
  ready(1);
  entropy.advance(limits.spareAfterMs);
  const drained = part.drain(1000);
  await Promise.resolve();
  assert.equal(child(2).killed, true);
  for (let i = 0; i < 5; i++) await Promise.resolve();
  child(1).events.onEnd("exit 0");
  await drained;
  entropy.advance(60_000);
  assert.equal(children.length, 2);
});
