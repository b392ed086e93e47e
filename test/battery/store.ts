/**
 * One suite for every implementation of the store contract. An implementation brings a harness:
 * how to open a store at a fresh place, how time passes for leases, and a word by which
 * store-writer.ts, the other process of these tests, opens the same place.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { type Lease, type Store, type StoreChange, StoreError } from "../../src/control/store.ts";
import { limits } from "../../src/limits.ts";

export interface StoreHarness {
  readonly name: string;
  /** A place for one new store: a file, or a prefix on a server. */
  newPlace(): Promise<string>;
  /** Opens the place; `clock: simulated` where `pass` moves the clock of leases. */
  open(place: string, clock: "real" | "simulated"): Promise<Store>;
  /** Lets time pass for stores opened with a simulated clock. */
  pass(ms: number): Promise<void>;
}

const writerPath = fileURLToPath(new URL("store-writer.ts", import.meta.url));

interface Writer {
  readonly child: ChildProcess;
  /** Lines it has written: `key revision` of each acknowledged write. */
  readonly acknowledged: string[];
  readonly done: Promise<unknown>;
  line(): Promise<void>;
}

function startWriter(
  harness: StoreHarness,
  options: {
    readonly place: string;
    readonly prefix: string;
    readonly count: number;
    readonly bytes: number;
  },
): Writer {
  const { place, prefix, count, bytes } = options;
  const args = [writerPath, harness.name, place, prefix, String(count), String(bytes)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged: string[] = [];
  const lines = createInterface({ input: child.stdout! });
  lines.on("line", (line) => acknowledged.push(line));
  const done = Promise.all([once(child, "close"), once(lines, "close")]);
  return { child, acknowledged, done, line: async () => void (await once(lines, "line")) };
}

export function storeBattery(harness: StoreHarness): void {
  const claim = (text: string, body: () => Promise<void>): void => {
    test(`${harness.name}: ${text}`, { timeout: 60_000 }, body);
  };
  /** A store at a new place, closed after. */
  const withStore = async (body: (store: Store, place: string) => Promise<void>): Promise<void> => {
    const place = await harness.newPlace();
    const store = await harness.open(place, "simulated");
    try {
      await body(store, place);
    } finally {
      await store.close();
    }
  };
  values(claim, withStore);
  watching(claim, { harness, withStore });
  leases(claim, { harness, withStore });
  processes(claim, harness);
}

type Claim = (text: string, body: () => Promise<void>) => void;
type WithStore = (body: (store: Store, place: string) => Promise<void>) => Promise<void>;
interface Context {
  readonly harness: StoreHarness;
  readonly withStore: WithStore;
}

async function put(store: Store, key: string, value: string, ifRevision = 0): Promise<number> {
  const result = await store.putIf(key, value, { ifRevision });
  assert.ok(result.ok, `${key}: ${JSON.stringify(result)}`);
  return result.revision;
}

function values(claim: Claim, withStore: WithStore): void {
  claim("putIf() writes only over the revision it was told", () =>
    withStore(async (store) => {
      assert.equal(await store.get("a/1"), undefined);
      const first = await put(store, "a/1", "one");
      assert.deepEqual(await store.get("a/1"), { key: "a/1", value: "one", revision: first });
      assert.equal(await store.revision(), first);
      const conflict = await store.putIf("a/1", "two", { ifRevision: 0 });
      const current = { key: "a/1", value: "one", revision: first };
      assert.deepEqual(conflict, { ok: false, reason: "conflict", current });
      const second = await put(store, "a/1", "two", first);
      assert.ok(second > first);
      const absent = await store.putIf("a/2", "x", { ifRevision: first });
      assert.deepEqual(absent, { ok: false, reason: "conflict", current: undefined });
      const stale = await store.putIf("a/1", undefined, { ifRevision: first });
      assert.equal(stale.ok, false);
      assert.ok((await store.putIf("a/1", undefined, { ifRevision: second })).ok);
      assert.equal(await store.get("a/1"), undefined);
      const again = await put(store, "a/1", "three");
      assert.ok(again > second + 1, "a key that comes back never has an old revision");
    }),
  );

  claim("putIf() of nothing over nothing writes nothing", () =>
    withStore(async (store) => {
      const before = await put(store, "a", "1");
      const done = await store.putIf("b", undefined, { ifRevision: 0 });
      assert.deepEqual(done, { ok: true, revision: before });
      assert.equal(await store.revision(), before);
    }),
  );

  claim("revisions grow by every write, to whatever key", () =>
    withStore(async (store) => {
      const seen: number[] = [];
      for (let i = 0; i < 20; i++) seen.push(await put(store, `k/${i % 3}/${i}`, "v"));
      assert.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      );
      assert.equal(new Set(seen).size, 20);
    }),
  );

  claim("values come back as written: any text, up to 4 MiB", () =>
    withStore(async (store) => {
      const edges = ["", "\0", "\0\0x", "é漢😀", "\u2028\r\n\t", '{"a":1}', "x".repeat(70_000)];
      for (const [i, text] of edges.entries()) {
        await put(store, `edge/${i}`, text);
        assert.equal((await store.get(`edge/${i}`))?.value, text);
      }
      const long = "é".repeat(limits.storeValueBytesMax / 2);
      const revision = await put(store, "long", long);
      assert.equal((await store.get("long"))?.value, long);
      const tooLong = store.putIf("long", `${long}x`, { ifRevision: revision });
      await assert.rejects(
        tooLong,
        (error) => error instanceof StoreError && error.code === "invalid",
      );
      assert.equal((await store.get("long"))?.revision, revision);
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: "binary", maxLength: 50 }), async (text) => {
          const now = await store.get("any");
          await put(store, "any", text, now?.revision ?? 0);
          assert.equal((await store.get("any"))?.value, text);
        }),
        { numRuns: 50 },
      );
    }),
  );

  claim("keys and values outside the contract are refused", () =>
    withStore(async (store) => {
      const invalid = (error: unknown): boolean =>
        error instanceof StoreError && error.code === "invalid";
      for (const key of ["", "a b", "ä", "a\n", "\x7f", "k".repeat(513)]) {
        await assert.rejects(
          store.putIf(key, "v", { ifRevision: 0 }),
          invalid,
          JSON.stringify(key),
        );
        await assert.rejects(store.get(key), invalid);
      }
      await assert.rejects(store.putIf("k", "\ud800", { ifRevision: 0 }), invalid);
      assert.equal(await store.revision(), 0);
      await put(store, "k".repeat(512), "v");
    }),
  );

  claim("list() pages through a prefix in byte order, without gap or repetition", () =>
    withStore(async (store) => {
      const keys = ["p/", "p/!", "p/00", "p/1", "p/10", "p/2", "p/A", "p/a", "p/~", "p/~~"];
      for (const key of keys.toReversed()) await put(store, key, `value of ${key}`);
      for (const key of ["o", "p", "p.", "p0", "q/1"]) await put(store, key, "outside");
      for (const limit of [1, 3, 10, 100]) {
        const found: string[] = [];
        for (let after = ""; ; ) {
          const page = await store.list("p/", { after, limit });
          assert.ok(page.length <= limit);
          if (page.length === 0) break;
          found.push(...page.map((stored) => stored.key));
          after = page.at(-1)!.key;
        }
        assert.deepEqual(found, keys);
      }
      assert.equal((await store.list("")).length, keys.length + 5);
      assert.deepEqual(await store.list("p/zz"), []);
    }),
  );

  claim("list() ends a page of long values early, and the next goes on", () =>
    withStore(async (store) => {
      const long = "x".repeat(limits.storeValueBytesMax);
      for (let i = 0; i < 6; i++) await put(store, `long/${i}`, long);
      const first = await store.list("long/");
      assert.ok(first.length > 0 && first.length < 6);
      const second = await store.list("long/", { after: first.at(-1)!.key });
      assert.equal(first.length + second.length, 6);
    }),
  );

  claim("close() ends everything, and a second one nothing", () =>
    withStore(async (store) => {
      await store.close();
      await store.close();
      const closed = (error: unknown): boolean =>
        error instanceof StoreError && error.code === "closed";
      await assert.rejects(store.get("a"), closed);
      await assert.rejects(store.putIf("a", "1", { ifRevision: 0 }), closed);
    }),
  );
}

