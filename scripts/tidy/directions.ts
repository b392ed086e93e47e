/**
 * Who may import whom. The table stands in docs/architecture.md and is read from there, so that the
 * page and the check cannot differ.
 */

import type { Finding } from "./finding.ts";
import type { SourceFile } from "./source.ts";

/** Stage -> stages it may import. A stage is a folder of src/ or a file in it. */
export type Directions = ReadonlyMap<string, ReadonlySet<string>>;

/** Importable by anyone, importing nothing but each other. */
const commons: ReadonlySet<string> = new Set(["limits.ts", "errors.ts"]);

const quoted = /`([^`]+)`/g;

/** Reads the rows "| `stage/` | what | may import |". */
export function parseDirections(page: string): Directions {
  const rows = page
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => cells.length === 5 && cells[1]?.startsWith("`"));
  const stages = rows.map((cells) => stageName(cells[1] ?? ""));
  return new Map(
    rows.map((cells, index) => {
      const cell = (cells[3] ?? "").replace(/`[^`]+` by file name/g, "");
      const named = [...cell.matchAll(quoted)].map((match) => match[1] ?? "");
      const may = cell.startsWith("all but")
        ? stages.filter((stage) => !named.includes(stage))
        : named;
      return [stages[index] ?? "", new Set(may)];
    }),
  );
}

const stageName = (cell: string): string => cell.replaceAll("`", "").replace(/\/(x\/)?$/, "");

/** `policy` for src/policy/compile.ts, `serve.ts` for src/serve.ts. */
function stageOf(path: string): string | undefined {
  return /^src\/([^/]+)/.exec(path)?.[1];
}

export function checkDirections(files: readonly SourceFile[], directions: Directions): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) {
    const stage = stageOf(file.path);
    if (stage === undefined || file.path.endsWith(".test.ts")) continue;
    const may = directions.get(stage);
    if (may === undefined && !commons.has(stage)) {
      findings.push({
        path: file.path,
        line: 1,
        rule: "directions",
        message: `${stage} has no row in the table of docs/architecture.md`,
      });
      continue;
    }
    for (const { target, line } of file.imports) {
      const other = target === undefined ? undefined : stageOf(target);
      if (target === undefined || other === stage) {
        if (target !== undefined && crossesFronts(file.path, target)) {
          findings.push({ path: file.path, line, rule: "directions", message: frontMessage });
        }
        continue;
      }
      if (target === "package.json") continue;
      if (other !== undefined && (commons.has(other) || may?.has(other))) continue;
      const allowed = may === undefined ? "only each other" : [...may].join(", ") || "nothing";
      const message = `${stage} may not import ${other ?? target}; it may import ${allowed}`;
      findings.push({ path: file.path, line, rule: "directions", message });
    }
  }
  return findings;
}

const frontMessage = "a front may not import another front; put what they share into steer or lib";

function crossesFronts(path: string, target: string): boolean {
  const front = /^src\/fronts\/([^/]+)\//;
  const from = front.exec(path)?.[1];
  const to = front.exec(target)?.[1];
  return from !== undefined && to !== undefined && from !== to;
}

/** Cycles, types included. Each is reported once, at its alphabetically first file. */
export function checkCycles(files: readonly SourceFile[]): Finding[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const findings: Finding[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const cycle = trail.slice(start);
      const first = [...cycle].sort()[0] ?? path;
      const at = cycle.indexOf(first);
      const circle = [...cycle.slice(at), ...cycle.slice(0, at), first].join(" -> ");
      findings.push({ path: first, line: 1, rule: "cycles", message: `import cycle: ${circle}` });
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const { target } of byPath.get(path)?.imports ?? []) {
      if (target !== undefined && byPath.has(target)) visit(target);
    }
    trail.pop();
    done.add(path);
  };
  for (const file of files) visit(file.path);
  return findings;
}
