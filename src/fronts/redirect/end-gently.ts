/**
 * Ends a connection whose request has a body that nobody reads. Closing at once would make the
 * system answer the rest of the body with a reset, and the client could lose the response; so the
 * writing side is closed, and what still comes is thrown away, within bounds of bytes and time.
 */
import type { Socket } from "node:net";
import type { Entropy } from "../../lib/entropy.ts";
import { limits } from "../../limits.ts";

/**
 * From now on, where node:http would destroy the socket after the last response, it ends gently.
 */
export function endGently(socket: Socket, options: { readonly entropy: Entropy }): void {
  socket.destroySoon = () => {
    const start = socket.bytesRead;
    const timer = options.entropy.after(limits.redirectDiscardMs, () => socket.destroy());
    const check = (): void => {
      if (socket.bytesRead - start > limits.redirectDiscardBytesMax) socket.destroy();
    };
    socket.on("data", check);
    socket.once("end", () => socket.destroy());
    socket.once("close", () => timer.cancel());
    socket.end();
    socket.resume();
  };
}
