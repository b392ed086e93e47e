/**
 * Pick over 10,000 services and 250 classes, uniformly random, beside the same number of reads from
 * a bare typed array of the same size: what memory alone costs.
 */
import type { ClassIndex, ServiceIndex } from "../../src/policy/policy.ts";
import { createPicked, pick } from "../../src/steer/pick.ts";
import { arenaBytes } from "../../src/steer/slot-arena.ts";
import { buildTable } from "../../src/steer/table.ts";
import { worldOf } from "../../test/support/steer-fixture.ts";
import { medianMs, modelPolicy } from "../../test/support/steer-model.ts";

const services = 10_000;
const classes = 250;
const policy = modelPolicy({ services, classes });
const table = buildTable(policy, worldOf(policy, []));
const picked = createPicked();

const draws = 1 << 18;
const rounds = 9;
const random = new Uint32Array(draws);
let state = 1;
for (let i = 0; i < draws; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  random[i] = state ^ (state >>> 15);
}
let sink = 0;
const pickMs = medianMs(rounds, () => {
  for (let i = 0; i < draws; i++) {
    const draw = random[i]!;
    const service = (draw % services) as ServiceIndex;
    pick(table, service, ((draw >>> 8) % classes) as ClassIndex, draw, picked);
    sink += picked.endpoint;
  }
});
const cells = new Uint8Array(arenaBytes(table.rowArena)).fill(1);
const walkMs = medianMs(rounds, () => {
  for (let i = 0; i < draws; i++) sink += cells[random[i]! % cells.length]!;
});
const results = [
  { name: "pick", value: (pickMs * 1e6) / draws, unit: "ns/op" },
  { name: "one bare read of as much memory", value: (walkMs * 1e6) / draws, unit: "ns/op" },
];
console.log(JSON.stringify({ results, sink }));
