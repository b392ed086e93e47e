/**
 * A real `rhumb serve` in a temporary state directory, with two origins in this process, for the
 * tests of this folder. Every address is on loopback and every port was free a moment ago. Whatever
 * a test does to the server, `stop` leaves none of its processes.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemEntropy } from "../../src/lib/entropy.ts";
import { request } from "../../src/link/client.ts";
import type { CommandInput, CommandName, CommandReply } from "../../src/link/messages.ts";
import { type PartName, partNames, partSocket } from "../../src/link/paths.ts";

const cli = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const entropy = systemEntropy();

/** Region of the configurations here -> the loopback address of its origin. */
export const origins = { fra: "127.0.0.1", iad: "127.0.0.2" } as const;
export const serviceName = "shop.gslb.example.com";

export interface Ports {
  readonly dns: number;
  readonly redirect: number;
  readonly metrics: number;
  readonly fra: number;
  readonly iad: number;
}

/** Two regions in order; `extra` goes below the service. */
export function configText(ports: Ports, extra: Readonly<Record<string, string>> = {}): string {
  const { steer = "[fra, iad]", dns = `127.0.0.1:${ports.dns}`, top = "" } = extra;
  return `version: 1
zones: {gslb.example.com: {ns: [ns1.example.net]}}
listen:
  dns: ["${dns}"]
  redirect: ["127.0.0.1:${ports.redirect}"]
  metrics: "127.0.0.1:${ports.metrics}"
regions:
  fra: {at: FRA, in: EU}
  iad: {at: IAD, in: US}
services:
  shop:
    check: {http: /, interval: 500ms, timeout: 250ms, up: 1}
    failback: {hold: 0s, ramp: 0s}
    ttl: 1s
    redirect: "http://{region}.shop.example.com"
    endpoints: {fra: "${origins.fra}:${ports.fra}", iad: "${origins.iad}:${ports.iad}"}
    steer: ${steer}
${top}`;
}

/** Geographies and compiled modules of the servers before: what a second start would find. */
const warmDir = mkdtempSync(join(tmpdir(), "rhumb-process-warm-"));
const warmParts = ["geography", "compiled"];
process.on("exit", () => rmSync(warmDir, { recursive: true, force: true }));

export class TestServer {
  readonly ports: Ports;
  readonly folder = mkdtempSync(join(tmpdir(), "rhumb-process-"));
  readonly stateDir = join(this.folder, "state");
  readonly config = join(this.folder, "rhumb.yaml");
  readonly log: string[] = [];
  #child: ChildProcess | undefined;
  readonly #origins: Server[];

  private constructor(ports: Ports, servers: Server[]) {
    this.ports = ports;
    this.#origins = servers;
    for (const part of warmParts) {
      const warm = join(warmDir, part);
      if (existsSync(warm)) cpSync(warm, join(this.stateDir, part), { recursive: true });
    }
  }

  static async create(): Promise<TestServer> {
    const servers = await Promise.all(Object.values(origins).map(openOrigin));
    const [fra = 0, iad = 0] = servers.map((server) => (server.address() as AddressInfo).port);
    const [dns = 0, redirect = 0, metrics = 0] = await freePorts(3);
    const server = new TestServer({ dns, redirect, metrics, fra, iad }, servers);
    server.write(configText(server.ports));
    return server;
  }

  write(text: string): void {
    writeFileSync(this.config, text);
  }

  /** `configText` of this server. */
  text(extra: Readonly<Record<string, string>> = {}): string {
    return configText(this.ports, extra);
  }

  /** An origin that refuses connections from now on. */
  async closeOrigin(region: keyof typeof origins): Promise<void> {
    const server = this.#origins[Object.keys(origins).indexOf(region)];
    const closed = new Promise((resolve) => server?.close(resolve));
    server?.closeAllConnections();
    await closed;
  }

