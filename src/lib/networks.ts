/**
 * Lists of networks that decide who may do what: read once from a policy's prefixes, asked without
 * allocation. Used by every front.
 */
import { assert } from "../errors.ts";
import { parsePrefix } from "./ip.ts";

/** Five words a network: length and family, then the address. */
export type Networks = Int32Array;

const rowWords = 5;

/** The configuration has been checked; anything but prefixes and addresses is a bug of ours. */
export function readNetworks(prefixes: readonly string[]): Networks {
  const rows = prefixes.flatMap((text) => {
    const prefix = parsePrefix(text);
    assert(prefix !== undefined, `network ${text}`);
    return [prefix.length | (prefix.family << 8), ...prefix.words];
  });
  return Int32Array.from(rows, (word) => word | 0);
}

/** `words`: most significant first from `wordsAt` on; IPv4 in the first. */
// Plain arguments, not an options object: called for responses, and must not allocate.
export function isInNetworks(
  networks: Networks,
  family: 4 | 6,
  words: Uint32Array,
  wordsAt = 0,
): boolean {
  for (let row = 0; row < networks.length; row += rowWords) {
    const head = networks[row]!;
    if (head >> 8 !== family) continue;
    let differs = 0;
    for (let left = head & 0xff, i = 0; left > 0; left -= 32, i++) {
      const kept = left >= 32 ? -1 : -1 << (32 - left);
      differs |= (networks[row + 1 + i]! ^ words[wordsAt + i]!) & kept;
    }
    if (differs === 0) return true;
  }
  return false;
}
