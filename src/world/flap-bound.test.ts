/**
 * The flap bound, by search of the whole automaton: from every state that any sequence of results
 * can reach, every next result. A state is all that the counter, the holds and the falls of the
 * last ten minutes say, relative to now, and the moments it came into use and went out of it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { policyOf, pool, testMonitor } from "../../test/support/steer-fixture.ts";
import { result, startMs } from "../../test/support/world-run.ts";
import { limits } from "../limits.ts";
import type { Policy } from "../policy/policy.ts";
import { stateOf } from "./health.ts";
import { initialWorld } from "./initial.ts";
import { step } from "./step.ts";
import { verdict, type World } from "./world.ts";

interface Machine {
  readonly downThreshold: number;
  readonly upThreshold: number;
  readonly holdMs: number;
  /** Results come at every tick, or not. */
  readonly tickMs: number;
}

function policyFor({ downThreshold, upThreshold, holdMs }: Machine): Policy {
  const thresholds = { downThreshold, upThreshold, okThreshold: downThreshold };
  // Results are at most a window apart: silence is another matter.
  const monitor = { ...testMonitor, ...thresholds, intervalMs: 3_600_000 };
  const service = { pools: [{ weights: [1] }], classes: [{ plan: pool(0) }], holdMs, rampMs: 0 };
  return { ...policyOf([service]), monitors: [monitor] };
}

interface Node {
  readonly world: World;
  readonly now: number;
  /** Of the last window, oldest first. */
  readonly uses: readonly number[];
  readonly losses: readonly number[];
}

/** What can make a difference from now on. */
function keyOf({ world, now, uses, losses }: Node): string {
  const { endpoints } = world;
  const ago = (time: number): number => (time > now - limits.flapWindowMs ? now - time : -1);
  const held = endpoints.availability[0] === 0 && endpoints.verdict[0] === verdict.up;
  return JSON.stringify([
    endpoints.verdict[0],
    endpoints.availability[0],
    endpoints.failures[0],
    // More successes than the thresholds ask for are as good as that many.
    Math.min(endpoints.successes[0]!, 8),
    held ? endpoints.holdUntil[0]! - now : 0,
    [...endpoints.downTimes].map((time) => (time === 0 ? -1 : ago(time))),
    uses.map(ago),
    losses.map(ago),
  ]);
}

const isUsed = (world: World): boolean => stateOf(world.endpoints, 0) === "up";

/** A result, then a tick of time; undefined for no result. */
function next(policy: Policy, node: Node, ok: boolean | undefined, tickMs: number): Node {
  let { world, uses, losses } = node;
  const note = (after: World, at: number): void => {
    if (isUsed(after) && !isUsed(world)) uses = [...uses, at];
    if (!isUsed(after) && isUsed(world)) losses = [...losses, at];
    world = after;
  };
  const failing = world.endpoints.failures[0]! + 1 >= policy.monitors[0]!.downThreshold;
  if (ok !== undefined) {
    const was = world.endpoints.verdict[0];
    const events = [result(policy, { row: 0, ok, at: node.now })];
    note(step(policy, world, events, node.now).world, node.now);
    if (!ok && failing && was === verdict.up) {
      assert.equal(world.endpoints.verdict[0], verdict.down, "a removal is never delayed");
    }
  }
  const now = node.now + tickMs;
  note(step(policy, world, [], now).world, Math.max(node.now, world.endpoints.holdUntil[0]!));
  const recent = (time: number): boolean => time > now - limits.flapWindowMs;
  return { world, now, uses: uses.filter(recent), losses: losses.filter(recent) };
}

/** The most comings into use, and the most losses of it, within any ten minutes. */
function search(machine: Machine, options: { readonly irregular: boolean }) {
  const policy = policyFor(machine);
  const seen = new Set<string>();
  const first = { world: initialWorld(policy, startMs), now: startMs, uses: [], losses: [] };
  const open: Node[] = [first];
  let most = { uses: 0, losses: 0 };
  const choices = options.irregular ? [true, false, undefined] : [true, false];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    for (const ok of choices) {
      const after = next(policy, node, ok, machine.tickMs);
      const key = keyOf(after);
      if (seen.has(key)) continue;
      seen.add(key);
      most = {
        uses: Math.max(most.uses, after.uses.length),
        losses: Math.max(most.losses, after.losses.length),
      };
      open.push(after);
    }
  }
  return { ...most, states: seen.size };
}

const minute = 60_000;
/** One result a minute, or none: hold of a minute, as by default, and what makes flapping easy. */
const machines: readonly (readonly [string, Machine, boolean])[] = [
  [
    "one failure, one success",
    { downThreshold: 1, upThreshold: 1, holdMs: minute, tickMs: minute },
    true,
  ],
  [
    "two failures, one success",
    { downThreshold: 2, upThreshold: 1, holdMs: minute, tickMs: minute },
    false,
  ],
  [
    "one failure, two successes",
    { downThreshold: 1, upThreshold: 2, holdMs: minute, tickMs: minute },
    true,
  ],
  [
    "a tick between the end of the hold and results",
    { downThreshold: 1, upThreshold: 1, holdMs: minute, tickMs: 40_000 },
    false,
  ],
];

for (const [name, machine, irregular] of machines) {
  test(`step() lets nothing come into use more than four times in ten minutes: ${name}`, (t) => {
    const { uses, losses, states } = search(machine, { irregular });
    t.diagnostic(`${states} states, ${uses} uses, ${losses} losses`);
    assert.ok(states > 1000, `${states} states are no search`);
    assert.ok(uses <= 4, `${uses} uses in ten minutes`);
    assert.ok(losses <= uses + 1, `${losses} losses after ${uses} uses`);
  });
}
