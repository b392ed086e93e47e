/**
 * Keys: 32 bits that pick a slot. `query` keys are a draw the front passes; `client` keys follow
 * from the client's masked prefix, so that a client stays where it was, and every front and
 * HAProxy's `src,ipmask(24,56),xxh32(seed)` agree on it. Called by fronts once a query: nothing
 * allocates.
 */
import { xxh32WordsSigned } from "../lib/xxh32.ts";
import type { Service } from "../policy/policy.ts";

/** xxh32WordsSigned reads words as HAProxy's hash reads memory, least significant byte first. */
const swapped = (word: number): number =>
  (word >>> 24) | ((word >>> 8) & 0xff00) | ((word & 0xff00) << 8) | (word << 24) | 0;

/** The bits of the word that begins at bit `from` which a mask of `length` bits keeps. */
function maskAt(length: number, from: number): number {
  const kept = length - from;
  if (kept <= 0) return 0;
  return kept >= 32 ? -1 : -1 << (32 - kept);
}

/** `words`: the client's address, most significant first; IPv4 in the first of them. */
// Plain arguments, not an options object: called once a query, and must not allocate.
export function clientKey(service: Service, family: 4 | 6, words: Uint32Array): number {
  return signedClientKey(service, family, words) >>> 0;
}

/** The same 32 bits as a signed number, for the hottest path: it is never allocated. */
export function signedClientKey(
  service: Pick<Service, "seed" | "affinityMask4" | "affinityMask6">,
  family: 4 | 6,
  words: Uint32Array,
): number {
  // A number over 2^31 is kept boxed in its object, and boxed anew when it is handed on.
  const seed = service.seed | 0;
  if (family === 4) {
    const only = swapped(words[0]! & maskAt(service.affinityMask4, 0));
    return xxh32WordsSigned(1, only, 0, 0, 0, seed);
  }
  const mask = service.affinityMask6;
  return xxh32WordsSigned(
    4,
    swapped(words[0]! & maskAt(mask, 0)),
    swapped(words[1]! & maskAt(mask, 32)),
    swapped(words[2]! & maskAt(mask, 64)),
    swapped(words[3]! & maskAt(mask, 96)),
    seed,
  );
}

/** The key of the second level: MurmurHash3's 32-bit finaliser, which reverses nothing it mixes. */
export function rowKey(key: number): number {
  let mixed = key;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
