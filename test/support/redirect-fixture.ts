/** A policy with services on the redirect front, for its tests. */
import type { Snapshot } from "../../src/fronts/redirect/redirect.ts";
import type { Policy, Service } from "../../src/policy/policy.ts";
import { buildTable } from "../../src/steer/table.ts";
import type { World } from "../../src/world/world.ts";
import { type EndpointSketch, first, policyOf, pool, split, worldOf } from "./steer-fixture.ts";

const names: Readonly<Record<string, Partial<Service>>> = {
  shop: {
    names: ["shop.example.com", "*.shop.example.com", "www.example.com"],
    redirect: "https://{region}.origin.example.com",
    ttlSecondsMin: 30,
    ttlSecondsMax: 30,
  },
  addr: { names: ["addr.example.com"], redirect: "http://{address}:{port}/" },
  named: { names: ["named.example.com"], redirect: "https://{pool}-{host}" },
  loop: { names: ["loop.example.com"], redirect: "https://loop.example.com" },
  chain: { names: ["chain.example.com"], redirect: "https://shop.example.com" },
  plain: { names: ["plain.example.com"], redirect: "" },
  spread: { names: ["spread.example.com"], redirect: "http://{address}", key: "client" },
  refusing: { names: ["refusing.example.com"], redirect: "http://{region}.r", fallback: "refuse" },
};

/** Endpoints 0 and 1 are shop's, in fra and iad; 2 addr's; and so on in the order above. */
export function redirectPolicy(trustedProxies: readonly string[] = []): Policy {
  const made = policyOf([
    {
      name: "shop",
      pools: [
        { region: "fra", weights: [1] },
        { region: "iad", weights: [1] },
      ],
      classes: [{ plan: first(pool(0), pool(1)) }],
    },
    { name: "addr", pools: [{ region: "fra", weights: [1] }], classes: [{ plan: pool(0) }] },
    {
      name: "named",
      pools: [{ region: "fra", name: "fra/canary", weights: [1] }],
      classes: [{ plan: pool(0) }],
    },
    ...["loop", "chain", "plain"].map((name) => ({
      name,
      pools: [{ region: "fra", weights: [1] }],
      classes: [{ plan: pool(0) }],
    })),
    {
      name: "spread",
      pools: [
        { region: "fra", weights: [1] },
        { region: "iad", weights: [1] },
      ],
      classes: [{ plan: split([1, pool(0)], [1, pool(1)]) }],
    },
    { name: "refusing", pools: [{ region: "fra", weights: [1] }], classes: [{ plan: pool(0) }] },
  ]);
  const services = made.services.map((service) => ({ ...service, ...names[service.name] }));
  const endpoints = made.endpoints.map((endpoint, row) => {
    if (row === 2) {
      return {
        ...endpoint,
        ipv6: Uint8Array.from([32, 1, 13, 184, ...Array(11).fill(0), 1]),
        port: 8443,
      };
    }
    if (row !== 3) return endpoint;
    return {
      ...endpoint,
      ipv4: new Uint8Array(0),
      host: "origin.example.net",
      name: "origin.example.net",
    };
  });
  return { ...made, services, endpoints, trustedProxies };
}

export function snapshotOf(
  policy: Policy,
  sketch: readonly EndpointSketch[] = [],
): Snapshot & { readonly world: World } {
  const world = worldOf(policy, sketch);
  return { policy, world, table: buildTable(policy, world) };
}
