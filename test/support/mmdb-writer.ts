/**
 * A small MMDB writer for tests: prefixes with records in, a file out, in all three record sizes.
 * Written from the MaxMind DB 2.0 specification, apart from the reader in src/geo/mmdb.ts. Test
 * databases for both families hold IPv4 at ::/96 and, if wanted, the aliases that MaxMind writes.
 */
import { parsePrefix } from "../../src/lib/ip.ts";

export class MmdbFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}
export class MmdbDouble extends MmdbFloat {}

export type WrittenValue =
  | string
  | number
  | bigint
  | boolean
  | MmdbFloat
  | Uint8Array
  | readonly WrittenValue[]
  | { readonly [key: string]: WrittenValue };

export interface WriterOptions {
  readonly recordSize?: 24 | 28 | 32;
  readonly ipVersion?: 4 | 6;
  /** Prefixes that lead to the IPv4 root, such as 2002::/16. */
  readonly aliases?: readonly string[];
  readonly metadata?: { readonly [key: string]: WrittenValue };
}

const extended: Readonly<Record<number, number>> = { 8: 1, 9: 2, 10: 3, 11: 4, 14: 7, 15: 8 };

/** Control byte(s) of a value of `type` with `size`. */
function control(type: number, size: number): number[] {
  const high = type in extended ? 0 : type << 5;
  const after = type in extended ? [extended[type] ?? 0] : [];
  if (size < 29) return [high | size, ...after];
  if (size < 285) return [high | 29, ...after, size - 29];
  const rest = size - 285;
  if (rest < 0x1_0000) return [high | 30, ...after, rest >>> 8, rest & 255];
  const large = size - 65_821;
  return [high | 31, ...after, large >>> 16, (large >>> 8) & 255, large & 255];
}

function unsigned(type: number, value: number | bigint): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 255n));
  return [...control(type, bytes.length), ...bytes];
}

function real(value: MmdbFloat): number[] {
  const double = value instanceof MmdbDouble;
  const view = new DataView(new ArrayBuffer(double ? 8 : 4));
  if (double) view.setFloat64(0, value.value);
  else view.setFloat32(0, value.value);
  return [...control(double ? 3 : 15, view.byteLength), ...new Uint8Array(view.buffer)];
}

/** Data section under construction; a text met before becomes a pointer, as real writers do. */
class Section {
  readonly bytes: number[] = [];
  private readonly texts = new Map<string, number>();

  write(value: WrittenValue): void {
    if (typeof value === "string") this.writeText(value);
    else if (typeof value === "boolean") this.bytes.push(...control(14, value ? 1 : 0));
    else if (typeof value === "bigint") this.bytes.push(...unsigned(9, value));
    else if (typeof value === "number") {
      if (!Number.isInteger(value)) this.bytes.push(...real(new MmdbDouble(value)));
      else if (value < 0) this.bytes.push(...control(8, 4), ...int32(value));
      else this.bytes.push(...unsigned(value < 0x1_0000 ? 5 : 6, value));
    } else if (value instanceof MmdbFloat) this.bytes.push(...real(value));
    else if (value instanceof Uint8Array) this.bytes.push(...control(4, value.length), ...value);
    else if (Array.isArray(value)) {
      this.bytes.push(...control(11, value.length));
      for (const item of value as readonly WrittenValue[]) this.write(item);
    } else {
      const entries = Object.entries(value);
      this.bytes.push(...control(7, entries.length));
      for (const [key, item] of entries) {
        this.writeText(key);
        this.write(item);
      }
    }
  }

  private writeText(text: string): void {
    const at = this.texts.get(text);
    if (at !== undefined && text.length > 4) {
      this.bytes.push(...pointer(at));
      return;
    }
    this.texts.set(text, this.bytes.length);
    const encoded = new TextEncoder().encode(text);
    this.bytes.push(...control(2, encoded.length), ...encoded);
  }
}

function int32(value: number): number[] {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
}

export function pointer(at: number): number[] {
  if (at < 2048) return [0x20 | (at >>> 8), at & 255];
  const near = at - 2048;
  if (near < 1 << 19) return [0x28 | (near >>> 16), (near >>> 8) & 255, near & 255];
  const far = at - 526_336;
  if (far < 1 << 27) return [0x30 | (far >>> 24), ...int32(far).slice(1)];
  return [0x38, ...int32(at)];
}

