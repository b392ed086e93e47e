/**
 * observer's socket: World whole to whoever subscribes, then every change, and the operator's
 * commands. Called by parts/observer.ts, the only writer of World on a node, after each step. Frames
 * are encoded once for all subscribers.
 */
import type { World } from "../world/world.ts";
import { encodeFrame } from "./messages.ts";
import { type CommandHandlers, serveSocket } from "./server.ts";

/** What takes a reader that has generation `after` to `generation`. */
export interface PublishedChange {
  readonly policyDigest: string;
  readonly after: number;
  readonly generation: number;
  readonly change: unknown;
}

export interface WorldPublisher {
  publish(change: PublishedChange): void;
  /** After a new policy, and when a change would be as long as the whole. */
  publishFull(): void;
  subscribers(): number;
  close(): Promise<void>;
}

export async function publishWorld(options: {
  readonly path: string;
  /** World as it is now; undefined while there is none. */
  readonly getWorld: () => World | undefined;
  /** World for the wire: anything JSON can carry. Called once a generation. */
  readonly encode: (world: World) => unknown;
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
      const world = options.encode(now);
      const frame = encodeFrame({ type: "world", policyDigest, generation, world });
      encoded = { digest: policyDigest, generation, frame };
    }
    return encoded.frame;
  };
  const server = await serveSocket(options.path, { ...options, worldFrame });
  return {
    publish: (change) => server.broadcast({ type: "change", ...change }),
    publishFull: () => server.broadcastWorld(),
    subscribers: () => server.subscribers(),
    close: () => server.close(),
  };
}
