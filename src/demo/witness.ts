/**
 * Listens to every answer of a tour and remembers what is needed to judge it: any answer that
 * should never have been given, and when each region was first and last named to each client.
 */

import type { Asked, Heard } from "./dns-client.ts";
import { accountsName, regionOfAddress } from "./layout.ts";

export interface Named {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
}

export class Witness {
  /** Of all time. */
  problemCount = 0;
  answers = 0;
  /** Since the last `mark`. */
  #named = new Map<string, Named>();

  /** Forgets when regions were named, not what was wrong. */
  mark(): void {
    this.#named = new Map();
  }

  /** What is wrong with the answer; undefined when nothing is. */
  hear(asked: Asked, heard: Heard, atMs: number): string | undefined {
    this.answers++;
    const problem = this.#judge(asked, heard, atMs);
    if (problem === undefined) return undefined;
    this.problemCount++;
    return `${asked.name} +subnet=${asked.subnet}: ${problem}`;
  }

  #judge(asked: Asked, heard: Heard, atMs: number): string | undefined {
    if (!heard.ok) return heard.message;
    for (const address of heard.addresses) {
      const region = regionOfAddress(address)?.name;
      if (region === undefined) return `${address} is no address of the service`;
      if (asked.name === accountsName && region !== "eu") {
        return `${address} in ${region} is outside the residency set`;
      }
      const key = keyOf(asked, region);
      const before = this.#named.get(key);
      this.#named.set(key, {
        firstMs: before?.firstMs ?? atMs,
        lastMs: atMs,
        count: (before?.count ?? 0) + 1,
      });
    }
    return undefined;
  }

  /** When answers to this question named the region, since the mark; undefined for never. */
  named(asked: Asked, region: string): Named | undefined {
    return this.#named.get(keyOf(asked, region));
  }
}

const keyOf = (asked: Asked, region: string): string => `${asked.name} ${asked.subnet} ${region}`;
