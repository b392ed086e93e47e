/**
 * Resolvers' caches of one stream: which answer what part of its clients holds, second by second.
 * Used by simulate.ts. The model: an answer is kept for the TTL it was given, to the second, and
 * asked for anew when that is over; at the start ages are spread evenly, over at most
 * limits.simulationAgesMax different ones. A refusal is not kept.
 */
import { limits } from "../limits.ts";

const refusalSeconds = 1;

/** What was answered; compared by identity. */
export interface CachedAnswer {
  readonly ttlSeconds: number;
  readonly refused: boolean;
}

export class StreamCache<Answer extends CachedAnswer> {
  /** Parts of all clients by the answer they hold; they sum to 1. */
  readonly held = new Map<Answer, number>();
  /** By the second at which they end. */
  readonly #ending = new Map<number, Map<Answer, number>>();
  #second = 0;

  constructor(answer: Answer) {
    const seconds = lifetime(answer);
    const ages = Math.min(seconds, limits.simulationAgesMax);
    for (let age = 1; age <= ages; age++) {
      this.#keep(answer, Math.ceil((age * seconds) / ages), 1 / ages);
    }
    this.held.set(answer, 1);
  }

  /** Lets time pass up to `second`: what ends in between is asked for again. */
  advance(second: number, answer: Answer): void {
    while (this.#second < second) {
      this.#second++;
      const ending = this.#ending.get(this.#second);
      if (ending === undefined) continue;
      this.#ending.delete(this.#second);
      let sum = 0;
      for (const [old, part] of ending) {
        sum += part;
        const left = (this.held.get(old) ?? 0) - part;
        // What is left of an answer nobody holds is the arithmetic of floating point.
        if (left > 1e-12) this.held.set(old, left);
        else this.held.delete(old);
      }
      this.held.set(answer, (this.held.get(answer) ?? 0) + sum);
      this.#keep(answer, this.#second + lifetime(answer), sum);
    }
  }

  #keep(answer: Answer, second: number, part: number): void {
    const ending = this.#ending.get(second);
    if (ending === undefined) this.#ending.set(second, new Map([[answer, part]]));
    else ending.set(answer, (ending.get(answer) ?? 0) + part);
  }
}

function lifetime(answer: CachedAnswer): number {
  return answer.refused ? refusalSeconds : Math.max(1, answer.ttlSeconds);
}
