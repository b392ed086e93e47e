/**
 * DNS over TLS (RFC 7858): the frames of TCP inside TLS, with the same clients, bounds and turns;
 * a handshake that does not end is an idle client. Opened by server.ts.
 */
import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { transports } from "./exchange.ts";
import type { ListenAddress } from "./listen-address.ts";
import { listenStream, type TcpClients, type TcpListener } from "./tcp.ts";
import type { TlsIdentity } from "./tls-identity.ts";

/** The system's error code when the address cannot be had. */
export async function openTls(
  at: ListenAddress,
  clients: TcpClients,
  identity: TlsIdentity,
): Promise<TcpListener | { readonly code: string }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (raw) => {
    const secureContext = identity.context;
    // Without a certificate there is nothing to say.
    if (secureContext === undefined) {
      raw.destroy();
      return;
    }
    raw.on("error", () => raw.destroy());
    const socket = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ["dot"] });
    socket.on("error", () => socket.destroy());
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    clients.accept(socket, transports.tls);
  });
  return await listenStream(server, at, (graceMs) => clients.end(sockets, graceMs));
}
