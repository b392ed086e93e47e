/**
 * A thread that answers DNS over UDP: started by udp-workers.ts, it runs udp-loop.ts until told to
 * stop. It never turns Node's own loop while it serves: what it is told it looks up in its port
 * once a turn, when a shared word says that there is something.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { assert } from "../../errors.ts";
import { systemEntropy } from "../../lib/entropy.ts";
import { openLibc } from "../../lib/libc.ts";
import { TableReader } from "../../steer/shared-table.ts";
import type { Resolved } from "../../world/world.ts";
import {
  type AnswerContext,
  createAnswerContext,
  type Snapshot,
  setSecrets,
  setSnapshot,
} from "./context.ts";
import { createIdentity } from "./identity.ts";
import { UdpLoop } from "./udp-loop.ts";
import type {
  FromWorker,
  SocketsMessage,
  ToWorker,
  ViewMessage,
  WorkerStart,
} from "./udp-messages.ts";
import { workerCounters } from "./worker-counters.ts";

const { start, port } = workerData as { readonly start: WorkerStart; readonly port: MessagePort };
const { self, orders } = start;
const entropy = systemEntropy();
const reader = new TableReader(start.control, self);
/** Of publications that are not in force yet. */
const waiting: ViewMessage[] = [];
const resolved = new Map<number, Resolved>();
let policy: ViewMessage["policy"];
let adopted = 0;
let heard = 0;
let stopping = false;
let secrets: readonly Uint8Array[] = [];
let sockets: SocketsMessage | undefined;
let loop: UdpLoop | undefined;
let context: AnswerContext | undefined;

function tell(message: FromWorker): void {
  port.postMessage(message);
}

/** What has come; sockets at once, views when it is their turn. */
function hear(): void {
  const said = Atomics.load(orders, self);
  if (said === heard) return;
  heard = said;
  for (;;) {
    const message: ToWorker | undefined = receiveMessageOnPort(port)?.message;
    if (message === undefined) return;
    if (message.type === "view") waiting.push(message);
    else if (message.type === "stop") stopping = true;
    else if (message.type === "secrets") takeSecrets(message.secrets);
    else sockets = message;
    takeSockets();
  }
}

function takeSecrets(newest: readonly Uint8Array[]): void {
  secrets = newest;
  if (context !== undefined) setSecrets(context, secrets);
}

function takeSockets(): void {
  if (loop === undefined || sockets === undefined) return;
  const { own, neighbours, id } = sockets;
  sockets = undefined;
  loop.setSockets(own, neighbours);
  tell({ type: "took", id });
}

/** The table in force, with what goes with it. */
function adopt(sequence: number): Snapshot {
  while (waiting[0] !== undefined && waiting[0].sequence <= sequence) {
    const view = waiting.shift()!;
    if (view.parts !== undefined) reader.take(view.parts);
    if (view.policy !== undefined) {
      policy = view.policy;
      resolved.clear();
    }
    for (const [endpoint, addresses] of view.resolved) resolved.set(endpoint, addresses);
  }
  assert(policy !== undefined, "the first view brings a policy");
  adopted = sequence;
  const world = { policyDigest: policy.policy.digest, resolved };
  return { ...policy, world, table: reader.view(sequence) };
}

function enter(): void {
  const sequence = reader.enter();
  if (sequence === adopted) return;
  hear();
  if (context !== undefined) setSnapshot(context, adopt(sequence));
}

function serve(): void {
  const libc = openLibc();
  assert(libc !== undefined, "the part has tried it");
  const sequence = reader.enter();
  hear();
  let drawn = 0;
  context = createAnswerContext({
    snapshot: adopt(sequence),
    identity: createIdentity(start.identity),
    counters: workerCounters(start.cells),
    draw32: () => start.chance[drawn++] ?? 1,
    flowCells: start.flowCells,
  });
  setSecrets(context, secrets);
  const { batch, gatherMicroseconds, beats, loopCells } = start;
  loop = new UdpLoop({
    libc,
    context,
    batch,
    gatherMicroseconds,
    beats,
    self,
    counters: loopCells,
    enter,
    leave: () => reader.leave(),
    seconds: () => entropy.now() / 1000,
  });
  takeSockets();
  while (!stopping) {
    loop.turn();
    hear();
  }
  loop.drainAll();
  reader.leave();
  tell({ type: "stopped" });
  port.close();
}

serve();
