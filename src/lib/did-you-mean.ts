/**
 * The name nearest to a mistyped one, for hints. Called where an operator's word is not known. Work
 * is bounded: long words and candidates past a number are not looked at.
 */
const wordCharsMax = 128;
const candidatesMax = 20_000;

/** The candidate of least edit distance, if that is at most a third of the word; else undefined. */
export function nearestOf(wanted: string, candidates: Iterable<string>): string | undefined {
  if (wanted.length > wordCharsMax) return undefined;
  const word = wanted.toLowerCase();
  let bound = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let looked = 0;
  for (const candidate of candidates) {
    if (++looked > candidatesMax) break;
    if (Math.abs(candidate.length - word.length) > bound) continue;
    const distance = editDistance(word, candidate.toLowerCase(), bound);
    if (distance > bound || (best !== undefined && distance === bound)) continue;
    best = candidate;
    if (distance === 0) break;
    bound = distance;
  }
  return best;
}

/**
 * Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string
 * alignment); `bound + 1` once it is certain to be more than `bound`.
 */
function editDistance(a: string, b: string, bound: number): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
      );
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, before[column - 2]! + 1);
      current.push(cost);
      least = Math.min(least, cost);
    }
    if (least > bound) return bound + 1;
    before = last;
    last = current;
  }
  return last[b.length]!;
}
