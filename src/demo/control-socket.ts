/**
 * How `rhumb demo kill eu` in one terminal reaches the demonstration in another: one line of JSON
 * each way over a unix socket that only its user can open.
 */
import { rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import type { Entropy } from "../lib/entropy.ts";
import { lineReader } from "../link/lines.ts";
import { demoRegion, demoRegions } from "./layout.ts";
import { type Fault, faults } from "./origins.ts";

export interface DemoReply {
  readonly ok: boolean;
  readonly message: string;
}

const lineBytesMax = 1024;
const replyMs = 20_000;

export function serveDemoSocket(
  path: string,
  act: (fault: Fault, region: string) => Promise<DemoReply>,
): Promise<Server> {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on("error", () => {});
    const reader = lineReader(lineBytesMax, (line) => {
      const request = parseRequest(line);
      const reply =
        request === undefined
          ? Promise.resolve({ ok: false, message: "not a request" })
          : act(request.fault, request.region);
      void reply.then((value) => socket.end(`${JSON.stringify(value)}\n`));
    });
    socket.on("data", (chunk) => {
      if (!reader.push(chunk)) socket.destroy();
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}

function parseRequest(line: string): { fault: Fault; region: string } | undefined {
  try {
    const value: { readonly fault?: unknown; readonly region?: unknown } = JSON.parse(line);
    const fault = faults.find((name) => name === value.fault);
    const region = typeof value.region === "string" ? demoRegion(value.region)?.name : undefined;
    return fault === undefined || region === undefined ? undefined : { fault, region };
  } catch {
    return undefined;
  }
}

/** Asks the running demonstration. Never rejects. */
export function askDemo(
  path: string,
  request: { readonly fault: Fault; readonly region: string },
  entropy: Entropy,
): Promise<DemoReply> {
  if (demoRegion(request.region) === undefined) {
    const names = demoRegions.map((region) => region.name).join(", ");
    return Promise.resolve({ ok: false, message: `no region ${request.region}: ${names}` });
  }
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (reply: DemoReply): void => {
      timer.cancel();
      socket.destroy();
      resolve(reply);
    };
    const timer = entropy.after(replyMs, () =>
      finish({ ok: false, message: `no reply within ${replyMs} ms` }),
    );
    const reader = lineReader(lineBytesMax, (line) => finish(JSON.parse(line) as DemoReply));
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (chunk) => reader.push(chunk));
    const absent = "the demonstration is not running: start it with `npm start`";
    socket.on("error", () => finish({ ok: false, message: absent }));
    socket.on("close", () => finish({ ok: false, message: "closed without a reply" }));
  });
}

/** Does anyone listen on the unix socket, or on the port of the host? */
export function isListening(pathOrHost: string, port?: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = port === undefined ? connect(pathOrHost) : connect(port, pathOrHost);
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
