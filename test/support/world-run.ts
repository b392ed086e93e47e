/**
 * A World on a clock that stands still until told: tests say what probes saw and how much time
 * passes, and read columns back.
 */
import type { EndpointIndex, Policy } from "../../src/policy/policy.ts";
import type { StepResult, WorldEvent } from "../../src/world/event.ts";
import { stateOf } from "../../src/world/health.ts";
import { initialWorld } from "../../src/world/initial.ts";
import { step } from "../../src/world/step.ts";
import type { Override, World } from "../../src/world/world.ts";

export const startMs = 1_000_000_000_000;

export interface WorldRun {
  readonly policy: Policy;
  world: World;
  now: number;
  last: StepResult | undefined;
  step(events: readonly WorldEvent[]): StepResult;
  /** Lets time pass, stepping at each `nextAt` on the way as an observer would. */
  wait(ms: number): void;
  probe(row: number, ok: boolean): StepResult;
  probes(row: number, results: string, intervalMs: number): void;
  override(override: Partial<Override> & Pick<Override, "kind" | "target">): StepResult;
  lift(id: string): StepResult;
  state(row: number): string;
}

export function result(
  policy: Policy,
  options: { readonly row: number; readonly ok: boolean; readonly at: number },
): WorldEvent {
  return {
    kind: "result",
    policyDigest: policy.digest,
    endpoint: options.row as EndpointIndex,
    at: options.at,
    ok: options.ok,
    latencyMs: 5,
    failure: options.ok ? "none" : "connect.timeout",
  };
}

export function runOf(policy: Policy): WorldRun {
  let ids = 0;
  const run: WorldRun = {
    policy,
    world: initialWorld(policy, startMs),
    now: startMs,
    last: undefined,
    step(events) {
      run.last = step(policy, run.world, events, run.now);
      run.world = run.last.world;
      return run.last;
    },
    wait(ms) {
      const end = run.now + ms;
      while (run.world.nextAt <= end) {
        run.now = Math.max(run.now, run.world.nextAt);
        run.step([]);
      }
      run.now = end;
      run.step([]);
    },
    probe: (row, ok) => run.step([result(policy, { row, ok, at: run.now })]),
    probes(row, results, intervalMs) {
      for (const letter of results) {
        run.probe(row, letter === "o");
        run.wait(intervalMs);
      }
    },
    override(partial) {
      const override: Override = {
        id: `o${++ids}`,
        reason: "test",
        author: "tester",
        createdAt: run.now,
        expiresAt: run.now + 3_600_000,
        ...partial,
      };
      return run.step([{ kind: "override", at: run.now, override }]);
    },
    lift: (id) => run.step([{ kind: "lift", at: run.now, id }]),
    state: (row) => stateOf(run.world.endpoints, row),
  };
  return run;
}
