/**
 * The TCP probe: open a connection, nothing more. Also `connectPlain`, with which http.ts opens its
 * own. Called by prober.ts.
 */
import { connect, type Socket } from "node:net";
import { failForError } from "./classify.ts";
import type { Attempt, ProbeRequest } from "./probe.ts";

/**
 * Read buffer of every plain probe. Bytes are consumed before the read callback returns, so one is
 * enough; without it each socket that receives anything would allocate 64 KiB of its own.
 */
const readBuffer = new Uint8Array(65_536);

export function probeTcp(request: ProbeRequest, attempt: Attempt): void {
  const socket = connectPlain(request, attempt, ignore);
  socket?.once("connect", () => attempt.succeed());
}

/**
 * A socket on its way to the origin, owned by the attempt, its errors classified. `onBytes` gets
 * what arrives, as a view that is valid only during the call. Undefined when the socket could not
 * even be made; the attempt has then ended.
 */
export function connectPlain(
  request: ProbeRequest,
  attempt: Attempt,
  onBytes: (bytes: Uint8Array) => void,
): Socket | undefined {
  let socket: Socket;
  try {
    socket = connect({
      host: request.address,
      port: request.port,
      family: request.family,
      autoSelectFamily: false,
      noDelay: true,
      ...(request.sourceAddress === "" ? {} : { localAddress: request.sourceAddress }),
      onread: {
        buffer: readBuffer,
        callback(length, buffer) {
          if (!attempt.settled) onBytes(buffer.subarray(0, length));
          return true;
        },
      },
    });
  } catch (error) {
    // Node throws for a source address that is no address.
    attempt.abandon(error instanceof Error ? error.message : String(error));
    return undefined;
  }
  attempt.own(socket);
  socket.on("error", (error) => failForError(attempt, error));
  return socket;
}

function ignore(): void {}
