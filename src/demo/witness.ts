/**
 * Listens to every answer of a tour and remembers what is needed to judge it: any answer that
 * should never have been given, and when each region was first and last named to each client.
 */

import type { Asked, Heard } from "./dns-client.ts";
import { accountsName, regionOfAddress } from "./layout.ts";

const problemsKept = 5;

export interface Named {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly count: number;
}

export class Witness {
  /** Of all time; the first few. */
  readonly problems: string[] = [];
  problemCount = 0;
  answers = 0;
  /** Since the last `mark`. */
  #named = new Map<string, Named>();

  /** Forgets when regions were named, not what was wrong. */
  mark(): void {
    this.#named = new Map();
  }

  hear(asked: Asked, heard: Heard, atMs: number): void {
    this.answers++;
    if (!heard.ok) {
      this.#problem(asked, heard.message);
      return;
    }
    for (const address of heard.addresses) {
      const region = regionOfAddress(address)?.name;
      if (region === undefined) this.#problem(asked, `${address} is no address of the service`);
      else if (asked.name === accountsName && region !== "eu") {
        this.#problem(asked, `${address} in ${region} is outside the residency set`);
      } else {
        const key = keyOf(asked, region);
        const before = this.#named.get(key);
        this.#named.set(key, {
          firstMs: before?.firstMs ?? atMs,
          lastMs: atMs,
          count: (before?.count ?? 0) + 1,
        });
      }
    }
  }

  /** When answers to this question named the region, since the mark; undefined for never. */
  named(asked: Asked, region: string): Named | undefined {
    return this.#named.get(keyOf(asked, region));
  }

  #problem(asked: Asked, message: string): void {
    this.problemCount++;
    const line = `${asked.name} +subnet=${asked.subnet}: ${message}`;
    if (this.problems.length < problemsKept) this.problems.push(line);
  }
}

const keyOf = (asked: Asked, region: string): string => `${asked.name} ${asked.subnet} ${region}`;
