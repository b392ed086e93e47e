/**
 * The parent's hand on the regions' web servers: start, kill, stop, drop, revive. One process a
 * region (origin-process.ts). Each action has really happened when its promise resolves.
 */
import { type ChildProcess, fork } from "node:child_process";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Entropy } from "../lib/entropy.ts";
import type { DemoRegion } from "./layout.ts";

export const faults = ["kill", "stop", "drop", "revive"] as const;
export type Fault = (typeof faults)[number];

/** What each fault does, for people. */
export const faultMeanings: Readonly<Record<Fault, string>> = {
  kill: "SIGKILL: connections are refused",
  stop: "SIGSTOP: connections open, and nobody answers",
  drop: "silence: packets to it are dropped",
  revive: "started again",
};

export type OriginState = "running" | "killed" | "stopped" | "dropping";

const program = fileURLToPath(new URL("./origin-process.ts", import.meta.url));
const answerMs = 5000;
/** A listen queue of one holds two; a few more in case the kernel is generous. */
const fillersMax = 8;
const fillMs = 200;

export class RegionOrigins {
  readonly region: DemoRegion;
  state: OriginState = "killed";
  readonly #port: number;
  readonly #entropy: Entropy;
  #child: ChildProcess | undefined;
  #fillers: Socket[] = [];

  constructor(region: DemoRegion, options: { readonly port: number; readonly entropy: Entropy }) {
    this.region = region;
    this.#port = options.port;
    this.#entropy = options.entropy;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    const { name, addresses } = this.region;
    const child = fork(program, [name, String(this.#port), ...addresses], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    await this.#message(child, "ready");
    this.state = "running";
  }

  async apply(fault: Fault): Promise<void> {
    if (fault === "revive") {
      if (this.state === "running") return;
      await this.#end();
      await this.start();
    } else if (fault === "kill") {
      await this.#end();
      this.state = "killed";
    } else {
      await this.apply("revive");
      if (fault === "stop") this.#stop();
      else await this.#drop();
    }
  }

  /** Also ends a process that is stopped. */
  async #end(): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    this.#fillers = [];
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGKILL");
    await exited;
  }

  async end(): Promise<void> {
    await this.#end();
    this.state = "killed";
  }

  #stop(): void {
    this.#child?.kill("SIGSTOP");
    this.state = "stopped";
  }

  /** No rights are needed: a full listen queue makes the kernel drop what comes. */
  async #drop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const deaf = this.#message(child, "deaf");
    child.send("deafen");
    await deaf;
    this.#stop();
    for (const address of this.region.addresses) await this.#fill(address);
    this.state = "dropping";
  }

  async #fill(address: string): Promise<void> {
    for (let i = 0; i < fillersMax; i++) {
      const filler = connect(this.#port, address);
      filler.on("error", () => {});
      this.#fillers.push(filler);
      const taken = await new Promise<boolean>((resolve) => {
        const timer = this.#entropy.after(fillMs, () => resolve(false));
        filler.once("connect", () => {
          timer.cancel();
          resolve(true);
        });
      });
      if (!taken) return;
    }
    throw new Error(`the kernel still answers for ${address}: its listen queue did not fill`);
  }

  #message(child: ChildProcess, wanted: string): Promise<void> {
    return new Promise((resolve, reject) => {
      let complaint = "";
      child.stderr?.on("data", (chunk) => {
        complaint += chunk;
      });
      const timer = this.#entropy.after(answerMs, () =>
        reject(new Error(`region ${this.region.name} did not get ${wanted} in ${answerMs} ms`)),
      );
      child.on("message", (message) => {
        if (message !== wanted) return;
        timer.cancel();
        resolve();
      });
      child.once("exit", () => {
        timer.cancel();
        const why = /EADDRINUSE[^\n]*|EADDRNOTAVAIL[^\n]*/.exec(complaint)?.[0] ?? complaint;
        reject(new Error(`the web servers of region ${this.region.name} ended: ${why.trim()}`));
      });
    });
  }
}
