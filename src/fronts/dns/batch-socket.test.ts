import assert from "node:assert/strict";
import dgram from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { openLibc } from "../../lib/libc.ts";
import { type BatchSocket, openBatchSocket } from "./batch-socket.ts";

const loopback6 = Uint8Array.from([...new Array<number>(15).fill(0), 1]);
const libc = openLibc();
const skip = libc === undefined ? "no FFI on this platform: node:dgram serves instead" : false;

function open(address: Uint8Array): BatchSocket {
  assert.ok(libc);
  const opened = openBatchSocket(libc, {
    family: address.length === 4 ? 4 : 6,
    address,
    port: 0,
    batch: 8,
    receiveBufferBytes: 1 << 20,
    sendBufferBytes: 1 << 20,
    waitMs: 200,
    shared: true,
  });
  assert.ok(opened.ok, JSON.stringify(opened));
  return opened.socket;
}

/** Answers every request with its bytes reversed, until a receive finds none. */
function reverseAll(socket: BatchSocket): number {
  let total = 0;
  for (let got = socket.receive(true); got > 0; got = socket.receive(true)) {
    total += got;
    for (let slot = 0; slot < got; slot++) {
      const length = socket.lengths[slot] ?? 0;
      const request = socket.requests[slot]?.subarray(0, length);
      socket.responses[slot]?.set([...(request ?? [])].reverse());
      socket.queue(slot, length);
    }
    assert.equal(socket.flush(), 0);
  }
  return total;
}

for (const [what, bound, asked] of [
  ["IPv4", Uint8Array.of(127, 0, 0, 1), "127.0.0.1"],
  ["IPv4 wildcard", Uint8Array.of(0, 0, 0, 0), "127.0.0.77"],
  ["IPv6", loopback6, "::1"],
  ["IPv6 wildcard", new Uint8Array(16), "::1"],
] as const) {
  test(`openBatchSocket() answers from the address that was asked, ${what}`, { skip }, async () => {
    const socket = open(bound);
    const client = dgram.createSocket(asked.includes(":") ? "udp6" : "udp4");
    const replies: string[] = [];
    client.on("message", (message, from) => replies.push(`${message.toString()} ${from.address}`));
    client.bind(0);
    await once(client, "listening");
    for (let i = 10; i < 30; i++) {
      client.send(`q${i}`, socket.port, asked);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(reverseAll(socket), 20);
    while (replies.length < 20) await once(client, "message");
    assert.deepEqual(
      replies.sort(),
      Array.from({ length: 20 }, (_, i) => {
        const asText = String(i + 10);
        return `${asText.charAt(1)}${asText.charAt(0)}q ${asked}`;
      }).sort(),
    );
    client.close();
    socket.close();
  });
}

test("openBatchSocket() reads the client's address as words", { skip }, async () => {
  const socket = open(Uint8Array.of(127, 0, 0, 1));
  const client = dgram.createSocket("udp4");
  client.bind(0, "127.1.2.3");
  await once(client, "listening");
  client.send("x", socket.port, "127.0.0.1");
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(socket.receive(true), 1);
  assert.equal(socket.clients[0], 0x7f010203);
  client.close();
  socket.close();
});

test("openBatchSocket() says which call failed and why", { skip }, () => {
  assert.ok(libc);
  const opened = openBatchSocket(libc, {
    family: 4,
    address: Uint8Array.of(192, 0, 2, 1),
    port: 0,
    batch: 4,
    receiveBufferBytes: 65_536,
    sendBufferBytes: 65_536,
    waitMs: 10,
    shared: true,
  });
  assert.deepEqual(opened, { ok: false, call: "bind", errno: 99 });
});
