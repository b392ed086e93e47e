/**
 * EDNS Client Subnet (RFC 7871): the option of a query, strictly read, and the address it stands
 * for. Every malformed form is FORMERR, as section 7.1.2 of the RFC asks; resolvers that
 * send one are few, and guessing what they meant would poison their caches.
 */
const maxSource = { 1: 32, 2: 128 } as const;

export interface ClientSubnet {
  present: boolean;
  family: 4 | 6;
  source: number;
  /** To be sent back: how much of the address the answer depends on. */
  scope: number;
  /** Four words, most significant first; IPv4 in the first. Bits beyond `source` are 0. */
  readonly words: Uint32Array;
  /** Where the option's data stands in the request, to be repeated. */
  dataAt: number;
  dataLength: number;
}

export function createClientSubnet(): ClientSubnet {
  return {
    present: false,
    family: 4,
    source: 0,
    scope: 0,
    words: new Uint32Array(4),
    dataAt: 0,
    dataLength: 0,
  };
}

/**
 * The option's data in bytes[at .. end). False when malformed:
 *
 *   shorter than its fixed part · a second option · a family other than 1 and 2
 *   a source longer than the family's addresses · a scope other than 0 in a query
 *   an address that has not exactly the octets that the source needs, or bits beyond the source
 */
export function readClientSubnet(
  subnet: ClientSubnet,
  bytes: Uint8Array,
  at: number,
  end: number,
): boolean {
  if (subnet.present || end - at < 4) return false;
  const family = (bytes[at]! << 8) | bytes[at + 1]!;
  const source = bytes[at + 2]!;
  if ((family !== 1 && family !== 2) || source > maxSource[family]) return false;
  if (bytes[at + 3] !== 0 || end - at - 4 !== (source + 7) >> 3) return false;
  const spare = (8 - (source & 7)) & 7;
  if (spare > 0 && (bytes[end - 1]! & ((1 << spare) - 1)) !== 0) return false;
  const { words } = subnet;
  words[0] = words[1] = words[2] = words[3] = 0;
  for (let i = 0, octet = at + 4; octet < end; i++, octet++) {
    words[i >> 2]! |= bytes[octet]! << (24 - (i & 3) * 8);
  }
  subnet.present = true;
  subnet.family = family === 1 ? 4 : 6;
  subnet.source = source;
  subnet.dataAt = at;
  subnet.dataLength = end - at;
  return true;
}
