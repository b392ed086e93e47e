/** A follower against a real disk and a real publisher of World. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { first, policyOf, pool, worldOf } from "../../test/support/steer-fixture.ts";
import { systemEntropy } from "../lib/entropy.ts";
import { silentLogger } from "../lib/log.ts";
import { limits } from "../limits.ts";
import { partSocket, policyFile } from "../link/paths.ts";
import { writePolicy, writeWorld } from "../link/snapshot.ts";
import { publishWorld, type WorldPublisher } from "../link/world-server.ts";
import type {
  ClassIndex,
  EndpointIndex,
  Policy,
  PoolIndex,
  ServiceIndex,
} from "../policy/policy.ts";
import { createPicked, pick } from "../steer/pick.ts";
import { buildTable, type Table } from "../steer/table.ts";
import type { World } from "../world/world.ts";
import { type View, WorldFollower } from "./follow-world.ts";

const entropy = systemEntropy();

/** `count` endpoints in each of two pools. */
function policyNamed(name: string, count = 2): Policy {
  const weights = new Array<number>(count).fill(1);
  const sketch = {
    pools: [{ weights }, { weights }],
    classes: [{ plan: first(pool(0), pool(1)) }],
  };
  const digest = createHash("sha256").update(name).digest("hex");
  return { ...policyOf([sketch]), digest };
}

interface Setting {
  readonly stateDir: string;
  readonly views: { view: View; policyChanged: boolean }[];
  readonly follower: WorldFollower;
  readonly last: () => View | undefined;
  readonly observing: (world: World) => Promise<Observer>;
}

async function following(run: (setting: Setting) => Promise<void>): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), "rhumb-follow-"));
  const views: Setting["views"] = [];
  const follower = new WorldFollower({
    name: "dns",
    stateDir,
    entropy,
    log: silentLogger(),
    onBusy: () => undefined,
    onView: (view, policyChanged) => views.push({ view, policyChanged }),
  });
  const observers: Observer[] = [];
  const observing = async (world: World): Promise<Observer> => {
    const observer = await observingAt(stateDir, world);
    observers.push(observer);
    return observer;
  };
  try {
    await run({ stateDir, views, follower, observing, last: () => views.at(-1)?.view });
  } finally {
    follower.close();
    for (const observer of observers) await observer.publisher.close();
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function accept(stateDir: string, policy: Policy): Promise<void> {
  assert.ok((await writePolicy(stateDir, policy, { at: 1 })).ok);
}

interface Observer {
  world: World;
  readonly publisher: WorldPublisher;
}

async function observingAt(stateDir: string, world: World): Promise<Observer> {
  const observer = { world };
  const publisher = await publishWorld({
    path: partSocket(stateDir, "observer"),
    getWorld: () => observer.world,
    handlers: {},
    onError: () => undefined,
  });
  return Object.assign(observer, { publisher });
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (condition()) return;
    await new Promise<void>((resolve) => void setTimeout(resolve, 5));
  }
  assert.fail(`never came: ${what}`);
}

/** What a view's table picks, against one built anew. */
function assertTable(view: View | undefined): void {
  assert.ok(view !== undefined);
  const picks = (table: Table): number[] =>
    Array.from({ length: 4 * limits.slots }, (_, key) => {
      const picked = createPicked();
      pick(table, 0 as ServiceIndex, 0 as ClassIndex, Math.imul(key, 0x9e3779b1) >>> 0, picked);
      return picked.endpoint;
    });
  const anew = picks(buildTable(view.policy, view.world));
  // Not deepEqual, which spends minutes on describing where so many numbers differ.
  assert.equal(picks(view.table).filter((endpoint, key) => endpoint !== anew[key]).length, 0);
}

const noChange = {
  changedPools: [] as PoolIndex[],
  changedServices: [],
  changedLatency: false,
  changedCapacity: false,
  overrideChanges: [],
};

function changed(
  world: World,
  row: number,
  column: "verdict" | "availability",
  value: number,
): World {
  const next = structuredClone(world);
  next.endpoints[column][row] = value;
  return { ...next, generation: world.generation + 1 };
}

void test("WorldFollower starts from the persisted World and its policy, alone", async () => {
  await following(async ({ stateDir, follower, views, last }) => {
    const policy = policyNamed("a");
    await accept(stateDir, policy);
    await accept(stateDir, policyNamed("newer"));
    const world = worldOf(policy, ["down", "up", "up", "down"]);
    await writeWorld(stateDir, world);
    await follower.start();
    assert.equal(views.length, 1);
    assert.deepEqual(last()?.policy, policy);
    assert.deepEqual(last()?.world, world);
    assertTable(last());
  });
});

