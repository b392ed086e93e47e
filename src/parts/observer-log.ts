/**
 * The observer's log: one line for each endpoint that changed state, and for each override that
 * came, was taken back or expired. Called by parts/observer.ts after each step.
 */
import type { Entropy } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import type { ProbeResult } from "../probes/probe.ts";
import type { StepResult } from "../world/event.ts";
import { failureAt } from "../world/failures.ts";
import type { Override } from "../world/world.ts";
import { endpointName, type Origins } from "./observer-probes.ts";
import type { WorldKeeper } from "./observer-world.ts";

export function logStep(
  log: Logger,
  options: {
    readonly result: StepResult;
    readonly keeper: WorldKeeper;
    /** Not there yet while the first World is made. */
    readonly origins: Origins | undefined;
  },
): void {
  const { result, keeper, origins } = options;
  const { policy } = keeper;
  for (const { endpoint, from, to, reason } of result.transitions) {
    const pool = policy.pools[policy.endpoints[endpoint]!.pool]!;
    const line = {
      endpoint: endpointName(policy, endpoint),
      region: policy.regions[pool.region]!.name,
      from,
      to,
      reason,
    };
    if (to === "down") {
      const failure = failureAt(result.world.endpoints.failure[endpoint]!);
      log.warn({ ...line, failure, detail: origins?.detailOf(endpoint) ?? "" }, `${from} -> ${to}`);
    } else log.info(line, `${from} -> ${to}`);
  }
  for (const { endpoint } of result.alarms) {
    const failure = failureAt(result.world.endpoints.failure[endpoint]!);
    const line = { endpoint: endpointName(policy, endpoint), failure };
    log.error(line, "kept in use although it fails: too much was taken out of use just now");
  }
  for (const { override, change } of result.overrideChanges) {
    // The other two are logged by the command, with the name of who gave it.
    if (change === "expired") logOverride(log, { change, override, author: override.author });
  }
}

export function logOverride(
  log: Logger,
  options: {
    readonly change: "added" | "lifted" | "expired";
    readonly override: Override;
    readonly author: string;
  },
): void {
  const { change, override, author } = options;
  const { id, kind, target, reason, expiresAt } = override;
  const until = new Date(expiresAt).toISOString();
  log.info({ id, kind, target, reason, author, until }, `override ${change}`);
}

/** Probes this machine could not make: said when it begins and once a minute, not for each. */
export class VoidLog {
  readonly #options: { readonly entropy: Entropy; readonly log: Logger };
  #saidMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(options: { readonly entropy: Entropy; readonly log: Logger }) {
    this.#options = options;
  }

  note(result: ProbeResult): void {
    if (result.outcome !== "void" || result.detail === "not resolved yet") return;
    this.#count++;
    const nowMs = this.#options.entropy.monotonic();
    if (nowMs - this.#saidMs < sayAgainMs) return;
    const { detail } = result;
    this.#options.log.warn({ detail, probes: this.#count }, "probes that could not be made");
    this.#saidMs = nowMs;
    this.#count = 0;
  }
}

const sayAgainMs = 60_000;
