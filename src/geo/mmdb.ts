/**
 * Reads the MMDB format (MaxMind DB 2.0): metadata, records of the search tree, values of the data
 * section. compile.ts walks with it. A file is hostile until proven otherwise: every read is inside
 * its section, and values and nodes visited are counted against one budget a file, so that cycles
 * and bombs end in a fault that is said, not in a crash. Nothing here throws.
 */
import { limits } from "../limits.ts";

export interface MmdbMetadata {
  readonly nodeCount: number;
  readonly recordSize: 24 | 28 | 32;
  readonly ipVersion: 4 | 6;
  /** Seconds since the epoch; 0 if the file does not say. */
  readonly builtAtSeconds: number;
  readonly databaseType: string;
}

/** Which keys of a map to decode, and which of theirs. Everything else is stepped over. */
export interface MmdbWanted {
  readonly [key: string]: MmdbWanted;
}
/** `undefined`: a value of a kind nobody asks for, or a fault. */
export type MmdbValue =
  | string
  | number
  | boolean
  | undefined
  | readonly MmdbValue[]
  | ReadonlyMap<string, MmdbValue>;

/** `\xab\xcd\xefMaxMind.com` */
const marker = [0xab, 0xcd, 0xef, 77, 97, 120, 77, 105, 110, 100, 46, 99, 111, 109] as const;
/** Zero bytes between the search tree and the data section. */
const separatorBytes = 16;
const kind = {
  pointer: 1,
  text: 2,
  double: 3,
  bytes: 4,
  uint16: 5,
  uint32: 6,
  map: 7,
  int32: 8,
  uint64: 9,
  uint128: 10,
  array: 11,
  boolean: 14,
  float: 15,
} as const;
const nothing: MmdbWanted = {};
const pointerBase = [0, 2048, 526_336, 0] as const;

/** Decodes the values of one section. After a fault every answer is undefined. */
export class MmdbDecoder {
  /** Why decoding ended; empty while all is well. */
  fault = "";
  private at = 0;
  private size = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** Pointers count from here, and nothing before it is read. */
  private readonly start: number;
  private readonly end: number;
  private steps: number;

