/**
 * A Table as other threads read it. The writer (the thread that owns the Table) publishes after
 * each update: it copies what an update may change into a *root*, fills in nothing that a published
 * root leads to, and makes the root the one in force by one atomic store. A reader takes the root
 * once for many picks, so each of its answers is of one World; publishing never makes it wait.
 *
 * What a root no longer leads to (records, columns, the root itself) is used again only when every
 * reader has passed on: each one publishes the sequence it reads by, or that it reads nothing.
 * What cannot lie in shared memory from the start goes ahead in a message (`Publication.parts`),
 * which a reader takes before it takes the root of that sequence.
 */
import { assert } from "../errors.ts";
import type { SlotArena } from "./slot-arena.ts";
import type { Slots } from "./slot-bounds.ts";
import type { ColumnView, Table, TableView } from "./table.ts";

/** `control`: the sequence in force, then what each reader reads by. */
const controlHead = 1;
/** A reader that holds nothing. Sequences are greater. */
const offline = 0;

export function createControl(readers: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer((controlHead + readers) * 4));
}

/** Never changes while a table lives. */
export interface SharedFrame {
  readonly policyDigest: string;
  readonly firstPool: Uint32Array;
  readonly firstEndpoint: Uint32Array;
  readonly endpointCount: Uint32Array;
}

/** Columns by their number, one after the other in `cells` and `attempts`. */
export interface SharedColumns {
  readonly numbers: readonly number[];
  readonly classCounts: readonly number[];
  readonly cells: Uint32Array;
  readonly attempts: Uint8Array;
}

/** Plain data and shared memory: goes from thread to thread as it is. */
export interface TableParts {
  /** With the first publication of a table: what was known before is of another one. */
  readonly frame?: SharedFrame;
  readonly columns?: SharedColumns;
  readonly shapeChunks: readonly Slots[];
  readonly rowChunks: readonly Slots[];
  readonly wideRowChunks: readonly Slots[];
  /** A root that readers do not know yet. */
  readonly root?: SharedArrayBuffer;
}

export interface Publication {
  /** To be taken by the reader before the root of it. */
  readonly sequence: number;
  /** undefined: shared memory says it all. */
  readonly parts: TableParts | undefined;
}

/** Sizes of a root, its columns in their order. */
interface RootSizes {
  readonly services: number;
  readonly pools: number;
  readonly endpoints: number;
}

interface Root {
  readonly memory: SharedArrayBuffer;
  /** Sequence, generation of the World. */
  readonly head: Int32Array;
  /** By service: number of its column. */
  readonly columnOf: Uint32Array;
  readonly ttlSeconds: Uint32Array;
  readonly rows: Uint32Array;
  readonly serving: Uint8Array;
}

const headBytes = 8;

function rootOver(memory: SharedArrayBuffer, { services, pools, endpoints }: RootSizes): Root {
  const ttlAt = headBytes + services * 4;
  const rowsAt = ttlAt + services * 4;
  return {
    memory,
    head: new Int32Array(memory, 0, 2),
    columnOf: new Uint32Array(memory, headBytes, services),
    ttlSeconds: new Uint32Array(memory, ttlAt, services),
    rows: new Uint32Array(memory, rowsAt, pools),
    serving: new Uint8Array(memory, rowsAt + pools * 4, endpoints),
  };
}

function createRoot(sizes: RootSizes): Root {
  const bytes = headBytes + sizes.services * 8 + sizes.pools * 4 + sizes.endpoints;
  return rootOver(new SharedArrayBuffer(bytes), sizes);
}

/** What one publication made unreachable. */
interface Retired {
  readonly sequence: number;
  readonly records: readonly (readonly [SlotArena, readonly number[]])[];
  readonly columns: readonly number[];
}

export class TablePublisher {
  readonly #control: Int32Array;
  #sequence = offline;
  #table: Table | undefined;
  #roots: Root[] = [];
  #numberOf = new Map<ColumnView, number>();
  #freeNumbers: number[] = [];
  #retired: Retired[] = [];
  #chunksSent = [0, 0, 0];

  constructor(control: Int32Array) {
    this.#control = control;
  }

  /** Of the last publication. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Roots that exist, for tests: how far readers lag behind. */
  get rootCount(): number {
    return this.#roots.length;
  }

