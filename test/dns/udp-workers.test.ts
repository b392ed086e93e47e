/** Worker threads and their part: changes of World, host names, counters, addresses, the end. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { createDnsServer } from "../../src/fronts/dns/server.ts";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { openLibc } from "../../src/lib/libc.ts";
import { createRegistry } from "../../src/lib/telemetry.ts";
import type { EndpointIndex, Policy } from "../../src/policy/policy.ts";
import { updateTable } from "../../src/steer/table.ts";
import { decodeMessage } from "../../src/wire/dns-message.ts";
import type { Resolved } from "../../src/world/world.ts";
import {
  formatResponse,
  requestOf,
  snapshotOf,
  unknownLeaves,
  zonesFrom,
} from "../support/dns-front.ts";
import { first, policyOf, pool, setEndpoint } from "../support/steer-fixture.ts";

const skip = openLibc() === undefined ? "no FFI on this platform" : false;

function policyNamed(digest: string, host: string): Policy {
  const base = policyOf([
    {
      pools: [{ weights: [1] }, { weights: [1] }],
      classes: [{ plan: first(pool(0), pool(1)) }],
      key: "client",
    },
    { pools: [{ weights: [1] }], classes: [{ plan: pool(0) }] },
  ]);
  const endpoints = base.endpoints.map((endpoint, i) =>
    i === 2 ? { ...endpoint, host } : endpoint,
  );
  const zone = `$ORIGIN example.com\napp STEERED 0\nhost STEERED 1\n${digest} A 192.0.2.9`;
  return { ...base, ...unknownLeaves(), digest, endpoints, names: zonesFrom(zone) };
}

/** Asks from a port of its own, so that the workers share the questions. */
async function ask(port: number, name: string): Promise<string[]> {
  const socket = createSocket("udp4");
  socket.send(requestOf({ name }), port, "127.0.0.1");
  const [message] = await once(socket, "message");
  socket.close();
  const decoded = decodeMessage(message);
  assert.ok(decoded.ok);
  return formatResponse(decoded.value);
}

test("workers answer by each view from its publication on", { skip }, async () => {
  const policy = policyNamed("one", "lb.example.net");
  const registry = createRegistry();
  let snapshot = snapshotOf(policy, []);
  const server = createDnsServer({
    snapshot,
    identity: { version: "", node: "" },
    registry,
    entropy: systemEntropy(),
    workers: 3,
  });
  assert.deepEqual(await server.listen(["127.0.0.1:0", "[::1]:0"]), []);
  const port = Number(server.listening()[0]?.replace(/^.*:/, ""));
  const address = "an app.example.com. 30 A";
  let asked = 0;
  const expect = async (name: string, line: string): Promise<void> => {
    for (let i = 0; i < 8; i++, asked++) assert.equal((await ask(port, name))[1], line);
  };
  await expect("app.example.com", `${address} 10.0.0.0`);
  for (const [word, last] of [
    ["down", 1],
    ["up", 0],
    ["down", 1],
  ] as const) {
    setEndpoint(snapshot.world, { index: 0, monitored: true }, word);
    updateTable(snapshot.table, policy, snapshot.world, [0 as EndpointIndex]);
    server.setSnapshot(snapshot);
    await expect("app.example.com", `${address} 10.0.0.${last}`);
  }
  const resolvedTo = (last: number): ReadonlyMap<number, Resolved> =>
    new Map([
      [2, { ipv4: [Uint8Array.of(198, 51, 100, last)], ipv6: [], resolvedAt: 0, staleReason: "" }],
    ]);
  for (const last of [1, 2]) {
    snapshot = { ...snapshot, world: { ...snapshot.world, resolved: resolvedTo(last) } };
    server.setSnapshot(snapshot);
    await expect("host.example.com", `an host.example.com. 30 A 198.51.100.${last}`);
  }
  await expect("one.example.com", "an one.example.com. 60 A 192.0.2.9");
  server.setSnapshot(snapshotOf(policyNamed("two", "lb.example.net"), []));
  await expect("two.example.com", "an two.example.com. 60 A 192.0.2.9");
  await expect("app.example.com", `${address} 10.0.0.0`);
  const outcomes = registry.dump().find(({ name }) => name === "rhumb_dns_outcomes_total");
  assert.equal(
    outcomes?.values.reduce((sum, value) => sum + value, 0),
    asked,
  );
  // Another list of addresses: the first goes on while the second comes and goes.
  assert.deepEqual(await server.listen([server.listening()[0]!, "127.0.0.2:0"]), []);
  await expect("two.example.com", "an two.example.com. 60 A 192.0.2.9");
  await server.stop();
  const again = createSocket("udp4").bind(port, "127.0.0.1");
  await once(again, "listening");
  again.close();
});
