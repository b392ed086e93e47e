/**
 * The certificate that DNS over TLS and over HTTPS show, which may be replaced while they serve:
 * who has a connection keeps the one he began with. Filled by parts/tls-files.ts.
 */
import { createSecureContext, type SecureContext } from "node:tls";

/** PEM: the chain, the server's own certificate first, and its key. */
export interface TlsPair {
  readonly certificate: string;
  readonly key: string;
}

export class TlsIdentity {
  #pair: TlsPair | undefined;
  #context: SecureContext | undefined;
  readonly #followers = new Set<(pair: TlsPair) => void>();

  get pair(): TlsPair | undefined {
    return this.#pair;
  }

  get context(): SecureContext | undefined {
    return this.#context;
  }

  /** Throws what OpenSSL says of a pair that is none, and keeps the one before. */
  set(pair: TlsPair): void {
    const { certificate: cert, key } = pair;
    this.#context = createSecureContext({ cert, key, minVersion: "TLSv1.2" });
    this.#pair = pair;
    for (const follower of this.#followers) follower(pair);
  }

  /** Calls `follower` with every later pair; the result ends that. */
  follow(follower: (pair: TlsPair) => void): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }
}
