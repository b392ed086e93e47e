/**
 * One DNS look-up of one family, by node:dns (c-ares: it asks the servers itself and uses no
 * thread). Called by resolver.ts. What a server may answer is reduced to three cases, because they
 * are treated differently: addresses, the definite word that there are none, and trouble.
 */
import { Resolver } from "node:dns";
import { bytesOfWords, parseAddress } from "../lib/ip.ts";
import { limits } from "../limits.ts";

export type Family = 4 | 6;

export type LookUpResult =
  | {
      readonly kind: "addresses";
      readonly addresses: readonly Uint8Array[];
      /** The shortest among them. */
      readonly ttlSeconds: number;
    }
  /** NXDOMAIN, or NOERROR without a record of this family. */
  | { readonly kind: "none"; readonly reason: string; readonly nameExists: boolean }
  /** No answer, or one that says nothing about the name. */
  | { readonly kind: "trouble"; readonly reason: string };

export interface LookUp {
  ask(host: string, family: Family, done: (result: LookUpResult) => void): void;
  /** Ends look-ups under way, with `trouble`. */
  cancel(): void;
}

/**
 * `servers`: addresses with optional port, such as `192.0.2.53` or `[::1]:5353`; none: the
 * system's.
 */
export function createLookUp(servers: readonly string[] = []): LookUp {
  const resolver = new Resolver({ timeout: limits.lookUpTimeoutMs, tries: limits.lookUpTries });
  if (servers.length > 0) resolver.setServers(servers);
  return {
    ask(host, family, done) {
      const local = localhost(host, family);
      if (local !== undefined) {
        done(local);
        return;
      }
      // Without the final dot c-ares might add the search domains of this machine.
      const name = host.endsWith(".") ? host : `${host}.`;
      const answered = (
        error: NodeJS.ErrnoException | null,
        records: readonly { readonly address: string; readonly ttl: number }[],
      ): void => done(error === null ? fromRecords(records) : fromError(error.code ?? "unknown"));
      if (family === 4) resolver.resolve4(name, { ttl: true }, answered);
      else resolver.resolve6(name, { ttl: true }, answered);
    },
    cancel: () => resolver.cancel(),
  };
}

/** RFC 6761 section 6.3: `localhost` is never looked up. */
function localhost(host: string, family: Family): LookUpResult | undefined {
  if (!/^(?:.+\.)?localhost\.?$/i.test(host)) return undefined;
  const address = family === 4 ? Uint8Array.of(127, 0, 0, 1) : new Uint8Array(16).fill(1, 15);
  return { kind: "addresses", addresses: [address], ttlSeconds: limits.resolveMsMax / 1000 };
}

function fromRecords(
  records: readonly { readonly address: string; readonly ttl: number }[],
): LookUpResult {
  const addresses: Uint8Array[] = [];
  let ttlSeconds = Number.POSITIVE_INFINITY;
  for (const { address, ttl } of records) {
    const parsed = parseAddress(address);
    if (parsed === undefined) continue;
    addresses.push(bytesOfWords(parsed.family, parsed.words));
    ttlSeconds = Math.min(ttlSeconds, ttl);
  }
  if (addresses.length === 0) return { kind: "none", reason: "empty answer", nameExists: true };
  return { kind: "addresses", addresses, ttlSeconds };
}

function fromError(code: string): LookUpResult {
  if (code === "ENOTFOUND") return { kind: "none", reason: "NXDOMAIN", nameExists: false };
  if (code === "ENODATA") return { kind: "none", reason: "empty answer", nameExists: true };
  if (code === "ESERVFAIL") return { kind: "trouble", reason: "SERVFAIL" };
  if (code === "ETIMEOUT") return { kind: "trouble", reason: "no answer" };
  return { kind: "trouble", reason: code };
}
