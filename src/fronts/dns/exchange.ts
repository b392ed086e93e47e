/**
 * One request and its response: what the sockets hand to answer() and get back. Both buffers and
 * the client's address are the sockets' own, allocated once and used again, so that node:dgram
 * today and another kind of socket tomorrow can stand around the same code.
 */
import { limits } from "../../limits.ts";

export const transports = { udp: 0, tcp: 1, tls: 2, https: 3 } as const;
export type Transport = (typeof transports)[keyof typeof transports];

export interface Exchange {
  request: Uint8Array;
  requestLength: number;
  /** The socket's peer as four words, most significant first; IPv4 in the first. */
  client: Uint32Array;
  clientFamily: 4 | 6;
  transport: Transport;
  /** At least limits.dnsUdpPayload octets; over TCP limits.dnsMessageBytesMax. */
  response: Uint8Array;
}

export function createExchange(transport: Transport): Exchange {
  const size = transport === transports.udp ? limits.dnsUdpPayload : limits.dnsMessageBytesMax;
  return {
    request: new Uint8Array(limits.dnsMessageBytesMax),
    requestLength: 0,
    client: new Uint32Array(4),
    clientFamily: 4,
    transport,
    response: new Uint8Array(size),
  };
}
