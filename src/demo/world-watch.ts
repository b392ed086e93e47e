/**
 * What the running server believes, turned into one line per change for the screen. It subscribes
 * to the observer as a front does; the stream says when something changed, and the World asked for
 * then also has why.
 */
import type { Entropy } from "../lib/entropy.ts";
import { request, subscribeWorld, type WorldSubscription } from "../link/client.ts";
import { partSocket } from "../link/paths.ts";
import { readPolicy } from "../link/snapshot.ts";
import type { Policy } from "../policy/policy.ts";
import {
  describeWorld,
  durationText,
  type EndpointDescription,
  type WorldDescription,
} from "../world/describe.ts";
import { failureMeanings } from "../world/failures.ts";
import { decodeWorld } from "../world/frame.ts";
import { regionOfAddress } from "./layout.ts";

const replyMs = 2000;

export interface WorldWatch {
  /** Address -> what is believed of it; empty before the first World. */
  readonly endpoints: ReadonlyMap<string, EndpointDescription>;
  close(): void;
}

export function watchWorld(
  stateDir: string,
  options: { readonly entropy: Entropy; readonly onLine: (line: string) => void },
): WorldWatch {
  const socket = partSocket(stateDir, "observer");
  const endpoints = new Map<string, EndpointDescription>();
  let policy: Policy | undefined;
  let busy = false;
  let again = false;

  const look = async (): Promise<void> => {
    const command = { name: "world", input: {} } as const;
    const reply = await request(socket, command, { timeoutMs: replyMs, entropy: options.entropy });
    const world = reply.ok ? decodeWorld(reply.value.world) : undefined;
    if (world === undefined) return;
    if (policy?.digest !== world.policyDigest) {
      const read = await readPolicy(stateDir, world.policyDigest);
      if (!read.ok) return;
      policy = read.value;
    }
    report(describeWorld(policy, world, options.entropy.now()));
  };
  const report = (description: WorldDescription): void => {
    const seen = new Set<string>();
    for (const endpoint of everyEndpoint(description)) {
      // Both services have the same web servers: what is said once is enough.
      if (seen.has(endpoint.endpoint)) continue;
      seen.add(endpoint.endpoint);
      const before = endpoints.get(endpoint.endpoint);
      endpoints.set(endpoint.endpoint, endpoint);
      const text = changeText(before, endpoint);
      if (text !== undefined) options.onLine(text);
    }
  };
  const onFrame = (): void => {
    again = true;
    if (busy) return;
    busy = true;
    const turn = async (): Promise<void> => {
      while (again) {
        again = false;
        await look();
      }
      busy = false;
    };
    void turn();
  };
  const subscription: WorldSubscription = subscribeWorld(
    socket,
    { onWorld: onFrame, onChange: onFrame },
    { entropy: options.entropy, name: "demo" },
  );
  return { endpoints, close: () => subscription.close() };
}

const everyEndpoint = (description: WorldDescription): readonly EndpointDescription[] =>
  description.services
    .toSorted((a, b) => b.service.localeCompare(a.service))
    .flatMap(({ pools }) => pools.flatMap((pool) => pool.endpoints));

/** Undefined when nothing changed that people want to read. */
export function changeText(
  before: EndpointDescription | undefined,
  now: EndpointDescription,
): string | undefined {
  const region = regionOfAddress(now.endpoint)?.name ?? "-";
  const where = `${region}  ${now.endpoint.padEnd(12)}`;
  if (before?.forced !== now.forced && (before !== undefined || now.forced !== null)) {
    return `${where}  ${now.forced === null ? "the operator's word is lifted" : `by the operator: ${now.forced}`}`;
  }
  if (before?.state === now.state) return undefined;
  if (before === undefined && now.state === "unknown") return undefined;
  return `${where}  ${stateText(before, now)}`;
}

function stateText(before: EndpointDescription | undefined, now: EndpointDescription): string {
  switch (now.state) {
    case "down": {
      const why = now.lastFailure;
      return `down: ${why === null ? "no reason known" : `${why} (${failureMeanings[why]})`}`;
    }
    case "held":
      return `answers again: held for ${durationText(now.holdLeftMs ?? 0)} before it is used`;
    case "ramping":
      return `returning: its share grows over ${durationText(now.rampLeftMs ?? 0)}`;
    case "up":
      return before?.state === "ramping" ? "whole again" : "up";
    case "unknown":
      return "not known: no result yet";
    case "disabled":
      return "without a check";
  }
}
