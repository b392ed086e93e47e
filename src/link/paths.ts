/**
 * Where things stand in a state directory: one place for the names, so that every process and the
 * command line agree. Nothing here touches the disk.
 */
import { join } from "node:path";

/** Everything `rhumb serve` starts, in the order of the flow. */
export const partNames = ["control", "observer", "dns", "redirect"] as const;
export type PartName = (typeof partNames)[number];

export interface StatePaths {
  readonly stateDir: string;
  /** `DIGEST.policy` files and the pointer `current`. */
  readonly snapshots: string;
  readonly current: string;
  readonly worldSnapshot: string;
  /** The embedded store. */
  readonly store: string;
  /** The last serial of each zone. */
  readonly zoneSerials: string;
  /** Compiled geographies, by digest. */
  readonly geography: string;
  /** Secrets of DNS cookies. */
  readonly cookieSecrets: string;
  /** Held by the one server that may use this directory. */
  readonly lock: string;
  /** Sockets: only the user who runs the server may enter. */
  readonly run: string;
}

export function statePaths(stateDir: string): StatePaths {
  const snapshots = join(stateDir, "snapshots");
  return {
    stateDir,
    snapshots,
    current: join(snapshots, "current"),
    worldSnapshot: join(stateDir, "world.snapshot"),
    store: join(stateDir, "store.sqlite"),
    zoneSerials: join(stateDir, "zone-serials.json"),
    geography: join(stateDir, "geography"),
    cookieSecrets: join(stateDir, "cookie-secrets"),
    lock: join(stateDir, "lock"),
    run: join(stateDir, "run"),
  };
}

export function policyFile(stateDir: string, digest: string): string {
  return join(stateDir, "snapshots", `${digest}.policy`);
}

/** The socket a part answers on: `run/observer.sock` publishes World and takes overrides. */
export function partSocket(stateDir: string, part: PartName): string {
  return join(stateDir, "run", `${part}.sock`);
}