/** Takes changes until there are `count`. */
async function take(changes: AsyncIterator<StoreChange>, count: number): Promise<StoreChange[]> {
  const taken: StoreChange[] = [];
  while (taken.length < count) {
    const next = await changes.next();
    assert.ok(next.done !== true, `the watch ended after ${taken.length} of ${count}`);
    taken.push(next.value);
  }
  return taken;
}

function watching(claim: Claim, { withStore }: Context): void {
  const watch = (store: Store, prefix: string, fromRevision: number) => {
    const stop = new AbortController();
    const options = { fromRevision, signal: stop.signal };
    return { changes: store.watch(prefix, options)[Symbol.asyncIterator](), stop };
  };

  claim("watch() gives old and new changes of its prefix, deletions among them", () =>
    withStore(async (store) => {
      const one = await put(store, "w/1", "a");
      await put(store, "x/1", "other");
      const { changes, stop } = watch(store, "w/", 0);
      assert.deepEqual(await take(changes, 1), [{ key: "w/1", value: "a", revision: one }]);
      const waiting = take(changes, 2);
      await put(store, "x/2", "other");
      const two = await put(store, "w/1", "b", one);
      const gone = await store.putIf("w/1", undefined, { ifRevision: two });
      assert.ok(gone.ok);
      assert.deepEqual(await waiting, [
        { key: "w/1", value: "b", revision: two },
        { key: "w/1", value: undefined, revision: gone.revision },
      ]);
      stop.abort();
      assert.equal((await changes.next()).done, true);
    }),
  );

  claim("watch() does not sleep through what was written while its reader was busy", () =>
    withStore(async (store) => {
      const one = await put(store, "w/1", "a");
      const { changes, stop } = watch(store, "w/", 0);
      await take(changes, 1);
      const two = await put(store, "w/1", "b", one);
      // No clock moves here: nothing but the write itself can wake it.
      assert.deepEqual(await take(changes, 1), [{ key: "w/1", value: "b", revision: two }]);
      stop.abort();
    }),
  );

  claim("watch() from the revision read before misses nothing and repeats nothing", () =>
    withStore(async (store) => {
      for (let i = 0; i < 100; i++) await put(store, `w/${i}`, "old");
      const from = await store.revision();
      const { changes, stop } = watch(store, "w/", from);
      const written: number[] = [];
      const writing = (async () => {
        for (let i = 0; i < 100; i++)
          written.push(await put(store, `v${i % 2 ? "" : "w"}/${i}`, "x"));
        for (let i = 0; i < 100; i++) written.push(await put(store, `w/new${i}`, "new"));
      })();
      const seen = await take(changes, 100);
      await writing;
      assert.deepEqual(
        seen.map((change) => change.revision),
        written.slice(100),
      );
      stop.abort();
    }),
  );

  claim("watch() ends at once when aborted, before, while waiting, and when the store closes", () =>
    withStore(async (store) => {
      const before = watch(store, "", 0);
      before.stop.abort();
      assert.equal((await before.changes.next()).done, true);
      const during = watch(store, "", 0);
      const ended = during.changes.next();
      during.stop.abort();
      assert.equal((await ended).done, true);
      const closing = watch(store, "", 0).changes.next();
      await store.close();
      assert.equal((await closing).done, true);
    }),
  );

  claim(
    "watch() from a revision the store has never had is refused, not answered with silence",
    () =>
      withStore(async (store) => {
        const { changes } = watch(store, "", 5);
        await assert.rejects(
          changes.next(),
          (error) => error instanceof StoreError && error.code === "history",
        );
      }),
  );
}

