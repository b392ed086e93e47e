/**
 * The certificate and key of `listen.tls`, read when the policy names them and looked at now and
 * then: a renewed pair is shown to whoever connects next. One that cannot be read, or is none,
 * leaves the one before in force and is told once. Called by parts/dns.ts.
 */
import { readFileSync } from "node:fs";
import type { TlsIdentity, TlsPair } from "../fronts/dns/tls-identity.ts";
import type { Entropy } from "../lib/entropy.ts";
import type { Logger } from "../lib/log.ts";
import { limits } from "../limits.ts";

export interface TlsFiles {
  /** Files from now on; undefined: none are looked at. */
  follow(files: TlsPair | undefined): void;
}

export function followTlsFiles(
  identity: TlsIdentity,
  { entropy, log }: { readonly entropy: Entropy; readonly log: Logger },
): TlsFiles {
  let files: TlsPair | undefined;
  let told = "";
  const look = (): void => {
    if (files === undefined) return;
    let problem = "";
    try {
      const pair = {
        certificate: readFileSync(files.certificate, "utf8"),
        key: readFileSync(files.key, "utf8"),
      };
      const { pair: held } = identity;
      const same = held?.certificate === pair.certificate && held.key === pair.key;
      if (!same) {
        identity.set(pair);
        log.info({ ...files }, "certificate");
      }
    } catch (error) {
      problem = String(error);
    }
    if (problem !== "" && problem !== told)
      log.error({ message: problem, ...files }, "certificate");
    told = problem;
  };
  const again = (): void => {
    look();
    entropy.after(limits.tlsLookMs, again);
  };
  again();
  return {
    follow(wanted) {
      const same = wanted?.certificate === files?.certificate && wanted?.key === files?.key;
      files = wanted;
      if (!same) look();
    },
  };
}