void test("WorldFollower without World on disk serves the current policy after the round", async () => {
  await following(async ({ stateDir, follower, last }) => {
    await follower.start();
    assert.equal(last(), undefined);
    await accept(stateDir, policyNamed("a"));
    await until("a view", () => last() !== undefined);
    assert.deepEqual(last()?.world.endpoints.verdict, new Uint8Array(4));
    assertTable(last());
  });
});

void test("WorldFollower uses an older policy when the newest snapshot is damaged", async () => {
  await following(async ({ stateDir, follower, last }) => {
    await accept(stateDir, policyNamed("old"));
    await accept(stateDir, policyNamed("new"));
    await writeFile(policyFile(stateDir, policyNamed("new").digest), "damaged");
    await follower.start();
    await until("a view", () => last() !== undefined);
    assert.equal(last()?.policy.digest, policyNamed("old").digest);
  });
});

void test("WorldFollower at a first start waits for what observer finds out", async () => {
  await following(async ({ stateDir, follower, views, last, observing }) => {
    const policy = policyNamed("a");
    await accept(stateDir, policy);
    const observer = await observing(worldOf(policy, new Array(4).fill("unknown")));
    await follower.start();
    await until("the subscription", () => observer.publisher.subscribers() === 1);
    assert.equal(views.length, 0);
    observer.world = { ...worldOf(policy, ["down"]), generation: 1 };
    observer.publisher.publishFull();
    await until("a view", () => last() !== undefined);
    assert.equal(last()?.world.endpoints.verdict[0], observer.world.endpoints.verdict[0]);
  });
});

void test("WorldFollower applies changes and keeps the table as one built anew", async () => {
  await following(async ({ stateDir, follower, views, last, observing }) => {
    const policy = policyNamed("a", 3);
    await accept(stateDir, policy);
    const observer = await observing(worldOf(policy, []));
    await follower.start();
    await until("a view", () => views.length === 1);
    const step = (row: number, column: "verdict" | "availability", value: number): void => {
      observer.world = changed(observer.world, row, column, value);
      const rows = { ...noChange, changed: [row as EndpointIndex] };
      observer.publisher.publish(observer.world, rows);
    };
    for (const row of [0, 1, 2, 4]) step(row, "verdict", 2);
    step(3, "availability", 100);
    await until("the changes", () => last()?.world.generation === 5);
    assertTable(last());
    assert.equal(views.filter(({ policyChanged }) => policyChanged).length, 1);
  });
});

void test("WorldFollower takes a storm of changes together, and turns its loop meanwhile", async () => {
  await following(async ({ stateDir, follower, views, last, observing }) => {
    const policy = policyNamed("large", 500);
    await accept(stateDir, policy);
    const observer = await observing(worldOf(policy, []));
    await follower.start();
    await until("a view", () => views.length === 1);
    const storm = 400;
    for (let i = 0; i < storm; i++) {
      const row = (i % 500) as EndpointIndex;
      observer.world = changed(observer.world, row, "verdict", 2);
      observer.publisher.publish(observer.world, { ...noChange, changed: [row] });
    }
    let turns = 0;
    await until("the changes", () => {
      turns++;
      return last()?.world.generation === storm;
    });
    assertTable(last());
    assert.ok(views.length < storm / 4, `${views.length} updates of ${storm} changes`);
    assert.ok(turns >= Math.min(5, views.length / 2), `the loop turned ${turns} times`);
  });
});

void test("WorldFollower goes on without observer, and catches up when it is back", async () => {
  await following(async ({ stateDir, follower, last, observing }) => {
    const policy = policyNamed("a");
    await accept(stateDir, policy);
    const observer = await observing(worldOf(policy, []));
    await follower.start();
    await until("a view", () => last() !== undefined);
    await observer.publisher.close();
    const next = { ...worldOf(policy, ["down", "down"]), generation: 9 };
    await observing(next);
    await until("the World after", () => last()?.world.generation === 9);
    assertTable(last());
  });
});

void test("WorldFollower takes a new policy only with its own World, whole", async () => {
  await following(async ({ stateDir, follower, views, last, observing }) => {
    const [old, next] = [policyNamed("old"), policyNamed("next", 5)];
    await accept(stateDir, old);
    const observer = await observing(worldOf(old, []));
    await follower.start();
    await until("a view", () => last() !== undefined);
    // observer names a policy that is not on disk yet: the old pair goes on.
    observer.world = { ...worldOf(next, []), generation: 1 };
    observer.publisher.publishFull();
    await new Promise<void>((resolve) => void setTimeout(resolve, 50));
    assert.equal(last()?.policy.digest, old.digest);
    await accept(stateDir, next);
    await until("the new policy", () => last()?.policy.digest === next.digest);
    for (const { view } of views) {
      assert.equal(view.policy.digest, view.world.policyDigest);
      assert.equal(view.policy.digest, view.table.policyDigest);
    }
    assertTable(last());
  });
});
