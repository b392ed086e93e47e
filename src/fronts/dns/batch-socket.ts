/**
 * A UDP socket that receives and sends datagrams in batches (recvmmsg, sendmmsg), on memory mapped
 * once outside the JS heap. Used by the DNS workers on Linux; node:dgram (server.ts) serves
 * elsewhere with the same answer function. The reply leaves from the address that was asked: on a
 * wildcard socket by IP_PKTINFO / IPV6_PKTINFO (RFC 3542 6.2), on others by the kernel.
 *
 * One slot a datagram. A slot's parts lie in one mapping:
 *   receive: mmsghdr, iovec, sockaddr, control, bytes; send: mmsghdr, iovec, control, bytes.
 */

import type { Address, Libc, Mapping } from "../../lib/libc.ts";
import { limits } from "../../limits.ts";
import type { DatagramMemory } from "./fast-answer.ts";

/** <bits/socket.h>, <netinet/in.h>; the same on x86-64 and arm64. */
const os = {
  inet: 2,
  inet6: 10,
  datagram: 2,
  closeOnExec: 0o2000000,
  solSocket: 1,
  reusePort: 15,
  receiveBuffer: 8,
  sendBuffer: 7,
  receiveTimeout: 20,
  overflowCount: 40,
  ip: 0,
  ipPacketInfo: 8,
  ipMtuDiscover: 10,
  ipv6: 41,
  ipv6Only: 26,
  ipv6ReceivePacketInfo: 49,
  ipv6PacketInfo: 50,
  ipv6MtuDiscover: 23,
  /** IP_PMTUDISC_OMIT: ignore path MTU messages, which anyone can forge. */
  omitMtu: 5,
  waitForOne: 0x10000,
  dontWait: 0x40,
} as const;

const errnoAgain = 11;
const errnoInterrupted = 4;

const headerBytes = 64;
const vectorBytes = 16;
const nameBytes = 32;
const controlBytes = 64;
const controlHeaderBytes = 16;
/** Not a power of two, or the first lines of all requests would lie in one set of the cache. */
const requestStride = limits.dnsRequestBytesMax + 192;
/** CMSG_LEN and CMSG_SPACE of in_pktinfo (12 bytes) and in6_pktinfo (20). */
const packetInfo4 = { length: 28, space: 32 };
const packetInfo6 = { length: 36, space: 40 };

export interface UdpSocketOptions {
  readonly family: 4 | 6;
  /** 4 or 16 bytes, network order. */
  readonly address: Uint8Array;
  readonly port: number;
  readonly receiveBufferBytes: number;
  readonly sendBufferBytes: number;
  /** How long `receive` waits for a first datagram. */
  readonly waitMs: number;
  /** Several sockets at one address, among which the kernel spreads the clients. */
  readonly shared: boolean;
}

/** A bound socket, by number: every thread of the process may use it. */
export interface UdpSocket {
  readonly fd: number;
  readonly family: 4 | 6;
  readonly port: number;
  readonly isWildcard: boolean;
}

export type UdpOpenResult =
  | { readonly ok: true; readonly socket: UdpSocket }
  | { readonly ok: false; readonly call: string; readonly errno: number };

export interface BatchSocketOptions extends UdpSocketOptions {
  readonly batch: number;
}

export interface BatchSocket extends DatagramMemory {
  readonly socket: UdpSocket;
  readonly port: number;
  /** Views of the slots' bytes: request i, and where its response is to be written. */
  readonly requests: readonly Uint8Array[];
  readonly responses: readonly Uint8Array[];
  /** Bytes of request i, after `receive`. */
  readonly lengths: Uint32Array;
  /** Four words a slot, most significant first; an IPv4 client has its address in the first. */
  readonly clients: Uint32Array;
  /** Datagrams the kernel dropped because the socket's queue was full, since it was opened. */
  dropped(): number;
  /**
   * Takes what datagrams are there, up to a batch, and returns how many; with `wait` it waits for a
   * first one.
   */
  receive(wait: boolean): number;
  /** Queues the response of slot `slot`, `length` bytes, to whoever asked it. */
  queue(slot: number, length: number): void;
  /** Sends what is queued; returns how many the kernel did not take. */
  flush(): number;
  close(): void;
}

export type OpenResult =
  | { readonly ok: true; readonly socket: BatchSocket }
  | { readonly ok: false; readonly call: string; readonly errno: number };

interface Layout {
  readonly receiveHeaders: number;
  readonly receiveVectors: number;
  readonly names: number;
  readonly receiveControls: number;
  readonly requests: number;
  readonly sendHeaders: number;
  readonly sendVectors: number;
  readonly sendControls: number;
  readonly responses: number;
  readonly total: number;
}

