/**
 * Octets of a TCP stream until they make whole frames. Used by tcp-connection.ts. Holds one read as
 * it came, without a copy; grows by doubling when a frame comes in pieces, so that a peer who sends
 * octet by octet costs no more than it has sent.
 */
const empty = Buffer.alloc(0);
const grownBytesMin = 512;

export class FrameBuffer {
  #bytes: Buffer = empty;
  #start = 0;
  #end = 0;
  /** False while #bytes is a read of the socket, whose end is not ours to write behind. */
  #owned = false;

  get length(): number {
    return this.#end - this.#start;
  }

  append(chunk: Buffer): void {
    const kept = this.length;
    if (kept === 0) {
      this.#bytes = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      return;
    }
    if (!this.#owned || this.#end + chunk.length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(kept + chunk.length, 2 * kept, grownBytesMin));
      this.#bytes.copy(grown, 0, this.#start, this.#end);
      this.#bytes = grown;
      this.#start = 0;
      this.#end = kept;
      this.#owned = true;
    }
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /** The 16 bits at the front; the caller knows that they are there. */
  peek16(): number {
    return this.#bytes.readUInt16BE(this.#start);
  }

  /** Removes `skip` octets and then `count`, which are returned; valid until the next append. */
  take(skip: number, count: number): Uint8Array {
    const from = this.#start + skip;
    const taken = this.#bytes.subarray(from, from + count);
    this.#start = from + count;
    return taken;
  }

  clear(): void {
    this.#bytes = empty;
    this.#start = 0;
    this.#end = 0;
    this.#owned = false;
  }
}
