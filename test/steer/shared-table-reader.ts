/**
 * A thread that picks from a shared table as fast as it can and checks each pick against the
 * generation it reads by. Run by shared-table.test.ts. Posts how many picks it made, or what was
 * wrong with one.
 */
import {
  type MessagePort,
  parentPort,
  receiveMessageOnPort,
  workerData,
} from "node:worker_threads";
import type { ClassIndex, ServiceIndex } from "../../src/policy/policy.ts";
import { createPicked, nextEndpoint, pick } from "../../src/steer/pick.ts";
import { type Publication, TableReader } from "../../src/steer/shared-table.ts";
import type { TableView } from "../../src/steer/table.ts";
import { downEndpoint, downPool, endpoints, pools, services } from "./shared-table-model.ts";

const {
  control,
  self,
  port,
  end,
}: {
  readonly control: Int32Array;
  readonly self: number;
  readonly port: MessagePort;
  readonly end: Int32Array;
} = workerData;
const reader = new TableReader(control, self);
const waiting: Publication[] = [];
const out = createPicked();
let adopted = 0;
let table: TableView | undefined;
let picks = 0;
let views = 0;
let state = 12_345 + self;

function draw(): number {
  state = Math.imul(state, 1_103_515_245) + 12_345;
  return state >>> 1;
}

function takeParts(sequence: number): void {
  for (;;) {
    const next: Publication | undefined = waiting.shift() ?? receiveMessageOnPort(port)?.message;
    if (next === undefined) return;
    if (next.sequence > sequence) {
      waiting.unshift(next);
      return;
    }
    if (next.parts !== undefined) reader.take(next.parts);
  }
}

function check(view: TableView): string | undefined {
  const { generation } = view;
  const service = draw() % services;
  if (view.ttlSeconds[service] !== 1 + (generation % 1000)) return `TTL of ${generation}`;
  if (!pick(view, service as ServiceIndex, 0 as ClassIndex, draw(), out)) return "refused";
  const first = service * pools * endpoints;
  let endpoint = out.endpoint as number;
  for (let k = 0; k < 2; k++) {
    const within = endpoint - first;
    if (!(within >= 0 && within < pools * endpoints)) return `out of range: ${endpoint}`;
    const ordinal = Math.floor(within / endpoints);
    if (out.pool !== service * pools + ordinal) return `pool ${out.pool} of ${endpoint}`;
    const down =
      ordinal === downPool(generation) || within % endpoints === downEndpoint(generation);
    if (down) return `${ordinal}/${within % endpoints} in ${generation}, step ${k}`;
    endpoint = nextEndpoint(view, out.pool as never, endpoint as never);
  }
  return undefined;
}

function run(): string | undefined {
  while (Atomics.load(end, 0) === 0) {
    const sequence = reader.enter();
    if (sequence === 0) continue;
    if (sequence !== adopted) {
      takeParts(sequence);
      table = reader.view(sequence);
      adopted = sequence;
      views++;
    }
    for (let i = 0; i < 256; i++) {
      const wrong = check(table!);
      if (wrong !== undefined) return wrong;
      picks++;
    }
    // Some batches are followed by a wait, in which the writer need not mind this reader.
    if ((picks & 4096) !== 0) reader.leave();
  }
  return undefined;
}

parentPort?.postMessage({ wrong: run(), picks, views });
