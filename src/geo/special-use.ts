/**
 * Space that is nobody's place: private, loopback, link-local, documentation, multicast, and the
 * IPv6 ranges that only carry IPv4 (IANA special-purpose registries, RFC 6890). compile.ts makes
 * it `unknown` whatever a database says; only an operator's override places it.
 */
import { type Prefix, parsePrefix } from "../lib/ip.ts";

const specialUseText = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  // ::, ::1, the IPv4-compatible and the IPv4-mapped range, and what lies beside them unassigned.
  "::/8",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "fc00::/7",
  "fe80::/10",
  "ff00::/8",
] as const;

export function specialUse(): readonly Prefix[] {
  return specialUseText.flatMap((text) => parsePrefix(text) ?? []);
}