function leases(claim: Claim, { harness, withStore }: Context): void {
  const putLeased = async (store: Store, key: string, lease: Lease): Promise<number> => {
    const result = await store.putIf(key, "held", { ifRevision: 0, lease });
    assert.ok(result.ok);
    return result.revision;
  };

  claim("lease(): its keys vanish when it expires, and a watcher sees them go", () =>
    withStore(async (store) => {
      const lease = await store.lease(2000);
      await putLeased(store, "l/1", lease);
      const last = await putLeased(store, "l/2", lease);
      await harness.pass(1500);
      assert.ok(await lease.renew());
      await harness.pass(1500);
      assert.equal((await store.get("l/1"))?.value, "held");
      const stop = new AbortController();
      const options = { fromRevision: last, signal: stop.signal };
      const changes = store.watch("l/", options)[Symbol.asyncIterator]();
      const gone = take(changes, 2);
      await harness.pass(1500);
      assert.equal(await store.get("l/1"), undefined);
      assert.deepEqual(await store.list("l/"), []);
      await harness.pass(1000);
      assert.deepEqual(
        (await gone).map(({ key, value }) => [key, value]),
        [
          ["l/1", undefined],
          ["l/2", undefined],
        ],
      );
      stop.abort();
      assert.equal(await lease.renew(), false, "what is over stays over");
      const late = await store.putIf("l/3", "late", { ifRevision: 0, lease });
      assert.deepEqual(late, { ok: false, reason: "lease-expired" });
      assert.ok((await put(store, "l/1", "another's")) > last);
    }),
  );

  claim("lease(): release() ends it with its keys; a write without it keeps a key for good", () =>
    withStore(async (store) => {
      const lease = await store.lease(2000);
      const one = await putLeased(store, "l/1", lease);
      await putLeased(store, "l/2", lease);
      await put(store, "l/1", "mine now", one);
      await lease.release();
      await lease.release();
      assert.equal(await store.get("l/2"), undefined);
      assert.equal((await store.get("l/1"))?.value, "mine now");
      await harness.pass(10_000);
      assert.equal((await store.get("l/1"))?.value, "mine now");
    }),
  );

  claim("lease(): one holder at a time", () =>
    withStore(async (store) => {
      const [a, b] = [await store.lease(2000), await store.lease(60_000)];
      assert.ok((await store.putIf("lock", "a", { ifRevision: 0, lease: a })).ok);
      assert.equal((await store.putIf("lock", "b", { ifRevision: 0, lease: b })).ok, false);
      await harness.pass(3000);
      assert.ok((await store.putIf("lock", "b", { ifRevision: 0, lease: b })).ok);
      await a.release();
      assert.equal((await store.get("lock"))?.value, "b", "the late release of another's lease");
    }),
  );

  claim("lease() refuses times out of bounds", () =>
    withStore(async (store) => {
      for (const ms of [0, -1, Number.NaN, 999, 86_400_001]) await assert.rejects(store.lease(ms));
    }),
  );
}

