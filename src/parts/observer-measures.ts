/**
 * What fronts, beacons and operators measure, as it comes in on observer.sock: round trips and
 * load. Called by link/server.ts with inputs already checked against the schema. A sample of a
 * client or region that is not known is left out and named in the reply, so the others count.
 */
import { findLeaf } from "../geo/lookup.ts";
import type { Entropy } from "../lib/entropy.ts";
import { parsePrefix } from "../lib/ip.ts";
import type { CommandOutcome } from "../link/messages.ts";
import type { CommandHandlers } from "../link/server.ts";
import type { CellIndex, Policy, PoolIndex, RegionIndex } from "../policy/policy.ts";
import type { WorldEvent } from "../world/event.ts";
import type { WorldKeeper } from "./observer-world.ts";

/** Names in a reply, at most. */
const unknownMax = 8;

type Command = "latency" | "load";

export function observerMeasures(options: {
  readonly entropy: Entropy;
  /** Undefined until there is a policy. */
  readonly getKeeper: () => WorldKeeper | undefined;
}): Required<Pick<CommandHandlers, Command>> {
  return {
    latency: (input) => {
      const keeper = options.getKeeper();
      if (keeper === undefined) return notYet;
      const { policy } = keeper;
      if (policy.latency === undefined) {
        const message = "no service steers by latency, so round trips would count for nothing";
        return { ok: false, refusal: { code: "invalid", message } };
      }
      const at = options.entropy.now();
      const unknown = new Set<string>();
      const events = input.samples.flatMap(({ client, region, ms }): WorldEvent[] => {
        const cell = cellOf(policy, client);
        const index = policy.regions.findIndex(({ name }) => name === region);
        if (cell === -1) unknown.add(client);
        if (index === -1) unknown.add(region);
        if (cell === -1 || index === -1) return [];
        return [
          {
            kind: "latency",
            policyDigest: policy.digest,
            cell,
            region: index as RegionIndex,
            at,
            microseconds: Math.round(ms * 1000),
          },
        ];
      });
      for (const event of events) keeper.push(event);
      const names = [...unknown].slice(0, unknownMax);
      return { ok: true, value: { taken: events.length, unknown: names } };
    },
    load: (input) => {
      const keeper = options.getKeeper();
      if (keeper === undefined) return notYet;
      const { policy } = keeper;
      if (policy.capacity === undefined) {
        const message = "no capacity is declared, so a load would count for nothing";
        return { ok: false, refusal: { code: "invalid", message } };
      }
      const at = options.entropy.now();
      const unknown = new Set<string>();
      const events = input.reports.flatMap(({ service, pool, load }): WorldEvent[] => {
        const index = limitedPool(policy, { service, pool });
        if (index === -1) unknown.add(`${service}/${pool}`);
        if (index === -1) return [];
        return [{ kind: "load", policyDigest: policy.digest, pool: index, at, load }];
      });
      for (const event of events) keeper.push(event);
      const names = [...unknown].slice(0, unknownMax);
      return { ok: true, value: { taken: events.length, unknown: names } };
    },
  };
}

/** -1 where there is none of that name, or none with a limit. */
function limitedPool(
  policy: Policy,
  of: { readonly service: string; readonly pool: string },
): PoolIndex | -1 {
  const found = policy.capacity?.pools.find((index) => {
    const pool = policy.pools[index];
    return pool?.name === of.pool && policy.services[pool.service]?.name === of.service;
  });
  return found ?? -1;
}

/** An address or a prefix is of the cell of its first location; else the cell's own name. */
function cellOf(policy: Policy, client: string): CellIndex | -1 {
  const cells = policy.latency?.cells ?? [];
  const named = cells.findIndex(({ name }) => name === client);
  if (named !== -1) return named as CellIndex;
  const prefix = parsePrefix(client);
  if (prefix === undefined) return -1;
  const leaves = prefix.family === 4 ? policy.v4 : policy.v6;
  const location = policy.locations[leaves.locations[findLeaf(leaves, prefix.words)] ?? 0];
  const is = (asn: number): number =>
    cells.findIndex((cell) => cell.country === location?.country && cell.asn === asn);
  const own = location === undefined || location.asn === 0 ? -1 : is(location.asn);
  return (own === -1 ? is(0) : own) as CellIndex | -1;
}

const notYet: CommandOutcome<never> = {
  ok: false,
  refusal: {
    code: "unavailable",
    message: "there is no policy yet: no configuration was accepted",
  },
};
