/** Tables of Markdown, and the line that says a page is made by the generator. */

export const generatedNote =
  "<!-- Made by `node scripts/generate.ts`; a test compares. Change the source, not this page. -->";

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)].join("\n");
}
