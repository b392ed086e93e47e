/**
 * The endpoints of a policy as columns: what an answer says of them. Made once a policy, read once
 * an answer; lies in shared memory when workers read it too.
 */
import { assert } from "../../errors.ts";
import type { Endpoint } from "../../policy/policy.ts";
import { parseName } from "../../wire/dns-name.ts";

/** Bits of `kinds`. */
export const endpointKinds = {
  ipv4: 1,
  ipv6: 2,
  /** Its addresses are World's. */
  host: 4,
  /** Answered as a CNAME, which is in `cnames`. */
  cname: 8,
} as const;

export interface EndpointTable {
  readonly kinds: Uint8Array;
  /** 4 octets an endpoint. */
  readonly ipv4: Uint8Array;
  /** 16 octets an endpoint. */
  readonly ipv6: Uint8Array;
  /** Wire names, by endpoint. */
  readonly cnames: ReadonlyMap<number, Uint8Array>;
}

export type AnswerEndpoint = Pick<Endpoint, "name" | "host" | "cname" | "ipv4" | "ipv6">;

export function createEndpointTable(endpoints: readonly AnswerEndpoint[]): EndpointTable {
  const bytes = (length: number): Uint8Array => new Uint8Array(new SharedArrayBuffer(length));
  const kinds = bytes(endpoints.length);
  const ipv4 = bytes(endpoints.length * 4);
  const ipv6 = bytes(endpoints.length * 16);
  const cnames = new Map<number, Uint8Array>();
  endpoints.forEach((endpoint, index) => {
    if (endpoint.cname) {
      const name = parseName(endpoint.host);
      assert(name.ok, `endpoint ${endpoint.name} is a name`);
      cnames.set(index, name.value);
      kinds[index] = endpointKinds.cname;
    } else if (endpoint.host !== "") kinds[index] = endpointKinds.host;
    else {
      const four = endpoint.ipv4.length === 4;
      const six = endpoint.ipv6.length === 16;
      if (four) ipv4.set(endpoint.ipv4, index * 4);
      if (six) ipv6.set(endpoint.ipv6, index * 16);
      kinds[index] = (four ? endpointKinds.ipv4 : 0) | (six ? endpointKinds.ipv6 : 0);
    }
  });
  return { kinds, ipv4, ipv6, cnames };
}
