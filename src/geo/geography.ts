/**
 * Geography: where clients are. Plain typed columns, compiled once from a database by compile.ts,
 * cached on disk by digest, read by lookup.ts. The leaves of a family cover its whole address space
 * without a gap: space the database does not list, private space included, is location 0,
 * `unknown`.
 */
import type { Brand } from "../lib/brand.ts";

export type LocationIndex = Brand<number, "LocationIndex">;
/** A position in `Leaves`. IPv4 and IPv6 leaves are counted apart. */
export type LeafIndex = Brand<number, "LeafIndex">;

/** What rules can ask about a place. Empty strings and NaN where the database does not say. */
export interface Location {
  /** ISO 3166-1 alpha-2, upper case; "" for unknown. */
  readonly country: string;
  /** AF AN AS EU NA OC SA; "" for unknown. */
  readonly continent: string;
  /** ISO 3166-2 such as `US-CA`; "" where not known. */
  readonly subdivision: string;
  readonly asn: number;
  /** Degrees; NaN where not known. */
  readonly latitude: number;
  readonly longitude: number;
}

/**
 * Leaves in address order. `starts` has `words` unsigned 32-bit words a leaf (1 for IPv4, 4 for
 * IPv6, most significant first); leaf i is the prefix starts[i]/lengths[i], at location
 * locations[i]. `index` narrows a search: at an address's bucket (leaves.ts `bucketOf`) it has the
 * leaf that holds the bucket's first address, and the next entry that of the bucket after.
 */
export interface Leaves {
  readonly words: 1 | 4;
  readonly starts: Uint32Array;
  readonly lengths: Uint8Array;
  readonly locations: Uint32Array;
  readonly index: Uint32Array;
}

export interface Geography {
  /** SHA-256 (hex) of the database bytes, the CIDR overrides and the compiler's version. */
  readonly digest: string;
  readonly source: {
    readonly name: string;
    readonly license: string;
    /** Seconds since the epoch when the database was built; 0 if it does not say. */
    readonly builtAtSeconds: number;
    /** True when the database has no coordinates: a country is one point (overrides apart). */
    readonly onePointPerCountry: boolean;
  };
  readonly v4: Leaves;
  readonly v6: Leaves;
  /** Index 0 is `unknown`. */
  readonly locations: readonly Location[];
}