/** Offsets of the parts in the mapping: arrays of one kind lie together, as the kernel wants. */
function layoutOf(batch: number): Layout {
  let total = 0;
  const take = (bytes: number): number => {
    const at = total;
    total += Math.ceil(bytes / 64) * 64;
    return at;
  };
  return {
    receiveHeaders: take(batch * headerBytes),
    receiveVectors: take(batch * vectorBytes),
    names: take(batch * nameBytes),
    receiveControls: take(batch * controlBytes),
    requests: take(batch * requestStride),
    sendHeaders: take(batch * headerBytes),
    sendVectors: take(batch * vectorBytes),
    sendControls: take(batch * controlBytes),
    responses: take(batch * limits.dnsUdpPayload),
    get total() {
      return total;
    },
  };
}

/** A 64-bit pointer or length as two little-endian words. */
function writePointer(words: Uint32Array, at: number, value: number): void {
  words[at >> 2] = value >>> 0;
  words[(at >> 2) + 1] = Math.floor(value / 0x1_0000_0000);
}

function views(
  memory: ArrayBuffer,
  options: { at: number; stride: number; bytes: number; count: number },
) {
  return Array.from(
    { length: options.count },
    (_, i) => new Uint8Array(memory, options.at + i * options.stride, options.bytes),
  );
}

/** A socket of its own with the buffers for it. */
export function openBatchSocket(libc: Libc, options: BatchSocketOptions): OpenResult {
  const opened = openUdpSocket(libc, options);
  if (!opened.ok) return opened;
  return { ok: true, socket: createBatchSocket(libc, opened.socket, options.batch) };
}

/** Buffers of one thread around a socket, which other threads may use at the same time. */
export function createBatchSocket(libc: Libc, socket: UdpSocket, batch: number): BatchSocket {
  return new MappedSocket(libc, socket, batch);
}

/** Network order to the machine's, and back. */
function swap(word: number): number {
  const low = (word & 0xff00) << 8;
  return ((word >>> 24) | ((word >>> 8) & 0xff00) | low | (word << 24)) >>> 0;
}

class MappedSocket implements BatchSocket {
  readonly socket: UdpSocket;
  readonly requests: readonly Uint8Array[];
  readonly responses: readonly Uint8Array[];
  readonly lengths: Uint32Array;
  readonly clients: Uint32Array;
  readonly family: 4 | 6;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly requestsAt: number;
  readonly requestStride = requestStride;
  readonly responsesAt: number;
  readonly responseStride = limits.dnsUdpPayload;
  /**
   * As functions, since an address is more than a small integer: read from a field it would be
   * boxed anew for each call.
   */
  readonly #receiveCall: (flags: number) => number;
  readonly #sendCall: (from: number, count: number) => number;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #batch: number;
  readonly #layout: Layout;
  readonly #base: Address;
  readonly #words: Uint32Array;
  /** Room for control messages, of a request. */
  readonly #controlRoom: number;
  readonly #info: { readonly length: number; readonly space: number };
  readonly #clientAt: number;
  readonly #clientWords: number;
  #overflow = 0;
  #queued = 0;
  #touched: number;
  /** By place in the send headers: the slot whose address and response they point to. */
  readonly #places: Int32Array;

  constructor(libc: Libc, socket: UdpSocket, batch: number) {
    const layout = layoutOf(batch);
    const { address, memory } = libc.mapMemory(layout.total);
    const isIpv4 = socket.family === 4;
    this.socket = socket;
    this.lengths = new Uint32Array(batch);
    this.clients = new Uint32Array(batch * 4);
    const { requests, responses } = layout;
    this.requests = views(memory, {
      at: requests,
      stride: requestStride,
      bytes: limits.dnsRequestBytesMax,
      count: batch,
    });
    this.responses = views(memory, {
      at: responses,
      stride: limits.dnsUdpPayload,
      bytes: limits.dnsUdpPayload,
      count: batch,
    });
    this.family = socket.family;
    this.words = new Int32Array(memory);
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.requestsAt = requests;
    this.responsesAt = responses;
    this.#places = new Int32Array(batch).fill(-1);
    this.#libc = libc;
    this.#fd = socket.fd;
    this.#batch = batch;
    this.#layout = layout;
    this.#base = address;
    this.#words = new Uint32Array(memory);
    this.#controlRoom = socket.isWildcard ? controlBytes : 24;
    this.#info = isIpv4 ? packetInfo4 : packetInfo6;
    this.#clientAt = isIpv4 ? 4 : 8;
    this.#clientWords = isIpv4 ? 1 : 4;
    this.#touched = batch;
    const { fd } = socket;
    const received = address + layout.receiveHeaders;
    const toSend = address + layout.sendHeaders;
    this.#receiveCall = (flags) => libc.recvmmsg(fd, received, batch, flags, 0);
    this.#sendCall = (from, count) =>
      from === 0
        ? libc.sendmmsg(fd, toSend, count, os.dontWait)
        : libc.sendmmsg(fd, toSend + from * headerBytes, count, os.dontWait);
    for (let slot = 0; slot < batch; slot++) this.#layOut(slot);
  }

