/**
 * What the demonstration consists of: three regions on loopback, one configuration, and where
 * things stand. Everything else in demo/ reads it from here, so that the screen, the tour and the
 * servers speak of the same addresses. Loopback addresses beyond 127.0.0.1 exist on Linux without
 * set-up.
 */
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

export interface DemoRegion {
  readonly name: string;
  readonly city: string;
  /** IATA code. */
  readonly at: string;
  readonly jurisdiction: string;
  readonly addresses: readonly [string, string];
  /** A network whose country is nearest to this region, by the bundled database. */
  readonly client: { readonly people: string; readonly subnet: string; readonly address: string };
}

export const demoRegions: readonly DemoRegion[] = [
  {
    name: "eu",
    city: "Frankfurt",
    at: "FRA",
    jurisdiction: "EU",
    addresses: ["127.10.1.1", "127.10.1.2"],
    client: { people: "German", subnet: "85.214.132.0/24", address: "85.214.132.7" },
  },
  {
    name: "us",
    city: "Virginia",
    at: "IAD",
    jurisdiction: "US",
    addresses: ["127.10.2.1", "127.10.2.2"],
    client: { people: "American", subnet: "128.112.0.0/16", address: "128.112.0.7" },
  },
  {
    name: "ap",
    city: "Tokyo",
    at: "NRT",
    jurisdiction: "JP",
    addresses: ["127.10.3.1", "127.10.3.2"],
    client: { people: "Japanese", subnet: "133.11.0.0/16", address: "133.11.0.7" },
  },
];

export function demoRegion(name: string): DemoRegion | undefined {
  return demoRegions.find((region) => region.name === name);
}

/** The region whose origin has this address. */
export function regionOfAddress(address: string): DemoRegion | undefined {
  return demoRegions.find((region) => region.addresses.includes(address));
}

export const demoHost = "127.0.0.1";
export const shopName = "shop.demo.example";
export const accountsName = "accounts.demo.example";

export interface DemoPorts {
  readonly dns: number;
  readonly redirect: number;
  readonly metrics: number;
  readonly origins: number;
}
export const demoPorts: DemoPorts = { dns: 5300, redirect: 8300, metrics: 9153, origins: 8400 };

/** Every port moved by as much, for when one is taken. */
export function shiftPorts(ports: DemoPorts, by: number): DemoPorts {
  return {
    dns: ports.dns + by,
    redirect: ports.redirect + by,
    metrics: ports.metrics + by,
    origins: ports.origins + by,
  };
}

/** Health and fail-back as configured below; the tour's bounds follow from them. */
export const demoTimes = {
  intervalMs: 2000,
  timeoutMs: 1000,
  down: 3,
  up: 5,
  holdMs: 5000,
  rampMs: 10_000,
} as const;

export interface DemoPaths {
  /** One folder a user, short enough for socket paths, found from any terminal. */
  readonly folder: string;
  readonly config: string;
  readonly state: string;
  /** Takes `rhumb demo kill eu` and the like. */
  readonly socket: string;
  readonly serverLog: string;
  /** Processes of this run, for the next one to clear away if this one is killed. */
  readonly pids: string;
}

export function demoPaths(folder = join(tmpdir(), `rhumb-demo-${userInfo().uid}`)): DemoPaths {
  return {
    folder,
    config: join(folder, "rhumb.yaml"),
    state: join(folder, "state"),
    socket: join(folder, "demo.sock"),
    serverLog: join(folder, "server.log"),
    pids: join(folder, "pids"),
  };
}

/** The configuration the demonstration runs: an ordinary one, written out for people to read. */
export function demoConfig(ports: DemoPorts): string {
  const seconds = (ms: number): string => `${ms / 1000}s`;
  const regions = demoRegions.map(
    ({ name, at, jurisdiction, city }) => `  ${name}: {at: ${at}, in: ${jurisdiction}}   # ${city}`,
  );
  const endpoints = (names: readonly string[]): string[] =>
    demoRegions
      .filter(({ name }) => names.includes(name))
      .map(({ name, addresses }) => `      ${name}: [${addresses.join(", ")}]`);
  const check = `{http: /healthz, port: ${ports.origins}, interval: ${seconds(demoTimes.intervalMs)}, timeout: ${seconds(demoTimes.timeoutMs)}}`;
  return `# The demonstration's configuration. Edit and save it while the demonstration runs: it reloads.
version: 1
zones: {demo.example: {ns: [ns1.example.net]}}
listen:
  dns: ["${demoHost}:${ports.dns}"]
  redirect: ["${demoHost}:${ports.redirect}"]
  metrics: "${demoHost}:${ports.metrics}"
  dnsExplain: [127.0.0.0/8]     # who may ask TXT _why.NAME
trustedProxies: [127.0.0.0/8]   # so that curl may say where it comes from
regions:
${regions.join("\n")}
services:
  shop:                         # everyone to the nearest region that is well
    check: ${check}
    endpoints:
${endpoints(["eu", "us", "ap"]).join("\n")}
    steer: nearest
    # Short, so that you can watch a region return. The defaults are 1m and 5m.
    failback: {hold: ${seconds(demoTimes.holdMs)}, ramp: ${seconds(demoTimes.rampMs)}}
    ttl: 5s
    redirect: "http://{region}.shop.demo.example:${ports.origins}"
  accounts:                     # never outside the EU, even when all of it is down
    check: ${check}
    endpoints:
${endpoints(["eu"]).join("\n")}
    residency: {only: EU}
    failback: {hold: ${seconds(demoTimes.holdMs)}, ramp: ${seconds(demoTimes.rampMs)}}
    ttl: 5s
`;
}
