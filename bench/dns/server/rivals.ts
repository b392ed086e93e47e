/**
 * The three name servers of ../server.ts, each with the same 10,000 steered names: how their files
 * are made and how they are started. Rhumb is the dns part as it ships, with the policy compiled
 * from a configuration and the whole bundled country database. gdnsd gets what Rhumb decided, a
 * prefix a leaf, so that both give equal answers. Knot's module finds the country in the same
 * database, and has ten countries a name: with all of them it does not start within minutes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileRevision } from "../../../src/control/rollout.ts";
import { bundledDatabasePath } from "../../../src/geo/load.ts";
import { systemEntropy } from "../../../src/lib/entropy.ts";
import { writePolicy, writeWorld } from "../../../src/link/snapshot.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { initialWorld } from "../../../src/world/initial.ts";

const regions = { fra: "FRA", ams: "AMS", iad: "IAD", sjc: "SJC", nrt: "NRT", gru: "GRU" } as const;
const regionNames = Object.keys(regions).sort();
export const zone = "gslb.example.com";

export interface Rival {
  readonly name: "rhumb" | "gdnsd" | "knot";
  readonly port: number;
  start(): ChildProcess;
}

export interface RivalOptions {
  readonly folder: string;
  readonly services: number;
  readonly serverCore: string;
  readonly firstPort: number;
}

const addressOf = (service: number, region: number): string =>
  `10.${region + 1}.${service >> 8}.${service & 255}`;

/** The limiter as it ships, but all the load comes from two networks: it counts, and lets pass. */
const limiter = "dnsRateLimit: {responsesPerSecond: 1000000, errorsPerSecond: 1000000, exempt: []}";

function configText(options: RivalOptions): string {
  const { services, firstPort } = options;
  const lines = [
    "version: 1",
    `zones: {${zone}: {ns: [ns1.example.net]}}`,
    `listen: {dns: ["127.0.0.1:${firstPort}", "[::1]:${firstPort}"], metrics: off, ${limiter}}`,
    "regions:",
    ...Object.entries(regions).map(([name, at]) => `  ${name}: {at: ${at}}`),
    "services:",
  ];
  for (let i = 0; i < services; i++) {
    const endpoints = regionNames.map((name, r) => `${name}: ${addressOf(i, r)}`).join(", ");
    lines.push(`  s${i}: {steer: nearest, endpoints: {${endpoints}}}`);
  }
  return `${lines.join("\n")}\n`;
}

export async function compilePolicy(options: RivalOptions): Promise<Policy> {
  const source = join(options.folder, "rhumb.yaml");
  writeFileSync(source, configText(options));
  const entropy = systemEntropy();
  const stateDir = join(options.folder, "state");
  mkdirSync(stateDir, { recursive: true });
  const compiled = await compileRevision(source, { stateDir, entropy, assertions: "leave" });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems.slice(0, 3)));
  const { policy } = compiled.revision;
  const written = [
    await writePolicy(stateDir, policy, { at: entropy.now() }),
    await writeWorld(stateDir, initialWorld(policy, entropy.now())),
  ];
  for (const each of written) if (!each.ok) throw new Error(each.message);
  return policy;
}

/** A server's own core; `chrt` and priorities are left alone. */
function pinned(core: string, command: string, args: readonly string[]): ChildProcess {
  return spawn("taskset", ["-c", core, command, ...args], {
    stdio: ["ignore", "ignore", process.env["BENCH_VERBOSE"] === undefined ? "ignore" : "inherit"],
  });
}

export function rhumb(options: RivalOptions): Rival {
  const part = fileURLToPath(new URL("../../../src/parts/dns.ts", import.meta.url));
  const args = [part, "--state", join(options.folder, "state")];
  return {
    name: "rhumb",
    port: options.firstPort,
    start: () => pinned(options.serverCore, process.execPath, args),
  };
}

/** Regions of a class in the order in which it takes them. */
function rankingOf(policy: Policy, location: number): string {
  const ruleSet = policy.ruleSets[0]!;
  const { plan } = ruleSet.classes[ruleSet.classOfLocation[location]!]!;
  const order: string[] = [];
  const walk = (of: typeof plan): void => {
    if (of.kind === "pool") order.push(policy.pools[of.pool]!.name);
    else of.children.forEach(walk);
  };
  walk(plan);
  return order.join(", ");
}

