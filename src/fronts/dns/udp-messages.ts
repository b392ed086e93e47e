/** What udp-workers.ts and its threads tell each other; plain data and shared memory. */
import type { TableParts } from "../../steer/shared-table.ts";
import type { Resolved } from "../../world/world.ts";
import type { UdpSocket } from "./batch-socket.ts";
import type { AnswerPolicy } from "./context.ts";
import type { EndpointTable } from "./endpoint-table.ts";
import type { IdentityOptions } from "./identity.ts";
import type { SteeredIndex } from "./steered-index.ts";

/** What goes with a publication of the table and is not in shared memory. */
export interface ViewMessage {
  readonly type: "view";
  /** To be taken before the table of it. */
  readonly sequence: number;
  readonly parts: TableParts | undefined;
  /** Of a new policy. */
  readonly policy:
    | {
        readonly policy: AnswerPolicy;
        readonly endpoints: EndpointTable;
        readonly steered: SteeredIndex;
      }
    | undefined;
  /** Host names whose addresses have changed. */
  readonly resolved: readonly (readonly [number, Resolved])[];
}

export interface SocketsMessage {
  readonly type: "sockets";
  readonly id: number;
  readonly own: readonly UdpSocket[];
  readonly neighbours: readonly UdpSocket[];
}

export interface SecretsMessage {
  readonly type: "secrets";
  /** Of cookies, the newest first. */
  readonly secrets: readonly Uint8Array[];
}

export type ToWorker = ViewMessage | SocketsMessage | SecretsMessage | { readonly type: "stop" };

export type FromWorker =
  | { readonly type: "took"; readonly id: number }
  | { readonly type: "stopped" };

/** Words that every worker and the part share. */
export interface SharedWords {
  /** Of the table: shared-table.ts. */
  readonly control: Int32Array;
  /** A word a worker: udp-loop.ts. */
  readonly beats: Int32Array;
  /** How many messages each worker was sent: it looks into its port when this has changed. */
  readonly orders: Int32Array;
}

/** `workerData`. */
export interface WorkerStart extends SharedWords {
  readonly self: number;
  readonly batch: number;
  readonly gatherMicroseconds: number;
  readonly identity: IdentityOptions;
  /** Of the rate limiter: shared with the others. */
  readonly flowCells: Int32Array;
  /** First state of its draws, then the seed of the limiter: the others' too. */
  readonly chance: readonly number[];
  /** Cells of its registry, and of the loop's own counters. */
  readonly cells: Float64Array;
  readonly loopCells: Float64Array;
}
