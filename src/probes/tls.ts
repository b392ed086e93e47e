/**
 * The HTTPS probe: TLS with a server name, verified unless the operator said otherwise, then the
 * same request and reader as http.ts. Called by prober.ts. Nothing about the session is ever read
 * outside 'secureConnect': asking a destroyed TLS socket for its details (getProtocol and others)
 * ends the whole process with a segmentation fault on Node 20 and 26.
 */
import { constants } from "node:crypto";
import {
  type ConnectionOptions,
  connect,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { failForError } from "./classify.ts";
import { endInto, readInto } from "./http.ts";
import type { Attempt, ProbeRequest } from "./probe.ts";
import { ResponseReader } from "./response.ts";

/** One context for all probes: making one parses every root certificate. */
export function createProbeContext(ca?: string): SecureContext {
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    minVersion: "TLSv1.2",
    // An origin that keeps asking to renegotiate would cost a handshake each time.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
}

export function probeHttps(
  request: ProbeRequest,
  attempt: Attempt,
  secureContext: SecureContext,
): void {
  const reader = new ResponseReader(request);
  let socket: TLSSocket;
  try {
    socket = connect(optionsOf(request, secureContext));
  } catch (error) {
    attempt.abandon(error instanceof Error ? error.message : String(error));
    return;
  }
  attempt.own(socket);
  socket.on("error", (error) => failForError(attempt, error));
  socket.once("connect", () => {
    attempt.phase = "tls";
  });
  socket.once("secureConnect", () => {
    attempt.phase = "http";
    socket.write(request.send);
  });
  socket.on("data", (bytes: Buffer) => readInto(reader, attempt, bytes));
  socket.once("end", () => {
    // Before 'secureConnect' an end is the origin's refusal to speak TLS.
    if (attempt.phase === "http") endInto(reader, attempt);
    else attempt.fail("tls.failed", "closed during the handshake");
  });
}

/** The name checked against the certificate is `servername`, or the address when that is empty. */
function optionsOf(request: ProbeRequest, secureContext: SecureContext): ConnectionOptions {
  return {
    host: request.address,
    port: request.port,
    family: request.family,
    autoSelectFamily: false,
    secureContext,
    servername: request.serverName,
    rejectUnauthorized: request.verifyTls,
    ALPNProtocols: ["http/1.1"],
    ...(request.sourceAddress === "" ? {} : { localAddress: request.sourceAddress }),
  } as ConnectionOptions;
}
