/**
 * Do the native calls do what the workers need of them on this machine? Called by server.ts before
 * workers start: one datagram there and back over loopback. When it is not as expected, node:dgram
 * serves instead.
 */
import type { Libc } from "../../lib/libc.ts";
import { type BatchSocket, openBatchSocket, writeSocketAddress } from "./batch-socket.ts";

const address = Uint8Array.of(127, 0, 0, 1);
const waitMs = 200;
const probe = Uint8Array.of(0x52, 0x68, 0x75, 0x6d, 0x62);

function open(libc: Libc): BatchSocket | undefined {
  const opened = openBatchSocket(libc, {
    family: 4,
    address,
    port: 0,
    batch: 2,
    receiveBufferBytes: 65_536,
    sendBufferBytes: 65_536,
    waitMs,
    shared: false,
  });
  return opened.ok ? opened.socket : undefined;
}

export function udpSelfTest(libc: Libc): boolean {
  const client = open(libc);
  const server = open(libc);
  const ok = client !== undefined && server !== undefined && thereAndBack(libc, client, server);
  client?.close();
  server?.close();
  return ok;
}

function thereAndBack(libc: Libc, client: BatchSocket, server: BatchSocket): boolean {
  const scratch = libc.mapMemory(64);
  const bytes = new Uint8Array(scratch.memory);
  const length = writeSocketAddress(bytes, { family: 4, address, port: server.port });
  bytes.set(probe, 32);
  const { fd } = client.socket;
  const sent = libc.sendto(fd, scratch.address + 32, probe.length, 0, scratch.address, length);
  if (sent !== probe.length || server.receive(true) !== 1) return false;
  if (server.lengths[0] !== probe.length || server.clients[0] !== 0x7f00_0001) return false;
  server.responses[0]!.set(server.requests[0]!.subarray(0, probe.length).toReversed());
  server.queue(0, probe.length);
  if (server.flush() !== 0 || client.receive(true) !== 1) return false;
  const back = client.requests[0]!.subarray(0, client.lengths[0]);
  return back.toReversed().every((octet, i) => octet === probe[i]) && back.length === probe.length;
}