function processes(claim: Claim, harness: StoreHarness): void {
  claim("watch() sees every write of two other processes, in order", async () => {
    const place = await harness.newPlace();
    const store = await harness.open(place, "real");
    const stop = new AbortController();
    const changes = store.watch("w", { fromRevision: 0, signal: stop.signal });
    const writers = ["w1/", "w2/"].map((prefix) =>
      startWriter(harness, { place, prefix, count: 60, bytes: 100 }),
    );
    const seen = await take(changes[Symbol.asyncIterator](), 120);
    await Promise.all(writers.map((writer) => writer.done));
    const revisions = seen.map((change) => change.revision);
    assert.deepEqual(
      revisions,
      revisions.toSorted((a, b) => a - b),
    );
    assert.deepEqual(
      seen.map((change) => `${change.key} ${change.revision}`).toSorted(),
      writers.flatMap((writer) => writer.acknowledged).toSorted(),
    );
    for (const prefix of ["w1/", "w2/"]) {
      const keys = seen.map((change) => change.key).filter((key) => key.startsWith(prefix));
      assert.deepEqual(keys, keys.toSorted(), "each writer's own order");
    }
    stop.abort();
    await store.close();
  });

  claim("acknowledged writes are there after kill -9 in mid-write", async () => {
    const place = await harness.newPlace();
    let total = 0;
    for (let round = 0; round < 6; round++) {
      const writer = startWriter(harness, {
        place,
        prefix: `r${round}/`,
        count: 1e6,
        bytes: 20_000,
      });
      await writer.line();
      const some = writer.acknowledged.length + 3 * round;
      while (writer.acknowledged.length < some) await writer.line();
      writer.child.kill("SIGKILL");
      await writer.done;
      const store = await harness.open(place, "real");
      for (const line of writer.acknowledged) {
        const [key = "", revision] = line.split(" ");
        const stored = await store.get(key);
        assert.equal(stored?.revision, Number(revision), key);
        assert.equal(stored.value.length, 20_000);
      }
      const kept = await store.list(`r${round}/`);
      const extra = kept.length - writer.acknowledged.length;
      assert.ok(extra === 0 || extra === 1, `${extra} more than acknowledged`);
      total += kept.length;
      await store.close();
    }
    assert.ok(total > 6);
  });
}
