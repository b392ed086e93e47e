/**
 * The addresses a front listens on. A new list is applied whole or not at all: new addresses are bound
 * first, and only when all of them stand are those no longer named closed, so a mistake in `listen`
 * costs no query. Knows nothing of what is served: each front hands in how one address is opened.
 */
import type { Problem } from "../errors.ts";
import type { Entropy } from "../lib/entropy.ts";
import { limits } from "../limits.ts";

export interface Listener {
  /** Where it listens, with the port the system chose if 0 was asked for. */
  readonly address: string;
  /** Accepts nothing more; done when what it had accepted is finished. */
  close(): Promise<void>;
}

export type OpenListener = (
  address: string,
) => Promise<
  | { readonly ok: true; readonly listener: Listener }
  | { readonly ok: false; readonly problem: Problem }
>;

const retryMs = 50;

export class Listeners {
  readonly #open: OpenListener;
  readonly #entropy: Entropy;
  readonly #held = new Map<string, Listener>();

  constructor(open: OpenListener, entropy: Entropy) {
    this.#open = open;
    this.#entropy = entropy;
  }

  get addresses(): readonly string[] {
    return [...this.#held.values()].map((listener) => listener.address);
  }

  /**
   * Every problem, none if the list is in force. `patient`: an address that is taken is tried for
   * some seconds more, because a predecessor that was killed may not have let go of it.
   */
  async apply(
    wanted: readonly string[],
    options: { readonly patient: boolean },
  ): Promise<readonly Problem[]> {
    const opened = new Map<string, Listener>();
    const problems: Problem[] = [];
    const until = this.#entropy.monotonic() + (options.patient ? limits.bindRetryMs : 0);
    for (const address of new Set(wanted)) {
      if (this.#held.has(address)) continue;
      const result = await this.#openUntil(address, until);
      if (result.ok) opened.set(address, result.listener);
      else problems.push(result.problem);
    }
    if (problems.length > 0) {
      await Promise.all([...opened.values()].map((listener) => listener.close()));
      return problems;
    }
    for (const [address, listener] of opened) this.#held.set(address, listener);
    const dropped = [...this.#held.keys()].filter((address) => !wanted.includes(address));
    // What they had accepted finishes while the others serve; nobody waits for it here.
    for (const address of dropped) void this.#drop(address);
    return [];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((address) => this.#drop(address)));
  }

  async #drop(address: string): Promise<void> {
    const listener = this.#held.get(address);
    this.#held.delete(address);
    await listener?.close();
  }

  async #openUntil(address: string, until: number): ReturnType<OpenListener> {
    for (;;) {
      const result = await this.#open(address);
      const again = !result.ok && result.problem.code === "listen.in-use";
      if (!again || this.#entropy.monotonic() >= until) return result;
      await new Promise<void>((resolve) => void this.#entropy.after(retryMs, resolve));
    }
  }
}
