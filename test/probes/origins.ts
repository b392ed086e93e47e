/** Origins on loopback for probe tests, well-behaved and hostile; all closed by `close`. */
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";

export interface Origin {
  readonly port: number;
  close(): void;
}

const standing: Origin[] = [];

/** For `after`: ends every origin this file started. */
export function closeOrigins(): void {
  for (const origin of standing.splice(0)) origin.close();
}

export async function httpOrigin(answer: RequestListener, host = "127.0.0.1"): Promise<Origin> {
  const server = createServer(answer);
  return listen(server, host, () => server.closeAllConnections());
}

/** Speaks whatever `onSocket` says, once for each connection. */
export async function rawOrigin(
  onSocket: (socket: Socket) => void,
  host = "127.0.0.1",
): Promise<Origin> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    onSocket(socket);
  });
  return listen(server, host, () => {
    for (const socket of sockets) socket.destroy();
  });
}

export async function tlsOrigin(
  options: TlsOptions,
  onSocket: (socket: TLSSocket) => void,
): Promise<Origin> {
  const server = createTlsServer(options, (socket) => {
    socket.on("error", () => {});
    onSocket(socket);
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  return listen(server, "127.0.0.1", () => {
    for (const socket of sockets) socket.destroy();
  });
}

/** Sends `piece` again and again, every `everyMs` or as fast as it is taken, until cut off. */
export function pour(socket: Socket, piece: string, everyMs = 0): void {
  // In blocks: origin and prober share this process, and a write for each line would fill it.
  const block = piece.repeat(Math.ceil(4096 / piece.length));
  const more = () => {
    if (socket.destroyed) return;
    if (everyMs > 0) {
      socket.write(piece);
      setTimeout(more, everyMs);
      return;
    }
    while (socket.write(block)) {
      // Until the kernel's buffer is full.
    }
    socket.once("drain", more);
  };
  more();
}

async function listen(server: Server, host: string, end: () => void): Promise<Origin> {
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const origin = {
    port: address.port,
    close() {
      server.close();
      end();
    },
  };
  standing.push(origin);
  return origin;
}
