/**
 * `npm start -- --script failover`: the demonstration tells and checks itself. Each of three
 * regions fails in its own way while a poller and dig keep asking; the answers must leave the
 * region within its detection time and come back within the time its configuration says, and none
 * may be empty.
 */
import { execFile } from "node:child_process";
import type { Entropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";
import { type Asked, dig, digCommand, digWhy, type Heard, Poller } from "./dns-client.ts";
import {
  accountsName,
  type DemoPaths,
  type DemoPorts,
  type DemoRegion,
  demoHost,
  demoRegion,
  demoRegions,
  demoTimes,
  regionOfAddress,
  shopName,
} from "./layout.ts";
import { type Fault, faultMeanings, type RegionOrigins } from "./origins.ts";
import { clockText } from "./screen.ts";
import { runRhumb } from "./server-process.ts";
import { Witness } from "./witness.ts";

export interface Stage {
  readonly paths: DemoPaths;
  readonly ports: DemoPorts;
  readonly origins: ReadonlyMap<string, RegionOrigins>;
  readonly entropy: Entropy;
  readonly say: (line: string) => void;
}

const { intervalMs, timeoutMs, down, up, holdMs, rampMs } = demoTimes;
const jitterMs = Math.min(intervalMs / 16, limits.probeJitterMsMax);
const graceMs = 1000;
/** The interval, the fast re-probes, the time-out of the last, and the jitter of the first. */
export const leaveBoundMs =
  intervalMs + (down - 1) * (intervalMs / 4) + timeoutMs + jitterMs + graceMs;
export const returnBoundMs = up * intervalMs + holdMs + rampMs + graceMs;
/** How long a new state is looked at before it is believed to stay. */
const stayMs = 1500;
const pollEveryMs = 20;
const digEveryMs = 250;
const problemsShown = 10;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const clientOf = (region: DemoRegion): Asked => ({ name: shopName, subnet: region.client.subnet });

/** Runs the tour; false if anything was not as promised. */
export async function runTour(stage: Stage): Promise<boolean> {
  const tour = new Tour(stage);
  try {
    await tour.nearest();
    await tour.redirect();
    await tour.drain();
    await tour.fails("eu", "kill");
    await tour.fails("us", "stop");
    await tour.fails("ap", "drop");
  } finally {
    tour.close();
  }
  return tour.verdict();
}

class Tour {
  readonly #stage: Stage;
  readonly #witness = new Witness();
  readonly #digWitness = new Witness();
  readonly #poller: Poller;
  readonly #failures: string[] = [];
  #checks = 0;
  #step = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    const accounts = demoRegions.map(({ client }) => ({
      name: accountsName,
      subnet: client.subnet,
    }));
    this.#poller = new Poller([...demoRegions.map(clientOf), ...accounts], {
      port: stage.ports.dns,
      everyMs: pollEveryMs,
      entropy: stage.entropy,
      onHeard: (asked, heard) => this.#hear(this.#witness, asked, heard),
    });
  }

  close(): void {
    this.#poller.close();
  }

  #headline(text: string): void {
    this.#stage.say(`\n${++this.#step}. ${text}`);
  }

  #check(holds: boolean, claim: string): void {
    this.#checks++;
    if (!holds) this.#failures.push(claim);
    this.#stage.say(`   ${holds ? "ok    " : "FAILED"}  ${claim}`);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#stage.entropy.after(ms, resolve));
  }

  #dig(asked: Asked, flags: readonly string[] = []): Promise<Heard> {
    return dig(asked, this.#stage.ports.dns, flags);
  }

  #hear(
    witness: Witness,
    asked: Asked,
    heard: Heard,
    atMs = this.#stage.entropy.monotonic(),
  ): void {
    const problem = witness.hear(asked, heard, atMs);
    if (problem === undefined || witness.problemCount > problemsShown) return;
    this.#stage.say(`${clockText(this.#stage.entropy.now())}  WRONG  ${problem}`);
  }

  async nearest(): Promise<void> {
    this.#headline("Each client is answered with the region nearest to it");
    for (const region of demoRegions) {
      const asked = clientOf(region);
      const heard = await this.#dig(asked);
      const text = `${region.client.people} client: ${digCommand(asked, this.#stage.ports.dns)}`;
      this.#check(namesOnly(heard, region.name), `${text} -> ${heardText(heard)}`);
      const tcp = await this.#dig(asked, ["+tcp"]);
      this.#check(namesOnly(tcp, region.name), `the same by TCP -> ${heardText(tcp)}`);
    }
    const asked = { name: accountsName, subnet: demoRegion("ap")?.client.subnet ?? "" };
    const heard = await this.#dig(asked);
    this.#check(
      namesOnly(heard, "eu"),
      `a Japanese client of accounts, which may not leave the EU -> ${heardText(heard)}`,
    );
    const why = await digWhy(asked, this.#stage.ports.dns);
    const share = why.find((line) => line.startsWith('"share 100.00% eu'));
    this.#check(share !== undefined, `and why, as dig is told: ${why[2]} ${share}`);
  }

  async redirect(): Promise<void> {
    this.#headline("The redirect front sends browsers to the same region");
    for (const region of demoRegions) {
      const { status, location } = await redirectOf(region.client.address, this.#stage.ports);
      const wanted = `http://${region.name}.${shopName}:${this.#stage.ports.origins}/cart?id=7`;
      this.#check(
        status === "307" && location === wanted,
        `${region.client.people} client: ${status} ${location}`,
      );
    }
  }

  async drain(): Promise<void> {
    this.#headline("An operator drains us, and takes it back");
    const region = demoRegion("us");
    if (region === undefined) return;
    const asked = clientOf(region);
    const state = ["--state", this.#stage.paths.state];
    const reason = ["--reason", "tour", "--for", "5m"];
    this.#witness.mark();
    const drained = await runRhumb(["drain", "region:us", ...reason, ...state]);
    this.#check(drained.status === 0, `rhumb drain region:us: ${firstLine(drained.output)}`);
    const drainedMs = this.#stage.entropy.monotonic();
    await this.#sleep(graceMs + stayMs);
    const last = this.#witness.named(asked, "us")?.lastMs ?? drainedMs;
    const away = await this.#dig(asked);
    this.#check(
      last <= drainedMs + graceMs && !names(away, "us"),
      `us left the answers ${seconds(Math.max(0, last - drainedMs))} later -> ${heardText(away)}`,
    );
    const lifted = await runRhumb(["overrides", "lift", "region:us", ...state]);
    this.#check(lifted.status === 0, `rhumb overrides lift region:us: ${firstLine(lifted.output)}`);
    await this.#sleep(graceMs);
    const back = await this.#dig(asked);
    this.#check(
      namesOnly(back, "us"),
      `us is back at once, healthy all along -> ${heardText(back)}`,
    );
  }

  async fails(name: string, fault: Fault): Promise<void> {
    const region = demoRegion(name);
    const origins = this.#stage.origins.get(name);
    if (region === undefined || origins === undefined) return;
    const asked = clientOf(region);
    this.#headline(`Region ${name} fails: ${faultMeanings[fault]}`);
    const digging = this.#keepDigging(asked);
    this.#witness.mark();
    this.#digWitness.mark();
    const failedMs = this.#stage.entropy.monotonic();
    await origins.apply(fault);
    await this.#sleep(leaveBoundMs + stayMs - (this.#stage.entropy.monotonic() - failedMs));
    this.#judgeLeaving(region, failedMs);

    this.#stage.say(`   ...     ${name} is started again`);
    await origins.apply("revive");
    const revivedMs = this.#stage.entropy.monotonic();
    this.#witness.mark();
    this.#digWitness.mark();
    await this.#sleep(returnBoundMs + stayMs);
    this.#judgeReturning(region, revivedMs);
    await digging.stop();
    this.#judgeAnswers();
  }

  #judgeLeaving(region: DemoRegion, failedMs: number): void {
    const asked = clientOf(region);
    for (const [who, witness] of [
      ["dig", this.#digWitness],
      ["poller", this.#witness],
    ] as const) {
      const lastMs = (witness.named(asked, region.name)?.lastMs ?? failedMs) - failedMs;
      const others = demoRegions.filter(
        (other) => other !== region && witness.named(asked, other.name) !== undefined,
      );
      const instead = others.map((other) => other.name).join(", ") || "nobody";
      this.#check(
        lastMs <= leaveBoundMs && others.length > 0,
        `${who}: ${region.name} was last named ${seconds(lastMs)} later, ${instead} instead (bound ${seconds(leaveBoundMs)})`,
      );
    }
    for (const other of demoRegions.filter((candidate) => candidate !== region)) {
      const moved = demoRegions.some(
        (to) => to !== other && this.#witness.named(clientOf(other), to.name) !== undefined,
      );
      this.#check(!moved, `${other.client.people} clients stayed in ${other.name}`);
    }
  }

  #judgeReturning(region: DemoRegion, revivedMs: number): void {
    const asked = clientOf(region);
    for (const [who, witness] of [
      ["dig", this.#digWitness],
      ["poller", this.#witness],
    ] as const) {
      const first = witness.named(asked, region.name);
      const firstMs = (first?.firstMs ?? Number.POSITIVE_INFINITY) - revivedMs;
      const elsewhere = demoRegions
        .filter((other) => other !== region)
        .map((other) => witness.named(asked, other.name)?.lastMs ?? revivedMs);
      const wholeMs = Math.max(...elsewhere) - revivedMs;
      this.#check(
        first !== undefined && firstMs >= holdMs && wholeMs <= returnBoundMs,
        `${who}: ${region.name} named again after ${seconds(firstMs)}, alone after ${seconds(wholeMs)} (bound ${seconds(returnBoundMs)})`,
      );
    }
  }

  #judgeAnswers(): void {
    for (const [who, witness] of [
      ["dig", this.#digWitness],
      ["poller", this.#witness],
    ] as const) {
      this.#check(
        witness.problemCount === 0 && witness.answers > 0,
        `${who}: ${witness.answers} answers so far, ${witness.problemCount} empty, foreign or missing`,
      );
    }
    const slowest = Math.ceil(this.#poller.slowestMs);
    this.#stage.say(`           the slowest answer to the poller took ${slowest} ms`);
  }

  #keepDigging(asked: Asked): { stop(): Promise<void> } {
    let digging = true;
    const loop = async (): Promise<void> => {
      while (digging) {
        // An answer counts from when it was asked for: it cannot be older.
        const atMs = this.#stage.entropy.monotonic();
        this.#hear(this.#digWitness, asked, await this.#dig(asked), atMs);
        await this.#sleep(digEveryMs);
      }
    };
    const done = loop();
    return {
      stop() {
        digging = false;
        return done;
      },
    };
  }

  verdict(): boolean {
    const { say } = this.#stage;
    if (this.#failures.length === 0) {
      say(`\nAll ${this.#checks} checks hold: the tour is over.`);
      return true;
    }
    say(`\n${this.#failures.length} of ${this.#checks} checks failed:`);
    for (const failure of this.#failures) say(`  ${failure}`);
    return false;
  }
}

