/**
 * DNS over TCP (RFC 7766) by node:net: accepts clients up to a bound in all and for each address,
 * and ends those that are idle. What a client says is tcp-connection.ts.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Entropy, Timer } from "../../lib/entropy.ts";
import { type Address, parseAddress } from "../../lib/ip.ts";
import { isInNetworks } from "../../lib/networks.ts";
import { connectionsWithin, openFilesMax } from "../../lib/open-files.ts";
import { limits } from "../../limits.ts";
import { readProxyHeader } from "../../wire/proxy-header.ts";
import { type AnswerContext, setClock } from "./context.ts";
import { tcpClosings } from "./counters.ts";
import { createExchange, type Exchange, transports } from "./exchange.ts";
import type { ListenAddress } from "./listen-address.ts";
import { TcpConnection } from "./tcp-connection.ts";
import { TcpTurns } from "./tcp-turns.ts";

export interface TcpListener {
  readonly port: number;
  /** Answers what has come, then closes; ends what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

type StreamTransport = typeof transports.tcp | typeof transports.tls;

/** undefined when it is gone already. */
export function peerOf(socket: Pick<Socket, "remoteAddress">): Address | undefined {
  return parseAddress(socket.remoteAddress?.replace(/%.*$/, "") ?? "");
}

/** Clients of all listeners: the bounds are for the server. */
export class TcpClients {
  readonly #connections = new Map<Socket, TcpConnection>();
  readonly #perClient = new Map<string, number>();
  readonly #context: AnswerContext;
  readonly #entropy: Entropy;
  readonly #exchanges: Readonly<Record<StreamTransport, Exchange>> = {
    [transports.tcp]: createExchange(transports.tcp),
    [transports.tls]: createExchange(transports.tls),
  };
  readonly #turns: TcpTurns;
  readonly #filesMax: number;
  #count = 0;
  #sweeper: Timer | undefined;

  constructor(context: AnswerContext, entropy: Entropy) {
    this.#context = context;
    this.#entropy = entropy;
    this.#turns = new TcpTurns(entropy);
    this.#filesMax = openFilesMax();
  }

  /** As the policy has it by now, and as the process can. */
  #bounds(): { readonly most: number; readonly mostOfClient: number; readonly idleMs: number } {
    const { connectionsMax, connectionsPerClientMax, idleMs } =
      this.#context.snapshot.policy.listen.dnsTcp;
    const most = connectionsWithin(connectionsMax, this.#filesMax);
    return { most, mostOfClient: Math.min(connectionsPerClientMax, Math.ceil(most / 2)), idleMs };
  }

  get count(): number {
    return this.#count;
  }

  /** Counts a client until its socket closes; false: there are too many, or it is gone already. */
  admit(socket: Socket): boolean {
    const address = peerOf(socket);
    return address !== undefined && this.#enter(socket) && this.#enterAs(socket, address);
  }

  /** One more in all. */
  #enter(socket: Socket): boolean {
    if (this.#count >= this.#bounds().most) return this.#refuse();
    this.#count++;
    socket.on("close", () => this.#count--);
    return true;
  }

  #refuse(): false {
    this.#context.counters.tcpClosed.add(tcpClosings.tooMany, 1);
    return false;
  }

  /** One more of this address. */
  #enterAs(socket: Socket, { family, words }: Pick<Address, "family" | "words">): boolean {
    // A network of IPv6 is one client: its addresses cost nothing.
    const client = family === 4 ? `${words[0]}` : `${words[0]}:${words[1]}`;
    const ofClient = this.#perClient.get(client) ?? 0;
    if (ofClient >= this.#bounds().mostOfClient) return this.#refuse();
    this.#perClient.set(client, ofClient + 1);
    socket.on("close", () => this.#forget(client));
    return true;
  }

  accept(socket: Socket, transport: StreamTransport): void {
    const peer = peerOf(socket);
    if (peer === undefined || !this.#enter(socket)) {
      socket.destroy();
      return;
    }
    const { proxies } = this.#context;
    const isProxy = proxies.length > 0 && isInNetworks(proxies, peer.family, peer.words);
    if (!isProxy || transport === transports.tls) this.#serve(socket, transport, peer);
    else this.#introduce(socket, peer);
  }

  /** A proxy says first who its client is, in a header that is not waited for without end. */
  #introduce(socket: Socket, peer: Address): void {
    let bytes = Buffer.alloc(0);
    const { idleMs } = this.#bounds();
    const timer = this.#entropy.after(idleMs, () => socket.destroy());
    const drop = (): void => void socket.destroy();
    const forget = (): void => timer.cancel();
    const take = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const header = readProxyHeader(bytes);
      if (header.kind === "partial") return;
      timer.cancel();
      socket.off("data", take).off("error", drop).off("end", drop).off("close", forget);
      if (header.kind === "malformed") {
        this.#context.counters.tcpClosed.add(tcpClosings.malformed, 1);
        socket.destroy();
        return;
      }
      socket.pause();
      this.#serve(socket, transports.tcp, header.source ?? peer);
      if (socket.destroyed) return;
      if (bytes.length > header.bytes) socket.unshift(bytes.subarray(header.bytes));
      socket.resume();
    };
    socket.on("data", take).on("error", drop).on("end", drop).on("close", forget);
  }

  #serve(
    socket: Socket,
    transport: StreamTransport,
    { family, words }: Pick<Address, "family" | "words">,
  ): void {
    if (!this.#enterAs(socket, { family, words })) {
      socket.destroy();
      return;
    }
    const monotonic = () => this.#entropy.monotonic();
    const connection = new TcpConnection(socket, {
      context: this.#context,
      exchange: this.#exchanges[transport],
      turns: this.#turns,
      monotonic,
      tick: () => setClock(this.#context, this.#entropy),
      family,
      words,
    });
    this.#connections.set(socket, connection);
    socket.on("close", () => this.#connections.delete(socket));
    this.#sweepLater();
  }

  #forget(client: string): void {
    const left = (this.#perClient.get(client) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(client);
    else this.#perClient.set(client, left);
  }

  /** One timer for all; none while there are no clients. */
  #sweepLater(): void {
    if (this.#sweeper !== undefined) return;
    this.#sweeper = this.#entropy.after(limits.dnsTcpSweepMs, () => {
      this.#sweeper = undefined;
      const now = this.#entropy.monotonic();
      const { most, idleMs } = this.#bounds();
      const crowded = this.count > most / 2;
      const patience = crowded ? Math.min(limits.dnsTcpIdleCrowdedMs, idleMs) : idleMs;
      for (const connection of this.#connections.values()) connection.sweep(now, patience);
      if (this.#connections.size > 0) this.#sweepLater();
    });
  }

  /** Ends the clients of one listener: politely, then after `graceMs` at once. */
  async end(sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
    const closed = [...sockets].map(
      (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())),
    );
    for (const socket of sockets) this.#connections.get(socket)?.stop();
    const timer = this.#entropy.after(graceMs, () => {
      for (const socket of sockets) socket.destroy();
    });
    await Promise.all(closed);
    timer.cancel();
  }
}

/** The system's error code, such as EADDRINUSE, when the address cannot be had. */
export async function openTcp(
  at: ListenAddress,
  clients: TcpClients,
): Promise<TcpListener | { readonly code: string }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    clients.accept(socket, transports.tcp);
  });
  return await listenStream(server, at, (graceMs) => clients.end(sockets, graceMs));
}

/** Listens; `end` ends the clients that are left when the listener is closed. */
export async function listenStream(
  server: Server,
  at: ListenAddress,
  end: (graceMs: number) => Promise<void>,
): Promise<TcpListener | { readonly code: string }> {
  const port = await listenTcp(server, at);
  if (typeof port === "string") return { code: port };
  return {
    port,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await end(graceMs);
      await closed;
    },
  };
}

/** The port, or the system's error code. */
async function listenTcp(server: Server, at: ListenAddress): Promise<number | string> {
  try {
    await listen(server, at);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "EUNKNOWN";
  }
  // Out of file descriptors: the clients we have are served, and others come again.
  server.on("error", () => undefined);
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? bound.port : at.port;
}

function listen(server: Server, at: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: at.host, port: at.port, ipv6Only: true, exclusive: true }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
