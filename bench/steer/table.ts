/**
 * The table: a full build, one endpoint's change, and the memory of 10,000 services over 60,000
 * endpoints.
 */
import type { EndpointIndex } from "../../src/policy/policy.ts";
import { arenaBytes } from "../../src/steer/slot-arena.ts";
import { buildTable, updateTable } from "../../src/steer/table.ts";
import { setEndpoint, worldOf } from "../../test/support/steer-fixture.ts";
import { medianMs, modelPolicy } from "../../test/support/steer-model.ts";

const policy = modelPolicy({ services: 10_000, classes: 250 });
const world = worldOf(policy, []);
globalThis.gc?.();
const before = process.memoryUsage();
const start = performance.now();
const table = buildTable(policy, world);
const buildMs = performance.now() - start;
globalThis.gc?.();
const after = process.memoryUsage();
const used = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;

const changeMs = (word: string | number) =>
  medianMs(200, (round) => {
    const index = (round * 6) % policy.endpoints.length;
    setEndpoint(world, { index, monitored: true }, word);
    updateTable(table, policy, world, [index as EndpointIndex]);
  });
const results = [
  { name: "build, 10,000 services", value: buildMs, unit: "ms" },
  { name: "build, a pool row", value: (buildMs * 1000) / policy.pools.length, unit: "us/op" },
  { name: "memory, 60,000 endpoints", value: used / 2 ** 20, unit: "MiB" },
  { name: "memory, slots of rows", value: arenaBytes(table.rowArena) / 2 ** 20, unit: "MiB" },
  { name: "update, endpoint down", value: changeMs("down") * 1000, unit: "us/op" },
  { name: "update, endpoint ramping", value: changeMs(64) * 1000, unit: "us/op" },
  { name: "update, endpoint whole", value: changeMs("up") * 1000, unit: "us/op" },
];
console.log(JSON.stringify({ results }));
