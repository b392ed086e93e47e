/** Addresses as texts -> bytes, for a policy. Called by compile-model.ts and compile-checks.ts. */
import { parseAddress } from "../lib/ip.ts";

export function bytesOf(address: string | undefined): Uint8Array {
  const parsed = address === undefined ? undefined : parseAddress(address);
  return parsed?.bytes ?? new Uint8Array(0);
}
