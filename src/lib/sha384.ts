/** SHA-384 (FIPS 180-4) for the stages that may not import node:*: the digest of ZONEMD. */
import { createHash } from "node:crypto";

export interface Sha384 {
  add(bytes: Uint8Array): void;
  /** 48 octets; nothing may be added after it. */
  digest(): Uint8Array;
}

export function sha384(): Sha384 {
  const hash = createHash("sha384");
  return {
    add: (bytes) => void hash.update(bytes),
    digest: () => new Uint8Array(hash.digest()),
  };
}
