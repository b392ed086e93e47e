/** origins.ts: each fault is what it says, seen by a client of the web servers. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test } from "node:test";
import { systemEntropy } from "../lib/entropy.ts";
import { type Fault, RegionOrigins } from "./origins.ts";

const entropy = systemEntropy();
const port = 8497;
const region = {
  name: "xx",
  city: "Nowhere",
  at: "XXX",
  jurisdiction: "XX",
  addresses: ["127.10.9.1", "127.10.9.2"],
  client: { people: "No", subnet: "192.0.2.0/24", address: "192.0.2.1" },
} as const;
const origins = new RegionOrigins(region, { port, entropy });
after(() => origins.end());

/** What a client that asks for /healthz meets within half a second. */
function meet(address: string): Promise<string> {
  return new Promise((resolve) => {
    let connected = false;
    const socket = connect(port, address, () => {
      connected = true;
      socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    });
    const finish = (what: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    const timer = setTimeout(() => finish(connected ? "no answer" : "silence"), 500);
    socket.once("data", (chunk) => finish(String(chunk).slice(0, 12)));
    socket.once("error", (error) => finish((error as NodeJS.ErrnoException).code ?? "error"));
  });
}

const meetings: readonly (readonly [Fault, string])[] = [
  ["kill", "ECONNREFUSED"],
  ["stop", "no answer"],
  ["drop", "silence"],
];

for (const [fault, what] of meetings) {
  test(`apply("${fault}") makes clients meet ${what}, until it is revived`, async () => {
    await origins.apply("revive");
    for (const address of region.addresses) assert.equal(await meet(address), "HTTP/1.1 200");
    await origins.apply(fault);
    for (const address of region.addresses) assert.equal(await meet(address), what);
    await origins.apply("revive");
    for (const address of region.addresses) assert.equal(await meet(address), "HTTP/1.1 200");
  });
}

test("start() says which address is taken", async () => {
  const other = new RegionOrigins(region, { port, entropy });
  await assert.rejects(other.start(), /region xx ended: EADDRINUSE.*127\.10\.9\.1/);
});
