/**
 * The store contract: configuration revisions, overrides, verdicts, audit records. Health does not
 * pass through it. One battery (test/battery/store.ts) runs against every implementation; sqlite.ts
 * is the embedded one. Values are JSON texts; keys are `kind/name` paths of printable ASCII, at
 * most limits.storeKeyCharsMax long, and stand in the order of their bytes. What storage itself
 * does wrong (full, damaged, locked) rejects with a StoreError; what callers must expect is a
 * result.
 */
export interface StoredValue {
  readonly key: string;
  readonly value: string;
  /** Grows with every write to the store; the revision of this key's last write. */
  readonly revision: number;
}

export type PutResult =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly reason: "conflict"; readonly current: StoredValue | undefined }
  /** The lease given is over: nothing was written. */
  | { readonly ok: false; readonly reason: "lease-expired" };

export interface StoreChange {
  readonly key: string;
  /** undefined: deleted. */
  readonly value: string | undefined;
  readonly revision: number;
}

export interface Lease {
  readonly id: string;
  /** False when it is over; then its keys are gone, or may be another's. */
  renew(): Promise<boolean>;
  /** Ends it now, with its keys. */
  release(): Promise<void>;
}

export interface Store {
  /** Revision of the last write: read it, then list, then watch from it to miss nothing. */
  revision(): Promise<number>;
  get(key: string): Promise<StoredValue | undefined>;
  /**
   * Keys with the prefix, in key order, at most `limit` (1,000 unless told), after `after`
   * (exclusive). A page of long values ends sooner; only an empty page is the end.
   */
  list(
    prefix: string,
    options?: { readonly after?: string; readonly limit?: number },
  ): Promise<readonly StoredValue[]>;
  /**
   * Writes if the key's current revision is `ifRevision` (0: the key must not exist). A `value` of
   * undefined deletes; deleting what is not there writes nothing. Acknowledged means durable. With
   * `lease` the key vanishes when that expires; without, a key that had one stays for good.
   */
  putIf(
    key: string,
    value: string | undefined,
    options: { readonly ifRevision: number; readonly lease?: Lease },
  ): Promise<PutResult>;
  /**
   * Changes after `fromRevision`, in order, without a gap or a step back, until `signal` aborts or
   * the store closes. History is bounded: when it does not reach back that far, or the store has
   * never seen that revision, the iteration rejects with `history` and the reader lists again.
   */
  watch(
    prefix: string,
    options: { readonly fromRevision: number; readonly signal: AbortSignal },
  ): AsyncIterable<StoreChange>;
  lease(ttlMs: number): Promise<Lease>;
  close(): Promise<void>;
}

export type StoreErrorCode =
  /** The key or value is not one the contract allows. */
  | "invalid"
  /** History does not reach back to the revision asked for. */
  | "history"
  /** Another process holds the store for too long. */
  | "busy"
  /** No space left. */
  | "full"
  /** What is stored is not what was written. */
  | "damaged"
  | "closed"
  /** Anything else storage says. */
  | "failed";

export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.name = "StoreError";
    this.code = code;
  }
}
