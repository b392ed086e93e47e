/**
 * DNS over UDP by node:dgram: one socket an address, each datagram answered where it arrives. Used
 * wherever batch-socket.ts is not. Responses are copied, since node:dgram may send them later; how
 * many may wait is bounded, and what is beyond is dropped, as UDP allows.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Entropy } from "../../lib/entropy.ts";
import { parseAddress } from "../../lib/ip.ts";
import { limits } from "../../limits.ts";
import { answer } from "./answer.ts";
import { type AnswerContext, setClock } from "./context.ts";
import { createExchange, transports } from "./exchange.ts";
import type { ListenAddress } from "./listen-address.ts";

export interface UdpListener {
  readonly port: number;
  close(): Promise<void>;
}

/** Sources are addresses already: node:dgram need not ask the resolver, nor wait a turn. */
function sameAddress(
  address: string,
  family: unknown,
  found: (error: Error | null, address: string, family: number) => void,
): void {
  found(null, address, Number(family));
}

/** The system's error code, such as EADDRINUSE, when the address cannot be had. */
export async function openUdp(
  at: ListenAddress,
  context: AnswerContext,
  entropy: Entropy,
): Promise<UdpListener | { readonly code: string }> {
  const socket = createSocket({
    type: at.family === 4 ? "udp4" : "udp6",
    ipv6Only: at.family === 6,
    recvBufferSize: limits.dnsUdpBufferBytes,
    lookup: sameAddress as NonNullable<Parameters<typeof createSocket>[0] & object>["lookup"],
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address: at.host, port: at.port, exclusive: true }, () => {
        socket.off("error", reject);
        resolve();
      });
    });
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? "EUNKNOWN" };
  }
  // Errors of sending come to its callback; what is left here is nothing to end for.
  socket.on("error", () => undefined);
  serve(socket, context, entropy);
  return {
    port: socket.address().port,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function serve(socket: Socket, context: AnswerContext, entropy: Entropy): void {
  const exchange = createExchange(transports.udp);
  let waiting = 0;
  const sent = (): void => {
    waiting--;
  };
  socket.on("message", (message: Buffer, from: RemoteInfo) => {
    // A port of 0 can be forged, but nothing can be sent there.
    if (from.port === 0 || waiting >= limits.dnsUdpWaitingMax) return;
    const zone = from.address.indexOf("%");
    const address = parseAddress(zone < 0 ? from.address : from.address.slice(0, zone));
    if (address === undefined) return;
    exchange.request = message;
    // As the kernel does for workers: what is left of a longer one is no message.
    exchange.requestLength = Math.min(message.length, limits.dnsRequestBytesMax);
    exchange.client = address.words;
    exchange.clientFamily = address.family;
    setClock(context, entropy);
    const length = answer(context, exchange);
    if (length === 0) return;
    const response = Buffer.allocUnsafe(length);
    for (let i = 0; i < length; i++) response[i] = exchange.response[i]!;
    waiting++;
    socket.send(response, from.port, from.address, sent);
  });
}
