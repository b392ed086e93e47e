/**
 * The plain HTTP probe: a prebuilt GET over a raw socket, and a reader that takes only what the
 * verdict needs. node:http would cost three times as much and reads bodies we do not want. Also
 * `readInto`, the half that tls.ts shares. Called by prober.ts.
 */
import type { Attempt, ProbeRequest } from "./probe.ts";
import { ResponseReader } from "./response.ts";
import { connectPlain } from "./tcp.ts";

export function probeHttp(request: ProbeRequest, attempt: Attempt): void {
  const reader = new ResponseReader(request);
  const socket = connectPlain(request, attempt, (bytes) => readInto(reader, attempt, bytes));
  if (socket === undefined) return;
  socket.once("connect", () => {
    attempt.phase = "http";
    socket.write(request.send);
  });
  socket.once("end", () => endInto(reader, attempt));
}

export function readInto(reader: ResponseReader, attempt: Attempt, bytes: Uint8Array): void {
  if (!attempt.settled && reader.feed(bytes)) conclude(reader, attempt);
}

export function endInto(reader: ResponseReader, attempt: Attempt): void {
  if (attempt.settled) return;
  reader.end();
  conclude(reader, attempt);
}

function conclude(reader: ResponseReader, attempt: Attempt): void {
  if (reader.failure === "none") attempt.succeed();
  else attempt.fail(reader.failure, reader.detail);
}
