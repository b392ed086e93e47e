/**
 * Whose request it is: the peer, or, when the peer is a proxy the operator trusts, the rightmost
 * address of X-Forwarded-For that is not such a proxy. What stands further left can be written by
 * anybody and is not read. Anything malformed on the way, and the peer's address is used.
 */
import { type Address, parseAddress } from "../../lib/ip.ts";
import { isInNetworks, type Networks } from "../../lib/networks.ts";
import { limits } from "../../limits.ts";

/** An IPv4 address that a dual-stack socket shows as `::ffff:a.b.c.d`. Others inside IPv6 stay. */
function unmapped(address: Address): Address {
  const { family, words, bytes } = address;
  const mapped = family === 6 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  if (!mapped) return address;
  return { family: 4, words: Uint32Array.of(words[3]!, 0, 0, 0), bytes: bytes.slice(12) };
}

export function isTrusted(trusted: Networks, { family, words }: Address): boolean {
  return isInNetworks(trusted, family, words);
}

/** The other end of a socket, as node:net writes it. */
export function parsePeer(text: string): Address | undefined {
  const address = parseAddress(text);
  return address === undefined ? undefined : unmapped(address);
}

export interface ClientAddress {
  readonly address: Address | undefined;
  /** The answer depends on X-Forwarded-For. */
  readonly forwarded: boolean;
}

export function clientAddress(
  trusted: Networks,
  request: {
    readonly peer: string;
    /** All lines of the header in their order, joined by commas. */
    readonly forwardedFor: string | undefined;
  },
): ClientAddress {
  const peer = parsePeer(request.peer);
  if (peer === undefined || !isTrusted(trusted, peer)) return { address: peer, forwarded: false };
  const hops = (request.forwardedFor ?? "").split(",", limits.redirectForwardedMax + 1);
  if (hops.length > limits.redirectForwardedMax) return { address: peer, forwarded: true };
  let client: Address | undefined;
  for (const hop of hops.toReversed()) {
    client = parseHop(hop);
    if (client === undefined) return { address: peer, forwarded: true };
    if (!isTrusted(trusted, client)) break;
  }
  return { address: client, forwarded: true };
}

/** An address; some proxies add the port. */
function parseHop(text: string): Address | undefined {
  const hop = text.replace(/^[ \t]+|[ \t]+$/g, "");
  const ported = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(hop);
  return parsePeer(ported?.[1] ?? ported?.[2] ?? hop);
}
