/**
 * Host names as a request writes them, and which service they mean. Names come from configuration;
 * what a client writes is only ever compared, never repeated. Called by redirect.ts.
 */
import { findService, holdsName } from "../../policy/name-lookup.ts";
import type { NameTable } from "../../policy/name-table.ts";
import type { Service, ServiceIndex } from "../../policy/policy.ts";

export interface Authority {
  /** Lower case, without a final dot; an IPv6 address keeps its brackets. */
  readonly host: string;
  /** As written; "" when none is. */
  readonly port: string;
}

/** RFC 3986 `host [":" port]`, and nothing else: no user, no percent sign, no empty host. */
export function parseAuthority(text: string): Authority | undefined {
  const match = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,254})(?::(\d{0,5}))?$/.exec(text);
  const name = match?.[1];
  if (name === undefined) return undefined;
  const port = match?.[2] ?? "";
  if (port !== "" && (Number(port) === 0 || Number(port) > 65_535)) return undefined;
  const host = name.toLowerCase().replace(/\.$/, "");
  // RFC 9110 section 4.2.3: an empty port, and one of other spelling, are the same.
  return host === "" ? undefined : { host, port: port === "" ? "" : String(Number(port)) };
}

export interface HostIndex {
  readonly exact: ReadonlyMap<string, ServiceIndex>;
  /** By the name after `*.`. */
  readonly wildcard: ReadonlyMap<string, ServiceIndex>;
}

export function indexHosts(services: readonly Service[]): HostIndex {
  const exact = new Map<string, ServiceIndex>();
  const wildcard = new Map<string, ServiceIndex>();
  services.forEach((service, index) => {
    for (const name of service.names) {
      if (name.startsWith("*.")) wildcard.set(name.slice(2), index as ServiceIndex);
      else exact.set(name, index as ServiceIndex);
    }
  });
  return { exact, wildcard };
}

/**
 * The service of a host. In a zone of ours the zone says, so that this front and DNS agree on
 * wildcards, empty non-terminals and static records (RFC 4592 section 3.3.1). Elsewhere: its own
 * name, else the wildcard of the nearest name above it.
 */
export function findHost(
  index: HostIndex,
  names: NameTable,
  host: string,
): ServiceIndex | undefined {
  if (holdsName(names, host)) return findService(names, host);
  const own = index.exact.get(host);
  if (own !== undefined) return own;
  let dot = host.indexOf(".");
  while (dot !== -1) {
    const above = host.slice(dot + 1);
    const covered = index.wildcard.get(above);
    if (covered !== undefined) return covered;
    if (index.exact.has(above)) return undefined;
    dot = host.indexOf(".", dot + 1);
  }
  return undefined;
}
