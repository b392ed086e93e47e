/**
 * Declared demand: stable locations -> amounts by class. Called by compile-capacity.ts. A location
 * that is of several classes is spread over them by its IPv4 addresses; one that has none, by its
 * IPv6 networks of /48; in whole thousandths, by largest remainder.
 */
import type { Leaves, Location } from "../geo/geography.ts";
import { locationKeys } from "../lib/stable-location.ts";

interface Cell {
  readonly location: number;
  readonly addresses4: number;
  readonly networks6: number;
}

export class DemandPlaces {
  readonly #byKey = new Map<string, Cell[]>();

  constructor(places: {
    readonly v4: Leaves;
    readonly v6: Leaves;
    readonly locations: readonly Location[];
  }) {
    const addresses4 = new Float64Array(places.locations.length);
    const networks6 = new Float64Array(places.locations.length);
    places.v4.lengths.forEach((length, leaf) => {
      const location = places.v4.locations[leaf] ?? 0;
      addresses4[location] = (addresses4[location] ?? 0) + 2 ** (32 - length);
    });
    places.v6.lengths.forEach((length, leaf) => {
      const location = places.v6.locations[leaf] ?? 0;
      networks6[location] = (networks6[location] ?? 0) + 2 ** Math.max(0, 48 - length);
    });
    places.locations.forEach((each, location) => {
      const cell = {
        location,
        addresses4: addresses4[location] ?? 0,
        networks6: networks6[location] ?? 0,
      };
      for (const key of locationKeys(each)) {
        this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), cell]);
      }
    });
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Adds `amount` thousandths from a location to the classes it is of. */
  spread(
    key: string,
    amount: number,
    into: { readonly classOfLocation: Uint16Array; readonly demand: number[] },
  ): void {
    const cells = this.#byKey.get(key) ?? [];
    const in4 = cells.some(({ addresses4 }) => addresses4 > 0);
    const weights = new Map<number, number>();
    for (const { location, addresses4, networks6 } of cells) {
      const classIndex = into.classOfLocation[location] ?? 0;
      weights.set(classIndex, (weights.get(classIndex) ?? 0) + (in4 ? addresses4 : networks6));
    }
    const classes = [...weights].filter(([, weight]) => weight > 0).sort(([a], [b]) => a - b);
    const total = classes.reduce((sum, [, weight]) => sum + weight, 0);
    if (total === 0) return;
    const parts = classes.map(([classIndex, weight]) => {
      const scaled = BigInt(amount) * BigInt(weight);
      return { classIndex, floor: Number(scaled / BigInt(total)), rest: scaled % BigInt(total) };
    });
    let missing = amount - parts.reduce((sum, { floor }) => sum + floor, 0);
    const order = parts.toSorted((a, b) => (a.rest === b.rest ? 0 : a.rest > b.rest ? -1 : 1));
    for (const { classIndex, floor } of order) {
      const more = missing > 0 ? 1 : 0;
      missing -= more;
      into.demand[classIndex] = (into.demand[classIndex] ?? 0) + floor + more;
    }
  }
}
