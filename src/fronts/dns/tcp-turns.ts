/**
 * Shares the process between the clients of TCP, and leaves time for UDP. A read brings thousands
 * of small frames, and hundreds of clients may be read before the event loop turns; answered at
 * once they would keep everything else waiting for seconds. So work is bought from an allowance
 * that is renewed once a millisecond, and who has more to do waits in line. Made by tcp.ts.
 */
import type { Entropy, Timer } from "../../lib/entropy.ts";
import { limits } from "../../limits.ts";

/** Length of a message that costs as much again as a short one. */
const costlyBytes = 512;
const turnMs = 1;

export interface TurnTaker {
  /** Goes on with its work, and waits again when it is not done. */
  takeTurn(): void;
}

export class TcpTurns {
  readonly #entropy: Entropy;
  /** In order of arrival: a Set keeps it. */
  readonly #line = new Set<TurnTaker>();
  #left: number = limits.dnsTcpFramesPerTurnMax;
  #timer: Timer | undefined;

  constructor(entropy: Entropy) {
    this.#entropy = entropy;
  }

  /** Something may be done before the allowance is renewed. */
  get open(): boolean {
    return this.#left > 0;
  }

  /** A message of so many octets is about to be answered. */
  spend(bytes: number): void {
    this.#left -= 1 + Math.floor(bytes / costlyBytes);
    this.#renewLater();
  }

  wait(taker: TurnTaker): void {
    this.#line.add(taker);
    this.#renewLater();
  }

  forget(taker: TurnTaker): void {
    this.#line.delete(taker);
  }

  #renewLater(): void {
    if (this.#timer !== undefined) return;
    this.#timer = this.#entropy.after(turnMs, () => {
      this.#timer = undefined;
      this.#left = limits.dnsTcpFramesPerTurnMax;
      // Who waits again comes round again, as long as the allowance lasts.
      for (const taker of this.#line) {
        if (!this.open) break;
        this.#line.delete(taker);
        taker.takeTurn();
      }
      if (this.#line.size > 0) this.#renewLater();
    });
  }
}
