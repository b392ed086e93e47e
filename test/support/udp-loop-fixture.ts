/**
 * Loops of DNS workers in the test's own thread, with a client that sends by the same calls: for
 * what cannot be told to a thread, such as to hang, and for counting what a turn allocates.
 */
import { assert } from "../../src/errors.ts";
import {
  type BatchSocket,
  openBatchSocket,
  openUdpSocket,
  type UdpSocket,
  writeSocketAddress,
} from "../../src/fronts/dns/batch-socket.ts";
import type { AnswerContext } from "../../src/fronts/dns/context.ts";
import { loopCounterCount, UdpLoop } from "../../src/fronts/dns/udp-loop.ts";
import type { Libc } from "../../src/lib/libc.ts";

const bound = {
  family: 4,
  address: Uint8Array.of(127, 0, 0, 1),
  port: 0,
  receiveBufferBytes: 1 << 20,
  sendBufferBytes: 1 << 20,
  waitMs: 50,
  shared: false,
} as const;

export function serverSocket(libc: Libc): UdpSocket {
  const opened = openUdpSocket(libc, bound);
  assert(opened.ok, "a socket on loopback");
  return opened.socket;
}

export function createLoop(
  libc: Libc,
  of: {
    readonly context: AnswerContext;
    readonly beats?: Int32Array;
    readonly self?: number;
    readonly gatherMicroseconds?: number;
  },
): { readonly loop: UdpLoop; readonly counters: Float64Array } {
  const counters = new Float64Array(loopCounterCount);
  const loop = new UdpLoop({
    libc,
    batch: 16,
    gatherMicroseconds: 0,
    beats: new Int32Array(1),
    self: 0,
    enter: () => undefined,
    leave: () => undefined,
    counters,
    seconds: () => 1_700_000_000,
    ...of,
  });
  return { loop, counters };
}

export interface LoopClient {
  readonly socket: BatchSocket;
  /** Sends message `index`. */
  send(index: number): void;
}

export function createClient(
  libc: Libc,
  to: { readonly port: number; readonly messages: readonly Uint8Array[] },
): LoopClient {
  const opened = openBatchSocket(libc, { ...bound, batch: 16 });
  assert(opened.ok, "a socket on loopback");
  const { socket } = opened;
  const size = 512;
  const { address, memory } = libc.mapMemory(64 + to.messages.length * size);
  const bytes = new Uint8Array(memory);
  const addressBytes = writeSocketAddress(bytes, { ...bound, port: to.port });
  // Addresses made once: a number of that size is boxed whenever it is computed.
  const calls = to.messages.map((message, index) => {
    bytes.set(message, 64 + index * size);
    const at = address + 64 + index * size;
    return () => libc.sendto(socket.socket.fd, at, message.length, 0, address, addressBytes);
  });
  return { socket, send: (index) => void calls[index]?.() };
}