  /**
   * `send` hands the publication to every reader, in whatever order; then it is in force. From
   * its first publication on, a table's records are held back until readers have passed on.
   */
  publish(table: Table, send: (publication: Publication) => void): void {
    const sequence = this.#sequence + 1;
    // At forty changes a second, after a year and a half.
    assert(sequence < 0x7fff_ffff, "a process publishes fewer Worlds than that");
    const passed = this.#passed();
    this.#reuse(passed);
    const frame = table === this.#table ? undefined : this.#adopt(table);
    const sizes = {
      services: table.firstPool.length,
      pools: table.rows.length,
      endpoints: table.serving.length,
    };
    const columns = this.#newColumns(table);
    const known = this.#roots.find(({ head }) => head[0]! < passed);
    const root = known ?? createRoot(sizes);
    if (known === undefined) this.#roots.push(root);
    const unused = this.#unusedColumns(table);
    table.columns.forEach((column, service) => {
      root.columnOf[service] = this.#numberOf.get(column)!;
    });
    root.ttlSeconds.set(table.ttlSeconds);
    root.rows.set(table.rows);
    root.serving.set(table.serving);
    root.head[0] = sequence;
    root.head[1] = table.generation | 0;
    const chunks = this.#newChunks(table);
    const isNew = frame !== undefined || columns !== undefined || known === undefined;
    const parts: TableParts = {
      ...(frame !== undefined && { frame }),
      ...(columns !== undefined && { columns }),
      ...(known === undefined && { root: root.memory }),
      ...chunks,
    };
    const counted = Object.values(chunks).some(({ length }) => length > 0);
    send({ sequence, parts: isNew || counted ? parts : undefined });
    this.#retire(table, sequence, unused);
    this.#sequence = sequence;
    Atomics.store(this.#control, 0, sequence);
  }

  /** Every reader reads by this sequence or a later one, or by none. */
  #passed(): number {
    let passed = this.#sequence;
    for (let reader = controlHead; reader < this.#control.length; reader++) {
      const at = Atomics.load(this.#control, reader);
      if (at !== offline && at < passed) passed = at;
    }
    return passed;
  }

  #reuse(passed: number): void {
    while (this.#retired[0] !== undefined && this.#retired[0].sequence <= passed) {
      const { records, columns } = this.#retired.shift()!;
      for (const [arena, list] of records) arena.free.push(...list);
      this.#freeNumbers.push(...columns);
    }
  }

  /** A table of another policy: the one before is dropped whole, with all that was known of it. */
  #adopt(table: Table): SharedFrame {
    this.#table = table;
    this.#roots = [];
    this.#numberOf = new Map();
    this.#freeNumbers = [];
    this.#retired = [];
    this.#chunksSent = [0, 0, 0];
    for (const arena of arenasOf(table)) arena.unused = [];
    return {
      policyDigest: table.policyDigest,
      firstPool: shareUint32(table.firstPool),
      firstEndpoint: shareUint32(table.firstEndpoint),
      endpointCount: shareUint32(table.endpointCount),
    };
  }

  #newColumns(table: Table): SharedColumns | undefined {
    const fresh = [...new Set(table.columns)].filter((column) => !this.#numberOf.has(column));
    if (fresh.length === 0) return undefined;
    const numbers = fresh.map((column) => {
      const number = this.#freeNumbers.pop() ?? this.#numberOf.size + this.#heldNumbers();
      this.#numberOf.set(column, number);
      return number;
    });
    const classCounts = fresh.map(({ shapes }) => shapes.length);
    const total = classCounts.reduce((sum, count) => sum + count, 0);
    const cells = new Uint32Array(new SharedArrayBuffer(total * 4));
    const attempts = new Uint8Array(new SharedArrayBuffer(total));
    let at = 0;
    for (const column of fresh) {
      cells.set(column.shapes, at);
      attempts.set(column.attempts, at);
      at += column.shapes.length;
    }
    return { numbers, classCounts, cells, attempts };
  }

  /** Numbers that are neither in use nor free. */
  #heldNumbers(): number {
    return this.#retired.reduce((sum, { columns }) => sum + columns.length, 0);
  }

  #unusedColumns(table: Table): number[] {
    const used = new Set<ColumnView>(table.columns);
    const numbers: number[] = [];
    for (const [column, number] of this.#numberOf) {
      if (used.has(column)) continue;
      this.#numberOf.delete(column);
      numbers.push(number);
    }
    return numbers;
  }

  #newChunks(table: Table): Pick<TableParts, "shapeChunks" | "rowChunks" | "wideRowChunks"> {
    const [shapeChunks = [], rowChunks = [], wideRowChunks = []] = arenasOf(table).map(
      ({ chunks }, i) => {
        const from = this.#chunksSent[i] ?? 0;
        this.#chunksSent[i] = chunks.length;
        return chunks.slice(from);
      },
    );
    return { shapeChunks, rowChunks, wideRowChunks };
  }

  #retire(table: Table, sequence: number, columns: readonly number[]): void {
    const records: (readonly [SlotArena, readonly number[]])[] = [];
    for (const arena of arenasOf(table)) {
      if (arena.unused.length === 0) continue;
      records.push([arena, arena.unused]);
      arena.unused = [];
    }
    if (records.length > 0 || columns.length > 0)
      this.#retired.push({ sequence, records, columns });
  }
}

