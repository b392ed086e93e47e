/**
 * Who this server says it is: NSID (RFC 5001) and the CHAOS names (RFC 4892). An empty text hides
 * what it stands for.
 */
import { limits } from "../../limits.ts";
import { lowerName, parseName } from "../../wire/dns-name.ts";

export interface IdentityOptions {
  /** `version.bind` and `version.server`. */
  readonly version: string;
  /** NSID, `id.server` and `hostname.bind`: the name of this node. */
  readonly node: string;
}

export interface Identity {
  /** Data of the NSID option; empty for none. */
  readonly nsid: Uint8Array;
  readonly chaos: readonly {
    /** In lower case. */
    readonly name: Uint8Array;
    /** One character string, its length before it. */
    readonly rdata: Uint8Array;
  }[];
}

function octetsOf(text: string): Uint8Array {
  return new TextEncoder().encode(text).subarray(0, limits.dnsIdentityBytesMax);
}

function chaosRow(name: string, text: Uint8Array): Identity["chaos"][number] {
  const wire = parseName(name);
  const rdata = Uint8Array.of(text.length, ...text);
  return { name: lowerName(wire.ok ? wire.value : Uint8Array.of(0)), rdata };
}

/** Texts over limits.dnsIdentityBytesMax octets are cut. */
export function createIdentity(options: IdentityOptions): Identity {
  const node = octetsOf(options.node);
  const version = octetsOf(options.version);
  const rows = [
    ["version.bind", version],
    ["version.server", version],
    ["id.server", node],
    ["hostname.bind", node],
  ] as const;
  const shown = rows.filter(([, text]) => text.length > 0);
  return { nsid: node, chaos: shown.map(([name, text]) => chaosRow(name, text)) };
}
