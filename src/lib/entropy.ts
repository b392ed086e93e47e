/**
 * The only door to time and chance. Everything that waits, stamps or draws takes an `Entropy` as an
 * argument; tests pass `simulatedEntropy`, whose clock moves only when told to and whose chance
 * comes from a seed. scripts/tidy.ts refuses Date.now, Math.random and timers anywhere else.
 */
export interface Timer {
  cancel(): void;
}

export interface Entropy {
  /** Milliseconds since the epoch. May jump when the machine's clock is set: for stamps only. */
  now(): number;
  /** Milliseconds from an arbitrary start, never going back: for intervals and time-outs. */
  monotonic(): number;
  /** Runs `action` once after `delayMs`. The timer does not keep a process alive by itself. */
  after(delayMs: number, action: () => void): Timer;
  /** A uniform draw in 0 .. 2^32 - 1. */
  draw32(): number;
}

/** The machine's own clock and chance. */
export function systemEntropy(): Entropy {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after(delayMs, action) {
      const handle = setTimeout(action, delayMs);
      handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
    draw32: () => (Math.random() * 0x1_0000_0000) >>> 0,
  };
}

export interface SimulatedEntropy extends Entropy {
  /** Moves the clock forward, firing due timers in order of their time, then of their creation. */
  advance(ms: number): void;
}

/** A clock that stands still and chance that follows from `seed` (mulberry32). */
export function simulatedEntropy(seed: number, startMs = 1_000_000): SimulatedEntropy {
  let clock = startMs;
  let state = seed >>> 0;
  let sequence = 0;
  const timers = new Map<number, { due: number; action: () => void }>();
  const nextDue = (limit: number): number | undefined => {
    let found: number | undefined;
    let foundDue = Number.POSITIVE_INFINITY;
    for (const [id, timer] of timers) {
      if (timer.due <= limit && timer.due < foundDue) {
        found = id;
        foundDue = timer.due;
      }
    }
    return found;
  };
  return {
    now: () => clock,
    monotonic: () => clock,
    after(delayMs, action) {
      const id = sequence++;
      timers.set(id, { due: clock + Math.max(0, delayMs), action });
      return { cancel: () => timers.delete(id) };
    },
    draw32() {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = state;
      t = Math.imul(t ^ (t >>> 15), t | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return (t ^ (t >>> 14)) >>> 0;
    },
    advance(ms) {
      const end = clock + ms;
      for (let id = nextDue(end); id !== undefined; id = nextDue(end)) {
        const timer = timers.get(id);
        timers.delete(id);
        if (timer === undefined) continue;
        clock = Math.max(clock, timer.due);
        timer.action();
      }
      clock = end;
    },
  };
}