  /** Starts the process, below `prelude` of a shell; `ready` waits for it to serve. */
  spawn(prelude = ""): ChildProcess {
    const args = [cli, "serve", "-c", this.config, "--state", this.stateDir, "--node", "test"];
    const command = [process.execPath, ...args, "--log-format", "json"];
    const child = spawn("/bin/sh", ["-c", `${prelude}\nexec "$@"`, "sh", ...command], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let rest = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      this.log.push(...lines);
    });
    this.#child = child;
    return child;
  }

  async start(): Promise<void> {
    this.spawn();
    await this.ready();
  }

  async ready(): Promise<void> {
    await this.until("every part is ready", async () => {
      assert.equal(this.#child?.exitCode, null, `ended\n${this.messages()}`);
      const status = await this.tryAsk("control", "status", {});
      return status?.parts.length === partNames.length && status.parts.every(isReady);
    });
  }

  /** Every part that has a spare has one that could take its place. */
  async spares(): Promise<void> {
    await this.until("the spares", async () => {
      const { parts } = await this.ask("control", "status", {});
      return parts.every(({ name, spare }) => spare || name === "control");
    });
  }

  get pid(): number {
    return this.#child?.pid ?? assert.fail("not started");
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Resolves with the exit code, or the signal. */
  async ended(): Promise<number | string> {
    const child = this.#child;
    assert.ok(child !== undefined);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode ?? child.signalCode ?? "";
  }

  /** Process ids by part, 0 for one that is not running. */
  async pids(): Promise<Readonly<Record<PartName, number>>> {
    const { parts } = await this.ask("control", "status", {});
    const entries = parts.map((part) => [part.name, part.pid]);
    return Object.fromEntries(entries) as Record<PartName, number>;
  }

  async ask<Name extends CommandName>(
    part: PartName,
    name: Name,
    input: CommandInput<Name>,
  ): Promise<CommandReply<Name>> {
    const options = { timeoutMs: 5000, entropy };
    const reply = await request(partSocket(this.stateDir, part), { name, input }, options);
    assert.ok(reply.ok, `${part} ${name}: ${JSON.stringify(reply)}`);
    return reply.value;
  }

  async tryAsk<Name extends CommandName>(
    part: PartName,
    name: Name,
    input: CommandInput<Name>,
  ): Promise<CommandReply<Name> | undefined> {
    const options = { timeoutMs: 1000, entropy };
    const reply = await request(partSocket(this.stateDir, part), { name, input }, options);
    return reply.ok ? reply.value : undefined;
  }

  /** The addresses DNS gives for the service now. */
  async resolve(port = this.ports.dns): Promise<readonly string[]> {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    return resolver.resolve4(serviceName);
  }

  async answersWith(region: keyof typeof origins, port = this.ports.dns): Promise<void> {
    await this.until(`DNS answers ${region}`, async () => {
      const addresses = await this.resolve(port).catch(() => []);
      return addresses.length === 1 && addresses[0] === origins[region];
    });
  }

  async until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
    for (let turn = 0; turn < 600; turn++) {
      if (await condition()) return;
      await pause(50);
    }
    assert.fail(`never: ${what}\n${this.messages()}`);
  }

  /** The messages of the log, one a line. */
  messages(): string {
    const message = (line: string): string => {
      if (!line.startsWith("{")) return line;
      const { part, msg, err } = JSON.parse(line) as Record<string, unknown>;
      return `${String(part)}: ${String(msg)}${err === undefined ? "" : ` ${JSON.stringify(err)}`}`;
    };
    return this.log.map(message).join("\n");
  }

  /** Every process that works on this state directory, the supervisor included. */
  processes(): readonly number[] {
    const listed = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
    return listed
      .split("\n")
      .filter((line) => line.includes(this.stateDir))
      .map((line) => Number.parseInt(line, 10));
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      await once(child, "exit");
    }
    for (const pid of this.processes()) process.kill(pid, "SIGKILL");
    for (const part of warmParts) {
      const made = join(this.stateDir, part);
      if (existsSync(made)) cpSync(made, join(warmDir, part), { recursive: true });
    }
    for (const origin of this.#origins) {
      origin.close();
      origin.closeAllConnections();
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function withServer(run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await TestServer.create();
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** The process is gone, or a zombie that its parent has not looked at yet. */
export function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return true;
  }
}

function isReady(part: { readonly state: string }): boolean {
  return part.state === "ready";
}

function openOrigin(address: string): Promise<Server> {
  const server = createServer((_, response) => response.end("ok"));
  return new Promise((resolve) => server.listen(0, address, () => resolve(server)));
}

/** Ports free for UDP and TCP on 127.0.0.1 at this moment. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held = await Promise.all(Array.from({ length: count }, holdPort));
  await Promise.all(held.map(({ release }) => release()));
  return held.map(({ port }) => port);
}

async function holdPort(): Promise<{ port: number; release: () => Promise<void> }> {
  for (;;) {
    const tcp = createTcpServer().listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket("udp4");
    const bound = await new Promise<boolean>((resolve) => {
      udp.once("error", () => resolve(false));
      udp.bind(port, "127.0.0.1", () => resolve(true));
    });
    const release = async (): Promise<void> => {
      await new Promise((resolve) => tcp.close(resolve));
      if (bound) await new Promise<void>((resolve) => udp.close(() => resolve()));
    };
    if (bound) return { port, release };
    await release();
  }
}
