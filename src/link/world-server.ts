/**
 * observer's socket: World whole to whoever subscribes, then every change, and the operator's
 * commands. Called by parts/observer.ts, the only writer of World on a node, after each step.
 * Frames are encoded once for all subscribers.
 */
import { type ChangedRows, encodeChanges, encodeWorld } from "../world/frame.ts";
import type { World } from "../world/world.ts";
import { encodeFrame } from "./messages.ts";
import { type CommandHandlers, serveSocket } from "./server.ts";

export interface WorldPublisher {
  /**
   * The rows that changed since the last call of this or of `publishFull`. Every generation is
   * published, or the next one as a whole: readers refuse a change that does not follow.
   */
  publish(world: World, changes: ChangedRows): void;
  /** After a new policy, and when a change would be as long as the whole. */
  publishFull(): void;
  subscribers(): number;
  close(): Promise<void>;
}

export async function publishWorld(options: {
  readonly path: string;
  /** World as it is now; undefined while there is none. */
  readonly getWorld: () => World | undefined;
  readonly handlers: CommandHandlers;
  readonly onError: (message: string) => void;
}): Promise<WorldPublisher> {
  // Several subscribers at once, as after a restart, share one encoding.
  let encoded: { readonly digest: string; readonly generation: number; frame: string } | undefined;
  const worldFrame = (): string | undefined => {
    const now = options.getWorld();
    if (now === undefined) return undefined;
    if (encoded?.digest !== now.policyDigest || encoded.generation !== now.generation) {
      const { policyDigest, generation } = now;
      const world = encodeWorld(now);
      const frame = encodeFrame({ type: "world", policyDigest, generation, world });
      encoded = { digest: policyDigest, generation, frame };
    }
    return encoded.frame;
  };
  let published = options.getWorld()?.generation ?? 0;
  const server = await serveSocket(options.path, { ...options, worldFrame });
  return {
    publish(world, changes) {
      const { policyDigest, generation } = world;
      const after = published;
      published = generation;
      if (generation === after || server.subscribers() === 0) return;
      const change = encodeChanges(world, changes);
      server.broadcast({ type: "change", policyDigest, after, generation, change });
    },
    publishFull() {
      published = options.getWorld()?.generation ?? published;
      server.broadcastWorld();
    },
    subscribers: () => server.subscribers(),
    close: () => server.close(),
  };
}
