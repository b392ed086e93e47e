/**
 * The digest of a configuration: equal for texts that mean the same. Called by load.ts and, for the
 * digest of a policy, by policy/compile.ts.
 */
import { sha256 } from "../lib/sha256.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { Config } from "./schema.ts";

/** SHA-256 (hex) of the long form. `zone` is left out: it is short for an entry of `zones`. */
export function configDigest(config: Config): string {
  const { zone, ...rest } = config;
  const zones = zone === undefined ? rest.zones : { [zone]: {}, ...rest.zones };
  return sha256(new TextEncoder().encode(canonicalJson({ ...rest, zones })));
}
