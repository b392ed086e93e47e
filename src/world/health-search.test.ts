/**
 * Every sequence of a small alphabet against a model written apart: it keeps no counters between
 * quanta but the plain history, and lives through time a quantum at a time.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policyOf, pool, testMonitor } from "../../test/support/steer-fixture.ts";
import { result, startMs } from "../../test/support/world-run.ts";
import type { WorldEvent } from "./event.ts";
import { stateOf } from "./health.ts";
import { initialWorld } from "./initial.ts";
import { step } from "./step.ts";
import type { World } from "./world.ts";

const quantumMs = 500;
const down = 2;
const up = 2;
const ok = 2;
const intervalMs = 1000;
const timeoutMs = 500;
const holdMs = 1000;
const rampMs = 2000;
const policy = {
  ...policyOf([
    { pools: [{ weights: [1] }], classes: [{ plan: pool(0) }], holdMs, rampMs, ttl: [1, 600] },
  ]),
  monitors: [
    {
      ...testMonitor,
      intervalMs,
      timeoutMs,
      downThreshold: down,
      upThreshold: up,
      okThreshold: ok,
    },
  ],
};

type Letter = "o" | "x" | "." | "_" | "f";
const letters: readonly Letter[] = ["o", "x", ".", "_", "f"];
const waits: Readonly<Record<string, number>> = { ".": 500, _: 4000 };

interface Model {
  now: number;
  verdict: "unknown" | "up" | "down";
  before: "none" | "up" | "down";
  /** Results since the verdict was last set by a counter, oldest first. */
  since: boolean[];
  falls: number[];
  /** A hold runs on while frozen or silent, but does not end then; 0 when it has ended. */
  holdUntil: number;
  rampDone: number;
  ramping: boolean;
  heardAt: number;
  frozen: boolean;
}

const newModel = (): Model => ({
  now: 0,
  verdict: "unknown",
  before: "none",
  since: [],
  falls: [],
  holdUntil: 0,
  rampDone: 0,
  ramping: false,
  heardAt: -1,
  frozen: false,
});

/** Failures since the last run of `ok` successes. */
function failuresIn(since: readonly boolean[]): number {
  let failures = 0;
  let run = 0;
  for (const good of since) {
    run = good ? run + 1 : 0;
    if (!good) failures++;
    if (run >= ok) failures = 0;
  }
  return failures;
}

const runOfSuccesses = (since: readonly boolean[]): number => {
  const last = since.lastIndexOf(false);
  return since.length - 1 - last;
};

function modelJudge(model: Model): void {
  if (model.frozen) return;
  if (model.verdict === "unknown") {
    if (model.heardAt === -1 || model.now - model.heardAt >= 3 * intervalMs + timeoutMs) return;
    if (model.before === "none") {
      model.verdict = model.since.at(-1) === true ? "up" : "down";
      // The success that made it up is the first of a row; what made it down clears the row.
      model.since = model.since.slice(model.since.lastIndexOf(false) + 1);
    } else {
      model.verdict = model.before;
      model.before = "none";
    }
  }
  if (model.verdict === "up" && failuresIn(model.since) >= down) {
    model.verdict = "down";
    model.since = [];
    model.falls.push(model.now);
    model.holdUntil = 0;
    model.ramping = false;
  } else if (model.verdict === "down" && runOfSuccesses(model.since) >= up) {
    model.verdict = "up";
    // The row of successes goes on, the failures before it are forgotten.
    model.since = model.since.slice(model.since.lastIndexOf(false) + 1);
    const recent = model.falls.filter((time) => time > model.now - 600_000).length;
    model.holdUntil = model.now + holdMs * Math.min(16, 2 ** Math.max(0, recent - 1));
    model.ramping = true;
    model.rampDone = 0;
  }
}

function modelResult(model: Model, good: boolean): void {
  model.heardAt = model.now;
  model.since.push(good);
  modelJudge(model);
  modelHold(model);
}

function modelQuantum(model: Model): void {
  model.now += quantumMs;
  if (model.frozen) return;
  if (model.verdict === "up" && model.ramping) {
    if (model.holdUntil === 0) model.rampDone += quantumMs;
    modelHold(model);
    if (model.rampDone >= rampMs) model.ramping = false;
  }
  modelSilence(model);
}

function modelHold(model: Model): void {
  if (model.frozen || model.verdict !== "up" || model.holdUntil > model.now) return;
  model.holdUntil = 0;
}

function modelSilence(model: Model): void {
  if (model.verdict === "unknown" || model.now - model.heardAt < 3 * intervalMs + timeoutMs) return;
  model.before = model.verdict;
  model.verdict = "unknown";
}

function modelFreeze(model: Model): void {
  model.frozen = !model.frozen;
  if (model.frozen) return;
  modelJudge(model);
  modelHold(model);
  modelSilence(model);
}

function modelText(model: Model): string {
  if (model.verdict !== "up" || !model.ramping) return model.verdict;
  if (model.holdUntil > 0) return "held";
  return `ramping ${Math.max(1, Math.floor((model.rampDone * 256) / rampMs))}`;
}

function worldText(world: World): string {
  const state = stateOf(world.endpoints, 0);
  return state === "ramping" ? `ramping ${world.endpoints.availability[0]}` : state;
}

interface Node {
  readonly model: Model;
  readonly world: World;
  readonly path: string;
}

function apply(node: Node, letter: Letter): Node {
  const model = structuredClone(node.model);
  const events: WorldEvent[] = [];
  const at = startMs + model.now;
  if (letter === "o" || letter === "x") {
    modelResult(model, letter === "o");
    events.push(result(policy, { row: 0, ok: letter === "o", at }));
  } else if (letter === "f") {
    modelFreeze(model);
    const override = {
      id: "f",
      kind: "freeze",
      target: "service:s00000",
      reason: "",
      author: "",
      createdAt: at,
      expiresAt: at + 3_600_000,
    } as const;
    events.push(model.frozen ? { kind: "override", at, override } : { kind: "lift", at, id: "f" });
  } else {
    for (let waited = 0; waited < waits[letter]!; waited += quantumMs) modelQuantum(model);
  }
  // One step over the whole wait: what lies within it must happen at its own moment.
  const { world } = step(policy, node.world, events, startMs + model.now);
  return { model, world, path: node.path + letter };
}

test("step() does what the plain model does, for every sequence of results, waits and freezes", () => {
  let nodes = 0;
  const seen = new Map<string, number>();
  const search = (node: Node, depth: number): void => {
    nodes++;
    const expected = modelText(node.model);
    assert.equal(worldText(node.world), expected, node.path);
    const word = expected.replace(/ .*/, "");
    seen.set(word, (seen.get(word) ?? 0) + 1);
    if (depth === 0) return;
    for (const letter of letters) search(apply(node, letter), depth - 1);
  };
  const start = { model: newModel(), world: initialWorld(policy, startMs), path: "" };
  search(start, 5);
  // Deeper from where a return is under way, where most of the states are.
  for (const path of ["xoo", "oxxoo", "xoo..", "oxxoo....", "oxxooxxoo.", "xoo_o"]) {
    search(
      path.split("").reduce((node, letter) => apply(node, letter as Letter), start),
      5,
    );
  }
  assert.ok(nodes > 25_000, `${nodes} states`);
  for (const state of ["unknown", "up", "down", "held", "ramping"]) {
    assert.ok((seen.get(state) ?? 0) >= 1000, `${state}: ${seen.get(state)}`);
  }
});