function gdnsdNets(policy: Policy): string {
  const lines: string[] = [];
  const { v4 } = policy;
  v4.lengths.forEach((length, leaf) => {
    if (v4.locations[leaf] === 0) return;
    const start = v4.starts[leaf]!;
    const dotted = [24, 16, 8, 0].map((shift) => (start >>> shift) & 255).join(".");
    lines.push(`${dotted}/${length} => [ ${rankingOf(policy, v4.locations[leaf]!)} ]`);
  });
  return `${lines.join("\n")}\n`;
}

export function gdnsd(options: RivalOptions, policy: Policy): Rival {
  const { folder, services, serverCore, firstPort } = options;
  const port = firstPort + 1;
  const root = join(folder, "gdnsd");
  for (const name of ["etc/zones", "etc/geoip", "run", "state"]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  writeFileSync(join(root, "etc/geoip/nets"), gdnsdNets(policy));
  const resources = Array.from({ length: services }, (_, i) => {
    const places = regionNames.map((name, r) => `${name} => ${addressOf(i, r)}`).join(", ");
    return `s${i} => { map => all, service_types => up, dcmap => { ${places} } }`;
  });
  writeFileSync(
    join(root, "etc/config"),
    `options => {
  listen => [ "127.0.0.1:${port}", "[::1]:${port}" ], udp_threads => 1, tcp_threads => 1
  run_dir => ${root}/run, state_dir => ${root}/state, edns_client_subnet => true
}
plugins => { geoip => {
  maps => { all => { datacenters => [ ${rankingOf(policy, 0)} ], nets => nets } }
  resources => { ${resources.join("\n")} }
} }
`,
  );
  const names = Array.from({ length: services }, (_, i) => `s${i} 30 DYNA geoip!s${i}`);
  writeFileSync(
    join(root, "etc/zones", zone),
    `@ 3600 SOA ns1.example.net. hostmaster.${zone}. 1 3600 600 604800 30
@ 3600 NS ns1.example.net.
${names.join("\n")}
`,
  );
  const args = ["-c", join(root, "etc"), "start"];
  return { name: "gdnsd", port, start: () => pinned(serverCore, "/usr/sbin/gdnsd", args) };
}

const knotCountries = ["DE", "NL", "US", "CA", "JP", "BR", "FR", "GB", "IN", "AU"] as const;

export function knot(options: RivalOptions): Rival {
  const { folder, services, serverCore, firstPort } = options;
  const port = firstPort + 2;
  const root = join(folder, "knot");
  mkdirSync(root, { recursive: true });
  const records: string[] = [];
  const plain: string[] = [];
  for (let i = 0; i < services; i++) {
    records.push(`s${i}.${zone}:`);
    knotCountries.forEach((country, k) => {
      records.push(`  - geo: "${country}"`, `    A: ${addressOf(i, k % regionNames.length)}`);
    });
    plain.push(`s${i} 30 A ${addressOf(i, 0)}`);
  }
  writeFileSync(join(root, "geo.conf"), `${records.join("\n")}\n`);
  writeFileSync(
    join(root, "zone"),
    `@ 3600 SOA ns1.example.net. hostmaster.${zone}. 1 3600 600 604800 30
@ 3600 NS ns1.example.net.
${plain.join("\n")}
`,
  );
  writeFileSync(
    join(root, "knot.conf"),
    `server:
    rundir: ${root}
    listen: [127.0.0.1@${port}, ::1@${port}]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: ${root}
mod-geoip:
  - id: geo
    config-file: ${root}/geo.conf
    ttl: 30
    mode: geodb
    geodb-file: ${bundledDatabasePath()}
    geodb-key: [country_code]
zone:
  - domain: ${zone}
    file: ${root}/zone
    module: mod-geoip/geo
`,
  );
  const args = ["-c", join(root, "knot.conf")];
  return { name: "knot", port, start: () => pinned(serverCore, "/usr/sbin/knotd", args) };
}
