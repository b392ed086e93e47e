/** docs/errors.md and docs/reasons.md: the tables of codes that the product prints. */
import { problemCodes } from "../../src/errors.ts";
import { reasonCodes } from "../../src/steer/reasons.ts";
import { generatedNote, table } from "./markdown.ts";

function codeTable(codes: Readonly<Record<string, string>>): string {
  const rows = Object.entries(codes).map(([name, meaning]) => [`\`${name}\``, meaning]);
  return table(["code", "meaning"], rows);
}

export function errorsPage(): string {
  return `${generatedNote}

# Problems

What is wrong with a configuration, or with what the server needs of the machine. Every problem is reported, not only the first:

\`\`\`
FILE:LINE:COLUMN CODE PATH: MESSAGE (WHAT TO DO)
\`\`\`

A warning has the word \`warning\` before its code; it stops nothing. Codes are stable: they are never renamed or reused. \`--json\` prints the same as
objects with \`code\`, \`severity\`, \`path\`, \`message\`, \`hint\` and \`place\`.

${codeTable(problemCodes)}
`;
}

export function reasonsPage(): string {
  return `${generatedNote}

# Reasons

Why an answer is what it is. The same codes stand in \`rhumb explain\`, in the header \`rhumb-decision\` of the redirect front and wherever else a decision is
shown, in the order of evaluation of [steering.md](steering.md). Codes are stable: they are never renamed or reused.

${codeTable(reasonCodes)}
`;
}