function arenasOf({ shapeArena, rowArena, wideRowArena }: Table): readonly SlotArena[] {
  return [shapeArena, rowArena, wideRowArena];
}

function shareUint32(from: Uint32Array): Uint32Array {
  const shared = new Uint32Array(new SharedArrayBuffer(from.length * 4));
  shared.set(from);
  return shared;
}

/** One a thread. `enter` before a batch of picks, `leave` before a wait. */
export class TableReader {
  readonly #control: Int32Array;
  readonly #self: number;
  #frame: SharedFrame | undefined;
  #columns: ColumnView[] = [];
  #chunks: [Slots[], Slots[], Slots[]] = [[], [], []];
  #roots: Root[] = [];
  #memories: SharedArrayBuffer[] = [];

  constructor(control: Int32Array, reader: number) {
    this.#control = control;
    this.#self = controlHead + reader;
    assert(this.#self < control.length, "as many readers as were planned");
  }

  /** The sequence to read by; what the writer retired for it or before is gone for this thread. */
  enter(): number {
    for (;;) {
      const sequence = Atomics.load(this.#control, 0);
      Atomics.store(this.#control, this.#self, sequence);
      // Unchanged after the store was seen by all: the writer will not reuse what it leads to.
      if (Atomics.load(this.#control, 0) === sequence) return sequence;
    }
  }

  leave(): void {
    Atomics.store(this.#control, this.#self, offline);
  }

  /** In the order of publication. */
  take(parts: TableParts): void {
    const { frame, columns, root } = parts;
    if (frame !== undefined) {
      this.#frame = frame;
      this.#columns = [];
      this.#chunks = [[], [], []];
      this.#roots = [];
      this.#memories = [];
    }
    this.#chunks[0].push(...parts.shapeChunks);
    this.#chunks[1].push(...parts.rowChunks);
    this.#chunks[2].push(...parts.wideRowChunks);
    if (root !== undefined) this.#memories.push(root);
    let at = 0;
    columns?.numbers.forEach((number, i) => {
      const end = at + (columns.classCounts[i] ?? 0);
      const shapes = columns.cells.subarray(at, end);
      this.#columns[number] = { shapes, attempts: columns.attempts.subarray(at, end) };
      at = end;
    });
  }

  /** The table as of `sequence`, between `enter` and `leave`; its parts have been taken. */
  view(sequence: number): TableView {
    const frame = this.#frame;
    assert(frame !== undefined, "the first publication brings the frame");
    const root = this.#rootOf(sequence, frame);
    return {
      policyDigest: frame.policyDigest,
      generation: root.head[1]!,
      columns: this.#columnsOf(root),
      firstPool: frame.firstPool,
      ttlSeconds: root.ttlSeconds,
      rows: root.rows,
      firstEndpoint: frame.firstEndpoint,
      endpointCount: frame.endpointCount,
      serving: root.serving,
      shapeArena: { chunks: this.#chunks[0] },
      rowArena: { chunks: this.#chunks[1] },
      wideRowArena: { chunks: this.#chunks[2] },
    };
  }

  /** A plain loop: a worker's queries wait for it at every change of World. */
  #columnsOf({ columnOf }: Root): readonly ColumnView[] {
    const columns: ColumnView[] = [];
    for (let service = 0; service < columnOf.length; service++) {
      columns.push(this.#columns[columnOf[service]!]!);
    }
    return columns;
  }

  #rootOf(sequence: number, frame: SharedFrame): Root {
    for (const memory of this.#memories) {
      const services = frame.firstPool.length;
      const pools = frame.endpointCount.length;
      const endpoints = memory.byteLength - headBytes - services * 8 - pools * 4;
      this.#roots.push(rootOver(memory, { services, pools, endpoints }));
    }
    this.#memories = [];
    const root = this.#roots.find(({ head }) => head[0] === sequence);
    assert(root !== undefined, "the root of a sequence in force is known");
    return root;
  }
}
