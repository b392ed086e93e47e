/**
 * Rule CIDRs laid over the geography, and scopes. policy/compile.ts calls `overlay` once, so that
 * every address of a leaf is in the same rule CIDRs, and `scopes` once a rule set, for the answer's
 * ECS scope. Pure, and linear in the leaves.
 */
import { assert } from "../errors.ts";
import type { Prefix } from "../lib/ip.ts";
import type { Geography, Leaves, LocationIndex } from "./geography.ts";
import { bitAt, cutLeaves, indexLeaves, plantCuts } from "./leaves.ts";
import { unmappedPrefix } from "./overrides.ts";

/** What one of the overlay's locations stands for. */
export interface OverlayMember {
  /** Of the geography. */
  readonly location: LocationIndex;
  /** Positions, ascending, of the rule CIDRs that hold it. */
  readonly cidrs: readonly number[];
}

export interface Overlay {
  readonly v4: Leaves;
  readonly v6: Leaves;
  /** The geography's own locations first, index for index, then those inside rule CIDRs. */
  readonly members: readonly OverlayMember[];
}

const none: readonly number[] = [];

/**
 * Leaves are cut where a CIDR begins inside one. Without CIDRs the geography's own arrays come
 * back. A CIDR of v4-mapped, NAT64 or 6to4 addresses holds the IPv4 addresses inside, as lookups
 * do.
 */
export function overlay(
  geography: Pick<Geography, "v4" | "v6" | "locations">,
  cidrs: readonly Prefix[],
): Overlay {
  const members: OverlayMember[] = geography.locations.map((_, i) => ({
    location: i as LocationIndex,
    cidrs: none,
  }));
  // One interning for both families: (location, set of CIDRs) -> index. The set is a text, since
  // the same set may come from different nodes.
  const interned = new Map<string, number>();
  const lay = (leaves: Leaves, family: 4 | 6): Leaves => {
    const forest = plantCuts(
      cidrs.flatMap((cidr, member) => {
        const prefix = unmappedPrefix(cidr);
        return prefix.family === family ? [{ ...prefix, member }] : [];
      }),
    );
    if (forest.cuts.length === 0) return leaves;
    const sets = forest.cuts.map((_, node) => {
      const all: number[] = [];
      for (let at = node; at >= 0; at = forest.parents[at]!) all.push(...forest.members[at]!);
      return all.sort((a, b) => a - b);
    });
    const setNames = sets.map((set) => set.join(","));
    const cut = cutLeaves(leaves, forest, (location, node) => {
      if (node < 0) return location;
      const key = `${location} ${setNames[node]}`;
      const known = interned.get(key);
      if (known !== undefined) return known;
      const index = members.length;
      members.push({ location, cidrs: sets[node]! });
      interned.set(key, index);
      return index;
    });
    return indexLeaves(cut);
  };
  const v4 = lay(geography.v4, 4);
  const v6 = lay(geography.v6, 6);
  return { v4, v6, members };
}

/**
 * For every leaf the length of the shortest prefix that holds it and on which the class is constant
 * (RFC 7871 section 7.2.1: a scope must not cover networks that get another answer). One pass:
 * blocks of one class wait on a stack, and a right sibling of the class of its left one joins it.
 */
export function scopes(leaves: Leaves, classOfLocation: Uint16Array): Uint8Array {
  const { words, starts, lengths, locations } = leaves;
  const count = lengths.length;
  const result = new Uint8Array(count);
  // Block b holds the leaves from firsts[b] to where the next block begins.
  const firsts = new Uint32Array(count);
  const blockLengths = new Uint8Array(count);
  const blockClasses = new Uint16Array(count);
  let blocks = 0;
  for (let leaf = 0; leaf < count; leaf++) {
    assert(locations[leaf]! < classOfLocation.length, "every location has a class");
    const leafClass = classOfLocation[locations[leaf]!]!;
    let first = leaf;
    let length = lengths[leaf]!;
    while (
      blocks > 0 &&
      length > 0 &&
      bitAt(starts, leaf * words * 32 + length - 1) === 1 &&
      blockLengths[blocks - 1] === length &&
      blockClasses[blocks - 1] === leafClass
    ) {
      first = firsts[--blocks]!;
      length--;
    }
    firsts[blocks] = first;
    blockLengths[blocks] = length;
    blockClasses[blocks++] = leafClass;
  }
  for (let block = 0; block < blocks; block++) {
    const end = block + 1 < blocks ? firsts[block + 1]! : count;
    result.fill(blockLengths[block]!, firsts[block]!, end);
  }
  return result;
}
