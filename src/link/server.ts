/**
 * A local socket of one process: answers commands and, in the observer, streams World. The file
 * appears under its name only when it is ready and private (0600). What waits for a slow subscriber
 * is bounded: past the bound its changes are dropped and it gets one whole World when it has caught
 * up, so a stopped reader costs the writer a few megabytes and never a wait.
 */
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { limits } from "../limits.ts";
import { lineReader } from "./lines.ts";
import {
  type CommandInput,
  type CommandName,
  type CommandOutcome,
  commands,
  decodeFrame,
  encodeFrame,
  frameBytesMax,
  protocolVersion,
  type Request,
  type Response,
  requestSchema,
} from "./messages.ts";

/** The commands a socket answers; any other is refused as unknown. Inputs have been checked. */
export type CommandHandlers = {
  readonly [Name in CommandName]?: (
    input: CommandInput<Name>,
  ) => CommandOutcome<Name> | Promise<CommandOutcome<Name>>;
};

export interface LinkServer {
  /** Sends a change to every subscriber that is up to date. */
  broadcast(frame: Extract<Response, { type: "change" }>): void;
  /** Sends World whole to every subscriber. */
  broadcastWorld(): void;
  subscribers(): number;
  close(): Promise<void>;
}

export interface LinkServerOptions {
  readonly handlers: CommandHandlers;
  /** World as a frame; undefined while there is none, or on a socket that publishes none. */
  readonly worldFrame?: () => string | undefined;
  /** A fault of a handler or of the socket, for the log. */
  readonly onError: (message: string) => void;
}

/** `behind`: changes were dropped, or World was not there yet; a whole World is due. */
interface Connection {
  readonly socket: Socket;
  subscribed: boolean;
  behind: boolean;
  /** Commands whose reply has not left yet. */
  pending: number;
}

/** What the socket file is called until it is ready. */
const unreadySuffix = ".new";

/** A reason why `path` cannot be a socket, or undefined. The kernel would cut it short. */
export function socketPathFault(path: string): string | undefined {
  const bytes = Buffer.byteLength(path) + unreadySuffix.length;
  if (bytes <= limits.socketPathBytesMax) return undefined;
  return `${path} is ${bytes - limits.socketPathBytesMax} bytes too long for a socket`;
}

export async function serveSocket(path: string, options: LinkServerOptions): Promise<LinkServer> {
  const fault = socketPathFault(path);
  if (fault !== undefined) throw new Error(fault);
  const connections = new Set<Connection>();
  const server = createServer((socket) => accept(socket, connections, options));
  server.maxConnections = limits.linkConnectionsMax;
  await listenAt(server, path);
  server.on("error", (error) => options.onError(error.message));
  return {
    broadcast(frame) {
      const text = encodeFrame(frame);
      for (const connection of connections) {
        if (!connection.subscribed || connection.behind) continue;
        if (connection.socket.writableLength > limits.linkQueueBytesMax) connection.behind = true;
        else connection.socket.write(text);
      }
    },
    broadcastWorld() {
      const frame = options.worldFrame?.();
      for (const connection of connections) sendWorld(connection, frame);
    },
    subscribers: () => [...connections].filter((connection) => connection.subscribed).length,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { socket } of connections) socket.destroySoon();
      await closed;
    },
  };
}

/**
 * Binds beside the name, closes it to others, then renames: the name never leads to a socket that
 * is not ready. A file left by a process that died is replaced; and since the system removes the
 * name that was *bound*, a dying predecessor cannot take its successor's file away.
 */
async function listenAt(server: Server, path: string): Promise<void> {
  const unready = `${path}${unreadySuffix}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(unready, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(unready, () => {
      server.off("error", reject);
      resolve();
    });
  });
  await chmod(unready, 0o600);
  await rename(unready, path);
}

function accept(socket: Socket, connections: Set<Connection>, options: LinkServerOptions): void {
  const connection: Connection = { socket, subscribed: false, behind: false, pending: 0 };
  connections.add(connection);
  const reader = lineReader(frameBytesMax.request, (line) => {
    const decoded = decodeFrame(line, requestSchema);
    if (decoded.ok) receive(connection, decoded.frame, options);
    else dismiss(socket, decoded.message);
  });
  socket.on("data", (chunk) => {
    if (!socket.writableEnded && !reader.push(chunk)) dismiss(socket, "a frame over the limit");
  });
  socket.on("drain", () => {
    if (connection.behind) sendWorld(connection, options.worldFrame?.());
  });
  // A client that went away is ordinary; 'close' follows and takes it off the list.
  socket.on("error", () => undefined);
  socket.on("close", () => connections.delete(connection));
}

function receive(connection: Connection, request: Request, options: LinkServerOptions): void {
  const { socket } = connection;
  if (request.type === "command") {
    if (++connection.pending > limits.linkCommandsMax) {
      dismiss(socket, `more than ${limits.linkCommandsMax} commands at once`);
      return;
    }
    void answer(request.name, request.input, options).then((outcome) => {
      const frame = outcome.ok
        ? ({ type: "reply", id: request.id, value: outcome.value } as const)
        : ({ type: "refusal", id: request.id, refusal: outcome.refusal } as const);
      if (socket.writableEnded) return;
      socket.write(encodeFrame(frame), () => {
        connection.pending -= 1;
      });
    });
    return;
  }
  if (request.protocol !== protocolVersion) {
    dismiss(socket, `protocol ${request.protocol}; this process speaks ${protocolVersion}`);
    return;
  }
  connection.subscribed = request.subscribe;
  if (request.subscribe) sendWorld(connection, options.worldFrame?.());
}

/** A World now, or, when the queue is full or there is none yet, as soon as that changes. */
function sendWorld(connection: Connection, frame: string | undefined): void {
  const { socket } = connection;
  if (!connection.subscribed || socket.writableEnded) return;
  connection.behind = frame === undefined || socket.writableLength > limits.linkQueueBytesMax;
  if (!connection.behind) socket.write(frame ?? "");
}

async function answer(
  name: string,
  input: unknown,
  options: LinkServerOptions,
): Promise<CommandOutcome<CommandName>> {
  if (!isCommand(name) || options.handlers[name] === undefined) {
    const refusal = { code: "unknown-command", message: `no command ${name} here` } as const;
    return { ok: false, refusal };
  }
  const parsed = commands[name].input.safeParse(input);
  if (!parsed.success) {
    const message = parsed.error.issues.map((issue) => issue.message).join("; ");
    return { ok: false, refusal: { code: "invalid", message } };
  }
  try {
    // The input was checked against this very name's schema; the type of a union cannot say so.
    const handler = options.handlers[name] as (
      checked: unknown,
    ) => CommandOutcome<CommandName> | Promise<CommandOutcome<CommandName>>;
    return await handler(parsed.data);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    options.onError(`${name}: ${message}`);
    return { ok: false, refusal: { code: "failed", message } };
  }
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

function dismiss(socket: Socket, message: string): void {
  if (!socket.writableEnded) socket.end(encodeFrame({ type: "bye", message }));
}