  constructor(
    bytes: Uint8Array,
    section: { readonly start: number; readonly end: number; readonly steps: number },
  ) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = section.start;
    this.end = section.end;
    this.steps = section.steps;
  }

  /** The value at an offset from the section's start. */
  decode(offset: number, wanted: MmdbWanted): MmdbValue {
    this.at = this.start + offset;
    const value = this.value(wanted, 0);
    return this.fault === "" ? value : undefined;
  }

  /** Takes one step off the budget; false when there is none left. */
  step(): boolean {
    if (--this.steps < 0) this.fail("it needs more steps than a file of its size may");
    return this.fault === "";
  }

  fail(reason: string): undefined {
    if (this.fault === "") this.fault = reason;
  }

  /** True when `count` bytes are left in the section. */
  private has(count: number): boolean {
    if (this.at + count <= this.end) return true;
    this.fail("a value reaches past the end of the data");
    return false;
  }

  /** Big-endian unsigned; past 2^53 the low bits are lost, which no field we read needs. */
  private uint(count: number): number {
    if (count > 16) this.fail("a number is longer than 16 bytes");
    if (this.fault !== "" || !this.has(count)) return 0;
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + this.bytes[this.at++]!;
    return value;
  }

  /** Reads a control byte with its extension and size; returns the kind, 0 after a fault. */
  private control(): number {
    const control = this.uint(1);
    const main = control >>> 5;
    if (main === kind.pointer) {
      this.size = control & 0x1f;
      return main;
    }
    const type = main === 0 ? this.uint(1) + 7 : main;
    const size = control & 0x1f;
    if (size < 29) this.size = size;
    else if (size === 29) this.size = 29 + this.uint(1);
    else if (size === 30) this.size = 285 + this.uint(2);
    else this.size = 65_821 + this.uint(3);
    return this.fault === "" ? type : 0;
  }

  private value(wanted: MmdbWanted, depth: number): MmdbValue {
    if (!this.step()) return undefined;
    if (depth > limits.mmdbDepthMax) return this.fail("values are nested too deeply");
    const type = this.control();
    switch (type) {
      case kind.pointer:
        return this.pointer(wanted, depth);
      case kind.map:
        return this.map(wanted, depth);
      case kind.array:
        return this.array(wanted, depth);
      case kind.boolean:
        return this.size !== 0;
      case kind.text:
        return this.text();
      case kind.uint16:
      case kind.uint32:
      case kind.uint64:
      case kind.uint128:
        return this.uint(this.size);
      case kind.int32:
        return this.uint(Math.min(this.size, 4)) | 0;
      case kind.double:
      case kind.float:
        return this.real(type === kind.double ? 8 : 4);
      case kind.bytes:
        if (this.has(this.size)) this.at += this.size;
        return undefined;
      default:
        return this.fail("a value is of no known kind");
    }
  }

  private pointer(wanted: MmdbWanted, depth: number): MmdbValue {
    const control = this.size;
    const width = control >>> 3;
    const high = width === 3 ? 0 : control & 7;
    const low = this.uint(width + 1);
    const target = this.start + high * 256 ** (width + 1) + low + pointerBase[width]!;
    const resume = this.at;
    if (target >= this.end) return this.fail("a pointer leads past the end of the data");
    this.at = target;
    const value = this.value(wanted, depth + 1);
    this.at = resume;
    return value;
  }

  private map(wanted: MmdbWanted, depth: number): MmdbValue {
    const entries = this.size;
    const map = new Map<string, MmdbValue>();
    for (let i = 0; i < entries && this.fault === ""; i++) {
      const key = this.value(nothing, depth + 1);
      if (typeof key !== "string") return this.fail("the key of a map is no text");
      if (Object.hasOwn(wanted, key)) map.set(key, this.value(wanted[key]!, depth + 1));
      else this.skip(depth + 1);
    }
    return map;
  }

  private array(wanted: MmdbWanted, depth: number): MmdbValue {
    const entries = this.size;
    const list: MmdbValue[] = [];
    for (let i = 0; i < entries && this.fault === ""; i++) {
      list.push(this.value(wanted, depth + 1));
    }
    return list;
  }

  /** Moves past a value without following its pointers. */
  private skip(depth: number): void {
    if (depth > limits.mmdbDepthMax) this.fail("values are nested too deeply");
    if (!this.step()) return;
    const type = this.control();
    if (type === kind.map || type === kind.array) {
      const values = type === kind.map ? 2 * this.size : this.size;
      for (let i = 0; i < values && this.fault === ""; i++) this.skip(depth + 1);
      return;
    }
    const length = type === kind.pointer ? (this.size >>> 3) + 1 : this.size;
    if (type !== kind.boolean && this.has(length)) this.at += length;
  }

  /**
   * Codes and keys are ASCII; a longer or other text is of no use and comes out as it may. Reading
   * four characters takes about as long as a step.
   */
  private text(): string {
    const { size } = this;
    if (!this.has(size)) return "";
    let text = "";
    const readable = Math.min(size, limits.mmdbTextBytesMax);
    this.steps -= readable >>> 2;
    for (let i = 0; i < readable; i++) text += String.fromCharCode(this.bytes[this.at + i]!);
    this.at += size;
    return text;
  }

  private real(width: 4 | 8): MmdbValue {
    if (this.size !== width) return this.fail("a floating-point number has the wrong length");
    if (!this.has(width)) return undefined;
    const value = width === 8 ? this.view.getFloat64(this.at) : this.view.getFloat32(this.at);
    this.at += width;
    return value;
  }
}

