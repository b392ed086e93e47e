/**
 * Origins that do what no origin should, in a process of their own, so that what it costs them to
 * attack is not counted as the observer's. Prints `{"name": port}` when all listen. The
 * well-behaved ones note when they were asked, and print that at the end of standard input.
 */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { FailureCode } from "../../src/world/failures.ts";
import { pour } from "./origins.ts";

const head = "HTTP/1.1 200 OK\r\n";
const zeros = "\0".repeat(65_536);

export interface Hostile {
  /** What a plain HTTP probe that wants "all is well" makes of it. */
  readonly finds: FailureCode;
  /** Once it was asked or, where `early`, as soon as it was called. */
  readonly say: (socket: Socket) => void;
  readonly early?: true;
}

export const hostile: Readonly<Record<string, Hostile>> = {
  "endless headers": {
    finds: "http.too-large",
    say(s) {
      s.write(head);
      pour(s, "a: b\r\n".repeat(5000));
    },
  },
  "one endless header": {
    finds: "http.too-large",
    say(s) {
      s.write(`${head}a: `);
      pour(s, "x".repeat(65_536));
    },
  },
  "endless body": {
    finds: "http.body",
    say(s) {
      s.write(`${head}\r\n`);
      pour(s, "x".repeat(65_536));
    },
  },
  "a body of a terabyte": {
    finds: "http.body",
    say(s) {
      s.write(`${head}Content-Length: 1099511627776\r\n\r\n`);
      pour(s, "x".repeat(65_536));
    },
  },
  "an octet now and then": { finds: "http.malformed", say: (s) => pour(s, head[0] ?? "", 100) },
  "a head, an octet at a time": {
    finds: "http.timeout",
    say(s) {
      s.write(head);
      pour(s, "a", 50);
    },
  },
  "a compressed bomb": {
    finds: "http.body",
    say(s) {
      s.write(`${head}Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03`);
      pour(s, zeros);
    },
  },
  "chunks of one octet": {
    finds: "http.body",
    say(s) {
      s.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
      pour(s, "1\r\nx\r\n".repeat(10_000));
    },
  },
  "chunk extensions": {
    finds: "http.too-large",
    say(s) {
      s.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
      pour(s, `1;${"e".repeat(1000)}\r\nx\r\n`.repeat(60));
    },
  },
  "chunks that are none": {
    finds: "http.malformed",
    say: (s) => s.write(`${head}Transfer-Encoding: chunked\r\n\r\n-5\r\nall is well\r\n`),
  },
  "a redirect to itself": {
    finds: "http.status",
    say: (s) => s.end("HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n"),
  },
  "interim answers": {
    finds: "http.too-large",
    say: (s) => pour(s, "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(2000)),
  },
  "an upgrade": {
    finds: "http.status",
    say(s) {
      s.write("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
      pour(s, zeros);
    },
  },
  "HTTP/0.9": { finds: "http.malformed", say: (s) => s.end("all is well") },
  "octets of zero": { finds: "http.malformed", say: (s) => pour(s, zeros), early: true },
  "a zero in a header": {
    finds: "http.body",
    say: (s) => s.end(`${head}a\0: b\r\n\r\nall is sick`),
  },
  "empty lines": {
    finds: "http.malformed",
    say: (s) => pour(s, "\r\n".repeat(30_000)),
    early: true,
  },
  "TLS alerts": {
    finds: "http.malformed",
    say: (s) => pour(s, "\x15\x03\x03\0\x02\x01\0".repeat(9000)),
    early: true,
  },
  "TLS of any length": {
    finds: "http.malformed",
    say: (s) => pour(s, `\x16\x03\x03\x40\0${zeros}`),
    early: true,
  },
  silence: { finds: "http.timeout", say: () => undefined },
  "a reset at once": { finds: "http.closed", say: (s) => s.resetAndDestroy(), early: true },
  "half of the connection closed": { finds: "http.closed", say: (s) => s.end(), early: true },
  "a reset in mid-answer": {
    finds: "http.closed",
    say: (s) => s.write(`${head}Content-Length: 100\r\n\r\nall`, () => s.resetAndDestroy()),
  },
};

export const wellBehaved = ["well 1", "well 2", "well 3"] as const;

async function listen(onSocket: (socket: Socket) => void, early = false): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    if (early) onSocket(socket);
    else socket.once("data", () => onSocket(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

if (import.meta.main) {
  const ports: Record<string, number> = {};
  for (const [name, { say, early }] of Object.entries(hostile)) {
    ports[name] = await listen(say, early);
  }
  const asked: Record<string, number[]> = {};
  for (const name of wellBehaved) {
    const times: number[] = [];
    asked[name] = times;
    ports[name] = await listen((socket) => {
      times.push(performance.now());
      socket.end(`${head}Content-Length: 11\r\n\r\nall is well`);
    });
  }
  process.stdout.write(`${JSON.stringify(ports)}\n`);
  process.stdin.on("end", () => {
    process.stdout.write(`${JSON.stringify(asked)}\n`, () => process.exit(0));
  });
  process.stdin.resume();
}
