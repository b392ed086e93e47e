/** A table that threads read while it is written: picks of one World, memory used again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { MessageChannel, Worker } from "node:worker_threads";
import type { EndpointIndex } from "../../src/policy/policy.ts";
import { createPicked, pick } from "../../src/steer/pick.ts";
import {
  createControl,
  type Publication,
  TablePublisher,
  TableReader,
} from "../../src/steer/shared-table.ts";
import { buildTable, updateTable } from "../../src/steer/table.ts";
import { modelPolicy, modelWorld } from "./shared-table-model.ts";

const policy = modelPolicy();
const everyEndpoint = policy.endpoints.map((_, index) => index as EndpointIndex);

test("readers in threads never see a torn row or two Worlds in one pick", async () => {
  const readers = 2;
  const control = createControl(readers);
  const end = new Int32Array(new SharedArrayBuffer(4));
  const ports = Array.from({ length: readers }, () => new MessageChannel());
  const workers = ports.map(({ port2 }, self) => {
    const file = new URL("shared-table-reader.ts", import.meta.url);
    const workerData = { control, self, port: port2, end };
    return new Worker(file, { workerData, transferList: [port2] });
  });
  const reports = workers.map((worker) => once(worker, "message"));
  const publisher = new TablePublisher(control);
  const send = (publication: Publication): void => {
    if (publication.parts === undefined) return;
    for (const { port1 } of ports) port1.postMessage(publication);
  };
  let table = buildTable(policy, modelWorld(policy, 1));
  publisher.publish(table, send);
  await Promise.all(workers.map((worker) => once(worker, "online")));
  const rounds = 100;
  for (let generation = 2; generation < rounds; generation++) {
    // Now and then a new table, as when the policy changes.
    if (generation % 40 === 0) table = buildTable(policy, modelWorld(policy, generation));
    else updateTable(table, policy, modelWorld(policy, generation), everyEndpoint);
    publisher.publish(table, send);
    if (generation % 4 === 0) await turn();
  }
  Atomics.store(end, 0, 1);
  const found = await Promise.all(reports);
  for (const { port1 } of ports) port1.close();
  for (const [{ wrong, picks, views }] of found) {
    assert.equal(wrong, undefined);
    assert.ok(picks > 1000 && views > 2, `${picks} picks of ${views} Worlds`);
  }
});

test("TablePublisher uses memory again when every reader has passed, and not before", () => {
  const control = createControl(2);
  const publisher = new TablePublisher(control);
  const readers = [new TableReader(control, 0), new TableReader(control, 1)];
  const table = buildTable(policy, modelWorld(policy, 1));
  const publish = (): void => {
    publisher.publish(table, ({ parts }) => {
      if (parts !== undefined) for (const reader of readers) reader.take(parts);
    });
  };
  const update = (generation: number): void => {
    updateTable(table, policy, modelWorld(policy, generation), everyEndpoint);
    publish();
  };
  const chunks = () => table.rowArena.chunks.length + table.shapeArena.chunks.length;
  publish();
  for (let generation = 2; generation < 12; generation++) update(generation);
  // Nobody reads: two roots take turns, and records come back.
  assert.equal(publisher.rootCount, 2);
  const least = chunks();
  const held = readers[0]!.enter();
  const view = readers[0]!.view(held);
  const out = createPicked();
  const picksOf = () =>
    Array.from({ length: 400 }, (_, i) => {
      pick(view, (i % 2) as never, 0 as never, Math.imul(i, 0x9e3779b1) >>> 0, out);
      return out.endpoint;
    }).join();
  const before = picksOf();
  for (let generation = 12; generation < 24; generation++) update(generation);
  assert.equal(picksOf(), before);
  assert.ok(publisher.rootCount > 10);
  assert.ok(chunks() > least);
  const most = chunks();
  // The one moves on, the other holds nothing.
  readers[0]!.leave();
  for (let generation = 24; generation < 36; generation++) {
    assert.equal(readers[1]!.enter(), publisher.sequence);
    update(generation);
  }
  assert.equal(chunks(), most);
});

test("TableReader sees what the writer's own table says", () => {
  const control = createControl(1);
  const publisher = new TablePublisher(control);
  const reader = new TableReader(control, 0);
  const table = buildTable(policy, modelWorld(policy, 5));
  for (const generation of [5, 6, 7, 8]) {
    updateTable(table, policy, modelWorld(policy, generation), everyEndpoint);
    publisher.publish(table, ({ parts }) => {
      if (parts !== undefined) reader.take(parts);
    });
    const view = reader.view(reader.enter());
    assert.equal(view.generation, generation);
    const [own, shared] = [createPicked(), createPicked()];
    for (let i = 0; i < 2000; i++) {
      const key = Math.imul(i, 0x9e3779b1) >>> 0;
      pick(table, (i % 2) as never, 0 as never, key, own);
      pick(view, (i % 2) as never, 0 as never, key, shared);
      assert.deepEqual(shared, own);
    }
  }
});
