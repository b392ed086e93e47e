/**
 * The demonstration: `npm start` and `rhumb demo ...`. Three regions of real web servers, the real
 * server with a configuration of its own, a screen, and a socket by which another terminal breaks
 * and mends regions. cli/ calls `startDemo` and `demoFault`. Nothing of it outlives it.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { type Entropy, systemEntropy } from "../lib/entropy.ts";
import { askDemo, type DemoReply, isListening, serveDemoSocket } from "./control-socket.ts";
import { digMissing, waitForAnswer } from "./dns-client.ts";
import {
  type DemoPaths,
  type DemoPorts,
  demoConfig,
  demoHost,
  demoPaths,
  demoPorts,
  demoRegions,
  shiftPorts,
  shopName,
} from "./layout.ts";
import { type Fault, faultMeanings, RegionOrigins } from "./origins.ts";
import { clockText, introduction, regionLines, type Say } from "./screen.ts";
import { ServerProcess } from "./server-process.ts";
import { runTour } from "./tour.ts";
import { type WorldWatch, watchWorld } from "./world-watch.ts";

export const demoScripts = ["failover"] as const;
export type DemoScript = (typeof demoScripts)[number];

export interface DemoOptions {
  readonly script?: DemoScript;
  /** Where it keeps its files; by default one folder a user under the system's temporary one. */
  readonly folder?: string;
  /** Added to every port. */
  readonly shift?: number;
}

const readyMs = 30_000;

/**
 * Runs until it is ended by a signal, or the script is over. 0, or 1 with what failed on screen.
 */
