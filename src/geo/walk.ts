/**
 * Walks the search tree of one database into leaves of both families. compile.ts calls it once a
 * database. Each node visited is one step of the file's budget, so a tree that loops, or shares
 * subtrees into an endless number of leaves, is a fault.
 */
import { limits } from "../limits.ts";
import { adaptRecord, wantedFields } from "./adapt.ts";
import type { Location, LocationIndex } from "./geography.ts";
import { clearBit, LeafBuilder, type PlainLeaves, setBit, uniformLeaves } from "./leaves.ts";
import { LocationTable } from "./locations.ts";
import { type Mmdb, mmdbRecord } from "./mmdb.ts";

export interface WalkedDatabase {
  readonly v4: PlainLeaves;
  readonly v6: PlainLeaves;
  /** As the records say, not completed; 0 is unknown. */
  readonly locations: readonly Location[];
}

type WalkResult =
  | { readonly ok: true; readonly walked: WalkedDatabase }
  | { readonly ok: false; readonly reason: string };

/** Where IPv4 begins: the node (or record) at ::/96 of an IPv6 tree. */
function ipv4Root(database: Mmdb): number {
  const { nodeCount, ipVersion } = database.metadata;
  let node = 0;
  for (let depth = 0; ipVersion === 6 && depth < 96 && node < nodeCount; depth++) {
    node = mmdbRecord(database, node, 0);
  }
  return node;
}

/** A record's value -> location: decoded once for each different place in the data section. */
function locator(database: Mmdb, table: LocationTable): (record: number) => LocationIndex {
  const { decoder, metadata, dataBytes } = database;
  const seen = new Map<number, LocationIndex>();
  return (record) => {
    if (record === metadata.nodeCount) return 0 as LocationIndex;
    const known = seen.get(record);
    if (known !== undefined) return known;
    // The separator of 16 bytes counts into the record's value.
    const offset = record - metadata.nodeCount - 16;
    let location = 0 as LocationIndex;
    if (offset < 0 || offset >= dataBytes) decoder.fail("a record leads outside the data");
    else location = table.intern(adaptRecord(decoder.decode(offset, wantedFields)));
    seen.set(record, location);
    return location;
  };
}

interface Walk {
  readonly root: number;
  readonly words: 1 | 4;
  /** A node that is not entered: unknown stands in its place. -1 for none. */
  readonly stopAt: number;
  readonly locate: (record: number) => LocationIndex;
}

function walkTree(database: Mmdb, walk: Walk): PlainLeaves {
  const { decoder, metadata } = database;
  const bits = walk.words * 32;
  // A tree has one leaf more than nodes; what is not used of this is not touched either.
  const capacity = Math.min(metadata.nodeCount, limits.geoLeavesMax) + 1;
  const builder = new LeafBuilder(walk.words, capacity);
  const start = new Uint32Array(walk.words);
  const visit = (record: number, depth: number): void => {
    if (decoder.fault !== "") return;
    if (record >= metadata.nodeCount || record === walk.stopAt) {
      const location = record === walk.stopAt ? 0 : walk.locate(record);
      builder.append(start, { length: depth, location });
      if (builder.count > limits.geoLeavesMax) decoder.fail("it has more prefixes than the limit");
      return;
    }
    if (!decoder.step()) return;
    if (depth === bits) {
      decoder.fail("its search tree is deeper than an address");
      return;
    }
    visit(mmdbRecord(database, record, 0), depth + 1);
    setBit(start, depth);
    visit(mmdbRecord(database, record, 1), depth + 1);
    clearBit(start, depth);
  };
  visit(walk.root, 0);
  return builder.finish();
}

/**
 * In an IPv6 tree the node of ::/96 is the root of IPv4, and writers let ::ffff:0:0/96, 2002::/16
 * and 2001::/32 lead to it too. lookup.ts turns such addresses into IPv4 before it asks, so the
 * IPv6 walk enters that node nowhere.
 */
export function walkDatabase(database: Mmdb): WalkResult {
  const { decoder, metadata } = database;
  const table = new LocationTable();
  const locate = locator(database, table);
  const root = ipv4Root(database);
  const v4 = walkTree(database, { root, words: 1, stopAt: -1, locate });
  const stopAt = root < metadata.nodeCount ? root : -1;
  const v6 =
    metadata.ipVersion === 6
      ? walkTree(database, { root: 0, words: 4, stopAt, locate })
      : uniformLeaves(4, 0);
  if (decoder.fault !== "") return { ok: false, reason: decoder.fault };
  return { ok: true, walked: { v4, v6, locations: table.list } };
}
