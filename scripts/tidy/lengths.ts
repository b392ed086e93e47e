/**
 * The ratchet on size: files over 500 lines and functions over 70 stand in the lists below with a
 * reason and their length, and may only shrink. A file over 800 lines fails whatever the reason.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Finding } from "./finding.ts";
import { lineAt, type SourceFile } from "./source.ts";

export const fileLinesAsk = 500;
export const fileLinesMax = 800;
export const functionLinesMax = 70;
const columnsMax = 100;

/** What is over the line today: how long it is, and why it is one piece. */
export type Ratchet = Readonly<Record<string, { readonly lines: number; readonly why: string }>>;

export const longFiles: Ratchet = {};

/** Keys are `path function`. */
export const longFunctions: Ratchet = {};

const isTest = (path: string): boolean => path.endsWith(".test.ts");

export function checkFileLengths(files: readonly SourceFile[], listed: Ratchet): Finding[] {
  return files
    .filter((file) => !isTest(file.path))
    .flatMap((file) => {
      const lines = file.text.split("\n").length - 1;
      const finding = (message: string): Finding[] => [
        { path: file.path, line: 1, rule: "file-length", message },
      ];
      if (lines > fileLinesMax) {
        return finding(`${lines} lines; ${fileLinesMax} is the end: split it`);
      }
      const entry = listed[file.path];
      if (lines <= fileLinesAsk) {
        return entry === undefined ? [] : finding("no longer long: remove it from longFiles");
      }
      if (entry === undefined) {
        return finding(`${lines} lines: split it, or add it to longFiles with a reason`);
      }
      return lines > entry.lines ? finding(`grew from ${entry.lines} to ${lines} lines`) : [];
    });
}

/** Literals are let be: a formatter cannot break them either. Comments are not. */
export function checkColumns(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const findings: Finding[] = [];
    let offset = 0;
    for (const line of file.text.split("\n")) {
      if (line.length > columnsMax && !inLiteral(file, offset, line)) {
        const message = `${line.length} columns; ${columnsMax} are enough`;
        const at = lineAt(file.text, offset);
        findings.push({ path: file.path, line: at, rule: "columns", message });
      }
      offset += line.length + 1;
    }
    return findings;
  });
}

function inLiteral(file: SourceFile, offset: number, line: string): boolean {
  const code = file.code.slice(offset, offset + line.length);
  const comment = /\/\/|\/\*|^\s*\*/.test(line) && !/["'`]/.test(code);
  if (comment) return /https?:\/\/\S{60}/.test(line);
  // The formatter has had its turn: what is still long is long for the sake of a literal.
  return /["'`/]/.test(code) || code.trim() === "";
}

interface OxlintReport {
  readonly diagnostics: readonly {
    readonly message: string;
    readonly filename: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

/** oxlint is the parser; functions that hold tests are let be. */
export function checkFunctionLengths(root: string, listed: Ratchet): Finding[] {
  const config = fileURLToPath(new URL("./function-length.json", import.meta.url));
  const oxlint = fileURLToPath(new URL("../../node_modules/.bin/oxlint", import.meta.url));
  const run = spawnSync(oxlint, ["-c", config, "--format", "json", "."], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const report: OxlintReport = JSON.parse(run.stdout);
  const seen = new Set<string>();
  const findings = report.diagnostics
    .map((diagnostic) => ({
      path: diagnostic.filename,
      line: diagnostic.labels[0]?.span.line ?? 1,
      name: /function `([^`]+)`/.exec(diagnostic.message)?.[1] ?? "(unnamed)",
      lines: Number(/\((\d+)\)/.exec(diagnostic.message)?.[1] ?? 0),
    }))
    .filter((giant) => !isTest(giant.path) && !giant.path.startsWith("test/"))
    .flatMap((giant): Finding[] => {
      const key = `${giant.path} ${giant.name}`;
      seen.add(key);
      const allowed = listed[key]?.lines ?? functionLinesMax;
      if (giant.lines <= allowed) return [];
      const message = `${giant.name} has ${giant.lines} lines; ${allowed} are allowed: split it`;
      return [{ path: giant.path, line: giant.line, rule: "function-length", message }];
    });
  const gone = Object.keys(listed)
    .filter((key) => !seen.has(key))
    .map((key) => {
      const message = `${key} is no longer long: remove it from longFunctions`;
      return { path: "scripts/tidy/lengths.ts", line: 1, rule: "function-length", message };
    });
  return [...findings, ...gone];
}