export async function startDemo(options: DemoOptions = {}): Promise<number> {
  const demo = new Demo(options, systemEntropy(), (line) => console.log(line));
  try {
    return await demo.run();
  } catch (error) {
    console.error(`rhumb demo: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await demo.end();
  }
}

/** `rhumb demo kill eu`: acts on the demonstration that runs in another terminal. */
export function demoFault(
  fault: Fault,
  region: string,
  options: { readonly folder?: string } = {},
): Promise<DemoReply> {
  return askDemo(demoPaths(options.folder).socket, { fault, region }, systemEntropy());
}

class Demo {
  readonly #paths: DemoPaths;
  readonly #ports: DemoPorts;
  readonly #script: DemoScript | undefined;
  readonly #entropy: Entropy;
  readonly #say: Say;
  readonly #origins: ReadonlyMap<string, RegionOrigins>;
  #server: ServerProcess | undefined;
  #watch: WorldWatch | undefined;
  #socket: Server | undefined;
  readonly #over = Promise.withResolvers<number>();

  constructor(options: DemoOptions, entropy: Entropy, say: Say) {
    this.#paths = demoPaths(options.folder);
    this.#ports = shiftPorts(demoPorts, options.shift ?? 0);
    this.#script = options.script;
    this.#entropy = entropy;
    this.#say = say;
    this.#origins = new Map(
      demoRegions.map((region) => [
        region.name,
        new RegionOrigins(region, { port: this.#ports.origins, entropy }),
      ]),
    );
  }

  async run(): Promise<number> {
    if (this.#script !== undefined) requireDig();
    await this.#prepareFolder();
    await requirePorts(this.#ports);
    this.#catchSignals();
    this.#say("Rhumb: three regions on this machine, two web servers each. Starting ...");
    for (const origins of this.#origins.values()) await origins.start();
    this.#server = new ServerProcess(this.#paths, (why) => {
      console.error(why);
      this.#over.resolve(1);
    });
    this.#notePids();
    this.#watch = watchWorld(this.#paths.state, {
      entropy: this.#entropy,
      onLine: (line) => this.#change(line),
    });
    this.#socket = await serveDemoSocket(this.#paths.socket, (fault, region) =>
      this.#act(fault, region),
    );
    return Promise.race([this.#over.promise, this.#show()]);
  }

  async #show(): Promise<number> {
    const client = demoRegions[0]?.client;
    const answered = await waitForAnswer(
      { name: shopName, subnet: client?.subnet ?? "" },
      { port: this.#ports.dns, withinMs: readyMs, entropy: this.#entropy },
    );
    if (!answered) throw new Error(`no answer to a query within ${readyMs} ms; ${this.#logText()}`);
    // DNS and redirect are ready each in its own time; then the first round of probes. What is not
    // up by the end of that is shown as it is.
    if (!(await this.#until(() => isListening(demoHost, this.#ports.redirect)))) {
      throw new Error(`the redirect front does not listen; ${this.#logText()}`);
    }
    const addresses = demoRegions.flatMap((region) => region.addresses);
    const isUp = (address: string): boolean => this.#watch?.endpoints.get(address)?.state === "up";
    await this.#until(() => addresses.every(isUp));
    for (const line of ["", ...regionLines(this.#watch?.endpoints ?? new Map()), ""]) {
      this.#say(line);
    }
    if (this.#script === undefined) {
      for (const line of introduction(this.#paths, this.#ports)) this.#say(line);
      this.#say("");
      return this.#over.promise;
    }
    const stage = {
      paths: this.#paths,
      ports: this.#ports,
      origins: this.#origins,
      entropy: this.#entropy,
      say: this.#say,
    };
    return (await runTour(stage)) ? 0 : 1;
  }

  /** False when it did not come to hold in time. */
  async #until(holds: () => boolean | Promise<boolean>): Promise<boolean> {
    const deadlineMs = this.#entropy.monotonic() + readyMs;
    while (this.#entropy.monotonic() < deadlineMs) {
      if (await holds()) return true;
      await new Promise<void>((resolve) => void this.#entropy.after(100, resolve));
    }
    return false;
  }

  #logText(): string {
    return `the server's log ends:\n${this.#server?.logTail() ?? ""}`;
  }

  #change(line: string): void {
    this.#say(`${clockText(this.#entropy.now())}  ${line}`);
  }

  async #act(fault: Fault, region: string): Promise<DemoReply> {
    const origins = this.#origins.get(region);
    if (origins === undefined) return { ok: false, message: `no region ${region}` };
    this.#change(`${region}  ${faultMeanings[fault]}`);
    try {
      await origins.apply(fault);
      return { ok: true, message: `${region}: ${faultMeanings[fault]}` };
    } catch (error) {
      return { ok: false, message: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#notePids();
    }
  }

  #catchSignals(): void {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => this.#over.resolve(this.#script === undefined ? 0 : 1));
    }
  }

  async #prepareFolder(): Promise<void> {
    const { folder, socket, config, state } = this.#paths;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const owner = statSync(folder).uid;
    if (process.getuid !== undefined && owner !== process.getuid()) {
      throw new Error(`${folder} belongs to another user: remove it`);
    }
    if (await isListening(socket)) {
      throw new Error("a demonstration is running already: end it with Ctrl-C in its terminal");
    }
    clearLeftovers(this.#paths);
    // Everything starts anew but the compiled geography, which depends on nothing here.
    mkdirSync(state, { recursive: true });
    for (const name of readdirSync(state)) {
      if (name !== "geography") rmSync(join(state, name), { recursive: true, force: true });
    }
    writeFileSync(config, demoConfig(this.#ports));
  }

  #notePids(): void {
    const pids = [this.#server?.pid, ...[...this.#origins.values()].map((origins) => origins.pid)];
    writeFileSync(this.#paths.pids, pids.filter((pid) => pid !== undefined).join("\n"));
  }

  async end(): Promise<void> {
    this.#socket?.close();
    this.#watch?.close();
    const code = await this.#server?.end(this.#entropy);
    for (const origins of this.#origins.values()) await origins.end();
    if (this.#socket !== undefined) {
      rmSync(this.#paths.pids, { force: true });
      if (code !== 0) console.error(`rhumb serve ended with exit ${code} when asked to stop`);
    }
  }
}

function requireDig(): void {
  try {
    execFileSync("dig", ["-v"], { stdio: "ignore" });
  } catch {
    throw new Error(digMissing);
  }
}

/** Before anything starts, since a stranger's server would pass for ours until ours gives up. */
async function requirePorts(ports: DemoPorts): Promise<void> {
  for (const port of [ports.dns, ports.redirect, ports.metrics]) {
    if (!(await isListening(demoHost, port))) continue;
    throw new Error(
      `${demoHost}:${port} is taken by another program: stop that program (ss -lnpt 'sport = :${port}' shows it), or add to every port here with --shift 1000`,
    );
  }
}

/** Processes of a demonstration that was killed: they would hold its ports. */
function clearLeftovers(paths: DemoPaths): void {
  let pids: string[] = [];
  try {
    pids = readFileSync(paths.pids, "utf8").split("\n").filter(Boolean);
  } catch {
    return;
  }
  for (const pid of pids) {
    try {
      // The number may be someone else's by now.
      const command = readFileSync(`/proc/${Number(pid)}/cmdline`, "utf8");
      if (command.includes("origin-process.ts")) process.kill(Number(pid), "SIGKILL");
      else if (command.includes(paths.state)) process.kill(Number(pid), "SIGTERM");
    } catch {}
  }
  rmSync(paths.pids, { force: true });
}
