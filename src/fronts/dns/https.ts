/**
 * DNS over HTTPS (RFC 8484): GET and POST of `/dns-query` over HTTP/2, which is what its section
 * 5.2 asks for at least. Bounded as TCP is: by the same count of clients, by streams, headers and
 * memory of a session, and by the time a request may take. Opened by server.ts.
 */
import {
  constants,
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Entropy } from "../../lib/entropy.ts";
import { limits } from "../../limits.ts";
import { decodeMessage } from "../../wire/dns-message.ts";
import { answer } from "./answer.ts";
import { type AnswerContext, setClock } from "./context.ts";
import { createExchange, transports } from "./exchange.ts";
import type { ListenAddress } from "./listen-address.ts";
import { listenStream, peerOf, type TcpClients, type TcpListener } from "./tcp.ts";
import type { TlsIdentity } from "./tls-identity.ts";

const queryPath = "/dns-query";
const mediaType = "application/dns-message";
const { dnsMessageBytesMax } = limits;

/** Octets of base64url that a message may take. */
const encodedMax = Math.ceil((dnsMessageBytesMax * 4) / 3);

export interface HttpsOptions {
  readonly context: AnswerContext;
  readonly entropy: Entropy;
  readonly clients: TcpClients;
  readonly identity: TlsIdentity;
}

/** The system's error code when the address cannot be had. */
export async function openHttps(
  at: ListenAddress,
  options: HttpsOptions,
): Promise<TcpListener | { readonly code: string }> {
  const { clients, identity } = options;
  const sockets = new Set<Socket>();
  const server = createServer(options);
  server.on("connection", (socket: Socket) => {
    // Without a certificate there is nothing to say.
    if (identity.pair === undefined || !clients.admit(socket)) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const unfollow = identity.follow(({ certificate: cert, key }) =>
    server.setSecureContext({ cert, key, minVersion: "TLSv1.2" }),
  );
  const opened = await listenStream(server, at, async (graceMs) => {
    unfollow();
    // Closing the server has told each connection (GOAWAY); it ends with its last request.
    await clients.end(sockets, graceMs);
  });
  if ("code" in opened) unfollow();
  return opened;
}

function createServer(options: HttpsOptions): Http2SecureServer {
  const { certificate: cert, key } = options.identity.pair ?? {};
  const server = createSecureServer({
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    minVersion: "TLSv1.2",
    handshakeTimeout: limits.dnsTcpIdleCrowdedMs,
    maxHeaderListPairs: limits.dnsHttpsHeadersMax,
    maxSessionMemory: 1,
    settings: {
      enablePush: false,
      maxConcurrentStreams: limits.dnsHttpsStreamsMax,
      maxHeaderListSize: limits.dnsHttpsHeaderBytesMax,
    },
  });
  // A client that sends nonsense has ended its own session.
  for (const event of ["error", "sessionError", "tlsClientError"]) {
    server.on(event, () => undefined);
  }
  server.on("session", (session) => {
    const { idleMs } = options.context.snapshot.policy.listen.dnsTcp;
    session.setTimeout(idleMs, () => session.close());
    session.on("error", () => session.destroy());
  });
  server.on("stream", (stream: ServerHttp2Stream, headers) => serve(options, stream, headers));
  return server;
}

function serve(
  options: HttpsOptions,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  stream.on("error", () => undefined);
  const { idleMs } = options.context.snapshot.policy.listen.dnsTcp;
  const timer = options.entropy.after(idleMs, () => stream.close(constants.NGHTTP2_CANCEL));
  stream.on("close", () => timer.cancel());
  const [path, search = ""] = split(headers[":path"] ?? "", "?");
  const method = headers[":method"];
  if (path !== queryPath) {
    refuse(options, stream, 404);
    return;
  }
  if (method === "GET" || method === "HEAD") {
    serveGet(options, stream, search);
    return;
  }
  if (method !== "POST") {
    refuse(options, stream, 405, { allow: "GET, HEAD, POST" });
    return;
  }
  if (headers["content-type"] !== mediaType) {
    refuse(options, stream, 415);
    return;
  }
  servePost(options, stream);
}

function split(text: string, at: string): readonly [string, string?] {
  const found = text.indexOf(at);
  return found === -1 ? [text] : [text.slice(0, found), text.slice(found + 1)];
}

function serveGet(options: HttpsOptions, stream: ServerHttp2Stream, search: string): void {
  const encoded = new URLSearchParams(search).get("dns") ?? "";
  if (encoded.length > encodedMax) {
    refuse(options, stream, 414);
    return;
  }
  // Section 6: without padding, and so are what other characters make.
  if (!/^[A-Za-z0-9_-]+$/.test(encoded)) {
    refuse(options, stream, 400);
    return;
  }
  reply(options, stream, Buffer.from(encoded, "base64url"));
}

function servePost(options: HttpsOptions, stream: ServerHttp2Stream): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > dnsMessageBytesMax) refuse(options, stream, 413);
    else chunks.push(chunk);
  });
  stream.on("end", () => {
    if (bytes <= dnsMessageBytesMax) reply(options, stream, Buffer.concat(chunks));
  });
}

function refuse(
  { entropy }: HttpsOptions,
  stream: ServerHttp2Stream,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (stream.destroyed || stream.headersSent) return;
  stream.respond({ ":status": status, ...headers }, { endStream: true });
  stream.pause();
  // What is still to come of the body is not wanted (RFC 9113 section 8.1), but who sends it is to
  // see the status first.
  const timer = entropy.after(limits.dnsHttpsLingerMs, () => {
    stream.close(constants.NGHTTP2_NO_ERROR);
  });
  stream.on("close", () => timer.cancel());
}

/** One for all: a message is answered in one go. */
const exchange = createExchange(transports.https);

function reply(options: HttpsOptions, stream: ServerHttp2Stream, request: Buffer): void {
  const { context, entropy } = options;
  const socket = stream.session?.socket;
  const client = socket && peerOf(socket);
  if (stream.destroyed || client === undefined) return;
  exchange.request = request;
  exchange.requestLength = request.length;
  exchange.client = client.words;
  exchange.clientFamily = client.family;
  setClock(context, entropy);
  const size = answer(context, exchange);
  if (size === 0) {
    refuse(options, stream, 400);
    return;
  }
  const message = Buffer.from(exchange.response.subarray(0, size));
  stream.respond({
    ":status": 200,
    "content-type": mediaType,
    "content-length": size,
    "cache-control": cacheControl(message),
  });
  stream.end(message);
}

/**
 * Section 5.1: no longer than the shortest TTL. Private, because the answer may depend on who asks.
 */
function cacheControl(message: Uint8Array): string {
  const decoded = decodeMessage(message);
  if (!decoded.ok) return "no-store";
  const { answers, authorities } = decoded.value;
  const ttls = (answers.length > 0 ? answers : authorities).map(({ ttl }) => ttl);
  return ttls.length === 0 ? "no-store" : `private, max-age=${Math.min(...ttls)}`;
}
