/**
 * (endpoint, monitor, address) -> ProbeRequest, made once when a policy or an address changes and
 * used for every probe of that endpoint. Called by the observer. Nothing of the configuration can
 * break out of the request line or a header: what does not belong there is percent-encoded or cut.
 */
import { formatAddress, wordsOfBytes } from "../lib/ip.ts";
import type { Endpoint, Monitor } from "../policy/policy.ts";
import type { Resolved } from "../world/world.ts";
import type { ProbeRequest } from "./probe.ts";

export interface ProbeAddress {
  readonly family: 4 | 6;
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
}

const empty = new Uint8Array(0);
const defaultPorts = { http: 80, https: 443, tcp: 0 } as const;

/**
 * The address an endpoint is probed at: IPv4 if it has one, else IPv6; for a host name the first of
 * what it resolves to. Undefined while a host name has no address.
 */
export function probeAddress(
  endpoint: Pick<Endpoint, "ipv4" | "ipv6" | "host">,
  resolved: Pick<Resolved, "ipv4" | "ipv6"> | undefined,
): ProbeAddress | undefined {
  const ipv4 = endpoint.host === "" ? endpoint.ipv4 : (resolved?.ipv4[0] ?? empty);
  if (ipv4.length === 4) return { family: 4, bytes: ipv4 };
  const ipv6 = endpoint.host === "" ? endpoint.ipv6 : (resolved?.ipv6[0] ?? empty);
  if (ipv6.length === 16) return { family: 6, bytes: ipv6 };
  return undefined;
}

export function buildRequest(
  endpoint: Pick<Endpoint, "host" | "port">,
  options: { readonly monitor: Monitor; readonly address: ProbeAddress },
): ProbeRequest {
  const { monitor, address } = options;
  const port = monitor.port === 0 ? endpoint.port || defaultPorts[monitor.kind] : monitor.port;
  const text = addressText(address);
  const host = monitor.host !== "" ? monitor.host : hostOf(endpoint.host, address.family, text);
  const named = monitor.host !== "" || port === defaultPorts[monitor.kind];
  return {
    kind: monitor.kind,
    address: text,
    family: address.family,
    port,
    sourceAddress: monitor.sourceAddress,
    timeoutMs: monitor.timeoutMs,
    send:
      monitor.kind === "tcp" ? empty : getRequest(monitor.path, named ? host : `${host}:${port}`),
    serverName: serverNameOf(monitor, endpoint.host),
    verifyTls: monitor.verifyTls,
    expectStatus: monitor.expectStatus,
    expectBody: Buffer.from(monitor.expectBody, "utf8"),
  };
}

/** Host: what the operator wrote, the endpoint's host name, else its address (RFC 9110 7.2). */
function hostOf(hostName: string, family: 4 | 6, text: string): string {
  if (hostName !== "") return hostName.replace(/\.$/, "");
  return family === 6 ? `[${text}]` : text;
}

function getRequest(path: string, host: string): Uint8Array {
  const target = path.replace(/[^\x21-\x7e]/gu, (character) => encodeText(character));
  const authority = host.replace(/[^\x21-\x7e]/gu, "");
  return Buffer.from(
    `GET ${target} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: rhumb\r\nAccept: */*\r\n` +
      "Accept-Encoding: identity\r\nConnection: close\r\n\r\n",
    "latin1",
  );
}

/** Percent-encoding that a lone surrogate cannot make throw. */
function encodeText(character: string): string {
  return [...Buffer.from(character, "utf8")]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

/** An address is no server name (RFC 6066 section 3): it is then checked as an address. */
function serverNameOf(monitor: Monitor, hostName: string): string {
  const host = monitor.host.startsWith("[") ? "" : monitor.host.replace(/:\d+$/, "");
  const name = (monitor.serverName || host || hostName).replace(/\.$/, "");
  return /^[0-9.]+$/.test(name) || name.includes(":") ? "" : name;
}

function addressText(address: ProbeAddress): string {
  return formatAddress(address.family, wordsOfBytes(address.bytes));
}
