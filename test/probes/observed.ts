/**
 * What tests of the observer share: a policy over given endpoints, a state folder, a reader of
 * World.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { subscribeWorld } from "../../src/link/client.ts";
import { partSocket } from "../../src/link/paths.ts";
import { writePolicy } from "../../src/link/snapshot.ts";
import type { Endpoint, Monitor, MonitorIndex, Policy } from "../../src/policy/policy.ts";
import { httpMonitor } from "../../src/probes/testing.ts";
import { applyChanges, decodeWorld } from "../../src/world/frame.ts";
import { verdict, type World } from "../../src/world/world.ts";
import { policyOf } from "../support/steer-fixture.ts";

export interface EndpointSketch {
  /** Port on 127.0.0.1, unless there is a host. */
  readonly port: number;
  readonly host?: string;
}

/** One service `shop` with one pool `fra` of these endpoints; `revision` tells digests apart. */
export function observedPolicy(
  endpoints: readonly EndpointSketch[],
  options: { readonly monitor?: Partial<Monitor>; readonly revision?: number } = {},
): Policy {
  const base = policyOf([
    {
      name: "shop",
      pools: [{ name: "fra", weights: endpoints.map(() => 1) }],
      classes: [{ plan: { kind: "pool", pool: 0 as never } }],
      holdMs: 0,
      rampMs: 0,
    },
  ]);
  const monitor = httpMonitor(options.monitor);
  const text = JSON.stringify([endpoints, monitor, options.revision ?? 0]);
  return {
    ...base,
    digest: createHash("sha256").update(text).digest("hex"),
    monitors: [monitor],
    endpoints: base.endpoints.map((endpoint, index): Endpoint => {
      const { port, host = "" } = endpoints[index]!;
      const name = `${host === "" ? "127.0.0.1" : host}:${port}`;
      return {
        ...endpoint,
        name,
        identity: `${name} ${JSON.stringify(monitor)}`,
        ipv4: host === "" ? Uint8Array.of(127, 0, 0, 1) : new Uint8Array(0),
        ipv6: new Uint8Array(0),
        host,
        port,
        monitor: 0 as MonitorIndex,
      };
    }),
  };
}

export function temporaryState(): { readonly stateDir: string; readonly remove: () => void } {
  // Short: the path of a socket has little room.
  const stateDir = mkdtempSync(join(tmpdir(), "rhumb-o-"));
  return { stateDir, remove: () => rmSync(stateDir, { recursive: true, force: true }) };
}

export async function accept(stateDir: string, policy: Policy): Promise<void> {
  const written = await writePolicy(stateDir, policy, { at: 1 });
  if (!written.ok) throw new Error(written.message);
}

export interface WorldReader {
  world(): World | undefined;
  /** Resolves when it holds; rejects after `withinMs`. */
  until(holds: (world: World) => boolean, withinMs?: number): Promise<World>;
  close(): void;
}

export function readWorldOf(stateDir: string): WorldReader {
  let world: World | undefined;
  const waiting = new Set<() => void>();
  const changed = (next: World | undefined): void => {
    if (next === undefined) throw new Error("a frame that does not decode");
    world = next;
    for (const look of waiting) look();
  };
  const subscription = subscribeWorld(
    partSocket(stateDir, "observer"),
    {
      onWorld: (frame) => changed(decodeWorld(frame.world)),
      onChange: (frame) => {
        if (world !== undefined) changed(applyChanges(world, frame.change));
      },
    },
    { entropy: systemEntropy(), name: "test" },
  );
  return {
    world: () => world,
    until: (holds, withinMs = 10_000) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (world === undefined || !holds(world)) return;
          waiting.delete(look);
          clearTimeout(timer);
          resolve(world);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`not within ${withinMs} ms: ${describe(world)}`));
        }, withinMs);
        waiting.add(look);
        look();
      }),
    close: () => subscription.close(),
  };
}

function describe(world: World | undefined): string {
  if (world === undefined) return "no World";
  const { endpoints, generation } = world;
  return JSON.stringify({ generation, verdict: [...endpoints.verdict] });
}

export const isUp = (world: World, row: number): boolean =>
  world.endpoints.verdict[row] === verdict.up;
export const isDown = (world: World, row: number): boolean =>
  world.endpoints.verdict[row] === verdict.down;
