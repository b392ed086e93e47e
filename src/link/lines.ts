/**
 * Bytes from a socket -> lines, with a bound on the length of one. Both ends of the local sockets
 * read through this; a peer that passes the bound is cut off, never buffered without end.
 */
const newline = 0x0a;

export interface LineReader {
  /** Calls back for each whole line. False: a line passed the bound, and the reader is finished. */
  push(chunk: Buffer | string): boolean;
}

export function lineReader(bytesMax: number, onLine: (line: string) => void): LineReader {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let finished = false;
  return {
    push(data) {
      const chunk = typeof data === "string" ? Buffer.from(data) : data;
      let from = 0;
      while (!finished && from < chunk.length) {
        const end = chunk.indexOf(newline, from);
        const piece = chunk.subarray(from, end === -1 ? chunk.length : end);
        if (pendingBytes + piece.length > bytesMax) {
          finished = true;
          pending = [];
          break;
        }
        pending.push(piece);
        pendingBytes += piece.length;
        if (end === -1) break;
        const line = Buffer.concat(pending, pendingBytes).toString("utf8");
        pending = [];
        pendingBytes = 0;
        from = end + 1;
        onLine(line);
      }
      return !finished;
    },
  };
}
