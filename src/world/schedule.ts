/**
 * A binary heap of (time, row), for one call of step.ts. Equal times come out in the order of rows,
 * so the order never depends on how rows went in. Entries are not withdrawn: who takes one asks the
 * row whether it still stands.
 */
import type { Draft } from "./draft.ts";
import { followersOf } from "./facts.ts";
import { nextOrderedAt } from "./health.ts";

export class Schedule {
  readonly #times: number[] = [];
  readonly #rows: number[] = [];

  nextAt(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  add(time: number, row: number): void {
    let at = this.#times.length;
    this.#times.push(time);
    this.#rows.push(row);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** The row of the soonest entry, which goes. Not to be called when empty. */
  take(): number {
    const row = this.#rows[0]!;
    const last = this.#times.length - 1;
    this.#swap(0, last);
    this.#times.pop();
    this.#rows.pop();
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= last) return row;
      const right = left + 1;
      const child = right < last && this.#before(right, left) ? right : left;
      if (!this.#before(child, at)) return row;
      this.#swap(child, at);
      at = child;
    }
  }

  /** Adds the row's next moment if that falls after `after` and by `until`. */
  reschedule(
    draft: Draft,
    options: { readonly row: number; readonly after: number; readonly until: number },
  ): void {
    const time = nextOrderedAt(draft, options.row);
    if (time > options.after && time <= options.until) this.add(time, options.row);
  }

  /** The row's next moment, and those of the endpoints whose checks it is a part of. */
  rescheduleAll(
    draft: Draft,
    options: { readonly row: number; readonly after: number; readonly until: number },
  ): void {
    this.reschedule(draft, options);
    for (const row of followersOf(draft.facts, options.row).endpoints) {
      this.reschedule(draft, { ...options, row, after: -1 });
    }
  }

  #before(a: number, b: number): boolean {
    const times = this.#times[a]! - this.#times[b]!;
    return times < 0 || (times === 0 && this.#rows[a]! < this.#rows[b]!);
  }

  #swap(a: number, b: number): void {
    const time = this.#times[a]!;
    const row = this.#rows[a]!;
    this.#times[a] = this.#times[b]!;
    this.#rows[a] = this.#rows[b]!;
    this.#times[b] = time;
    this.#rows[b] = row;
  }
}
