/**
 * The operator's word, as it comes in on observer.sock: overrides, taking them back, and what is
 * believed now. Called by link/server.ts with inputs already checked against the schema. Works with
 * control, store and disk dead; the reply says whether the word is on disk.
 */
import type { Entropy } from "../lib/entropy.ts";
import type { CommandOutcome, Refusal } from "../link/messages.ts";
import type { CommandHandlers } from "../link/server.ts";
import type { EndpointIndex } from "../policy/policy.ts";
import { encodeWorld } from "../world/frame.ts";
import { endpointsOfTarget, parseTarget, poolsOfTarget, type Target } from "../world/target.ts";
import type { Override } from "../world/world.ts";
import { endpointName } from "./observer-probes.ts";
import type { WorldKeeper } from "./observer-world.ts";

export interface ObserverCommandsOptions {
  readonly entropy: Entropy;
  /** Undefined until there is a policy. */
  readonly getKeeper: () => WorldKeeper | undefined;
  /** Writes World now; false if the disk refused. */
  readonly persist: () => Promise<boolean>;
  /** For the log and the store. */
  onResume(target: string, author: string): void;
  onOverride(change: "added" | "lifted", override: Override, author: string): void;
}

type Command = "override" | "lift" | "resume" | "overrides" | "world";

export function observerCommands(
  options: ObserverCommandsOptions,
): Required<Pick<CommandHandlers, Command>> {
  const { getKeeper } = options;
  return {
    override: async (input) => {
      const keeper = getKeeper();
      if (keeper === undefined) return notYet;
      const found = parseTarget(keeper.policy, input.target);
      if (!found.ok) return refuse("not-found", `${found.message}: ${found.hint}`);
      // A word without effect is a mistake of the operator's, and the worst time for it is then.
      if (input.kind === "activate" && !hasManualStandby(keeper, found.target)) {
        return refuse("invalid", `${found.target.text} has no standby that waits to be activated`);
      }
      const at = options.entropy.now();
      const override: Override = {
        id: newId(options.entropy),
        kind: input.kind,
        target: found.target.text,
        reason: input.reason,
        author: input.author,
        createdAt: at,
        expiresAt: at + input.forMs,
      };
      const [refused] = keeper.apply([{ kind: "override", at, override }]).refused;
      if (refused !== undefined) return refuse("invalid", refused.message);
      options.onOverride("added", override, input.author);
      return { ok: true, value: { override, onDisk: await options.persist() } };
    },
    lift: async (input) => {
      const keeper = getKeeper();
      if (keeper === undefined) return notYet;
      const lifted = meant(keeper, input.target);
      if (lifted.length === 0) {
        return refuse("not-found", `no override has the id or the target ${input.target}`);
      }
      const at = options.entropy.now();
      keeper.apply(lifted.map(({ id }) => ({ kind: "lift", at, id })));
      for (const override of lifted) options.onOverride("lifted", override, input.author);
      return { ok: true, value: { lifted: [...lifted], onDisk: await options.persist() } };
    },
    resume: resumeCommand(options),
    overrides: () => {
      const keeper = getKeeper();
      if (keeper === undefined) return notYet;
      return { ok: true, value: { overrides: [...keeper.world.overrides] } };
    },
    world: () => {
      const keeper = getKeeper();
      if (keeper === undefined) return notYet;
      const { world } = keeper;
      return { ok: true, value: { policyDigest: world.policyDigest, world: encodeWorld(world) } };
    },
  };
}

/** With `failback.resume: manual`: what waits in the target may return. */
function resumeCommand(options: ObserverCommandsOptions): NonNullable<CommandHandlers["resume"]> {
  const { getKeeper } = options;
  return async (input) => {
    const keeper = getKeeper();
    if (keeper === undefined) return notYet;
    const found = parseTarget(keeper.policy, input.target);
    if (!found.ok) return refuse("not-found", `${found.message}: ${found.hint}`);
    const { policy, world } = keeper;
    const waiting = endpointsOfTarget(policy, found.target).filter(
      (row) => world.endpoints.waits[row] === 1,
    );
    if (waiting.length === 0) {
      return refuse("invalid", `nothing in ${found.target.text} waits to be resumed`);
    }
    const at = options.entropy.now();
    keeper.apply([{ kind: "resume", at, target: found.target.text }]);
    options.onResume(found.target.text, input.author);
    const resumed = waiting.map((row) => endpointName(policy, row as EndpointIndex));
    return { ok: true, value: { resumed, onDisk: await options.persist() } };
  };
}

function hasManualStandby({ policy }: WorldKeeper, target: Target): boolean {
  return poolsOfTarget(policy, target).some((pool) => policy.pools[pool]?.standby === "manual");
}

/** By id, by the target as stored, or as a person writes it. */
function meant(keeper: WorldKeeper, text: string): readonly Override[] {
  const { policy, world } = keeper;
  const found = parseTarget(policy, text);
  const target = found.ok ? found.target.text : text;
  return world.overrides.filter((one) => one.id === text || one.target === target);
}

/** Unique enough for at most limits.overridesMax at a time, and short enough to be typed. */
function newId(entropy: Entropy): string {
  const stamp = Math.floor(entropy.now() / 1000).toString(36);
  return `${stamp}-${entropy.draw32().toString(36).padStart(7, "0")}`;
}

function refuse(code: Refusal["code"], message: string): CommandOutcome<never> {
  return { ok: false, refusal: { code, message } };
}

const notYet = refuse("unavailable", "there is no policy yet: no configuration was accepted");
