/**
 * The header of the PROXY protocol, version 2 (HAProxy's proxy-protocol.txt, section 2.2): what a
 * proxy sends before everything else on a connection, to say whose it is. Called by the DNS front
 * for peers that the operator named. Pure; a header has at most `proxyHeaderBytesMax` octets here.
 *
 *   12 octets of signature · version and command · family and transport · length (16 bits)
 *   then the addresses, and more that is skipped
 */
import { limits } from "../limits.ts";

const { proxyHeaderBytesMax } = limits;

const signature = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10);
const fixedBytes = 16;

export type ProxyHeader =
  /** So many octets have to be there before more can be said. */
  | { readonly kind: "partial"; readonly bytesNeeded: number }
  | { readonly kind: "malformed" }
  | {
      readonly kind: "whole";
      readonly bytes: number;
      /** Whose connection it is; undefined for the proxy's own (LOCAL) and for sockets without. */
      readonly source: { readonly family: 4 | 6; readonly words: Uint32Array } | undefined;
    };

const malformed = { kind: "malformed" } as const;

/** By the family's nibble: octets of a source address, of both with their ports, and the family. */
const layouts: Readonly<Record<number, { readonly address: number; readonly family: 4 | 6 }>> = {
  1: { address: 4, family: 4 },
  2: { address: 16, family: 6 },
};

export function readProxyHeader(bytes: Uint8Array): ProxyHeader {
  for (let i = 0; i < Math.min(bytes.length, signature.length); i++) {
    if (bytes[i] !== signature[i]) return malformed;
  }
  if (bytes.length < fixedBytes) return { kind: "partial", bytesNeeded: fixedBytes };
  const versionAndCommand = bytes[12]!;
  const command = versionAndCommand & 0xf;
  if (versionAndCommand >> 4 !== 2 || command > 1) return malformed;
  const total = fixedBytes + ((bytes[14]! << 8) | bytes[15]!);
  if (total > proxyHeaderBytesMax) return malformed;
  if (bytes.length < total) return { kind: "partial", bytesNeeded: total };
  const layout = layouts[bytes[13]! >> 4];
  // LOCAL, a unix socket, or a family that is not said: the header is whole, and names nobody.
  if (command === 0 || layout === undefined)
    return { kind: "whole", bytes: total, source: undefined };
  if (total < fixedBytes + layout.address * 2 + 4) return malformed;
  const words = new Uint32Array(4);
  for (let i = 0; i < layout.address; i++) {
    words[i >> 2]! |= bytes[fixedBytes + i]! << (24 - (i & 3) * 8);
  }
  return { kind: "whole", bytes: total, source: { family: layout.family, words } };
}
