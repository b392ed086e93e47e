/**
 * Traffic on a running server, and how long it got no answer. A probe asks every few milliseconds
 * on a socket of its own and notes when answers came; dnsperf adds load from outside.
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
  /** The longest time between two answers, in milliseconds, from its start to now. */
  longestGap(): number;
  stop(): void;
}

const askEveryMs = 10;

function watch(ask: (answered: () => void) => void, close: () => void): Watch {
  let lastAt = performance.now();
  let longest = 0;
  const note = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - lastAt);
    lastAt = now;
  };
  const timer = setInterval(() => ask(note), askEveryMs);
  return {
    longestGap: () => Math.max(longest, performance.now() - lastAt),
    stop() {
      clearInterval(timer);
      close();
    },
  };
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
  let answered: () => void = () => undefined;
  socket.on("message", (message) => {
    if ((message[3] ?? 0) % 16 === 0 && message.readUInt16BE(6) === 1) answered();
  });
  // A closed port is an error of the socket here, and a gap to be measured.
  socket.on("error", () => undefined);
  return watch(
    (note) => {
      answered = note;
      socket.send(query, port, "127.0.0.1", () => undefined);
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
    (note) => {
      const request = get(options, (response) => {
        response.resume();
        if (response.statusCode === 307) note();
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
