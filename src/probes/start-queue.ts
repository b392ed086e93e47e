/**
 * What is due but not started: a line, first come first served, let in by two gates. The token
 * bucket admits at most twice the mean rate in any 100 ms; the slots admit so many at once, and
 * keep a part free of origins that let probes time out. Called by scheduler.ts.
 */
/** What stands in the line. */
export interface Queueable {
  /** Its last probe timed out. */
  slow: boolean;
  /** What `slow` was when it joined: it is counted so until its slot is free again. */
  queuedSlow: boolean;
  queuedOrder: number;
}

/** Small installations need no smoothing: this many starts in 100 ms are always let through. */
const floorPerWindow = 100;
const windowMs = 100;

export class StartQueue<T extends Queueable> {
  inFlight = 0;
  #slowInFlight = 0;
  readonly #inFlightMax: number;
  readonly #inFlightSlowMax: number;
  readonly #ready = new Line<T>();
  readonly #slow = new Line<T>();
  #order = 0;
  #perWindow = floorPerWindow;
  #firstPerWindow = 0;
  #tokens = 0;
  #filledMs: number;

  constructor(
    nowMs: number,
    slots: { readonly inFlightMax: number; readonly inFlightSlowMax: number },
  ) {
    this.#filledMs = nowMs;
    this.#inFlightMax = slots.inFlightMax;
    this.#inFlightSlowMax = slots.inFlightSlowMax;
  }

  get length(): number {
    return this.#ready.length + this.#slow.length;
  }

  /** A first round may go faster than twice the mean, until `endFirstRound`. */
  setRates(meanPerSecond: number, firstRoundPerSecond: number): void {
    this.#perWindow = Math.max(floorPerWindow, meanPerSecond / 5);
    this.#firstPerWindow = firstRoundPerSecond / 10;
  }

  endFirstRound(): void {
    this.#firstPerWindow = 0;
  }

  push(item: T): void {
    item.queuedSlow = item.slow;
    item.queuedOrder = this.#order++;
    (item.slow ? this.#slow : this.#ready).push(item);
  }

  /** The next that may start now, with a slot taken for it; undefined when none may. */
  take(nowMs: number): T | undefined {
    const line = this.#nextLine();
    if (line === undefined) return undefined;
    this.#fill(nowMs);
    if (this.#tokens < 1) return undefined;
    const item = line.shift();
    if (item === undefined) return undefined;
    this.#tokens--;
    this.inFlight++;
    if (item.queuedSlow) this.#slowInFlight++;
    return item;
  }

  /** Gives back the slot of one that `take` returned, with its `queuedSlow` of then. */
  release(queuedSlow: boolean): void {
    this.inFlight--;
    if (queuedSlow) this.#slowInFlight--;
  }

  /** Gives back slot and token of one that did not start after all. */
  giveBack(queuedSlow: boolean): void {
    this.release(queuedSlow);
    this.#tokens++;
  }

  /** Until `take` may return something, as far as time decides that: else infinity. */
  waitMs(nowMs: number): number {
    if (this.#nextLine() === undefined) return Number.POSITIVE_INFINITY;
    this.#fill(nowMs);
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) / (0.9 * this.#budget)) * windowMs;
  }

  /**
   * Starts in 100 ms, at most: a tenth of it may come at once, and the rest trickles in.
   */
  get #budget(): number {
    return Math.max(this.#perWindow, this.#firstPerWindow);
  }

  #fill(nowMs: number): void {
    const earned = ((nowMs - this.#filledMs) / windowMs) * 0.9 * this.#budget;
    this.#tokens = Math.min(0.1 * this.#budget, this.#tokens + earned);
    this.#filledMs = nowMs;
  }

  /** The line whose first has waited longest, of those with a slot free for it. */
  #nextLine(): Line<T> | undefined {
    if (this.inFlight >= this.#inFlightMax) return undefined;
    const ready = this.#ready.first;
    const slow = this.#slowInFlight < this.#inFlightSlowMax ? this.#slow.first : undefined;
    if (ready === undefined) return slow === undefined ? undefined : this.#slow;
    if (slow === undefined) return this.#ready;
    return ready.queuedOrder < slow.queuedOrder ? this.#ready : this.#slow;
  }
}

/** First in, first out, without moving what waits. */
class Line<T> {
  #items: T[] = [];
  #at = 0;

  get length(): number {
    return this.#items.length - this.#at;
  }

  get first(): T | undefined {
    return this.#items[this.#at];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    const item = this.#items[this.#at];
    if (item === undefined) return undefined;
    this.#at++;
    if (this.#at > 1024 && this.#at * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#at);
      this.#at = 0;
    } else if (this.#at === this.#items.length) {
      this.#items = [];
      this.#at = 0;
    }
    return item;
  }
}