  get port(): number {
    return this.socket.port;
  }

  dropped(): number {
    return this.#overflow;
  }

  /** What of a slot stays as it is. */
  #layOut(slot: number): void {
    const words = this.#words;
    const base = this.#base;
    const layout = this.#layout;
    const header = layout.receiveHeaders + slot * headerBytes;
    const vector = layout.receiveVectors + slot * vectorBytes;
    writePointer(words, header, base + layout.names + slot * nameBytes);
    words[(header + 8) >> 2] = nameBytes;
    words[(header + 40) >> 2] = this.#controlRoom;
    writePointer(words, header + 16, base + vector);
    writePointer(words, header + 24, 1);
    writePointer(words, header + 32, base + layout.receiveControls + slot * controlBytes);
    writePointer(words, vector, base + layout.requests + slot * requestStride);
    writePointer(words, vector + 8, limits.dnsRequestBytesMax);
  }

  receive(wait: boolean): number {
    const words = this.#words;
    const layout = this.#layout;
    // The lengths of names stay what the first datagram made them: those of one family are equal.
    for (let slot = 0; slot < this.#touched; slot++) {
      words[((layout.receiveHeaders + slot * headerBytes) >> 2) + 10] = this.#controlRoom;
    }
    this.#queued = 0;
    const got = Math.max(this.#receiveCall(wait ? os.waitForOne : os.dontWait), 0);
    this.#touched = got;
    for (let slot = 0; slot < got; slot++) {
      const header = (layout.receiveHeaders + slot * headerBytes) >> 2;
      this.lengths[slot] = words[header + 14]!;
      const name = (layout.names + slot * nameBytes + this.#clientAt) >> 2;
      for (let i = 0; i < this.#clientWords; i++) {
        this.clients[slot * 4 + i] = swap(words[name + i]!);
      }
    }
    return got;
  }

  queue(slot: number, length: number): void {
    const words = this.#words;
    const layout = this.#layout;
    const place = this.#queued++;
    const header = (layout.sendHeaders + place * headerBytes) >> 2;
    const request = (layout.receiveHeaders + slot * headerBytes) >> 2;
    if (this.#places[place] !== slot) this.#point(place, slot);
    words[header + 2] = words[request + 2]!;
    words[(layout.sendVectors + place * vectorBytes + 8) >> 2] = length;
    const room = words[request + 10]!;
    const from = room === 0 ? 0 : this.#readControl(slot, room);
    if (from > 0) this.#replyControl(place, from);
    else words[header + 10] = 0;
  }

  /** Lets a send header point to a slot: most stay so, since nearly every request is answered. */
  #point(place: number, slot: number): void {
    const words = this.#words;
    const layout = this.#layout;
    const base = this.#base;
    const header = layout.sendHeaders + place * headerBytes;
    const vector = layout.sendVectors + place * vectorBytes;
    writePointer(words, header, base + layout.names + slot * nameBytes);
    writePointer(words, header + 16, base + vector);
    writePointer(words, header + 24, 1);
    writePointer(words, vector, base + layout.responses + slot * limits.dnsUdpPayload);
    writePointer(words, vector + 8, 0);
    this.#places[place] = slot;
  }

  /** Control messages of one datagram: the drop counter, and where the packet was sent to. */
  #readControl(slot: number, length: number): number {
    const words = this.#words;
    let at = this.#layout.receiveControls + slot * controlBytes;
    const end = at + length;
    let found = 0;
    for (let steps = 0; steps < 4 && at + controlHeaderBytes <= end; steps++) {
      const bytes = words[at >> 2]!;
      if (bytes < controlHeaderBytes) break;
      const level = words[(at + 8) >> 2]!;
      const type = words[(at + 12) >> 2]!;
      if (level === os.solSocket && type === os.overflowCount) {
        this.#overflow = words[(at + controlHeaderBytes) >> 2]!;
      } else if (level !== os.solSocket) found = at;
      at += (bytes + 7) & ~7;
    }
    return found;
  }

  /** Copies the packet info of a request into the control message of its reply. */
  #replyControl(place: number, from: number): void {
    const words = this.#words;
    const header = this.#layout.sendHeaders + place * headerBytes;
    const to = this.#layout.sendControls + place * controlBytes;
    for (let i = 0; i < this.#info.space; i += 4) words[(to + i) >> 2] = words[(from + i) >> 2]!;
    // Source address only: the route, not the interface the query came in by, picks the way out.
    if (this.socket.family === 4) words[(to + controlHeaderBytes) >> 2] = 0;
    writePointer(words, header + 32, this.#base + to);
    words[(header + 40) >> 2] = this.#info.space;
  }

  flush(): number {
    const libc = this.#libc;
    const queued = this.#queued;
    let sent = 0;
    // A full send buffer or an unreachable client stops the call at that datagram: skip it, as a
    // resolver asks again, and a blocking send would stall every other client.
    for (let steps = 0; sent < queued && steps < this.#batch; steps++) {
      const taken = this.#sendCall(sent, queued - sent);
      if (taken > 0) sent += taken;
      else if (libc.errno() !== errnoInterrupted) {
        if (libc.errno() === errnoAgain) break;
        sent += 1;
      }
    }
    this.#queued = 0;
    return queued - sent;
  }

  close(): void {
    this.#libc.close(this.#fd);
  }
}

/** sockaddr, length and option values of the calls that open a socket. */
interface Scratch {
  readonly mapping: Mapping;
  readonly words: Uint32Array;
}

/** Mapped once a thread: what the kernel reads must not move under it. */
let scratch: Scratch | undefined;

function scratchOf(libc: Libc): Scratch {
  if (scratch === undefined) {
    const mapping = libc.mapMemory(64);
    scratch = { mapping, words: new Uint32Array(mapping.memory, 0, 16) };
  }
  return scratch;
}

export function openUdpSocket(libc: Libc, options: UdpSocketOptions): UdpOpenResult {
  const { mapping, words } = scratchOf(libc);
  const { family } = options;
  const bytes = new Uint8Array(mapping.memory, 0, 64);
  const at = mapping.address;
  const isWildcard = options.address.every((byte) => byte === 0);
  const fd = libc.socket(family === 4 ? os.inet : os.inet6, os.datagram | os.closeOnExec, 0);
  if (fd < 0) return { ok: false, call: "socket", errno: libc.errno() };
  const fail = (call: string): UdpOpenResult => {
    const errno = libc.errno();
    libc.close(fd);
    return { ok: false, call, errno };
  };
  const set = (level: number, name: number, value: number): boolean => {
    words[0] = value;
    return libc.setsockopt(fd, level, name, at, 4) === 0;
  };
  if (options.shared && !set(os.solSocket, os.reusePort, 1)) return fail("SO_REUSEPORT");
  set(os.solSocket, os.receiveBuffer, options.receiveBufferBytes);
  set(os.solSocket, os.sendBuffer, options.sendBufferBytes);
  set(os.solSocket, os.overflowCount, 1);
  if (family === 4) {
    set(os.ip, os.ipMtuDiscover, os.omitMtu);
    if (isWildcard && !set(os.ip, os.ipPacketInfo, 1)) return fail("IP_PKTINFO");
  } else {
    set(os.ipv6, os.ipv6Only, 1);
    set(os.ipv6, os.ipv6MtuDiscover, os.omitMtu);
    if (isWildcard && !set(os.ipv6, os.ipv6ReceivePacketInfo, 1)) return fail("IPV6_RECVPKTINFO");
  }
  words.set([Math.floor(options.waitMs / 1000), 0, (options.waitMs % 1000) * 1000, 0]);
  if (libc.setsockopt(fd, os.solSocket, os.receiveTimeout, at, 16) !== 0) {
    return fail("SO_RCVTIMEO");
  }
  const length = writeSocketAddress(bytes, options);
  if (libc.bind(fd, at, length) !== 0) return fail("bind");
  words[10] = 28;
  if (libc.getsockname(fd, at, at + 40) !== 0) return fail("getsockname");
  const port = (bytes[2]! << 8) | bytes[3]!;
  return { ok: true, socket: { fd, family, port, isWildcard } };
}

/** sockaddr_in or sockaddr_in6 at the start of `bytes`; returns its length. */
export function writeSocketAddress(
  bytes: Uint8Array,
  of: { readonly family: 4 | 6; readonly address: Uint8Array; readonly port: number },
): number {
  bytes.fill(0, 0, 28);
  bytes[0] = of.family === 4 ? os.inet : os.inet6;
  bytes[2] = of.port >> 8;
  bytes[3] = of.port & 0xff;
  bytes.set(of.address, of.family === 4 ? 4 : 8);
  return of.family === 4 ? 16 : 28;
}
