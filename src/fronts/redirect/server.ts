/**
 * The redirect front: node:http around redirect(). Started by parts/redirect.ts with the first
 * snapshot, given every later one by setSnapshot(), which takes effect between two requests. Every
 * request is answered from its head alone; connections, heads, idleness and the bytes of a body
 * that are thrown away are bounded.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Problem } from "../../errors.ts";
import type { Entropy } from "../../lib/entropy.ts";
import { connectionsWithin, openFilesMax } from "../../lib/open-files.ts";
import type { Registry } from "../../lib/telemetry.ts";
import { limits } from "../../limits.ts";
import { isTrusted, parsePeer } from "./client-address.ts";
import { endGently } from "./end-gently.ts";
import { type ListenAddress, listenProblem, readListenAddress } from "./listen-address.ts";
import {
  createRedirectContext,
  outcomes,
  type RedirectContext,
  type RequestFacts,
  type ResponseFacts,
  redirect,
  type Snapshot,
  setSnapshot,
} from "./redirect.ts";

export interface RedirectServerOptions {
  readonly snapshot: Snapshot;
  readonly registry: Registry;
  readonly entropy: Entropy;
}

export interface RedirectServer {
  /** Makes the addresses listened on these; those that cannot be had are told, the others serve. */
  listen(addresses: readonly string[]): Promise<readonly Problem[]>;
  /** What is listened on, such as `127.0.0.1:8300`, with the ports the system chose. */
  listening(): readonly string[];
  setSnapshot(snapshot: Snapshot): void;
  /** Accepts nothing more, finishes what was asked, closes. */
  stop(): Promise<void>;
}

interface Front {
  readonly context: RedirectContext;
  readonly entropy: Entropy;
  readonly sockets: Map<Socket, string>;
  /** Open connections by peer. */
  readonly clients: Map<string, number>;
  readonly connectionsMax: number;
  readonly count: (outcome: keyof typeof rows) => void;
  /** Connections whose last request was answered without its body, and which are ending. */
  readonly answered: WeakSet<Duplex>;
  draining: boolean;
}

/** Outcomes of requests, then of what never became one. */
const rows = Object.fromEntries(
  [...outcomes, "malformed", "too-many"].map((name, row) => [name, row]),
) as Readonly<Record<(typeof outcomes)[number] | "malformed" | "too-many", number>>;

export function createRedirectServer(options: RedirectServerOptions): RedirectServer {
  const { registry, entropy } = options;
  const counter = registry.counter(
    "rhumb_redirect_requests_total",
    "Requests by outcome; malformed: not HTTP; too-many: a connection beyond the limits.",
    { values: { outcome: Object.keys(rows) } },
  );
  const open = registry.gauge("rhumb_redirect_connections", "Connections open now.");
  const front: Front = {
    context: createRedirectContext(options.snapshot),
    entropy,
    sockets: new Map(),
    clients: new Map(),
    connectionsMax: connectionsWithin(limits.redirectConnectionsMax, openFilesMax()),
    count: (outcome) => counter.add(rows[outcome], 1),
    answered: new WeakSet(),
    draining: false,
  };
  registry.collect(() => open.set(0, front.sockets.size));
  /** By the address as written. */
  const servers = new Map<string, Server>();
  return {
    async listen(addresses) {
      const problems: Problem[] = [];
      const gone = [...servers].filter(([text]) => !addresses.includes(text));
      for (const [text] of gone) servers.delete(text);
      for (const [, server] of gone) void closeServer(server);
      for (const text of addresses) {
        if (servers.has(text)) continue;
        const opened = await openServer(front, readListenAddress(text));
        if ("message" in opened) problems.push(opened);
        else servers.set(text, opened);
      }
      return problems;
    },
    listening: () => [...servers.values()].map(listeningText),
    setSnapshot: (snapshot) => setSnapshot(front.context, snapshot),
    async stop() {
      front.draining = true;
      const closing = [...servers.values()].map(closeServer);
      servers.clear();
      const timer = entropy.after(limits.redirectDrainMs, () => {
        for (const socket of front.sockets.keys()) socket.destroy();
      });
      await Promise.all(closing);
      timer.cancel();
    },
  };
}

/** Done when its last connection has ended; idle ones end at once. */
function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

function listeningText(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return family === "IPv6" ? `[${address}]:${port}` : `${address}:${port}`;
}

function openServer(front: Front, at: ListenAddress): Promise<Server | Problem> {
  const server = createServer(
    {
      maxHeaderSize: limits.redirectHeaderBytesMax,
      headersTimeout: limits.redirectHeadersTimeoutMs,
      requestTimeout: limits.redirectHeadersTimeoutMs,
      keepAliveTimeout: limits.redirectIdleMs,
      connectionsCheckingInterval: 1000,
      // Whether a Host is missing is for redirect() to say: the health path needs none.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    (request, response) => answer(front, request, response),
  );
  // Node would leave out what is beyond its bound, such as the X-Forwarded-For that a proxy added
  // last, and the client's own would count instead. Their bytes are bounded; answer() counts them.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = limits.redirectRequestsPerConnectionMax;
  server.maxConnections = front.connectionsMax;
  server.on("connection", (socket) => accept(front, socket));
  server.on("drop", () => front.count("too-many"));
  // Without these Node would ask for a body we do not read, or close without an answer.
  server.on("checkContinue", (request, response) => answer(front, request, response));
  server.on("checkExpectation", (request, response) => answer(front, request, response));
  server.on("upgrade", (request, socket) => answerRaw(front, request, socket));
  server.on("connect", (request, socket) => answerRaw(front, request, socket));
  server.on("clientError", (error, socket) => refuseMalformed(front, error, socket));
  return new Promise((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      resolve(listenProblem(at, error.code ?? error.message));
    });
    server.listen({ host: at.host, port: at.port, ipv6Only: at.host.includes(":") }, () => {
      resolve(server);
    });
  });
}

