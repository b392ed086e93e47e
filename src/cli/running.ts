/** What a running server works with: its policy from the snapshot, its World from the observer. */
import { readPolicy } from "../link/snapshot.ts";
import type { Policy } from "../policy/policy.ts";
import { decodeWorld, fitsPolicy } from "../world/frame.ts";
import type { World } from "../world/world.ts";
import { complain, exitCodes, finish } from "./command.ts";
import { ask } from "./server.ts";

export interface Running {
  readonly policy: Policy;
  readonly world: World;
}

/** Undefined after having said why and set the exit code. */
export async function runningServer(stateDir: string): Promise<Running | undefined> {
  const reply = await ask({ stateDir, part: "observer" }, { name: "world", input: {} });
  if (reply === undefined) return undefined;
  const world = decodeWorld(reply.world);
  const policy = await readPolicy(stateDir, reply.policyDigest);
  if (policy.ok && world !== undefined && fitsPolicy(world, policy.value)) {
    return { policy: policy.value, world };
  }
  complain(
    policy.ok
      ? "rhumb: the observer's World is of another version; is the server another release?"
      : `rhumb: the snapshot of revision ${reply.policyDigest.slice(0, 12)} cannot be read`,
  );
  finish(exitCodes.refused);
  return undefined;
}
