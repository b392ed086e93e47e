/**
 * The programs that tests and the tour call, and the Debian package each is in. They are the
 * judges from outside: a DNS answer counts when dig reads it.
 */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Program -> Debian package, or packages. */
export const debianPackages = {
  dig: "bind9-dnsutils",
  kdig: "knot-dnsutils",
  knotd: "knot",
  // The rivals of the DNS benchmark: gdnsd, and Knot with its geography module.
  gdnsd: "gdnsd knot-module-geoip",
  drill: "ldnsutils",
  "ldns-read-zone": "ldnsutils",
  // Judges of zone files and of the answers from them.
  "named-checkzone": "bind9-utils",
  nsd: "nsd",
  dnsperf: "dnsperf",
  haproxy: "haproxy",
  nft: "nftables",
  ip: "iproute2",
  curl: "curl",
  openssl: "openssl",
  ps: "procps",
  git: "git",
} as const;
export type Tool = keyof typeof debianPackages;

/** Administrators' programs are not on everyone's PATH. */
const extraFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

export function findTool(tool: Tool): string | undefined {
  return findProgram(tool);
}

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...extraFolders];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function missingTools(): readonly Tool[] {
  const tools = Object.keys(debianPackages) as Tool[];
  return tools.filter((tool) => findTool(tool) === undefined);
}

/** `dig, curl are missing: apt-get install ...`, or "" when nothing is. */
export function missingToolsMessage(): string {
  const missing = missingTools();
  if (missing.length === 0) return "";
  const packages = [...new Set(missing.flatMap((tool) => debianPackages[tool].split(" ")))].join(
    " ",
  );
  return `missing: ${missing.join(", ")}. On Debian: apt-get install ${packages}`;
}
