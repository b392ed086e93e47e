/**
 * A service's redirect template and a chosen endpoint -> an origin such as
 * `https://fra.example.com`. Everything in it comes from configuration, or is an address; the
 * result is checked all the same, so that no name can ever end the authority early. Called by
 * redirect.ts.
 */
import { formatAddress, wordsOfBytes } from "../../lib/ip.ts";
import type { Endpoint, EndpointIndex, Policy, Pool, Service } from "../../policy/policy.ts";
import type { World } from "../../world/world.ts";
import { type Authority, parseAuthority } from "./authority.ts";

export interface Origin {
  /** `https://fra.example.com`, without a path. */
  readonly text: string;
  readonly authority: Authority;
}

/** `{address}` is of the client's family when the endpoint has one. */
export function expandTemplate(
  policy: Policy,
  world: World,
  at: {
    readonly service: Service;
    readonly pool: Pool;
    readonly endpoint: EndpointIndex;
    readonly family: 4 | 6;
  },
): Origin | undefined {
  const { service, pool } = at;
  const endpoint = policy.endpoints[at.endpoint]!;
  const template = service.redirect.replace(/\/$/, "");
  const scheme = /^https?:\/\//.exec(template)?.[0];
  if (scheme === undefined) return undefined;
  const addresses = (): string => addressOf(world, endpoint, at);
  const authorityText = template.slice(scheme.length).replace(/\{([a-z]+)\}/g, (_, word) => {
    if (word === "region") return policy.regions[pool.region]!.name;
    // A colour `fra/canary` is one label.
    if (word === "pool") return pool.name.replaceAll("/", "-");
    if (word === "host") return endpoint.host === "" ? addresses() : endpoint.host;
    if (word === "address") return addresses();
    if (word === "port") return portOf(endpoint, scheme);
    return "{";
  });
  const authority = parseAuthority(authorityText);
  if (authority === undefined) return undefined;
  return { text: `${scheme}${authorityText}`, authority };
}

function portOf(endpoint: Endpoint, scheme: string): string {
  if (endpoint.port !== 0) return String(endpoint.port);
  return scheme === "https://" ? "443" : "80";
}

/** As an authority has it: an IPv6 address in brackets; "" when none is known. */
function addressOf(
  world: World,
  endpoint: Endpoint,
  at: { readonly endpoint: EndpointIndex; readonly family: 4 | 6 },
): string {
  const resolved = world.resolved.get(at.endpoint);
  const four = endpoint.host === "" ? endpoint.ipv4 : resolved?.ipv4[0];
  const six = endpoint.host === "" ? endpoint.ipv6 : resolved?.ipv6[0];
  const [first, second] = at.family === 6 ? [six, four] : [four, six];
  const bytes = first?.length ? first : second;
  if (bytes === undefined || bytes.length === 0) return "";
  const text = formatAddress(bytes.length === 4 ? 4 : 6, wordsOfBytes(bytes));
  return bytes.length === 4 ? text : `[${text}]`;
}
