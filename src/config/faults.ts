/**
 * Where the errors of a configuration are, for the salvage of what is whole. Made by load.ts, asked
 * by salvage*.ts and by later stages, which say nothing of what depends on a value that is wrong.
 */
import type { Problem } from "../errors.ts";

export interface Faults {
  /** Is there an error at this dotted path itself? */
  readonly at: (path: string) => boolean;
  /** At it, or at something below it? */
  readonly within: (path: string) => boolean;
}

export function faultsOf(problems: readonly Problem[]): Faults {
  const exact = new Set<string>();
  const inner = new Set<string>();
  for (const { path, severity } of problems) {
    if (severity !== "error" || exact.has(path)) continue;
    exact.add(path);
    // Dots inside a name of a zone only add paths that nobody asks about.
    for (let end = path.length; end > 0; end = path.lastIndexOf(".", end - 1)) {
      inner.add(path.slice(0, end));
    }
  }
  return { at: (path) => exact.has(path), within: (path) => inner.has(path) };
}
