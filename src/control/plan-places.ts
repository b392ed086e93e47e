/**
 * Which addresses a stable location is, and which classes they are of: in one policy, or in two at
 * once. Called by plan.ts and simulate.ts. Two policies are laid over each other leaf by leaf, so a
 * rule that swaps two halves of a country shows although its totals stay. A location counts by IPv4
 * addresses; one that has none, by IPv6 networks of /48.
 */
import type { Leaves } from "../geo/geography.ts";
import { locationKeys } from "../lib/stable-location.ts";
import type { Policy, RuleSet } from "../policy/policy.ts";

/** Addresses that have one location before and one after. */
interface PlaceCell {
  readonly before: number;
  readonly after: number;
  addresses4: number;
  networks6: number;
}

export interface ClassPair {
  /** Classes of the rule sets asked about; -1 where there is none. */
  readonly before: number;
  readonly after: number;
  /** Part of the location, 0 .. 1. */
  readonly part: number;
}

type Columns = RuleSet["classOfLocation"];
const noColumns = new Uint16Array(0);

export class Places {
  readonly #byKey = new Map<string, readonly PlaceCell[]>();
  readonly #pairs = new Map<Columns, Map<Columns, Map<string, readonly ClassPair[]>>>();

  /** Locations are those of `before`: its geography is the one demand was counted under. */
  constructor(before: Policy, after: Policy) {
    const cells = new Map<number, PlaceCell>();
    layOver(before, after, cells);
    const byKey = new Map<string, PlaceCell[]>();
    for (const cell of cells.values()) {
      for (const key of locationKeys(before.locations[cell.before]!)) {
        const list = byKey.get(key);
        if (list === undefined) byKey.set(key, [cell]);
        else list.push(cell);
      }
    }
    for (const [key, list] of byKey) {
      this.#byKey.set(
        key,
        list.sort((a, b) => a.before - b.before || a.after - b.after),
      );
    }
  }

  has(location: string): boolean {
    return this.#byKey.has(location);
  }

  /** In the order of the alphabet. */
  get keys(): readonly string[] {
    return [...this.#byKey.keys()].sort();
  }

  /** How a location parts into classes; the parts sum to 1, in the order of the geography. */
  pairsOf(
    location: string,
    of: { readonly before: RuleSet | undefined; readonly after: RuleSet | undefined },
  ): readonly ClassPair[] {
    const before = of.before?.classOfLocation ?? noColumns;
    const after = of.after?.classOfLocation ?? noColumns;
    const byAfter = getOr(this.#pairs, before, () => new Map<Columns, Map<string, ClassPair[]>>());
    const byKey = getOr(byAfter, after, () => new Map<string, ClassPair[]>());
    return getOr(byKey, location, () => this.#makePairs(location, before, after));
  }

  #makePairs(location: string, before: Columns, after: Columns): ClassPair[] {
    const cells = this.#byKey.get(location) ?? [];
    const weights = new Map<string, { before: number; after: number; weight: number }>();
    const in4 = cells.some(({ addresses4 }) => addresses4 > 0);
    let total = 0;
    for (const cell of cells) {
      const weight = in4 ? cell.addresses4 : cell.networks6;
      if (weight === 0) continue;
      const pair = { before: before[cell.before] ?? -1, after: after[cell.after] ?? -1 };
      const sum = getOr(weights, `${pair.before} ${pair.after}`, () => ({ ...pair, weight: 0 }));
      sum.weight += weight;
      total += weight;
    }
    return [...weights.values()].map(({ weight, ...pair }) => ({ ...pair, part: weight / total }));
  }
}

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

/** Walks the leaves of both side by side: both cover every address without a gap. */
function layOver(before: Policy, after: Policy, cells: Map<number, PlaceCell>): void {
  for (const family of [4, 6] as const) {
    const one = family === 4 ? before.v4 : before.v6;
    const other = family === 4 ? after.v4 : after.v6;
    let a = 0;
    let b = 0;
    while (a < one.lengths.length && b < other.lengths.length) {
      const lengthA = one.lengths[a]!;
      const lengthB = other.lengths[b]!;
      const cell = cellOf(cells, {
        before: one.locations[a]!,
        after: other.locations[b]!,
        width: after.locations.length,
      });
      const length = Math.max(lengthA, lengthB);
      if (family === 4) cell.addresses4 += 2 ** (32 - length);
      // A network longer than /48 counts as one: it has clients too.
      else cell.networks6 += 2 ** Math.max(0, 48 - length);
      // The longer leaf lies inside the other, which goes on until its last part is taken.
      const endsA = lengthA >= lengthB || endsWith(one, a, { inner: other, at: b });
      const endsB = lengthB >= lengthA || endsWith(other, b, { inner: one, at: a });
      if (endsA) a++;
      if (endsB) b++;
    }
  }
}

/** The leaf `at` of `inner` lies inside leaf `outerAt` of `outer`: is it the last one there? */
function endsWith(
  outer: Leaves,
  outerAt: number,
  of: { readonly inner: Leaves; readonly at: number },
): boolean {
  const next = outerAt + 1;
  const { inner, at } = of;
  if (at + 1 >= inner.lengths.length) return true;
  if (next >= outer.lengths.length) return false;
  for (let word = 0; word < outer.words; word++) {
    const innerWord = inner.starts[(at + 1) * inner.words + word]!;
    if (innerWord !== outer.starts[next * outer.words + word]!) return false;
  }
  return true;
}

function cellOf(
  cells: Map<number, PlaceCell>,
  of: { readonly before: number; readonly after: number; readonly width: number },
): PlaceCell {
  const { before, after } = of;
  return getOr(cells, before * of.width + after, () => ({
    before,
    after,
    addresses4: 0,
    networks6: 0,
  }));
}
