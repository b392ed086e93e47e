/**
 * The store contract: configuration revisions, overrides, verdicts, audit records. Health does not
 * pass through it. One battery (test/battery/store.ts) runs against every implementation; sqlite.ts
 * is the embedded one. Values are JSON texts; keys are `kind/name` paths.
 */
export interface StoredValue {
  readonly key: string;
  readonly value: string;
  /** Grows with every write to the store; the revision of this key's last write. */
  readonly revision: number;
}

export type PutResult =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly reason: "conflict"; readonly current: StoredValue | undefined };

export interface StoreChange {
  readonly key: string;
  /** undefined: deleted. */
  readonly value: string | undefined;
  readonly revision: number;
}

export interface Lease {
  readonly id: string;
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

export interface Store {
  get(key: string): Promise<StoredValue | undefined>;
  /** All keys with the prefix, in key order, at most `limit`, after `after` (exclusive). */
  list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<readonly StoredValue[]>;
  /**
   * Writes if the key's current revision is `ifRevision` (0: the key must not exist). A `value` of
   * undefined deletes. Acknowledged means durable. With `lease` the key vanishes when it expires.
   */
  putIf(
    key: string,
    value: string | undefined,
    options: { readonly ifRevision: number; readonly lease?: Lease },
  ): Promise<PutResult>;
  /** Changes after `fromRevision`, in order, without a gap or a step back, until `signal` aborts. */
  watch(
    prefix: string,
    options: { readonly fromRevision: number; readonly signal: AbortSignal },
  ): AsyncIterable<StoreChange>;
  lease(ttlMs: number): Promise<Lease>;
  close(): Promise<void>;
}
