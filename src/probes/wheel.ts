/**
 * A timing wheel: when is each origin's next probe due? Insert and remove cost the same for ten
 * origins or 200,000; nothing is allocated. Called by scheduler.ts. An entry stands in at most one
 * place; one due further ahead than a turn of the wheel stays in its slot until its turn comes.
 */
import { assert } from "../errors.ts";

export const tickMs = 10;
const slots = 4096;

export class WheelEntry {
  tick = -1;
  before: WheelEntry | undefined;
  after: WheelEntry | undefined;
}

export class TimingWheel {
  readonly #heads: WheelEntry[] = [];
  #tick: number;

  constructor(nowMs: number) {
    this.#tick = Math.floor(nowMs / tickMs);
    for (let slot = 0; slot < slots; slot++) {
      const head = new WheelEntry();
      head.before = head;
      head.after = head;
      this.#heads.push(head);
    }
  }

  /**
   * Puts the entry where it is due, at the earliest at the next tick; it may stand elsewhere now.
   */
  place(entry: WheelEntry, dueMs: number): void {
    this.remove(entry);
    entry.tick = Math.max(this.#tick + 1, Math.ceil(dueMs / tickMs));
    const head = this.#headAt(entry.tick);
    const last = head.before;
    assert(last !== undefined, "a slot's ring is closed");
    entry.before = last;
    entry.after = head;
    last.after = entry;
    head.before = entry;
  }

  remove(entry: WheelEntry): void {
    if (entry.tick < 0) return;
    assert(entry.before !== undefined && entry.after !== undefined, "a placed entry is in a ring");
    entry.before.after = entry.after;
    entry.after.before = entry.before;
    entry.tick = -1;
  }

  /** Takes out, in the order of their ticks, all entries due by now. However late, each once. */
  advance(nowMs: number, take: (entry: WheelEntry) => void): void {
    const end = Math.floor(nowMs / tickMs);
    // After a stall longer than a turn every slot is visited once; order within it then is by slot.
    const from = Math.max(this.#tick + 1, end - slots + 1);
    this.#tick = Math.max(this.#tick, end);
    for (let tick = from; tick <= end; tick++) {
      const head = this.#headAt(tick);
      let entry = head.after;
      while (entry !== undefined && entry !== head) {
        const next = entry.after;
        if (entry.tick <= end) {
          this.remove(entry);
          take(entry);
        }
        entry = next;
      }
    }
  }

  /** Milliseconds until the next tick with an entry, at most `mostMs`. */
  waitMs(nowMs: number, mostMs: number): number {
    const most = Math.ceil(mostMs / tickMs);
    for (let ahead = 1; ahead <= most; ahead++) {
      const head = this.#headAt(this.#tick + ahead);
      if (head.after !== head) return Math.max(0, (this.#tick + ahead) * tickMs - nowMs);
    }
    return mostMs;
  }

  #headAt(tick: number): WheelEntry {
    const head = this.#heads[tick % slots];
    assert(head !== undefined, "a tick is a whole number");
    return head;
  }
}
