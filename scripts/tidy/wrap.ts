/**
 * Wraps comments at 100 columns: what `tidy --write` does, since the formatter leaves comments be.
 * A word that does not fit moves to the next line of its paragraph; nothing else changes.
 */
const columnsMax = 100;

/** A line of a block comment, or a comment with a line of its own. */
const commentLine = /^(\s*(?:\*|\/\/) )(\S.*)$/;
const oneLineBlock = /^(\s*)\/\*\* (.*) \*\/$/;
/** What must keep its place in a line: tables, drawings, lists, tags. */
const fixed = /^[|@+]|^- |^\d+\.|-{3}|\|.*\|| {2}/;

export function wrapComments(text: string): string {
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (line.length <= columnsMax) continue;
    const block = oneLineBlock.exec(line);
    if (block !== null) {
      const indent = block[1] ?? "";
      lines.splice(i, 1, `${indent}/**`, `${indent} * ${block[2]}`, `${indent} */`);
      continue;
    }
    const comment = commentLine.exec(line);
    if (comment === null || fixed.test(comment[2] ?? "")) continue;
    const prefix = comment[1] ?? "";
    const cut = line.lastIndexOf(" ", columnsMax);
    if (cut <= prefix.length) continue;
    lines[i] = line.slice(0, cut).trimEnd();
    const rest = line.slice(cut + 1);
    const next = commentLine.exec(lines[i + 1] ?? "");
    if (next?.[1] === prefix && !fixed.test(next[2] ?? "")) {
      lines[i + 1] = `${prefix}${rest} ${next[2]}`;
    } else {
      lines.splice(i + 1, 0, `${prefix}${rest}`);
    }
  }
  return lines.join("\n");
}