/** A value by itself, for tests of the decoder. */
export function encodeValue(value: WrittenValue): Uint8Array {
  const section = new Section();
  section.write(value);
  return Uint8Array.from(section.bytes);
}

type Child = TreeNode | number | undefined;
interface TreeNode {
  readonly children: [Child, Child];
}

function bitOf(words: Uint32Array, position: number): 0 | 1 {
  return (((words[position >>> 5] ?? 0) >>> (31 - (position % 32))) & 1) as 0 | 1;
}

/** A tree of nodes; numbers are offsets in the data section. */
class Tree {
  readonly root: TreeNode = { children: [undefined, undefined] };

  put(bits: readonly (0 | 1)[], value: TreeNode | number): void {
    let node = this.root;
    for (const bit of bits.slice(0, -1)) {
      let child = node.children[bit];
      // A longer prefix inside a shorter one: the rest of the shorter keeps its value.
      if (typeof child !== "object") child = { children: [child, child] };
      node.children[bit] = child;
      node = child;
    }
    node.children[bits.at(-1) ?? 0] = value;
  }

  at(bits: readonly (0 | 1)[]): Child {
    let node: Child = this.root;
    for (const bit of bits) node = typeof node === "object" ? node.children[bit] : node;
    return node;
  }
}

function prefixBits(text: string, ipVersion: 4 | 6): (0 | 1)[] {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`no prefix: ${text}`);
  const bits: (0 | 1)[] = [];
  if (prefix.family === 4 && ipVersion === 6) bits.push(...Array<0>(96).fill(0));
  for (let i = 0; i < prefix.length; i++) bits.push(bitOf(prefix.words, i));
  return bits;
}

function writeNodes(tree: Tree, recordSize: 24 | 28 | 32): { bytes: number[]; count: number } {
  const order: TreeNode[] = [];
  const numbers = new Map<TreeNode, number>();
  const visit = (node: TreeNode): void => {
    if (numbers.has(node)) return;
    numbers.set(node, order.length);
    order.push(node);
    for (const child of node.children) if (typeof child === "object") visit(child);
  };
  visit(tree.root);
  const count = order.length;
  const record = (child: Child): number => {
    if (child === undefined) return count;
    return typeof child === "number" ? count + 16 + child : (numbers.get(child) ?? count);
  };
  const bytes = order.flatMap((node) => {
    const left = int32(record(node.children[0]));
    const right = int32(record(node.children[1]));
    if (recordSize === 32) return [...left, ...right];
    if (recordSize === 24) return [...left.slice(1), ...right.slice(1)];
    return [...left.slice(1), ((left[0] ?? 0) << 4) | (right[0] ?? 0), ...right.slice(1)];
  });
  return { bytes, count };
}

/** Prefixes in order: a longer one must come after the shorter that holds it. */
export function writeMmdb(
  entries: readonly (readonly [prefix: string, record: WrittenValue])[],
  options: WriterOptions = {},
): Uint8Array {
  const { recordSize = 24, ipVersion = 6 } = options;
  const section = new Section();
  const offsets = new Map<string, number>();
  const tree = new Tree();
  for (const [prefix, record] of entries) {
    const name = JSON.stringify(record, (_, value: unknown) =>
      typeof value === "bigint" ? value.toString() : value,
    );
    let offset = offsets.get(name);
    if (offset === undefined) {
      offset = section.bytes.length;
      section.write(record);
      offsets.set(name, offset);
    }
    tree.put(prefixBits(prefix, ipVersion), offset);
  }
  const root = tree.at(Array<0>(96).fill(0));
  for (const alias of options.aliases ?? []) {
    if (typeof root === "object") tree.put(prefixBits(alias, ipVersion), root);
  }
  const nodes = writeNodes(tree, recordSize);
  const metadata = new Section();
  metadata.write({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000n,
    database_type: "Test",
    description: { en: "for tests" },
    ip_version: ipVersion,
    languages: ["en"],
    node_count: nodes.count,
    record_size: recordSize,
    ...options.metadata,
  });
  const separator = Array<number>(16).fill(0);
  const marker = [0xab, 0xcd, 0xef, ...new TextEncoder().encode("MaxMind.com")];
  return Uint8Array.from([
    ...nodes.bytes,
    ...separator,
    ...section.bytes,
    ...marker,
    ...metadata.bytes,
  ]);
}
