/**
 * A mistake an operator makes, as an edit of base.yaml. `find` stands once in it and no two edits
 * touch the same text, so any subset can be made at once. In `write`, `#!` marks the line where the
 * problem is reported; what stands behind it is no more than a YAML comment.
 */
import type { ProblemCode } from "../../src/errors.ts";

export interface Mistake {
  readonly id: string;
  readonly find: string;
  readonly write: string;
  /** A second edit of the same mistake. */
  readonly and?: readonly [find: string, write: string];
  readonly code: ProblemCode;
  /** Mistakes that cannot be made together with this one. */
  readonly without?: readonly string[];
  /** Said by a stage that looks at what is right as a whole: when nothing else is wrong. */
  readonly late?: true;
  /** What nothing leads to any more, as a warning says besides. */
  readonly leaves?: readonly string[];
}
