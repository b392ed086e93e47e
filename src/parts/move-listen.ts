/**
 * A new list of addresses for a front, applied whole or not at all: the new ones are bound beside
 * the old, and only when all stand are those no longer named closed, so a mistake in `listen` costs
 * no query. Called by parts/front.ts; each front's server says how a list is listened on.
 */
import type { Problem } from "../errors.ts";
import type { Entropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";

export interface Listening {
  /** Makes these the addresses; those that cannot be had are told, the others serve. */
  listen(addresses: readonly string[]): Promise<readonly Problem[]>;
}

const retryMs = 50;

/**
 * Every problem; none if `wanted` is in force, else `held` still is. `patient`: an address that is
 * taken is tried for some seconds more, since a predecessor that was killed may not have let go
 * yet; `superseded` ends that early, when another list is to be moved to.
 */
export async function moveListen(
  front: Listening,
  move: {
    readonly held: readonly string[];
    readonly wanted: readonly string[];
    readonly patient: boolean;
    readonly superseded?: () => boolean;
    readonly entropy: Entropy;
  },
): Promise<readonly Problem[]> {
  const { held, wanted, entropy, superseded = () => false } = move;
  const both = [...new Set([...held, ...wanted])];
  const until = entropy.monotonic() + (move.patient ? limits.bindRetryMs : 0);
  for (;;) {
    const problems = await front.listen(both);
    if (problems.length === 0) {
      if (both.length > wanted.length) await front.listen(wanted);
      return [];
    }
    const taken = problems.every((problem) => problem.code === "listen.in-use");
    if (!taken || superseded() || entropy.monotonic() >= until) {
      await front.listen(held);
      return problems;
    }
    await new Promise<void>((resolve) => void entropy.after(retryMs, resolve));
  }
}
