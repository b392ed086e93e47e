/**
 * One part under supervision: started, watched, started again. Used by serve.ts for each part alike.
 * Whatever a part does - ends, crashes, hangs, cannot start - touches this part only: it comes back
 * after 50 ms, a wait that doubles to one second while it keeps dying. Time comes from an Entropy and
 * processes from `spawn`, so every rule here is tested on a simulated clock.
 */
import type { Problem } from "../errors.ts";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import type { FromPart, ToPart } from "./ipc.ts";
import type { PartReport } from "./messages.ts";
import type { PartName } from "./paths.ts";

/** A running process, real or simulated. */
export interface Child {
  readonly pid: number;
  /** Lost when the child is gone. */
  send(message: ToPart): void;
  kill(signal: "SIGKILL"): void;
}

export interface ChildEvents {
  onMessage(message: FromPart): void;
  /** Once, also when the process could not be started. `how`: `exit 1`, `SIGSEGV`, `ENOMEM`. */
  onEnd(how: string): void;
}

export interface SupervisedPartOptions {
  readonly name: PartName;
  readonly entropy: Entropy;
  /** Its events come after it has returned. */
  readonly spawn: (events: ChildEvents) => Child;
  /** Something of `report()` changed. */
  readonly onChange: () => void;
  /** It said that it cannot do its work; its end may follow. */
  readonly onFatal: (problems: readonly Problem[]) => void;
  readonly onLog: (level: "info" | "warn" | "error", message: string) => void;
}

export interface SupervisedPart {
  start(): void;
  send(message: ToPart): void;
  report(): PartReport;
  /** Asks it to finish, kills it after `withinMs`; done when it is gone. It is not started again. */
  drain(withinMs: number): Promise<void>;
  /** Kills it now; `drain` is then done at once. */
  kill(): void;
}

/** How often silence is looked at. In ticks, not in time: a stopped supervisor must kill nobody. */
const tickMs = 250;

export function supervisePart(options: SupervisedPartOptions): SupervisedPart {
  const { name, entropy, onLog } = options;
  let child: Child | undefined;
  let state: PartReport["state"] = "ended";
  let starts = 0;
  let startedAt = 0;
  let startedMonotonic = 0;
  let deaths = 0;
  let lastEnd = "";
  let listening: readonly string[] = [];
  let problems: readonly Problem[] = [];
  let silentTicks = 0;
  let ticksAllowed = 0;
  let draining = false;
  let restart: Timer | undefined;
  let watch: Timer | undefined;
  const gone: (() => void)[] = [];

  const allow = (graceMs: number): void => {
    silentTicks = 0;
    ticksAllowed = Math.ceil(
      Math.max(limits.hungMs, Math.min(graceMs, limits.graceMsMax)) / tickMs,
    );
  };
  const lookForSilence = (): void => {
    watch = entropy.after(tickMs, lookForSilence);
    if (++silentTicks <= ticksAllowed) return;
    onLog("error", `${name} hangs: no sign of life for ${(silentTicks * tickMs) / 1000} s; killed`);
    allow(0);
    child?.kill("SIGKILL");
  };
  const ended = (how: string): void => {
    watch?.cancel();
    child = undefined;
    lastEnd = how;
    listening = [];
    state = "ended";
    if (entropy.monotonic() - startedMonotonic >= limits.restartStableMs) deaths = 0;
    if (draining) {
      for (const resolve of gone.splice(0)) resolve();
    } else {
      const waitMs = Math.min(limits.restartMsMax, limits.restartMsMin * 2 ** Math.min(deaths, 16));
      deaths += 1;
      onLog("error", `${name} ended (${how}); starts again in ${waitMs} ms`);
      restart = entropy.after(waitMs, start);
    }
    options.onChange();
  };
  const receive = (message: FromPart): void => {
    if (message.type === "beat") allow(message.graceMs);
    else if (message.type === "fatal") options.onFatal(message.problems);
    else if (message.type === "problems") problems = message.problems;
    else {
      if (state === "starting" || state === "waiting") state = message.state;
      listening = message.listening;
    }
    if (message.type !== "beat") options.onChange();
  };
  const start = (): void => {
    if (draining) return;
    starts += 1;
    startedAt = entropy.now();
    startedMonotonic = entropy.monotonic();
    state = "starting";
    problems = [];
    allow(limits.graceMsMax);
    let over = false;
    child = options.spawn({
      onMessage: (message) => {
        if (!over) receive(message);
      },
      onEnd: (how) => {
        if (!over) ended(how);
        over = true;
      },
    });
    watch = entropy.after(tickMs, lookForSilence);
    options.onChange();
  };
  const kill = (): void => {
    draining = true;
    restart?.cancel();
    child?.kill("SIGKILL");
  };
  return {
    start,
    kill,
    send: (message) => child?.send(message),
    report: () => ({
      name,
      pid: child?.pid ?? 0,
      state,
      restarts: Math.max(0, starts - 1),
      startedAt,
      lastEnd,
      listening: [...listening],
      problems: [...problems],
    }),
    async drain(withinMs) {
      draining = true;
      restart?.cancel();
      if (child === undefined) return;
      state = "draining";
      options.onChange();
      const over = new Promise<void>((resolve) => gone.push(resolve));
      const timer = entropy.after(withinMs, () => {
        onLog("warn", `${name} did not finish within ${withinMs / 1000} s; killed`);
        child?.kill("SIGKILL");
      });
      child.send({ type: "drain" });
      await over;
      timer.cancel();
    },
  };
}