const firstLine = (text: string): string => text.split("\n")[0] ?? "";

const heardText = (heard: Heard): string =>
  heard.ok
    ? heard.addresses
        .map((address) => `${address} (${regionOfAddress(address)?.name ?? "?"})`)
        .join(" ")
    : heard.message;

function names(heard: Heard, region: string): boolean {
  return heard.ok && heard.addresses.some((address) => regionOfAddress(address)?.name === region);
}

function namesOnly(heard: Heard, region: string): boolean {
  return heard.ok && heard.addresses.every((address) => regionOfAddress(address)?.name === region);
}

/** Status and Location of the redirect front's answer, as curl reads them. */
function redirectOf(
  client: string,
  ports: DemoPorts,
): Promise<{ readonly status: string; readonly location: string }> {
  const args = [
    "-s",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code} %{redirect_url}",
    "-H",
    `Host: ${shopName}`,
    "-H",
    `X-Forwarded-For: ${client}`,
    `http://${demoHost}:${ports.redirect}/cart?id=7`,
  ];
  return new Promise((resolve) => {
    execFile("curl", args, (error, stdout) => {
      if (error?.code === "ENOENT") {
        resolve({ status: "curl is missing; on Debian it is in the package curl", location: "" });
        return;
      }
      const [status = "", location = ""] = stdout.split(" ");
      resolve({ status, location });
    });
  });
}