/** An opened file: records of its search tree, and a decoder for its data section. */
export interface Mmdb {
  readonly metadata: MmdbMetadata;
  readonly bytes: Uint8Array;
  readonly decoder: MmdbDecoder;
  /** Bytes in the data section. */
  readonly dataBytes: number;
}

/** Where the metadata begins: behind the last marker in the file's last 128 KiB; -1 if nowhere. */
function findMetadata(bytes: Uint8Array): number {
  const first = Math.max(0, bytes.length - limits.mmdbMetadataBytesMax);
  for (let at = bytes.length - marker.length; at >= first; at--) {
    if (marker.every((byte, i) => bytes[at + i] === byte)) return at + marker.length;
  }
  return -1;
}

const metadataWanted: MmdbWanted = {
  binary_format_major_version: nothing,
  build_epoch: nothing,
  database_type: nothing,
  ip_version: nothing,
  node_count: nothing,
  record_size: nothing,
};

type OpenResult =
  | { readonly ok: true; readonly database: Mmdb }
  | { readonly ok: false; readonly reason: string };

function readMetadata(value: MmdbValue): MmdbMetadata | string {
  if (!(value instanceof Map)) return "its metadata is no map";
  const number = (key: string): number => {
    const field: unknown = value.get(key);
    return typeof field === "number" ? field : -1;
  };
  const major = number("binary_format_major_version");
  const nodeCount = number("node_count");
  const recordSize = number("record_size");
  const ipVersion = number("ip_version");
  const type: unknown = value.get("database_type");
  if (major !== 2) return `its format is version ${major < 0 ? "unknown" : major}, not 2`;
  if (nodeCount < 0) return "its metadata has no node count";
  if (recordSize !== 24 && recordSize !== 28 && recordSize !== 32) {
    return "its records are of no known size";
  }
  if (ipVersion !== 4 && ipVersion !== 6) return "its metadata names no IP version";
  return {
    nodeCount,
    recordSize,
    ipVersion,
    builtAtSeconds: Math.max(0, number("build_epoch")),
    databaseType: typeof type === "string" ? type : "",
  };
}

export function openMmdb(bytes: Uint8Array): OpenResult {
  const at = findMetadata(bytes);
  if (at < 0) return { ok: false, reason: "it has no MMDB metadata at its end" };
  const steps = limits.mmdbMetadataBytesMax;
  const reader = new MmdbDecoder(bytes, { start: at, end: bytes.length, steps });
  const decoded = reader.decode(0, metadataWanted);
  if (reader.fault !== "") return { ok: false, reason: `in its metadata, ${reader.fault}` };
  const metadata = readMetadata(decoded);
  if (typeof metadata === "string") return { ok: false, reason: metadata };
  const treeBytes = (metadata.nodeCount * metadata.recordSize) / 4;
  const start = treeBytes + separatorBytes;
  const end = at - marker.length;
  if (start > end) return { ok: false, reason: "its search tree is cut short" };
  const decoder = new MmdbDecoder(bytes, {
    start,
    end,
    steps: bytes.length * limits.mmdbStepsPerByteMax,
  });
  return { ok: true, database: { metadata, bytes, decoder, dataBytes: end - start } };
}

/** One of a node's two records: 0 for the left, 1 for the right. `node` is below the node count. */
export function mmdbRecord(database: Mmdb, node: number, side: 0 | 1): number {
  const { bytes } = database;
  switch (database.metadata.recordSize) {
    case 24: {
      const at = node * 6 + side * 3;
      return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    }
    case 28: {
      // The seventh byte's halves are the top bits: left record's first.
      const at = node * 7;
      const shared = bytes[at + 3]!;
      const high = side === 0 ? shared >>> 4 : shared & 0x0f;
      const low = at + side * 4;
      return (high << 24) | (bytes[low]! << 16) | (bytes[low + 1]! << 8) | bytes[low + 2]!;
    }
    default: {
      const at = node * 8 + side * 4;
      return (
        bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
      );
    }
  }
}
