/**
 * The clock by which workers beat: microseconds of the machine's monotonic clock, below a thousand
 * seconds, so that they are small integers and reading them allocates nothing. Never 0, which is a
 * worker that has not begun. Read by udp-loop.ts once a turn and by udp-workers.ts.
 */
import type { Libc } from "../../lib/libc.ts";

const clockMonotonic = 1;
/** The clock begins again at this. */
export const beatRound = 1_000_000_000;

export function beatClock(libc: Libc): () => number {
  const { address, memory } = libc.mapMemory(16);
  const words = new Int32Array(memory);
  return () => {
    libc.clockGettime(clockMonotonic, address);
    // The low word of the seconds will do: their remainder only jumps when it overflows, in 2038.
    return (words[0]! % 1000) * 1_000_000 + ((words[2]! / 1000) | 0) + 1;
  };
}

/** Microseconds from `beat` to `now`; 0 when the beat is the later one. */
export function sinceBeat(beat: number, now: number): number {
  const since = (now - beat + beatRound) % beatRound;
  return since < beatRound / 2 ? since : 0;
}
