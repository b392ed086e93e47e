/**
 * Addresses as an operator writes them -> one canonical form. Called by schema.ts while it parses.
 * One text never means two addresses: lib/ip.ts is strict, and a host name cannot look like an
 * address.
 */
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../lib/ip.ts";

export interface Target {
  readonly ipv4?: string | undefined;
  readonly ipv6?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** Canonical text of an IPv4 address, or undefined. */
export function canonicalIpv4(text: string): string | undefined {
  return canonicalOf(text, 4);
}

/** Canonical text of an IPv6 address (RFC 5952), or undefined. */
export function canonicalIpv6(text: string): string | undefined {
  return canonicalOf(text, 6);
}

function canonicalOf(text: string, family: 4 | 6): string | undefined {
  const address = parseAddress(text);
  return address?.family === family ? formatAddress(family, address.words) : undefined;
}

const hostLabel = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * A host name in lower case without its final dot, or undefined. All-numeric last labels are no
 * names.
 */
export function canonicalHost(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.length === 0 || name.length > 253) return undefined;
  const labels = name.split(".");
  if (!labels.every((label) => hostLabel.test(label))) return undefined;
  return /^\d+$/.test(labels.at(-1) ?? "") ? undefined : name;
}

/** Why nothing can be reached at a canonical address; undefined when something may. */
export function unreachableAddress(text: string): string | undefined {
  if (/^(0\.|::$)/.test(text)) return "stands for no machine";
  if (/^(2[2-3]\d\.|ff)/.test(text)) return "is a multicast address";
  if (/^(24\d|25[0-5])\./.test(text)) return "is a reserved address";
  if (/^::ffff:\d+\./.test(text)) return "is IPv4 written as IPv6, which is never on the wire";
  if (/^fe[89ab][0-9a-f]:/.test(text)) return "is link-local: it means something on one link only";
  return undefined;
}

/** How a name in another script is written in DNS (RFC 5891); undefined when it is no such name. */
export function asciiHost(text: string): string | undefined {
  if (!/[\u0080-\uffff]/.test(text) || /[\s/?#@:%\\]/.test(text)) return undefined;
  const [, wildcard = "", rest = ""] = /^(\*\.)?(.*)$/s.exec(text) ?? [];
  const ascii = canonicalHost(URL.parse(`http://${rest}/`)?.hostname ?? "");
  return ascii?.includes("xn--") ? `${wildcard}${ascii}` : undefined;
}

/** The owner name of a DNS record: a host name, or one under a wildcard (`*.x`), or undefined. */
export function canonicalOwner(text: string): string | undefined {
  if (!text.startsWith("*.")) return canonicalHost(text);
  const rest = canonicalHost(text.slice(2));
  return rest === undefined || rest.length > 251 ? undefined : `*.${rest}`;
}

/**
 * `192.0.2.1`, `192.0.2.1:8080`, `2001:db8::1`, `[2001:db8::1]:8080`, `host.example`,
 * `host.example:8080`; undefined for anything else.
 */
export function parseTarget(text: string): Target | undefined {
  const ipv6 = canonicalIpv6(text);
  if (ipv6 !== undefined) return { ipv6 };
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text);
  if (bracketed !== null) {
    const inner = canonicalIpv6(bracketed[1] ?? "");
    return inner === undefined ? undefined : withPort({ ipv6: inner }, bracketed[2]);
  }
  const [head = "", tail, ...rest] = text.split(":");
  if (rest.length > 0 || (tail !== undefined && !/^\d{1,5}$/.test(tail))) return undefined;
  const ipv4 = canonicalIpv4(head);
  if (ipv4 !== undefined) return withPort({ ipv4 }, tail);
  const host = canonicalHost(head);
  return host === undefined ? undefined : withPort({ host }, tail);
}

function withPort(address: Target, text: string | undefined): Target | undefined {
  if (text === undefined) return address;
  const port = Number(text);
  return port >= 1 && port <= 65_535 ? { ...address, port } : undefined;
}

/**
 * How an endpoint is printed and named in overrides: `192.0.2.1:80`, `[2001:db8::1]:80`, `h:80`.
 */
export function formatTarget(address: Target): string {
  const port = address.port === undefined ? "" : `:${address.port}`;
  if (address.host !== undefined) return `${address.host}${port}`;
  if (address.ipv4 !== undefined) return `${address.ipv4}${port}`;
  const ipv6 = address.ipv6 ?? "";
  return port === "" ? ipv6 : `[${ipv6}]${port}`;
}

/** Canonical text of a prefix whose host bits are zero, or undefined. */
export function canonicalCidr(text: string): string | undefined {
  const prefix = text.includes("/") ? parsePrefix(text) : undefined;
  return prefix === undefined || prefix.hostBits ? undefined : formatPrefix(prefix);
}