function accept(front: Front, socket: Socket): void {
  const peer = socket.remoteAddress ?? "";
  const open = front.clients.get(peer) ?? 0;
  const most = front.connectionsMax;
  const ofClient = Math.min(limits.redirectConnectionsPerClientMax, Math.ceil(most / 2));
  const total = front.sockets.size >= most;
  if (total || (open >= ofClient && !isProxy(front, peer))) {
    front.count("too-many");
    socket.destroy();
    return;
  }
  front.sockets.set(socket, peer);
  front.clients.set(peer, open + 1);
  socket.once("close", () => {
    front.sockets.delete(socket);
    const left = (front.clients.get(peer) ?? 1) - 1;
    if (left > 0) front.clients.set(peer, left);
    else front.clients.delete(peer);
  });
}

function isProxy(front: Front, peer: string): boolean {
  const address = parsePeer(peer);
  return address !== undefined && isTrusted(front.context.trusted, address);
}

function factsOf(front: Front, request: IncomingMessage): RequestFacts {
  const { "x-forwarded-for": forwardedFor } = request.headers;
  const hosts: string[] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]!.toLowerCase() === "host") hosts.push(request.rawHeaders[i + 1]!);
  }
  return {
    method: request.method ?? "",
    target: request.url ?? "",
    hosts,
    peer: request.socket.remoteAddress ?? "",
    forwardedFor: Array.isArray(forwardedFor) ? forwardedFor.join(",") : forwardedFor,
    draw: front.entropy.draw32(),
    draining: front.draining,
  };
}

/** What redirect() is not asked about: RFC 9110 section 15.6.6, RFC 6585 section 5. */
function unreadable(request: IncomingMessage): ResponseFacts | undefined {
  const refuse = (status: number): ResponseFacts => {
    return { outcome: "bad-request", status, headers: [], body: `${status}\n` };
  };
  if (request.httpVersionMajor !== 1) return refuse(505);
  return request.rawHeaders.length > 2 * limits.redirectHeadersMax ? refuse(431) : undefined;
}

function factsFor(front: Front, request: IncomingMessage): ResponseFacts {
  return unreadable(request) ?? redirect(front.context, factsOf(front, request));
}

function answer(front: Front, request: IncomingMessage, response: ServerResponse): void {
  const facts = factsFor(front, request);
  front.count(facts.outcome);
  const hasBody =
    request.headers["transfer-encoding"] !== undefined ||
    Number(request.headers["content-length"] ?? 0) !== 0;
  if (hasBody) {
    // What follows is not read, so nothing after it could be told from it.
    endGently(request.socket, { entropy: front.entropy });
    front.answered.add(request.socket);
  }
  const { outcome } = facts;
  if (hasBody || front.draining || outcome === "bad-request")
    response.setHeader("connection", "close");
  const body = Buffer.from(facts.body, "latin1");
  response.writeHead(facts.status, [...headersOf(facts), "content-length", String(body.length)]);
  response.end(request.method === "HEAD" ? undefined : body);
}

function headersOf(facts: ResponseFacts): string[] {
  return [
    ...facts.headers.flat(),
    "content-type",
    "text/plain; charset=utf-8",
    "x-content-type-options",
    "nosniff",
  ];
}

/** CONNECT and upgrades leave HTTP behind in Node: the answer is written by hand, and the end. */
function answerRaw(front: Front, request: IncomingMessage, socket: Duplex): void {
  const facts = factsFor(front, request);
  front.count(facts.outcome);
  writeRaw(socket, facts);
}

function refuseMalformed(front: Front, error: NodeJS.ErrnoException, socket: Duplex): void {
  front.count("malformed");
  // The body is what is wrong, and its request has had its one answer: the connection ends already.
  if (front.answered.has(socket)) return;
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === "HPE_HEADER_OVERFLOW"
      ? 431
      : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
        ? 408
        : 400;
  writeRaw(socket, { outcome: "bad-request", status, headers: [], body: `${status}\n` });
}

function writeRaw(socket: Duplex, facts: ResponseFacts): void {
  const flat = [...headersOf(facts), "content-length", String(facts.body.length)];
  let head = `HTTP/1.1 ${facts.status} -\r\nconnection: close\r\n`;
  for (let i = 0; i < flat.length; i += 2) head += `${flat[i]}: ${flat[i + 1]}\r\n`;
  socket.on("error", () => socket.destroy());
  socket.end(Buffer.from(`${head}\r\n${facts.body}`, "latin1"), () => socket.destroy());
}
