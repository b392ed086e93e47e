/**
 * Asking the DNS front from outside: `dig` as a judge that is not ours, and a poller that asks
 * often enough to see an answer that is wrong for a moment only. Used by the tour and to see that
 * the server is ready.
 */
import { execFile } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import type { Entropy, Timer } from "../lib/entropy.ts";
import { formatAddress, parsePrefix, wordsOfBytes } from "../lib/ip.ts";
import { classes, ednsOptions, headerFlags, rcodes, types } from "../wire/dns-constants.ts";
import { decodeMessage, encodeMessage, encodeOptions } from "../wire/dns-message.ts";
import { parseName } from "../wire/dns-name.ts";
import { demoHost } from "./layout.ts";

export interface Asked {
  readonly name: string;
  /** Client subnet, as dig writes it. */
  readonly subnet: string;
}

/** Addresses, or why there are none: an empty answer is a fault here, not an answer. */
export type Heard =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly message: string };

export const digMissing = "dig is missing; on Debian it is in the package bind9-dnsutils";

export function digCommand(asked: Asked, port: number): string {
  return `dig @${demoHost} -p ${port} ${asked.name} +short +subnet=${asked.subnet}`;
}

export function whyCommand({ name, subnet }: Asked, port: number): string {
  return `dig @${demoHost} -p ${port} TXT _why.${name} +short +subnet=${subnet}`;
}

/** The lines of `TXT _why.NAME`; none when there is no answer. */
export function digWhy(asked: Asked, port: number): Promise<readonly string[]> {
  const args = whyCommand(asked, port).split(" ").slice(1);
  return new Promise((resolve) => {
    execFile("dig", [...args, "+tries=1", "+time=2"], (_error, stdout) => {
      resolve(stdout.split("\n").filter((line) => line.startsWith('"')));
    });
  });
}

export function dig(asked: Asked, port: number, flags: readonly string[] = []): Promise<Heard> {
  const args = digCommand(asked, port).split(" ").slice(1);
  return new Promise((resolve) => {
    execFile("dig", [...args, "+tries=1", "+time=2", ...flags], (error, stdout) => {
      const addresses = stdout.split("\n").filter((line) => /^[0-9.]+$/.test(line));
      if (error !== null) {
        const message = error.code === "ENOENT" ? digMissing : `dig: ${stdout.trim()}`;
        resolve({ ok: false, message });
      } else if (addresses.length === 0) resolve({ ok: false, message: "dig: an empty answer" });
      else resolve({ ok: true, addresses });
    });
  });
}

/** As long as an impatient resolver waits. */
const patienceMs = 3000;

/** One query by UDP. */
function encodeQuery(asked: Asked, id: number): Uint8Array {
  const name = parseName(asked.name);
  const prefix = parsePrefix(asked.subnet);
  if (!name.ok || prefix === undefined) throw new Error(`no query: ${asked.name} ${asked.subnet}`);
  const bytes = Math.ceil(prefix.length / 8);
  const address = asked.subnet.split("/")[0]?.split(".").map(Number) ?? [];
  const subnet = Uint8Array.of(0, 1, prefix.length, 0, ...address.slice(0, bytes));
  return encodeMessage({
    id,
    flags: 0,
    questions: [{ name: name.value, type: types.a, class: classes.in }],
    answers: [],
    authorities: [],
    additionals: [
      {
        name: new Uint8Array(1),
        type: types.opt,
        class: 1232,
        ttl: 0,
        rdata: encodeOptions([{ code: ednsOptions.clientSubnet, data: subnet }]),
      },
    ],
  });
}

function readAnswer(bytes: Uint8Array): { readonly id: number; readonly heard: Heard } | undefined {
  const message = decodeMessage(bytes);
  if (!message.ok || (message.value.flags & headerFlags.qr) === 0) return undefined;
  const { id, flags, answers } = message.value;
  const rcode = flags & 0xf;
  if (rcode !== rcodes.noError) return { id, heard: { ok: false, message: `rcode ${rcode}` } };
  const addresses = answers
    .filter((record) => record.type === types.a)
    .map((record) => formatAddress(4, wordsOfBytes(record.rdata)));
  if (addresses.length === 0) return { id, heard: { ok: false, message: "an empty answer" } };
  return { id, heard: { ok: true, addresses } };
}

interface Waiting {
  readonly asked: Asked;
  readonly timer: Timer;
  readonly sentMs: number;
}

/** Asks each question in turn, one every `everyMs`, until closed. */
export class Poller {
  readonly #socket: Socket = createSocket("udp4");
  readonly #waiting = new Map<number, Waiting>();
  readonly #entropy: Entropy;
  readonly #onHeard: (asked: Asked, heard: Heard) => void;
  #timer: Timer | undefined;
  #id = 0;
  slowestMs = 0;

  constructor(
    questions: readonly Asked[],
    options: {
      readonly port: number;
      readonly everyMs: number;
      readonly entropy: Entropy;
      readonly onHeard: (asked: Asked, heard: Heard) => void;
    },
  ) {
    this.#entropy = options.entropy;
    this.#onHeard = options.onHeard;
    this.#socket.on("message", (bytes) => this.#receive(bytes));
    this.#socket.on("error", () => {});
    const next = (): void => {
      const asked = questions[this.#id % questions.length];
      if (asked !== undefined) this.#ask(asked, options.port);
      this.#timer = this.#entropy.after(options.everyMs, next);
    };
    next();
  }

  #ask(asked: Asked, port: number): void {
    this.#id = (this.#id + 1) & 0xffff;
    const id = this.#id;
    const timer = this.#entropy.after(patienceMs, () => {
      this.#waiting.delete(id);
      this.#onHeard(asked, { ok: false, message: `no answer within ${patienceMs} ms` });
    });
    this.#waiting.set(id, { asked, timer, sentMs: this.#entropy.monotonic() });
    this.#socket.send(encodeQuery(asked, id), port, demoHost);
  }

  #receive(bytes: Uint8Array): void {
    const answer = readAnswer(bytes);
    const waiting = answer === undefined ? undefined : this.#waiting.get(answer.id);
    if (answer === undefined || waiting === undefined) return;
    this.#waiting.delete(answer.id);
    waiting.timer.cancel();
    this.slowestMs = Math.max(this.slowestMs, this.#entropy.monotonic() - waiting.sentMs);
    this.#onHeard(waiting.asked, answer.heard);
  }

  close(): void {
    this.#timer?.cancel();
    for (const { timer } of this.#waiting.values()) timer.cancel();
    this.#waiting.clear();
    this.#socket.close();
  }
}

/** Resolves with true once the question has an answer, with false after `withinMs`. */
export function waitForAnswer(
  asked: Asked,
  options: { readonly port: number; readonly withinMs: number; readonly entropy: Entropy },
): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (answered: boolean): void => {
      timer.cancel();
      poller.close();
      resolve(answered);
    };
    const timer = options.entropy.after(options.withinMs, () => finish(false));
    const poller = new Poller([asked], {
      port: options.port,
      everyMs: 100,
      entropy: options.entropy,
      onHeard: (_, heard) => {
        if (heard.ok) finish(true);
      },
    });
  });
}
