/**
 * What tidy's rules see of a file: its text, its text with comments and literals blanked, and the
 * modules it names. There is no JavaScript parser for TypeScript 7, so this is a scanner that only
 * knows where comments, strings, templates and regular expressions begin and end; a rule that looks
 * at `code` can then be a plain regular expression.
 */
import { posix } from "node:path";

export interface SourceFile {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** `text` with comments and the insides of literals replaced by spaces; same length and lines. */
  readonly code: string;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
}

export interface Comment {
  /** Where it begins in the text. */
  readonly at: number;
  readonly text: string;
}

export interface Import {
  readonly line: number;
  /** As written, such as `node:fs` or `./lift.ts`. */
  readonly specifier: string;
  /** Path of the file it names, when relative; else undefined. */
  readonly target: string | undefined;
}

export function sourceFile(path: string, text: string): SourceFile {
  const { code, comments } = blank(text);
  return { path, text, code, comments, imports: importsOf(path, { text, code }) };
}

/** 1 for the first line. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

const importPattern = /\b(?:import|from)\s*\(?\s*(["'])( *)\1|\bimport\s*\(\s*(`)( *)`/g;

function importsOf(path: string, file: { readonly text: string; readonly code: string }): Import[] {
  const imports: Import[] = [];
  for (const match of file.code.matchAll(importPattern)) {
    const quote = match[1] ?? match[3] ?? '"';
    const start = match.index + match[0].indexOf(quote) + 1;
    const specifier = file.text.slice(start, start + (match[2] ?? match[4] ?? "").length);
    const relative = specifier.startsWith(".");
    const target = relative ? posix.join(posix.dirname(path), specifier) : undefined;
    imports.push({ line: lineAt(file.text, match.index), specifier, target });
  }
  return imports;
}

/** A regular expression may begin where a value may: after these, or at the start. */
const beforeRegex = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|of|in))\s*$/;

interface Scan {
  readonly text: string;
  readonly out: string[];
  readonly comments: Comment[];
  at: number;
}

/** Comments and the insides of literals become spaces; newlines stay. */
export function blank(text: string): { code: string; comments: readonly Comment[] } {
  const scan: Scan = { text, out: [], comments: [], at: 0 };
  scanCode(scan, false);
  return { code: scan.out.join(""), comments: scan.comments };
}

const spaces = (text: string): string => text.replace(/[^\n]/g, " ");

function blankUntil(scan: Scan, end: number): void {
  scan.out.push(spaces(scan.text.slice(scan.at, end)));
  scan.at = end;
}

function copy(scan: Scan, length: number): void {
  scan.out.push(scan.text.slice(scan.at, scan.at + length));
  scan.at += length;
}

/** Code up to the end, or, inside a template's `${}`, up to the brace that closes it. */
function scanCode(scan: Scan, inTemplate: boolean): void {
  const { text } = scan;
  let depth = 0;
  while (scan.at < text.length) {
    const two = text.slice(scan.at, scan.at + 2);
    const one = text[scan.at] ?? "";
    if (two === "//") scanComment(scan, endOf(text, "\n", scan.at, 0));
    else if (two === "/*") scanComment(scan, endOf(text, "*/", scan.at + 2, 2));
    else if (one === '"' || one === "'") scanQuoted(scan, one);
    else if (one === "`") scanTemplate(scan);
    else if (one === "/" && beforeRegex.test(lastCode(scan))) scanRegex(scan);
    else {
      if (one === "{") depth++;
      if (one === "}" && inTemplate && depth === 0) return;
      if (one === "}") depth--;
      copy(scan, 1);
    }
  }
}

/** Enough of the code before to tell a division from a regular expression. */
const lastCode = (scan: Scan): string => scan.out.slice(-40).join("").trimEnd().slice(-12);

function endOf(text: string, what: string, from: number, include: number): number {
  const found = text.indexOf(what, from);
  return found < 0 ? text.length : found + include;
}

function scanComment(scan: Scan, end: number): void {
  scan.comments.push({ at: scan.at, text: scan.text.slice(scan.at, end) });
  blankUntil(scan, end);
}

function scanQuoted(scan: Scan, quote: string): void {
  copy(scan, 1);
  let end = scan.at;
  while (end < scan.text.length && scan.text[end] !== quote && scan.text[end] !== "\n") {
    end += scan.text[end] === "\\" ? 2 : 1;
  }
  blankUntil(scan, Math.min(end, scan.text.length));
  copy(scan, 1);
}

function scanTemplate(scan: Scan): void {
  copy(scan, 1);
  while (scan.at < scan.text.length && scan.text[scan.at] !== "`") {
    if (scan.text.startsWith("${", scan.at)) {
      copy(scan, 2);
      scanCode(scan, true);
      copy(scan, 1);
    } else {
      blankUntil(scan, Math.min(scan.at + (scan.text[scan.at] === "\\" ? 2 : 1), scan.text.length));
    }
  }
  copy(scan, 1);
}

function scanRegex(scan: Scan): void {
  copy(scan, 1);
  let end = scan.at;
  let inClass = false;
  while (end < scan.text.length && scan.text[end] !== "\n") {
    const one = scan.text[end];
    if (one === "/" && !inClass) break;
    if (one === "[") inClass = true;
    if (one === "]") inClass = false;
    end += one === "\\" ? 2 : 1;
  }
  blankUntil(scan, Math.min(end, scan.text.length));
  copy(scan, 1);
}
