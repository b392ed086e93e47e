/**
 * The C library by FFI (koffi), for what node:dgram has no words for: batches of datagrams, socket
 * options, memory outside the JS heap. Called by the UDP workers of fronts/dns. Every call is
 * synchronous and blocks its thread. `openLibc` returns undefined where there is no koffi, no Linux
 * or no 64-bit little-endian machine, and the caller falls back to node:dgram.
 *
 * A wrong pointer ends the process, so pointers come from `mapMemory` only: one anonymous mapping a
 * worker, which the collector neither moves nor frees.
 */
import { createRequire } from "node:module";
import { endianness } from "node:os";

/** Addresses stay below 2^47 on the machines we run on, so a double holds them exactly. */
export type Address = number;

export interface Mapping {
  readonly address: Address;
  readonly memory: ArrayBuffer;
}

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Address, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: Address, length: number): number;
  getsockname(fd: number, address: Address, length: Address): number;
  close(fd: number): number;
  recvmmsg(fd: number, messages: Address, count: number, flags: number, timeout: Address): number;
  sendmmsg(fd: number, messages: Address, count: number, flags: number): number;
  sendto(
    fd: number,
    bytes: Address,
    length: number,
    flags: number,
    address: Address,
    addressLength: number,
  ): number;
  poll(descriptors: Address, count: number, timeoutMs: number): number;
  clockGettime(clock: number, time: Address): number;
  /** For PR_SET_TIMERSLACK, of the calling thread. */
  prctl(option: number, value: number): number;
  usleep(microseconds: number): number;
  /** The error number of the last call that returned -1. */
  errno(): number;
  mapMemory(bytes: number): Mapping;
}

interface Koffi {
  load(name: string): { func(prototype: string): (...values: number[]) => number };
  view(address: number, bytes: number): ArrayBuffer;
  errno(): number;
}

const mapFailed = -1;
const protectReadWrite = 0x3;
/** MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE. */
const mapAnonymous = 0x2 | 0x20 | 0x8000;

export function openLibc(): Libc | undefined {
  const machines = ["x64", "arm64"];
  const fits = process.platform === "linux" && machines.includes(process.arch);
  if (!fits || endianness() !== "LE") return undefined;
  try {
    return bindLibc(createRequire(import.meta.url)("koffi") as Koffi);
  } catch {
    return undefined;
  }
}

function bindLibc(koffi: Koffi): Libc {
  const library = koffi.load("libc.so.6");
  const mmap = library.func(
    "intptr_t mmap(intptr_t address, size_t length, int protection, int flags, int fd, int64_t offset)",
  );
  const pointerCall = (prototype: string) => library.func(prototype);
  return {
    socket: pointerCall("int socket(int domain, int type, int protocol)"),
    bind: pointerCall("int bind(int fd, intptr_t address, unsigned int length)"),
    setsockopt: pointerCall(
      "int setsockopt(int fd, int level, int name, intptr_t value, unsigned int length)",
    ),
    getsockname: pointerCall("int getsockname(int fd, intptr_t address, intptr_t length)"),
    close: pointerCall("int close(int fd)"),
    recvmmsg: pointerCall(
      "int recvmmsg(int fd, intptr_t messages, unsigned int count, int flags, intptr_t timeout)",
    ),
    sendmmsg: pointerCall("int sendmmsg(int fd, intptr_t messages, unsigned int count, int flags)"),
    sendto: pointerCall(
      "intptr_t sendto(int fd, intptr_t bytes, size_t length, int flags, intptr_t address, unsigned int addressLength)",
    ),
    poll: pointerCall("int poll(intptr_t descriptors, unsigned long count, int timeout)"),
    clockGettime: pointerCall("int clock_gettime(int clock, intptr_t time)"),
    prctl: pointerCall("int prctl(int option, unsigned long value)"),
    usleep: pointerCall("int usleep(unsigned int microseconds)"),
    errno: () => koffi.errno(),
    mapMemory(bytes) {
      const address = mmap(0, bytes, protectReadWrite, mapAnonymous, -1, 0);
      if (address === mapFailed) throw new Error(`mmap of ${bytes} bytes failed: ${koffi.errno()}`);
      return { address, memory: koffi.view(address, bytes) };
    },
  };
}
