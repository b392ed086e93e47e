/**
 * Traffic on a running server, and how long it got no answer. A probe asks every few milliseconds
 * on a socket of its own and notes which of its questions were answered; dnsperf adds load from
 * outside.
 */
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { debianPackages, findTool } from "../../scripts/tools.ts";
import { encodeMessage } from "../../src/wire/dns-message.ts";
import { parseName } from "../../src/wire/dns-name.ts";
import { pause, serviceName } from "./server.ts";

export interface Watch {
  /**
   * Milliseconds from the first of the longest run of questions without an answer to the first
   * that got one again, less what this process was late in asking meanwhile.
   */
  longestOutage(): number;
  stop(): void;
}

const askEveryMs = 10;
/** A later answer is none: a resolver has asked again. */
const patienceMs = 800;

interface Question {
  readonly at: number;
  /** When this one is asked beyond when it should have been. */
  readonly lateMs: number;
  answered: boolean;
}

function watch(
  ask: (number: number, answered: (number: number) => void) => void,
  close: () => void,
): Watch {
  const questions: Question[] = [];
  const answered = (number: number): void => {
    const question = questions[number];
    if (question === undefined) return;
    if (performance.now() - question.at <= patienceMs) question.answered = true;
  };
  const timer = setInterval(() => {
    const at = performance.now();
    const sinceMs = at - (questions.at(-1)?.at ?? at);
    questions.push({ at, lateMs: Math.max(0, sinceMs - askEveryMs), answered: false });
    ask(questions.length - 1, answered);
  }, askEveryMs);
  return {
    longestOutage: () => longestOutage(questions),
    stop() {
      clearInterval(timer);
      close();
    },
  };
}

function longestOutage(questions: readonly Question[]): number {
  let longest = 0;
  let beganAt: number | undefined;
  let lateMs = 0;
  for (const question of [...questions, { at: performance.now(), lateMs: 0, answered: true }]) {
    if (beganAt !== undefined) {
      lateMs += question.lateMs;
      if (question.answered) longest = Math.max(longest, question.at - beganAt - lateMs);
    }
    if (question.answered) {
      beganAt = undefined;
      lateMs = 0;
    } else beganAt ??= question.at;
  }
  return longest;
}

/** NOERROR with one answer counts; anything else is a gap. */
export function watchDns(port: number): Watch {
  const owner = parseName(serviceName);
  if (!owner.ok) throw new Error(serviceName);
  const query = encodeMessage({
    id: 1,
    flags: 0,
    questions: [{ name: owner.value, type: 1, class: 1 }],
    answers: [],
    authorities: [],
    additionals: [],
  });
  const socket = createSocket("udp4");
  let answered: (number: number) => void = () => undefined;
  const before = new Map<number, number>();
  socket.on("message", (message) => {
    const number = before.get(message.readUInt16BE(0));
    if (number === undefined) return;
    if ((message[3] ?? 0) % 16 === 0 && message.readUInt16BE(6) === 1) answered(number);
  });
  // A closed port is an error of the socket here, and a gap to be measured.
  socket.on("error", () => undefined);
  return watch(
    (number, note) => {
      answered = note;
      const id = number & 0xffff;
      before.set(id, number);
      const asked = Buffer.from(query);
      asked.writeUInt16BE(id, 0);
      socket.send(asked, port, "127.0.0.1", () => undefined);
    },
    () => socket.close(),
  );
}

/** A 307 counts. */
export function watchRedirect(port: number): Watch {
  const options = {
    port,
    host: "127.0.0.1",
    headers: { host: serviceName, connection: "close" },
    agent: false,
  };
  return watch(
    (number, note) => {
      const request = get(options, (response) => {
        response.resume();
        if (response.statusCode === 307) note(number);
      });
      request.on("error", () => undefined);
    },
    () => undefined,
  );
}

export interface Load {
  readonly sent: number;
  readonly lost: number;
}

/** dnsperf at `perSecond` for as long as `during` takes and a little more. */
export async function loadDns(
  target: { readonly port: number; readonly folder: string; readonly perSecond: number },
  during: () => Promise<void>,
): Promise<Load> {
  const dnsperf = findTool("dnsperf");
  if (dnsperf === undefined) {
    throw new Error(`dnsperf is missing: apt-get install ${debianPackages.dnsperf}`);
  }
  const queries = join(target.folder, "queries");
  writeFileSync(queries, `${serviceName} A\n`);
  // What was lost is known after three seconds; till then dnsperf must not wait for the dead.
  const outstanding = String(4 * target.perSecond);
  const args = ["-s", "127.0.0.1", "-p", String(target.port), "-d", queries, "-t", "3"];
  const rate = ["-Q", String(target.perSecond), "-q", outstanding, "-l", "120"];
  const child = spawn(dnsperf, [...args, ...rate], { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  await pause(500);
  try {
    await during();
  } finally {
    child.kill("SIGINT");
    await once(child, "exit");
  }
  const figure = (label: string): number =>
    Number(new RegExp(`Queries ${label}: +(\\d+)`).exec(text)?.[1] ?? Number.NaN);
  return { sent: figure("sent"), lost: figure("lost") };
}
